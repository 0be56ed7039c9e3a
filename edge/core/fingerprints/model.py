"""What everything about fingers is made of: an image, a template of minutiae, the position of a finger.

Laws:
1. One frame: x to the right, y down, in pixels at 500 per inch from the top left corner; dark is ridge.
2. Angles are 256ths of a turn, counter-clockwise from the x axis, as ISO/IEC 19794-2 counts them: direction of the
   ridge ending. Arithmetic on them wraps at 256.
3. A template names the extractor that made it; templates of two extractors are never compared (``same_extractor``).
4. What a finger looks like is personal data: neither pixels nor minutiae are in any ``repr``.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from edge.core.errors import BorderpostError

PPI = 500  # pixels per inch of every template
MAX_SIDE = 4096  # pixels of an image, either side
MAX_MINUTIAE = 255  # of a template: what one byte counts (ISO/IEC 19794-2:2005, 7.5.1)

Pixels: TypeAlias = NDArray[np.uint8]


class Position(enum.IntEnum):
    """ISO/IEC 19794-2:2005, table 2: which finger it is."""

    UNKNOWN = 0
    RIGHT_THUMB = 1
    RIGHT_INDEX = 2
    RIGHT_MIDDLE = 3
    RIGHT_RING = 4
    RIGHT_LITTLE = 5
    LEFT_THUMB = 6
    LEFT_INDEX = 7
    LEFT_MIDDLE = 8
    LEFT_RING = 9
    LEFT_LITTLE = 10


class Kind(enum.IntEnum):
    """ISO/IEC 19794-2:2005, 7.5.2.1: what a minutia is."""

    OTHER = 0
    ENDING = 1
    BIFURCATION = 2


class FingerError(BorderpostError):
    """A file, an image or a template that cannot be used; says where, and what to do."""


@dataclass(frozen=True, slots=True)
class FingerImage:
    """``pixels`` of shape (height, width), 0 black to 255 white, ridges dark; ``ppi`` pixels per inch, both ways."""

    pixels: Pixels = field(repr=False)
    ppi: float = PPI


@dataclass(frozen=True, slots=True)
class Template:
    """The minutiae of one view of one finger: arrays of equal length, at most MAX_MINUTIAE, in the frame of law 1.

    ``x`` and ``y`` int16; ``angle`` uint8; ``kind`` uint8 (Kind); ``quality`` uint8, 0 (not said) to 100 (best).
    ``width`` and ``height`` of the image at 500 ppi; ``image_quality`` 0 to 100, 255 where nothing is known.
    """

    extractor_id: str
    position: Position
    width: int
    height: int
    x: NDArray[np.int16] = field(repr=False)
    y: NDArray[np.int16] = field(repr=False)
    angle: NDArray[np.uint8] = field(repr=False)
    kind: NDArray[np.uint8] = field(repr=False)
    quality: NDArray[np.uint8] = field(repr=False)
    image_quality: int = 255

    def __len__(self) -> int:
        return len(self.x)


def same_extractor(one: str, other: str) -> None:
    """Law 3. Raises FingerError."""
    if one != other:
        raise FingerError(
            f"templates of {one} and of {other} cannot be compared",
            advice="extract both from their images with the same extractor",
        )
