"""Minutiae of fingers that nobody has, as many as wanted: for galleries under load.

A finger is a field of ridges after B. G. Sherlock and D. M. Monro ("A model for interpreting fingerprint topology",
Pattern Recognition 26(7), 1993: cores turn the ridges by half, deltas turn them back), with minutiae strewn over the
pad of the finger, about as dense as on real ones, each along its ridge, one way or the other. ``impression`` lays a
finger down again: turned, shifted, the skin stretched, some minutiae lost, some invented, the edge of the pad cut off.

Laws:
1. The same seeds give the same minutiae; no two fingers are the same.
2. There are minutiae alone, and no image: extractors are not measured with this.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from typing import Final

import numpy as np
from numpy.typing import NDArray

from edge.core.fingerprints.model import MAX_MINUTIAE, Position, Template

EXTRACTOR: Final = "drawn-1"
WIDTH, HEIGHT = 360, 420  # pixels at 500 per inch
STEP: Final = 30          # pixels: about one minutia in a square of this side
BATCH: Final = 500        # fingers drawn at a time
KINDS: Final = (0.05, 0.32, 0.33, 0.30)  # arch, loop to one side, to the other, whorl: about as on fingers

Reals = NDArray[np.float64]
Points = NDArray[np.complex128]  # x + iy, y down


def fingers(count: int, seed: int = 0) -> Iterator[Template]:
    """``count`` fingers; the first ones are the same whatever the count."""
    for batch in range(0, count, BATCH):
        yield from islice(_batch(BATCH, np.random.default_rng([seed, batch])), count - batch)


def _batch(count: int, drawn: np.random.Generator) -> Iterator[Template]:
    x, y = np.meshgrid(np.arange(0, WIDTH, STEP), np.arange(0, HEIGHT, STEP))
    grid = (x + 1j * y).ravel() + STEP / 2
    shape = (count, len(grid))
    places = grid + STEP * (_square(drawn, shape, 0.62) + _square(drawn, (count, 1), 0.5))
    middle = drawn.normal(WIDTH / 2, 12, (count, 1)) + 1j * drawn.normal(HEIGHT / 2, 15, (count, 1))
    wide, high = drawn.uniform(95, 140, (count, 1)), drawn.uniform(130, 185, (count, 1))
    off = places - middle
    there = ((off.real / wide) ** 2 + (off.imag / high) ** 2 <= 1) & (drawn.random(shape) < 0.92)
    way = _ridges(places, middle, wide, high, drawn)
    way += np.pi * drawn.integers(0, 2, shape) + drawn.normal(0, 0.1, shape)
    quality, kind = drawn.integers(40, 101, shape), drawn.integers(1, 3, shape)
    for at in range(count):
        kept = np.nonzero(there[at])[0]
        yield _template(places[at][kept], way[at][kept], quality[at][kept], kind[at][kept])


def _square(drawn: np.random.Generator, shape: tuple[int, int], half: float) -> Points:
    return np.asarray(drawn.uniform(-half, half, shape) + 1j * drawn.uniform(-half, half, shape))


def _ridges(places: Points, middle: Points, wide: Reals, high: Reals, drawn: np.random.Generator) -> Reals:
    """The direction of the ridges at ``places``, in radians counter-clockwise, one finger a row."""
    size = (len(places), 1)
    kind = drawn.choice(len(KINDS), size=size, p=KINDS)
    core = middle + drawn.normal(0, 12, size) + 1j * drawn.normal(-20, 12, size)
    second = core + drawn.normal(0, 8, size) + 1j * drawn.uniform(15, 50, size)
    left = core - drawn.uniform(80, 140, size) + 1j * drawn.uniform(70, 140, size)
    right = core + drawn.uniform(80, 140, size) + 1j * drawn.uniform(70, 140, size)
    turns = (
        np.where(kind > 0, _way(places - core), 0) + np.where(kind == 3, _way(places - second), 0)
        - np.where((kind == 1) | (kind == 3), _way(places - right), 0)
        - np.where((kind == 2) | (kind == 3), _way(places - left), 0)
    )  # fmt: skip
    off = places - middle
    arch = -0.6 * np.sin(np.clip(off.real / wide, -1, 1) * np.pi) * np.clip(1 - off.imag / high, 0, 1)
    return np.asarray(np.where(kind == 0, arch, turns / 2))


def _way(vector: Points) -> Reals:
    return np.asarray(np.arctan2(-vector.imag, vector.real))


def _template(places: Points, way: Reals, quality: NDArray[np.int64], kind: NDArray[np.int64]) -> Template:
    inside = (places.real >= 0) & (places.real < WIDTH) & (places.imag >= 0) & (places.imag < HEIGHT)
    kept = np.nonzero(inside)[0][:MAX_MINUTIAE]
    angle = np.rint(way[kept] * 128 / np.pi).astype(np.int64) & 255
    x, y = np.rint(places[kept].real).astype(np.int16), np.rint(places[kept].imag).astype(np.int16)
    return Template(
        EXTRACTOR, Position.RIGHT_INDEX, WIDTH, HEIGHT, x, y, angle.astype(np.uint8),
        kind[kept].astype(np.uint8), quality[kept].astype(np.uint8),
    )  # fmt: skip


def impression(of: Template, seed: int, *, turn: float = 25.0, lost: float = 0.25, invented: float = 0.2) -> Template:
    """The finger ``of`` laid down again, turned by up to ``turn`` degrees; these shares of minutiae lost and new."""
    drawn = np.random.default_rng([seed, 7])
    middle = WIDTH / 2 + 1j * HEIGHT / 2
    places = of.x + 1j * of.y - middle
    angle = np.deg2rad(drawn.uniform(-turn, turn))
    kept = drawn.random(len(of)) >= lost
    kept &= (places * np.exp(1j * drawn.uniform(0, 2 * np.pi))).real < drawn.uniform(70, 170)  # the cut edge
    pull = drawn.uniform(2, 6) * np.exp(1j * drawn.uniform(0, 2 * np.pi))
    moved = places * np.exp(-1j * angle) + pull * np.sin(places.real / 90) * np.cos(places.imag / 110)
    moved += drawn.normal(0, 1.5, len(of)) + 1j * drawn.normal(0, 1.5, len(of))
    moved += complex(*drawn.uniform(-20, 20, 2)) + middle
    way = of.angle * np.pi / 128 + angle + drawn.normal(0, 0.09, len(of))
    new = drawn.integers(0, 1 + int(invented * len(of)))
    strewn = drawn.uniform(60, WIDTH - 60, new) + 1j * drawn.uniform(60, HEIGHT - 60, new)
    return replace(
        _template(
            np.concatenate([moved[kept], strewn]), np.concatenate([way[kept], drawn.uniform(0, 2 * np.pi, new)]),
            np.concatenate([of.quality[kept].astype(np.int64), drawn.integers(30, 80, new)]),
            np.concatenate([of.kind[kept].astype(np.int64), drawn.integers(1, 3, new)]),
        ),
        extractor_id=of.extractor_id, position=of.position,
    )  # fmt: skip
