"""Rows by the million, as numpy arrays.

Laws:
1. A row is (key, layer, masked payload); rows rise strictly, so none stands twice. ``tails`` holds layer index << 56 |
   masked, so that rows compare as (key, tail) and as their 16 bytes do.
2. Bytes that break this raise ``LayoutError``, whatever they are.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from edge.core.errors import LayoutError
from edge.core.keyed.header import MAX_LAYERS
from edge.core.keyed.record import ROW_SIZE

U64Array = npt.NDArray[np.uint64]
_U64: Final = np.dtype(">u8")
_SHIFT: Final = np.uint64(56)
_MASK: Final = np.uint64((1 << 56) - 1)


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """Sorted rows and the table that their layer indices point into."""

    keys: U64Array
    tails: U64Array
    layers: tuple[int, ...]

    def __len__(self) -> int:
        return len(self.keys)

    @property
    def masked(self) -> U64Array:
        """The masked payload of every row."""
        return self.tails & _MASK

    @property
    def sequences(self) -> U64Array:
        """The layer sequence of every row."""
        table = np.array(self.layers or (0,), dtype=np.uint64)
        return table[(self.tails >> _SHIFT).astype(np.intp)]

    def to_bytes(self) -> bytes:
        """16 bytes a row."""
        pair = np.empty((len(self.keys), 2), dtype=_U64)
        pair[:, 0], pair[:, 1] = self.keys, self.tails
        return pair.tobytes()

    def within(self, layers: tuple[int, ...]) -> Rows:
        """The same rows under another table, which must hold every layer of this one."""
        if layers == self.layers:
            return self
        place = {layer: i for i, layer in enumerate(layers)}
        moved = np.array([place[layer] for layer in self.layers] or [0], dtype=np.uint64)
        index = moved[(self.tails >> _SHIFT).astype(np.intp)]
        return Rows(self.keys, (index << _SHIFT) | self.masked, layers)


def empty(layers: tuple[int, ...] = ()) -> Rows:
    """No rows."""
    return Rows(np.empty(0, np.uint64), np.empty(0, np.uint64), layers)


def from_bytes(data: bytes, layers: tuple[int, ...]) -> Rows:
    """Rows of 16 bytes. Raises ``LayoutError`` unless they rise strictly and name layers of the table."""
    if len(data) % ROW_SIZE:
        raise LayoutError("the rows of a keyed list file end in the middle of one")
    pair = np.frombuffer(data, dtype=_U64).reshape(-1, 2)
    rows = Rows(pair[:, 0].astype(np.uint64), pair[:, 1].astype(np.uint64), layers)
    if len(rows) and int((rows.tails >> _SHIFT).max()) >= len(layers):
        raise LayoutError("a row of a keyed list file names a layer that is not there")
    if not _rising(rows.keys, rows.tails):
        raise LayoutError("the rows of a keyed list file do not rise")
    return rows


def from_unsorted(keys: U64Array, tails: U64Array, layers: tuple[int, ...]) -> Rows:
    """Sorted, and what stands twice once."""
    order = _order(keys, tails)
    keys, tails = keys[order], tails[order]
    keep = np.ones(len(keys), dtype=bool)
    keep[1:] = (keys[1:] != keys[:-1]) | (tails[1:] != tails[:-1])
    return Rows(keys[keep], tails[keep], layers)


def common_layers(*tables: Iterable[int]) -> tuple[int, ...]:
    """One table for several. Raises ``LayoutError`` if it would be too long."""
    found = tuple(sorted({layer for table in tables for layer in table}))
    if len(found) > MAX_LAYERS:
        raise LayoutError(f"a keyed list has more than {MAX_LAYERS} layers: it needs a new base")
    return found


def plus(a: Rows, b: Rows) -> Rows:
    """All rows of both. Raises ``LayoutError`` if one stands in both."""
    layers = common_layers(a.layers, b.layers)
    a, b = a.within(layers), b.within(layers)
    keys, tails = np.concatenate([a.keys, b.keys]), np.concatenate([a.tails, b.tails])
    order = _order(keys, tails)
    keys, tails = keys[order], tails[order]
    if not _rising(keys, tails):
        raise LayoutError("a record that is added is there already")
    return Rows(keys, tails, layers)


def split(a: Rows, b: Rows) -> tuple[Rows, Rows, Rows]:
    """Rows of ``a`` alone, of ``b`` alone, and of both; all under one table."""
    layers = common_layers(a.layers, b.layers)
    a, b = a.within(layers), b.within(layers)
    keys, tails = np.concatenate([a.keys, b.keys]), np.concatenate([a.tails, b.tails])
    order = _order(keys, tails)
    keys, tails, from_b = keys[order], tails[order], order >= len(a)
    twin = np.zeros(len(keys) + 1, dtype=bool)
    twin[1:-1] = (keys[1:] == keys[:-1]) & (tails[1:] == tails[:-1])
    alone = ~(twin[:-1] | twin[1:])

    def pick(which: npt.NDArray[Any]) -> Rows:
        return Rows(keys[which], tails[which], layers)

    return pick(alone & ~from_b), pick(alone & from_b), pick(twin[:-1])


def joined(blocks: list[Rows]) -> Rows:
    """Blocks that follow each other, as one."""
    if not blocks:
        return empty()
    layers = common_layers(*(block.layers for block in blocks))
    moved = [block.within(layers) for block in blocks]
    return Rows(np.concatenate([b.keys for b in moved]), np.concatenate([b.tails for b in moved]), layers)


def trimmed(rows: Rows) -> Rows:
    """The same rows with a table of the layers that they use."""
    used = np.unique(rows.tails >> _SHIFT)
    layers = tuple(rows.layers[int(i)] for i in used)
    if layers == rows.layers:
        return rows
    index = np.searchsorted(used, rows.tails >> _SHIFT).astype(np.uint64)
    return Rows(rows.keys, (index << _SHIFT) | rows.masked, layers)


def _order(keys: U64Array, tails: U64Array) -> npt.NDArray[np.intp]:
    """The stable order by (key, tail). Keys are nearly always distinct: tails are looked at only where they are not."""
    order = np.argsort(keys, kind="stable")
    ordered = keys[order]
    if bool((ordered[1:] == ordered[:-1]).any()):
        return np.lexsort((tails, keys))
    return order


def _rising(keys: U64Array, tails: U64Array) -> bool:
    more = keys[1:] > keys[:-1]
    same = (keys[1:] == keys[:-1]) & (tails[1:] > tails[:-1])
    return bool((more | same).all())
