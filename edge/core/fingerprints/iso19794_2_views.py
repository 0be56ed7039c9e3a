"""What both editions of ISO/IEC 19794-2 share: minutiae of five or six bytes, the extended data area, the scale.

Laws:
1. A minutia lies inside its image; its type is 0 to 2; the two bits before y are zero (7.5.2, both editions).
2. A minutia's angle is a byte in both editions: 256ths of a turn, counter-clockwise from the x axis.
3. Resolution is in pixels per centimetre; 500 per inch is 196.85, which files hold as 196 or 197: both count as
   500 per inch exactly. All else is scaled to it, rounded to the nearest pixel, and kept inside the scaled image.
4. Extended data (ridge counts, cores, zones, a maker's own) is checked for its lengths and then left out.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from edge.core.fingerprints.iso19794_1 import POSITIONS, QUALITY
from edge.core.fingerprints.model import MAX_SIDE, PPI, Kind, Position, Template
from edge.core.fingerprints.octets import Octets

MAX_BYTES = 1 << 20  # bytes of a file: 176 views of 255 minutiae are 0.27 MiB
MAX_VIEW_NUMBER = 15
PER_CM = (99, 1000)  # pixels per centimetre: 250 per inch is the least of the standard, 2540 more than any scanner has
EXACT = (196, 197)
LIVE_PLAIN = 0
HIGHEST_KIND = int(Kind.BIFURCATION)
SIDE = 0x3FFF  # pixels: 14 bits


class Frame(NamedTuple):
    """The image that minutiae lie in, as the file has it: sides in pixels, pixels per centimetre."""

    width: int
    height: int
    per_cm_x: int
    per_cm_y: int


def position_of(octets: Octets) -> Position:
    """The next byte: which finger. Raises FingerError."""
    return Position(octets.one_of(1, "finger position", POSITIONS))


def minutiae_of(octets: Octets, count: int, size: int, frame: Frame, said: tuple[int, ...]) -> NDArray[np.uint8]:
    """``count`` minutiae of ``size`` bytes (5: without quality), checked; rows of six bytes, quality 0 where not said.

    ``said``: qualities above 100 that mean "nothing is known". Raises FingerError.
    """
    begin = octets.at
    rows = np.zeros((count, 6), np.uint8)
    rows[:, :size] = np.frombuffer(octets.take(count * size, "minutiae"), np.uint8).reshape(count, size)
    x, y = _x(rows), _y(rows)
    unsaid = np.isin(rows[:, 5], said)
    checks = (
        ("type", "3 is not a value of the standard", rows[:, 0] >= 0xC0),
        ("reserved bits", "are not zero", rows[:, 2] >= 0x40),
        ("x", f"lies outside the image, {frame.width} pixels wide", x >= frame.width),
        ("y", f"lies outside the image, {frame.height} pixels high", y >= frame.height),
        ("quality", f"is over {QUALITY}", (rows[:, 5] > QUALITY) & ~unsaid),
    )
    for field, rule, bad in checks:
        if bad.any():
            first = int(bad.argmax())
            raise octets.fault(f"{field} of minutia {first + 1}", rule, begin + first * size)
    rows[unsaid, 5] = 0
    return rows


def skip_extended(octets: Octets, *, own_header: bool) -> None:
    """The extended data area: its length, then blocks of type, length and data, which fill it exactly.

    ``own_header``: a block's length counts its own four bytes (2011, 8.5). Files of 2005 are found with and without:
    both are taken where they fill the area. Raises FingerError.
    """
    area = octets.part(octets.number(2, "extended data length"), "extended data")
    if own_header or not _fills(area, 4):
        _walk(area, 0)


def _fills(area: Octets, extra: int) -> bool:
    at = area.at
    while area.end - at >= 4:
        at += int.from_bytes(area.data[at + 2 : at + 4], "big") + extra
    return at == area.end


def _walk(area: Octets, extra: int) -> None:
    while area.left:
        area.number(2, "extended data type")
        length = area.number(2, "extended data block length", 4 - extra)
        area.take(length - 4 + extra, "extended data block")


def template_of(
    extractor_id: str, position: Position, frame: Frame, rows: NDArray[np.uint8], image_quality: int
) -> Template:
    """Law 3: in pixels at 500 per inch. ``rows`` as ``minutiae_of`` gives them."""
    width, scale_x = _scaled(frame.width, frame.per_cm_x)
    height, scale_y = _scaled(frame.height, frame.per_cm_y)
    return Template(
        extractor_id, position, width, height,
        x=_at_500(_x(rows), scale_x, width), y=_at_500(_y(rows), scale_y, height),
        angle=rows[:, 4].copy(), kind=(rows[:, 0] >> 6).astype(np.uint8), quality=rows[:, 5].copy(),
        image_quality=image_quality,
    )


def check_frame(octets: Octets, frame: Frame, at: int) -> None:
    """No side may be over ``MAX_SIDE`` pixels at 500 per inch. ``at``: byte of the width. Raises FingerError."""
    for side, per_cm, name in ((frame.width, frame.per_cm_x, "width"), (frame.height, frame.per_cm_y, "height")):
        if _scaled(side, per_cm)[0] > MAX_SIDE:
            raise octets.fault(f"image {name}", f"is over {MAX_SIDE} pixels at {PPI} per inch", at)


def _scaled(side: int, per_cm: int) -> tuple[int, float]:
    scale = 1.0 if per_cm in EXACT else PPI / (per_cm * 2.54)
    return max(1, round(side * scale)), scale


def _at_500(values: NDArray[np.int32], scale: float, side: int) -> NDArray[np.int16]:
    if scale == 1.0:
        return values.astype(np.int16)
    scaled: NDArray[np.int16] = np.minimum(np.rint(values * scale), side - 1).astype(np.int16)
    return scaled


def _x(rows: NDArray[np.uint8]) -> NDArray[np.int32]:
    return ((rows[:, 0].astype(np.int32) & 0x3F) << 8) | rows[:, 1]


def _y(rows: NDArray[np.uint8]) -> NDArray[np.int32]:
    return (rows[:, 2].astype(np.int32) << 8) | rows[:, 3]


def packed(template: Template) -> bytes:
    """Its minutiae, six bytes each. The template has been checked (``iso19794_2_write``)."""
    rows = np.empty((len(template), 6), np.uint8)
    x, y = template.x.astype(np.int32), template.y.astype(np.int32)
    rows[:, 0] = (template.kind.astype(np.int32) << 6) | (x >> 8)
    rows[:, 1] = x & 0xFF
    rows[:, 2] = y >> 8
    rows[:, 3] = y & 0xFF
    rows[:, 4] = template.angle
    rows[:, 5] = template.quality
    return rows.tobytes()
