"""The tensor that LEADER answers with, as minutiae.

Facts (pyfing's LEADER as converted for ONNX in ``afis`` 1.2.7; the frame seen on synthetic prints): input (1, height,
width, 1), grey 0 to 255 as float32, sides multiples of 32 (five poolings by two); output (1, height, width, 4): how
likely a minutia stands there; its direction in radians, counter-clockwise from the x axis, into the ridge or the
valley; how likely it is an ending (else a bifurcation); the first channel where it is the greatest of its
neighbourhood, else 0.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from edge.core.fingerprints.foreground import Box
from edge.core.fingerprints.minutiae import template_of
from edge.core.fingerprints.model import Kind, Position, Template

MULTIPLE: Final = 32  # pixels: what the sides of the net's input must be multiples of
THRESHOLD: Final = 0.5  # of the last channel: below it a minutia is not kept
ENDING: Final = 0.5
NEAR: Final = 4  # pixels: of two minutiae nearer to each other the better one is kept
_MOST: Final = 1024  # candidates looked at: four times what a template holds


def template_from_output(
    output: NDArray[np.float32], box: Box, size: tuple[int, int], extractor_id: str, position: Position
) -> Template:
    """The minutiae of ``output`` (height, width, 4).

    ``box`` is the part of the image that the net saw, in pixels of the image; it may reach beyond it, and what lies
    there falls out. ``size`` (width, height) of the image at 500 pixels per inch.
    """
    peaks = output[..., 3]
    rows, columns = np.nonzero(peaks >= THRESHOLD)
    order = np.lexsort((columns, rows, -peaks[rows, columns]))[:_MOST]
    rows, columns = rows[order], columns[order]
    kept = _apart(rows, columns)
    rows, columns = rows[kept], columns[kept]
    chosen = output[rows, columns].astype(np.float64)
    return template_of(
        extractor_id, position, size,
        x=columns.astype(np.float64) + box.left, y=rows.astype(np.float64) + box.top,
        turn=chosen[:, 1] / (2 * np.pi),
        kind=np.where(chosen[:, 2] >= ENDING, Kind.ENDING, Kind.BIFURCATION).astype(np.uint8),
        quality=chosen[:, 3],
    )  # fmt: skip


def _apart(rows: NDArray[np.intp], columns: NDArray[np.intp]) -> NDArray[np.bool_]:
    """Which of the candidates, best first, have no better one that is kept within NEAR pixels."""
    away = (rows[:, None] - rows[None, :]) ** 2 + (columns[:, None] - columns[None, :]) ** 2
    close = away < NEAR * NEAR
    kept = np.ones(len(rows), dtype=bool)
    for index in np.flatnonzero(np.tril(close, -1).any(axis=1)):
        kept[index] = not (close[index, :index] & kept[:index]).any()
    return kept
