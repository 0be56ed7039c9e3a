"""ISO/IEC 19794-2: finger minutiae records of 2005 ("FMR", 0, " 20", 0) and of 2011 ("FMR", 0, "030", 0).

Laws:
1. A record is used whole or not at all: its length is the file's length, every part fills its place exactly.
2. What the standard reserves is refused; what it lets a reader skip (extended data, certificates, times) is skipped.
3. A finger and its view number occur once (2005, 7.5.1.2; 2011, 8.4.2.9).
"""

from __future__ import annotations

from edge.core.fingerprints.iso19794_1 import (
    IMPRESSIONS_2005,
    IMPRESSIONS_2011,
    MAX_VIEWS,
    NOT_SAID,
    QUALITIES,
    UNKNOWN_QUALITY,
    once,
    opening,
    part,
    quality_of,
)
from edge.core.fingerprints.iso19794_2_views import (
    MAX_BYTES,
    MAX_VIEW_NUMBER,
    PER_CM,
    SIDE,
    Frame,
    check_frame,
    minutiae_of,
    position_of,
    skip_extended,
    template_of,
)
from edge.core.fingerprints.iso19794_2_write import write_2005, write_2011
from edge.core.fingerprints.model import FingerError, Template
from edge.core.fingerprints.octets import ADVICE, Octets

MAGIC_2005 = b"FMR\x00 20\x00"
MAGIC_2011 = b"FMR\x00030\x00"
HEADER_2005 = 24  # bytes
HEADER_2011 = 15
LEAST_VIEW = 34  # bytes of a representation of 2011 without minutiae, quality or certificates

__all__ = ["MAGIC_2005", "MAGIC_2011", "is_record", "read", "write_2005", "write_2011"]


def is_record(data: bytes) -> bool:
    """True where it begins as a record of either edition (nothing else is looked at)."""
    return data[:8] in (MAGIC_2005, MAGIC_2011)


def read(data: bytes, extractor_id: str = "unknown") -> list[Template]:
    """The templates of a record, one a view, in its order, at 500 pixels per inch.

    ``extractor_id``: who made the minutiae, which no record says. A quality that is not said is 0 of a minutia and 255
    of an image. Raises FingerError (and nothing else), naming the byte and the field.
    """
    if len(data) > MAX_BYTES:
        raise FingerError(f"minutiae record of {len(data)} bytes: {MAX_BYTES} is the limit", advice=ADVICE)
    if data[:8] == MAGIC_2005:
        return _read_2005(Octets(data, "ISO/IEC 19794-2:2005 record"), extractor_id)
    if data[:8] == MAGIC_2011:
        return _read_2011(Octets(data, "ISO/IEC 19794-2:2011 record"), extractor_id)
    raise FingerError(
        "not a minutiae record: byte 0, format identifier and version: neither edition 2005 nor 2011",
        advice="give an ISO/IEC 19794-2 record of 2005 or 2011",
    )


def _read_2005(octets: Octets, extractor_id: str) -> list[Template]:
    """7.4: header of 24 bytes; 7.5: each view has four, its minutiae six each, its extended data."""
    opening(octets, HEADER_2005)
    octets.take(2, "capture equipment")
    begin = octets.at
    frame = _frame_2005(octets)
    check_frame(octets, frame, begin)
    views = octets.number(1, "number of views", 1, MAX_VIEWS)
    octets.number(1, "reserved byte", 0, 0)
    found: list[Template] = []
    seen: set[tuple[int, int]] = set()
    for _ in range(views):
        begin = octets.at
        position = position_of(octets)
        both = octets.number(1, "view number and impression type")
        if both & 0x0F not in IMPRESSIONS_2005:
            raise octets.fault("impression type", f"{both & 0x0F} is not a value of the standard", begin + 1)
        once(octets, seen, (position, both >> 4), begin)
        quality = octets.one_of(1, "finger quality", QUALITIES)
        rows = minutiae_of(octets, octets.number(1, "number of minutiae"), 6, frame, ())
        skip_extended(octets, own_header=False)
        quality = UNKNOWN_QUALITY if quality in NOT_SAID else quality
        found.append(template_of(extractor_id, position, frame, rows, quality))
    octets.done("end of record")
    return found


def _frame_2005(octets: Octets) -> Frame:
    return Frame(
        octets.number(2, "image width", 1, SIDE), octets.number(2, "image height", 1, SIDE),
        octets.number(2, "pixels per cm, x", *PER_CM), octets.number(2, "pixels per cm, y", *PER_CM),
    )


def _read_2011(octets: Octets, extractor_id: str) -> list[Template]:
    """8.3: general header of 15 bytes; 8.4: each representation begins with its own length."""
    opening(octets, HEADER_2011)
    views = octets.number(2, "number of representations", 1, MAX_VIEWS)
    certified = bool(octets.number(1, "certification flag", 0, 1))
    found: list[Template] = []
    seen: set[tuple[int, int]] = set()
    for _ in range(views):
        found.append(_representation(part(octets, LEAST_VIEW), certified, seen, extractor_id))
    octets.done("end of record")
    return found


def _representation(octets: Octets, certified: bool, seen: set[tuple[int, int]], extractor_id: str) -> Template:
    quality = quality_of(octets, certified=certified)
    begin = octets.at
    position = position_of(octets)
    once(octets, seen, (position, octets.number(1, "representation number", 0, MAX_VIEW_NUMBER)), begin)
    per_cm = octets.number(2, "pixels per cm, x", *PER_CM), octets.number(2, "pixels per cm, y", *PER_CM)
    octets.one_of(1, "impression type", IMPRESSIONS_2011)
    begin = octets.at
    frame = Frame(octets.number(2, "image width", 1, SIDE), octets.number(2, "image height", 1, SIDE), *per_cm)
    check_frame(octets, frame, begin)
    size = octets.one_of(1, "minutia length and ridge ending type", (0x50, 0x51, 0x60, 0x61)) >> 4
    rows = minutiae_of(octets, octets.number(1, "number of minutiae"), size, frame, NOT_SAID)
    skip_extended(octets, own_header=True)
    octets.done("end of representation")
    return template_of(extractor_id, position, frame, rows, quality)
