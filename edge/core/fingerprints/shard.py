"""Many described templates as a few flat arrays: what is scanned, kept in memory and handed between processes.

Laws:
1. Template ``i`` is the run ``offsets[i]:offsets[i + 1]`` of the other arrays; a run may be empty; angles ascend in it.
2. All templates of a shard are of one extractor.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from edge.core.fingerprints.cylinders import MOST, WORDS, Bits, Described
from edge.core.fingerprints.model import FingerError, same_extractor

MAX_TEMPLATES: Final = 4_000_000  # of a shard: 6.8 GB

Indices = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Shard:
    """``bits`` uint64[m, WORDS]; ``x``, ``y`` int16[m]; ``angle`` uint8[m]; ``offsets`` int64[templates + 1]."""

    extractor_id: str
    bits: Bits = field(repr=False)
    x: NDArray[np.int16] = field(repr=False)
    y: NDArray[np.int16] = field(repr=False)
    angle: NDArray[np.uint8] = field(repr=False)
    offsets: Indices = field(repr=False)

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @property
    def nbytes(self) -> int:
        """Bytes of memory that the arrays take."""
        return sum(part.nbytes for part in (self.bits, self.x, self.y, self.angle, self.offsets))

    def one(self, index: int) -> Described:
        """Template ``index`` (views, not copies)."""
        run = slice(int(self.offsets[index]), int(self.offsets[index + 1]))
        return Described(self.extractor_id, self.bits[run], self.x[run], self.y[run], self.angle[run])

    def part(self, first: int, last: int) -> Shard:
        """Templates ``first`` to ``last`` (excluded), as views where numpy can."""
        run = slice(int(self.offsets[first]), int(self.offsets[last]))
        offsets = self.offsets[first : last + 1] - self.offsets[first]
        return Shard(self.extractor_id, self.bits[run], self.x[run], self.y[run], self.angle[run], offsets)

    def take(self, indices: Indices) -> Shard:
        """These templates, in this order."""
        starts, lengths = self.offsets[indices], np.diff(self.offsets)[indices]
        offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
        rows = np.arange(offsets[-1]) + np.repeat(starts - offsets[:-1], lengths)
        return Shard(self.extractor_id, self.bits[rows], self.x[rows], self.y[rows], self.angle[rows], offsets)


def shard_of(extractor_id: str, templates: Iterable[Described]) -> Shard:
    """Lay described templates in a row. Raises FingerError where one is of another extractor (law 2)."""
    parts = list(templates)
    for part in parts:
        same_extractor(extractor_id, part.extractor_id)
    offsets = np.concatenate([[0], np.cumsum([len(part) for part in parts], dtype=np.int64)]).astype(np.int64)
    shard = Shard(
        extractor_id,
        np.concatenate([np.zeros((0, WORDS), np.uint64), *(part.bits for part in parts)]),
        np.concatenate([np.zeros(0, np.int16), *(part.x for part in parts)]),
        np.concatenate([np.zeros(0, np.int16), *(part.y for part in parts)]),
        np.concatenate([np.zeros(0, np.uint8), *(part.angle for part in parts)]),
        offsets,
    )
    check_shard(shard)
    return shard


def check_shard(shard: Shard) -> None:
    """Refuse arrays that do not fit together (law 1): native code walks them. Raises FingerError."""
    rows, offsets = len(shard.angle), shard.offsets
    kinds = (
        (shard.bits, np.uint64, (rows, WORDS)), (shard.x, np.int16, (rows,)), (shard.y, np.int16, (rows,)),
        (shard.angle, np.uint8, (rows,)), (offsets, np.int64, (len(offsets),)),
    )  # fmt: skip
    fits = all(part.dtype == kind and part.shape == shape for part, kind, shape in kinds)
    if fits and 0 < len(offsets) <= MAX_TEMPLATES + 1:
        lengths = np.diff(offsets)
        whole = offsets[0] == 0 and offsets[-1] == rows and not np.any((lengths < 0) | (lengths > MOST))
        if whole and _ascend(shard.angle, offsets):
            return
    raise FingerError("a shard's arrays do not fit together", advice="build the gallery again at headquarters")


def _ascend(angle: NDArray[np.uint8], offsets: Indices) -> bool:
    falls = np.nonzero(angle[1:] < angle[:-1])[0] + 1
    return bool(np.all(np.isin(falls, offsets)))
