"""ISO/IEC 19794-4: finger image records of 2005 ("FIR", 0, "010", 0) and of 2011 ("FIR", 0, "020", 0).

Laws:
1. This codec frames: a compressed payload is handed on as bytes; who decodes it must check it against the sides here.
2. An uncompressed payload is 8 bits a pixel, row by row, and exactly as long as its sides say.
3. A record is used whole or not at all: its length is the file's length, every part fills its place exactly.
4. Single fingers only; 8 bits a pixel; the same resolution both ways. Palms, groups of fingers and other depths are
   refused by name. So are JPEG and JPEG 2000: what is compared is WSQ, PNG or plain.
"""

from __future__ import annotations

import enum
import struct
from collections.abc import Container, Sequence
from dataclasses import dataclass, field

from edge.core.fingerprints.iso19794_1 import (
    IMPRESSIONS_2005,
    IMPRESSIONS_2011,
    MAX_VIEWS,
    NO_DEVICE,
    NO_TIME,
    NOT_SAID,
    POSITIONS,
    QUALITIES,
    QUALITY,
    UNKNOWN_QUALITY,
    once,
    opening,
    part,
    quality_of,
    said,
)
from edge.core.fingerprints.model import MAX_SIDE, PPI, FingerError, Position
from edge.core.fingerprints.octets import ADVICE, Octets

MAGIC_2005 = b"FIR\x00010\x00"
MAGIC_2011 = b"FIR\x00020\x00"
HEADER_2005, VIEW_2005 = 32, 14  # bytes
HEADER_2011, VIEW_2011 = 16, 41
MAX_BYTES = 64 << 20  # bytes of a file
PER_INCH, PER_CM = 1, 2  # scale units
EXACT_PER_CM = (196, 197)  # 500 per inch is 196.85
LOWEST_PPI, HIGHEST_PPI = 125, 2540  # the coarsest level of the standard; more than any scanner has
LEVELS = ((125, 10), (250, 20), (500, 30), (750, 35), (1000, 40))  # (pixels per inch, acquisition level), 2005 table 1
NEAR = 1.02  # a scanner of 490 per inch is one of 500
DEPTH = 8
LIVE_PLAIN = 0
UNDEFINED = 254  # the quality of 2005


class Payload(enum.Enum):
    """How the pixels lie in a record."""

    PLAIN = "plain"
    WSQ = "wsq"
    PNG = "png"


CODES_2005 = {0: Payload.PLAIN, 1: Payload.PLAIN, 2: Payload.WSQ, 5: Payload.PNG}  # 1: packed, at 8 bits the same
CODES_2011 = {0: Payload.PLAIN, 1: Payload.PLAIN, 2: Payload.WSQ, 6: Payload.PNG}


@dataclass(frozen=True, slots=True)
class FramedImage:
    """One image of a record: ``data`` as ``payload`` says, ``width`` x ``height`` pixels, ``ppi`` per inch both ways.

    ``quality`` 0 to 100, 255 where nothing is known; ``impression`` as table 7 (2011) counts it, 0 a live plain one.
    """

    position: Position
    width: int
    height: int
    payload: Payload
    data: bytes = field(repr=False)
    ppi: float = PPI
    quality: int = UNKNOWN_QUALITY
    impression: int = LIVE_PLAIN


def is_record(data: bytes) -> bool:
    """True where it begins as a record of either edition (nothing else is looked at)."""
    return data[:8] in (MAGIC_2005, MAGIC_2011)


def read(data: bytes) -> list[FramedImage]:
    """The images of a record, in its order. Raises FingerError (and nothing else), naming the byte and the field."""
    if len(data) > MAX_BYTES:
        raise FingerError(f"finger image record of {len(data)} bytes: {MAX_BYTES} is the limit", advice=ADVICE)
    if data[:8] == MAGIC_2005:
        return _read_2005(Octets(data, "ISO/IEC 19794-4:2005 record"))
    if data[:8] == MAGIC_2011:
        return _read_2011(Octets(data, "ISO/IEC 19794-4:2011 record"))
    raise FingerError(
        "not a finger image record: byte 0, format identifier and version: neither edition 2005 nor 2011",
        advice="give an ISO/IEC 19794-4 record of 2005 or 2011",
    )


