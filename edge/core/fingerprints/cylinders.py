"""Minutia-cylinder descriptors: 384 bits for what surrounds a minutia, the same wherever the finger lay.

After R. Cappelli, M. Ferrara and D. Maltoni, "Minutia Cylinder-Code", IEEE TPAMI 32(12), 2010, section 3: a square of
cells around the minutia, turned with it, times layers of relative direction; each neighbour lays a Gaussian into the
cells near it, and a cell that holds enough is a set bit. Cells outside the circle stay 0.

Laws:
1. Integers alone: directions, distances and Gaussians come from integer tables, and the sums stay below 2**24, where
   float32 is exact. The bits are the same on every machine, one at a time or in batches.
2. The best LIMIT minutiae (by quality, then by their order) are described; the best CONTEXT are the neighbours. A
   minutia with fewer than LEAST neighbours says nothing and is left out.
3. The described minutiae stand in order of their angle: a window of rotation is one run of them, or two.
4. What a descriptor shows of a finger is personal data, as minutiae are: never in a ``repr``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Final

import numpy as np
from numpy.typing import NDArray

from edge.core.fingerprints.model import Template

LIMIT: Final = 32  # minutiae described of a template
MOST: Final = 64  # the largest limit: pairs are kept as bits of a 64-bit word (rigid.py)
CONTEXT: Final = 96  # minutiae that count as neighbours
LEAST: Final = 2  # neighbours of a minutia that is described
RADIUS: Final = 60  # pixels at 500 per inch: what a cylinder sees
CELLS: Final = 8  # along a side of the square
LAYERS: Final = 6  # of direction
BITS: Final = CELLS * CELLS * LAYERS
WORDS: Final = BITS // 64
SPREAD: Final = 8.0  # pixels: the Gaussian of a neighbour in space
TURN_SPREAD: Final = 40.0  # degrees: the same in direction
FULL: Final = 0.25  # of one neighbour's peak: what sets a bit
BATCH: Final = 4  # templates described at a time: what a core keeps in its cache (64 take twice the time)

_UNIT: Final = 14  # bits after the point of the sine table
_PEAK: Final = 63  # of a Gaussian in space
_TURN_PEAK: Final = 15  # of a Gaussian in direction: 63 * 63 * 15 * CONTEXT < 2**24
_REACH: Final = RADIUS + int(3 * SPREAD)  # pixels: beyond, a neighbour is none

Bits = NDArray[np.uint64]


@dataclass(frozen=True, slots=True)
class Described:
    """A template with its descriptors: ``bits`` uint64[n, WORDS]; ``x``, ``y`` int16[n] pixels; ``angle`` uint8[n]."""

    extractor_id: str
    bits: Bits = field(repr=False)
    x: NDArray[np.int16] = field(repr=False)
    y: NDArray[np.int16] = field(repr=False)
    angle: NDArray[np.uint8] = field(repr=False)

    def __len__(self) -> int:
        return len(self.angle)


def _centres() -> NDArray[np.float64]:
    return np.asarray((np.arange(CELLS) - (CELLS - 1) / 2) * (2 * RADIUS / CELLS), np.float64)


def _space_table() -> NDArray[np.float32]:
    """[2 * _REACH + 1, CELLS]: what a neighbour at an offset in pixels lays into the cells of one axis."""
    offset = np.arange(-_REACH, _REACH + 1)[:, None]
    return np.asarray(np.rint(_PEAK * np.exp(-((offset - _centres()) ** 2) / (2 * SPREAD**2))), np.float32)


def _turn_table() -> NDArray[np.float32]:
    """[256, LAYERS]: what a neighbour turned by so many 256ths lays into the layers."""
    layer = (np.arange(LAYERS) + 0.5) * 256 / LAYERS
    off = ((np.arange(256)[:, None] - layer + 128) % 256 - 128) * 360 / 256
    return np.asarray(np.rint(_TURN_PEAK * np.exp(-(off**2) / (2 * TURN_SPREAD**2))), np.float32)


def _circle() -> NDArray[np.bool_]:
    """[CELLS * CELLS]: the cells whose centre lies within RADIUS."""
    u, v = np.meshgrid(_centres(), _centres(), indexing="ij")
    return np.asarray(np.hypot(u, v) <= RADIUS).ravel()


_SPACE: Final = _space_table()
_TURN: Final = _turn_table()
_INSIDE: Final = _circle()
_COSINE: Final = np.rint(np.cos(np.arange(256) * np.pi / 128) * (1 << _UNIT)).astype(np.int32)
_SINE: Final = np.rint(np.sin(np.arange(256) * np.pi / 128) * (1 << _UNIT)).astype(np.int32)
_ENOUGH: Final = FULL * _PEAK * _PEAK * _TURN_PEAK


def describe(template: Template, limit: int = LIMIT) -> Described:
    """The descriptors of a template's best ``limit`` (1 to MOST) minutiae; an empty template gives none."""
    return next(describe_many([template], limit))


