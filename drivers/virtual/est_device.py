"""An EST-100PR kiosk engine, as a published integration of it shows (third-party code, confidence medium).

Laws:
1. A frame is ``02 | text | 03 0D 0A``; the line runs at 256000 baud, 8 bits, odd parity.
2. The text is a kind, a colon and a JSON object: ``PCSign:{"stage":"readStart",...}`` when a read begins,
   ``CameraData:{"data":"row\\nrow","type":"PassPort"}`` with what the camera read, ``EidlinkResult:{...}`` of a chip
   card, ``PCSign:{"stage":"readEnd",...}`` when the read is over.
3. It sends unasked.

What the source leaves open, and what is done here (each an option): line ends within ``data`` are escaped as JSON wants
it; the chip's result comes only where asked for, with an invented field; further fields of PCSign are left out.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from drivers.virtual.device import SendsUnasked


@dataclass(frozen=True, slots=True)
class EstOptions:
    """``plain_line_ends``: as they are in the JSON, against its rules; ``signs``: PCSign around each read."""

    type_name: str = "PassPort"
    plain_line_ends: bool = False
    signs: bool = True
    chip: bool = False


def frame(kind: str, content: dict[str, str]) -> bytes:
    """Laws 1 and 2."""
    text = kind + ":" + json.dumps(content, separators=(",", ":"))
    return b"\x02" + text.encode() + b"\x03\r\n"


class EstDevice(SendsUnasked):
    """The engine: it sends each document once, when it is laid down."""

    def __init__(self, options: EstOptions | None = None) -> None:
        self._options = options or EstOptions()

    def present(self, lines: Sequence[str]) -> bytes:
        """Law 2."""
        options = self._options
        read = frame("CameraData", {"data": "\n".join(lines), "type": options.type_name})
        if options.plain_line_ends:
            read = read.replace(b"\\n", b"\n")
        if options.chip:
            read += frame("EidlinkResult", {"result": "0"})
        if not options.signs:
            return read
        return frame("PCSign", {"stage": "readStart"}) + read + frame("PCSign", {"stage": "readEnd"})

    def block(self, text: str) -> bytes:
        """A bar code, framed as camera data of another type."""
        return frame("CameraData", {"data": text, "type": "BarCode"})
