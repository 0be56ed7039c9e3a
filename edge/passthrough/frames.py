"""What a PC is sent for one read."""

from __future__ import annotations

from typing import Literal

from drivers.api import DocumentRead, OtherRead

CONTROLS = bytes(range(0x21)) + b"\x7f"


def in_form(read: DocumentRead | OtherRead, form: Literal["frame", "text"]) -> bytes:
    """``frame``: the device's bytes as they came. ``text``: its rows, each ended by CR.

    Another block (a bar code) has no rows: as text it is the ``text`` that the driver gives it, or else what lies
    between its control characters, ended by CR.
    Empty where the device's bytes are needed and the driver could not keep them whole (drivers.api.MAX_RAW).
    """
    if form == "frame":
        return read.raw
    if isinstance(read, DocumentRead):
        return b"".join(line.encode("ascii", "replace") + b"\r" for line in read.lines)
    if read.text:
        return read.text.encode("ascii", "replace") + b"\r"
    return read.raw.strip(CONTROLS) + b"\r" if read.raw else b""