def _read_2005(octets: Octets) -> list[FramedImage]:
    """7.1: header of 32 bytes, which holds resolution, depth and compression of all views; 7.2: 14 bytes a view."""
    opening(octets, HEADER_2005 + VIEW_2005, 6)
    octets.take(4, "capture device and acquisition level")
    begin = octets.at
    fingers = octets.number(1, "number of fingers", 1, MAX_VIEWS)
    ppi = _ppi(octets, octets.one_of(1, "scale units", (PER_INCH, PER_CM)))
    octets.number(1, "bits a pixel", DEPTH, DEPTH)
    payload = CODES_2005[octets.one_of(1, "compression", CODES_2005)]
    octets.number(2, "reserved bytes", 0, 0)
    found: list[FramedImage] = []
    seen: set[tuple[int, int]] = set()
    while octets.left and len(found) < MAX_VIEWS:
        found.append(_view_2005(part(octets, VIEW_2005 + 1), payload, ppi, seen))
    octets.done("end of record")
    # Makers count images or fingers here; the standard's word is "fingers", its example images.
    if fingers not in (len(found), len({image.position for image in found})):
        raise octets.fault("number of fingers", "is not what the record holds", begin)
    return found


def _view_2005(octets: Octets, payload: Payload, ppi: float, seen: set[tuple[int, int]]) -> FramedImage:
    begin = octets.at
    position = Position(octets.one_of(1, "finger position", POSITIONS))
    octets.number(1, "count of views", 1)
    once(octets, seen, (position, octets.number(1, "view number")), begin)
    quality = octets.one_of(1, "finger quality", QUALITIES)
    impression = octets.one_of(1, "impression type", IMPRESSIONS_2005)
    width, height = _sides(octets)
    octets.number(1, "reserved byte", 0, 0)
    data = _pixels(octets, octets.left, payload, width * height)
    return FramedImage(
        position, width, height, payload, data, ppi, UNKNOWN_QUALITY if quality in NOT_SAID else quality, impression
    )


def _read_2011(octets: Octets) -> list[FramedImage]:
    """8.2: general header of 16 bytes; 8.3: each representation begins with its own length."""
    opening(octets, HEADER_2011 + VIEW_2011)
    count = octets.number(2, "number of representations", 1, MAX_VIEWS)
    certified = bool(octets.number(1, "certification flag", 0, 1))
    begin = octets.at
    positions = octets.number(1, "number of finger positions", 1, len(POSITIONS))
    seen: set[tuple[int, int]] = set()
    found = [_representation(part(octets, VIEW_2011), certified, seen) for _ in range(count)]
    octets.done("end of record")
    if positions != len({image.position for image in found}):
        raise octets.fault("number of finger positions", "is not what the record holds", begin)
    return found


def _representation(octets: Octets, certified: bool, seen: set[tuple[int, int]]) -> FramedImage:
    quality = quality_of(octets, certified=certified)
    begin = octets.at
    position = Position(octets.one_of(1, "finger position", POSITIONS))
    once(octets, seen, (position, octets.number(1, "representation number")), begin)
    ppi = _ppi(octets, octets.one_of(1, "scale units", (PER_INCH, PER_CM)))
    octets.number(1, "bits a pixel", DEPTH, DEPTH)
    payload = CODES_2011[octets.one_of(1, "compression", CODES_2011)]
    impression = octets.one_of(1, "impression type", IMPRESSIONS_2011)
    width, height = _sides(octets)
    data = _pixels(octets, octets.number(4, "image data length", 1), payload, width * height)
    octets.done("end of representation")
    return FramedImage(position, width, height, payload, data, ppi, quality, impression)


def _ppi(octets: Octets, units: int) -> float:
    """Scan resolution both ways (not used), then that of the image, which must be one."""
    octets.take(4, "scan resolution")
    begin = octets.at
    across, down = octets.number(2, "image resolution, x"), octets.number(2, "image resolution, y")
    if across != down:
        raise octets.fault("image resolution", "is not the same both ways", begin)
    ppi = float(across) if units == PER_INCH else float(PPI) if across in EXACT_PER_CM else across * 2.54
    if not LOWEST_PPI <= ppi <= HIGHEST_PPI:
        raise octets.fault("image resolution", f"is not {LOWEST_PPI} to {HIGHEST_PPI} pixels per inch", begin)
    return ppi


