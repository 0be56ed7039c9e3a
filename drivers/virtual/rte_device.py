"""A 3M / Rochford Thompson RTE6700 reader in "RTE Native" mode (RTE6701-OEM Integration Manual VC27U V1.03, pp. 25-26).

Laws, each a sentence of the manual's pages at hand:
1. A read is sent unasked: ``01 | length low | length high | 'O' 'U' | 02 | flag | line 0D line 0D line 0D | 03 | BCC``.
2. There are always three lines and the bottom line of the document is line 3: a passport sends an empty first line.
3. Lines are padded with ``_`` to 44 characters, or to 30 where three lines were read; longer ones are cut on the
   right. A character that could not be read is sent as ``_`` too.
4. The length is a word of 14 bits, low byte first, "including check".
5. The device accepts no commands.

What the pages leave open, and what is done here (each an option): the length counts from 'O' to the BCC; the BCC is the
exclusive or of the bytes from 'O' to 03; the flag byte is ``0``; an empty line is not padded.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from drivers.virtual.device import SendsUnasked


@dataclass(frozen=True, slots=True)
class RteOptions:
    """``length_adds`` is added to the bytes from 'O' to the BCC; ``bcc``: xor, sum, wrong or none."""

    length_adds: int = 0
    bcc: str = "xor"
    bcc_from: int = 3  # index of the first byte that it covers: 0 from 01, 3 from 'O', 5 from 02
    flag: int = 0x30
    pad_empty: bool = False


BCC_KINDS = ("xor", "sum", "wrong", "none")


class RteDevice(SendsUnasked):
    """The reader: it sends each document once, when it is read."""

    def __init__(self, options: RteOptions | None = None) -> None:
        self._options = options or RteOptions()

    def present(self, lines: Sequence[str]) -> bytes:
        """Laws 1 to 4."""
        options = self._options
        width = 30 if len(lines) == 3 else 44
        three = [""] * (3 - len(lines)) + list(lines)
        text = b""
        for line in three[:3]:
            sent = line.replace("?", "_").encode("ascii", "replace").replace(b"?", b"_")[:width]
            text += (sent.ljust(width, b"_") if sent or options.pad_empty else b"") + b"\r"
        content = b"OU\x02" + bytes((options.flag,)) + text + b"\x03"
        length = len(content) + (options.bcc != "none") + options.length_adds
        frame = bytes((0x01, length & 0xFF, length >> 8 & 0x3F)) + content
        return frame + self._check(frame)

    def _check(self, frame: bytes) -> bytes:
        options = self._options
        if options.bcc == "none":
            return b""
        covered = frame[options.bcc_from :]
        if options.bcc == "sum":
            return bytes((sum(covered) % 256,))
        value = 0
        for byte in covered:
            value ^= byte
        return bytes((value ^ 0x55 if options.bcc == "wrong" else value,))
