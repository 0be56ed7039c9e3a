"""An airline-style text reader ("CUTE", AEA): blocks between STX and ETX, rows ended by CR.

Laws (facts of the generic family; delimiters differ by vendor and are settings here too):
1. A block is ``[start of device] 02 row 0D row 0D [row 0D] 03 [end of device]``.
2. A missing third row sends no CR.
3. Bar code and magnetic stripe come framed alike on the same port.
4. The device takes no orders: it sends when it reads. Vendors know some all the same (start, beep, light); what
   comes is remembered and changes nothing.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from drivers.virtual.device import SendsUnasked

MAX_ORDERS = 256  # remembered
LINE_ENDS = {"cr": b"\r", "crlf": b"\r\n", "lf": b"\n", "none": b""}


@dataclass(frozen=True, slots=True)
class TextShape:
    """How this vendor frames: outer bytes, row end, what rows are filled up with and to what width."""

    start: bytes = b""
    end: bytes = b""
    line_end: str = "cr"
    pad: str = ""
    width: int = 44


class TextDevice(SendsUnasked):
    """The reader: it sends each document once, when it is laid down."""

    def __init__(self, shape: TextShape | None = None) -> None:
        self._shape = shape or TextShape()
        self.orders: deque[bytes] = deque(maxlen=MAX_ORDERS)  # what the host has sent, as it came

    def receive(self, data: bytes) -> bytes:
        """Law 4."""
        self.orders.append(data)
        return b""

    def present(self, lines: Sequence[str]) -> bytes:
        """Law 1."""
        shape = self._shape
        rows = [line.ljust(shape.width, shape.pad) if shape.pad else line for line in lines]
        ended = LINE_ENDS[shape.line_end]
        body = b"".join(row.encode("ascii", "replace") + ended for row in rows)
        return shape.start + b"\x02" + body + b"\x03" + shape.end