def _sides(octets: Octets) -> tuple[int, int]:
    return octets.number(2, "image width", 1, MAX_SIDE), octets.number(2, "image height", 1, MAX_SIDE)


def _pixels(octets: Octets, length: int, payload: Payload, pixels: int) -> bytes:
    if payload is Payload.PLAIN and length != pixels:
        raise octets.fault("image data", f"{length} bytes for {pixels} pixels")
    return octets.take(length, "image data")


def write_2005(images: Sequence[FramedImage]) -> bytes:
    """One record (1 to 176 images of one resolution and payload). Raises FingerError."""
    numbers = _checked(images, IMPRESSIONS_2005)
    if len({(image.ppi, image.payload) for image in images}) != 1:
        raise FingerError("images of two resolutions or payloads in a record of 2005", advice="write several files")
    first = images[0]
    ppi, code = round(first.ppi), {Payload.PLAIN: 0, Payload.WSQ: 2, Payload.PNG: 5}[first.payload]
    views = []
    for image, number in zip(images, numbers, strict=True):
        count = sum(other.position == image.position for other in images)
        quality = image.quality if image.quality <= QUALITY else UNDEFINED
        views.append(struct.pack(
            ">I5B2Hx", VIEW_2005 + len(image.data), image.position, count, number, quality, image.impression,
            image.width, image.height,
        ) + image.data)  # fmt: skip
    body = b"".join(views)
    level = max((code for least, code in LEVELS if least <= ppi * NEAR), default=LEVELS[0][1])
    length = (HEADER_2005 + len(body)).to_bytes(6, "big")
    head = struct.pack(">HHBB4HBBxx", 0, level, len(images), PER_INCH, ppi, ppi, ppi, ppi, DEPTH, code)
    return MAGIC_2005 + length + head + body


def write_2011(images: Sequence[FramedImage]) -> bytes:
    """One record (1 to 176 images). Raises FingerError."""
    views = []
    for image, number in zip(images, _checked(images, IMPRESSIONS_2011), strict=True):
        ppi, code = round(image.ppi), {Payload.PLAIN: 0, Payload.WSQ: 2, Payload.PNG: 6}[image.payload]
        view = NO_TIME + NO_DEVICE + said(image.quality) + struct.pack(
            ">3B4H3B2HI", image.position, number, PER_INCH, ppi, ppi, ppi, ppi, DEPTH, code, image.impression,
            image.width, image.height, len(image.data),
        ) + image.data  # fmt: skip
        views.append(struct.pack(">I", 4 + len(view)) + view)
    body = b"".join(views)
    positions = len({image.position for image in images})
    return MAGIC_2011 + struct.pack(">IHBB", HEADER_2011 + len(body), len(images), 0, positions) + body


def _checked(images: Sequence[FramedImage], impressions: Container[int]) -> list[int]:
    """The view number of each, from one. Raises FingerError."""
    if not 1 <= len(images) <= MAX_VIEWS:
        raise FingerError(f"{len(images)} images: a record holds 1 to {MAX_VIEWS}", advice="write several files")
    numbers: list[int] = []
    for place, image in enumerate(images, start=1):
        if fault := _fault(image, impressions):
            raise FingerError(f"image {place} cannot be written: {fault}", advice="take the image again")
        numbers.append(1 + sum(other.position == image.position for other in images[: place - 1]))
    return numbers


def _fault(image: FramedImage, impressions: Container[int]) -> str:
    """What the standard has no room for; nothing where all fits."""
    if not (0 < image.width <= MAX_SIDE and 0 < image.height <= MAX_SIDE):
        return f"its sides are not 1 to {MAX_SIDE} pixels"
    if not image.data or (image.payload is Payload.PLAIN and len(image.data) != image.width * image.height):
        return "its data is not as long as its sides say"
    if not (LOWEST_PPI <= image.ppi <= HIGHEST_PPI):
        return f"its resolution is not {LOWEST_PPI} to {HIGHEST_PPI} pixels per inch"
    if not (0 <= image.quality <= QUALITY or image.quality == UNKNOWN_QUALITY):
        return f"its quality is not 0 to {QUALITY} or {UNKNOWN_QUALITY}"
    return "" if image.impression in impressions else "its impression type is not of this edition"
