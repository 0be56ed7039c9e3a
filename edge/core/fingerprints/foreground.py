"""Where on an image the finger is: blocks in which grey values vary as ridges do, and the box around them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from edge.core.fingerprints.model import Pixels

BLOCK: Final = 16  # pixels, 0.8 mm at 500 per inch: one to two ridges
LEAST_DEVIATION: Final = 8.0  # grey values: what glass with dust shows stays below
SHARE: Final = 0.25  # of the strong blocks' deviation: below it is background
STRONG: Final = 90  # percentile of the blocks
NEIGHBOURS: Final = 4  # of nine blocks, itself included: fewer is dust, not a finger


@dataclass(frozen=True, slots=True)
class Box:
    """Part of an image in pixels: ``left`` and ``top`` inside it, ``right`` and ``bottom`` just outside."""

    left: int
    top: int
    right: int
    bottom: int

    @property
    def width(self) -> int:
        """Pixels across."""
        return self.right - self.left

    @property
    def height(self) -> int:
        """Pixels down."""
        return self.bottom - self.top


def block_statistics(pixels: Pixels) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Mean and standard deviation of the grey values of every BLOCK x BLOCK; the last row and column may be cut."""
    height, width = pixels.shape
    down, across = -height % BLOCK, -width % BLOCK
    grey = np.pad(pixels, ((0, down), (0, across)), mode="edge").astype(np.float32)
    blocks = grey.reshape(grey.shape[0] // BLOCK, BLOCK, grey.shape[1] // BLOCK, BLOCK)
    mean = blocks.mean(axis=(1, 3))
    square = np.einsum("abcd,abcd->ac", blocks, blocks) / (BLOCK * BLOCK)
    return mean, np.sqrt(np.maximum(square - mean * mean, 0))


def foreground_blocks(deviation: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Which blocks belong to a finger, from their deviations."""
    least = max(LEAST_DEVIATION, SHARE * float(np.percentile(deviation, STRONG)))
    blocks = deviation >= least
    return blocks & (_around(blocks) >= NEIGHBOURS)


def foreground_box(blocks: NDArray[np.bool_], shape: tuple[int, int]) -> Box | None:
    """The smallest box, in pixels of an image of ``shape`` (height, width), that holds the blocks; None without any."""
    rows, columns = np.flatnonzero(blocks.any(axis=1)), np.flatnonzero(blocks.any(axis=0))
    if not len(rows):
        return None
    return Box(
        left=int(columns[0]) * BLOCK,
        top=int(rows[0]) * BLOCK,
        right=min((int(columns[-1]) + 1) * BLOCK, shape[1]),
        bottom=min((int(rows[-1]) + 1) * BLOCK, shape[0]),
    )


def grown(box: Box, shape: tuple[int, int], margin: int, multiple: int) -> Box:
    """``box`` with ``margin`` pixels around it, as far as the image goes, and sides that are multiples.

    To reach the multiple it takes more of the image, and only where there is none left reaches beyond it (negative
    ``left`` or ``top``, ``right`` or ``bottom`` outside): the caller fills that part.
    """
    left, right = _grown(box.left, box.right, shape[1], margin, multiple)
    top, bottom = _grown(box.top, box.bottom, shape[0], margin, multiple)
    return Box(left, top, right, bottom)


def cut(pixels: Pixels, box: Box) -> Pixels:
    """The part of the image in ``box``; what is beyond the image has the grey value of its border."""
    height, width = pixels.shape
    inner = pixels[max(box.top, 0) : min(box.bottom, height), max(box.left, 0) : min(box.right, width)]
    if inner.shape == (box.height, box.width):
        return inner
    border = np.concatenate((pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]))
    around = ((max(-box.top, 0), max(box.bottom - height, 0)), (max(-box.left, 0), max(box.right - width, 0)))
    return np.pad(inner, around, constant_values=int(np.median(border)))


def _around(blocks: NDArray[np.bool_]) -> NDArray[np.int64]:
    """How many of the nine blocks around each, itself included, are set."""
    wide = np.pad(blocks, 1).astype(np.int64)
    rows = wide[:-2] + wide[1:-1] + wide[2:]
    around: NDArray[np.int64] = rows[:, :-2] + rows[:, 1:-1] + rows[:, 2:]
    return around


def _grown(low: int, high: int, size: int, margin: int, multiple: int) -> tuple[int, int]:
    low, high = max(low - margin, 0), min(high + margin, size)
    wanted = -(-(high - low) // multiple) * multiple
    low = max(0, min(low - (wanted - (high - low)) // 2, size - wanted))
    if wanted > size:
        low = -((wanted - size) // 2)
    return low, low + wanted