def describe_many(templates: Iterable[Template], limit: int = LIMIT) -> Iterator[Described]:
    """``describe`` of each, in order, BATCH at a time: several times faster than one by one."""
    if not 1 <= limit <= MOST:
        raise ValueError(f"describe 1 to {MOST} minutiae")
    waiting = iter(templates)
    while batch := list(islice(waiting, BATCH)):
        yield from _described(batch, limit)


def _described(templates: Sequence[Template], limit: int) -> list[Described]:
    x, y, angle, there = _padded(templates)
    centres = min(limit, x.shape[1])
    dx = x[:, None, :] - x[:, :centres, None]
    dy = y[:, :centres, None] - y[:, None, :]  # up
    cosine, sine = _COSINE[angle[:, :centres, None]], _SINE[angle[:, :centres, None]]
    half = 1 << (_UNIT - 1)
    u = (cosine * dx + sine * dy + half) >> _UNIT
    v = (cosine * dy - sine * dx + half) >> _UNIT
    near = (u * u + v * v <= _REACH * _REACH) & there[:, None, :] & there[:, :centres, None]
    near[:, np.arange(centres), np.arange(centres)] = False
    bits = _bits(u, v, angle[:, None, :] - angle[:, :centres, None], near)
    kept = near.sum(2) >= LEAST
    return [
        _one(template.extractor_id, kept[at], bits[at], x[at], y[at], angle[at])
        for at, template in enumerate(templates)
    ]


def _padded(templates: Sequence[Template]) -> tuple[NDArray[np.int32], ...]:
    """x, y, angle int32[templates, most minutiae] and which are there, the best minutiae first (law 2)."""
    orders = [np.argsort(-t.quality.astype(np.int16), kind="stable")[:CONTEXT] for t in templates]
    width = max(1, *(len(order) for order in orders))
    found = np.zeros((4, len(templates), width), np.int32)
    for at, (template, order) in enumerate(zip(templates, orders, strict=True)):
        found[0, at, : len(order)] = template.x[order]
        found[1, at, : len(order)] = template.y[order]
        found[2, at, : len(order)] = template.angle[order]
        found[3, at, : len(order)] = 1
    return found[0], found[1], found[2], found[3].astype(np.bool_)


def _bits(
    u: NDArray[np.int32], v: NDArray[np.int32], turn: NDArray[np.int32], near: NDArray[np.bool_]
) -> Bits:
    """uint64[templates, centres, WORDS] of the neighbours' offsets along and across the minutia, and their turn."""
    along = _SPACE[np.where(near, u, 0) + _REACH] * near[..., None]
    across = _SPACE[np.where(near, v, 0) + _REACH]
    laid = np.matmul(
        (along[..., :, None] * across[..., None, :]).reshape(*u.shape, CELLS * CELLS).swapaxes(2, 3),
        _TURN[turn & 255],
    )
    held = (laid >= _ENOUGH) & _INSIDE[:, None]
    packed = np.packbits(held.reshape(*u.shape[:2], BITS), axis=2, bitorder="little")
    return packed.view("<u8").astype(np.uint64, copy=False)


def _one(
    extractor_id: str,
    kept: NDArray[np.bool_],
    bits: Bits,
    x: NDArray[np.int32],
    y: NDArray[np.int32],
    angle: NDArray[np.int32],
) -> Described:
    places = np.nonzero(kept)[0]
    places = places[np.argsort(angle[places], kind="stable")]
    return Described(
        extractor_id,
        np.ascontiguousarray(bits[places]),
        x[places].astype(np.int16),
        y[places].astype(np.int16),
        angle[places].astype(np.uint8),
    )
