"""What the records of ISO/IEC 19794-2 and 19794-4 share: the opening, and the representation header of 2011.

A record's length is the file's length; what a representation says of time, device and certificates is skipped, what it
says of quality is kept (ISO/IEC 19794-1:2011, clause 12).
"""

from __future__ import annotations

from edge.core.fingerprints.octets import Octets

MAX_VIEWS = 176  # of a record: eleven positions (the unknown one too) of 16 views
QUALITY = 100
UNKNOWN_QUALITY = 255
NOT_SAID = (254, 255)  # "not reported" and "could not be computed"
QUALITIES = frozenset((*range(QUALITY + 1), *NOT_SAID))
POSITIONS = range(11)
IMPRESSIONS_2005 = range(10)  # with the latent ones of NIST-ITL (4 to 7) that some makers write
IMPRESSIONS_2011 = (*range(10), 24, 28, 29)
NO_TIME = b"\xff" * 9
NO_DEVICE = bytes(5)


def opening(octets: Octets, least: int, size: int = 4) -> None:
    """Format identifier, version and the record's length of ``size`` bytes. Raises FingerError."""
    octets.take(8, "format identifier and version")
    begin = octets.at
    length = octets.number(size, "record length", least)
    if length != octets.end:
        raise octets.fault("record length", f"is {length}, the file has {octets.end} bytes", begin)


def part(octets: Octets, least: int) -> Octets:
    """The next part of a record, whose first four bytes are its length, themselves counted. Raises FingerError."""
    begin = octets.at
    length = octets.number(4, "length of the representation", least)
    octets.at = begin
    inner = octets.part(length, "representation")
    inner.take(4, "length of the representation")
    return inner


def quality_of(octets: Octets, *, certified: bool) -> int:
    """Up to the finger position (2011): the first quality that is said, 255 where none is. Raises FingerError."""
    octets.take(9, "capture date and time")
    octets.take(5, "capture device")
    first = UNKNOWN_QUALITY
    for _ in range(octets.number(1, "number of quality blocks")):
        value = octets.one_of(1, "quality", QUALITIES)
        octets.take(4, "quality algorithm")
        if first == UNKNOWN_QUALITY and value <= QUALITY:
            first = value
    if certified:
        octets.take(3 * octets.number(1, "number of certification blocks"), "certification blocks")
    return first


def once(octets: Octets, seen: set[tuple[int, int]], view: tuple[int, int], at: int) -> None:
    """A finger and its view number occur once in a record. Raises FingerError."""
    if view in seen:
        raise octets.fault("view number", "this finger has that view already", at)
    seen.add(view)


def said(quality: int) -> bytes:
    """The quality blocks of a representation: one, or none where nothing is known."""
    return b"\x00" if quality > QUALITY else bytes((1, quality, 0, 0, 0, 0))
