"""What an extractor found, as a template: one rounding, one order and one limit for all extractors."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge.core.fingerprints.model import MAX_MINUTIAE, Position, Template


def template_of(
    extractor_id: str,
    position: Position,
    size: tuple[int, int],
    *,
    x: NDArray[np.floating[Any]],
    y: NDArray[np.floating[Any]],
    turn: NDArray[np.floating[Any]],
    kind: NDArray[np.uint8],
    quality: NDArray[np.floating[Any]],
    image_quality: int = 255,
) -> Template:
    """A template of the arrays, all of equal length, best quality first, then from the top left.

    ``size`` (width, height) in pixels at 500 per inch; ``x``, ``y`` in that frame (what lies outside falls out);
    ``turn`` parts of a full turn, any number, counter-clockwise; ``kind`` of Kind; ``quality`` 0 to 1, stored as 1
    to 100 (0 would mean that nothing is said). The best MAX_MINUTIAE are kept.
    """
    width, height = size
    column, row = np.rint(x).astype(np.int64), np.rint(y).astype(np.int64)
    inside = (column >= 0) & (column < width) & (row >= 0) & (row < height)
    percent = np.clip(np.rint(np.asarray(quality) * 100), 1, 100).astype(np.uint8)
    order = np.lexsort((column, row, -percent.astype(np.int64)))
    order = order[inside[order]][:MAX_MINUTIAE]
    return Template(
        extractor_id=extractor_id, position=position, width=width, height=height,
        x=column[order].astype(np.int16), y=row[order].astype(np.int16),
        angle=(np.rint(np.asarray(turn)[order] * 256).astype(np.int64) & 0xFF).astype(np.uint8),
        kind=np.asarray(kind, dtype=np.uint8)[order], quality=percent[order], image_quality=image_quality,
    )  # fmt: skip
