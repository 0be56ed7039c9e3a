"""The score of one traveller's name against many listed names at once: ``scoring.score``, in columns.

Laws:
1. Same score, same facts as ``scoring.score``, to the last bit: pairs are taken in the same order and sums run in
   the same order. Names of very many tokens are left to ``scoring.score`` itself.
2. A name is dropped before it is scored only if no joining of tokens could reach its floor: each traveller's
   token is given its best listed partner, each listed token its best traveller's, and the smaller of the two
   sums is compared.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from edge.core.matching.columns import score_rows
from edge.core.matching.scoring import PATRONYMIC_SHARE, NameScore, score
from edge.core.matching.units import Units
from edge.core.matching.vocabulary import Ids

ROWS = 16384               # names looked at in one go
FEW = 512                  # names that are scored in one go whatever their widths
WIDTHS = (3, 4, 6, 12)     # tokens of a name: columns are cut to these; longer names are scored one by one
ROUNDING = 1e-3            # more than all rounding together

Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]


class Hit(NamedTuple):
    """A listed name that reaches its floor; ``contradicts`` if its person's birth date is known to."""

    name_id: int
    score: NameScore
    contradicts: bool = False


class Asked(NamedTuple):
    """Names, the floor of each, and whether its birth date contradicts."""

    names: Ids
    floors: Floats
    apart: Bools

    def of(self, rows: npt.NDArray[np.bool_] | npt.NDArray[np.int64] | slice) -> Asked:
        """Some of them."""
        return Asked(self.names[rows], self.floors[rows], self.apart[rows])


def asked(names: Ids, floor: float, *, apart: bool = False) -> Asked:
    """All of them at one floor."""
    return Asked(names, np.full(len(names), floor), np.full(len(names), apart))


def score_names(units: Units, every: Asked) -> list[Hit]:
    """Those that score at least their floor, in no order."""
    hits: list[Hit] = []
    for at in range(0, len(every.names), ROWS):
        kept = _reaching(units, every.of(slice(at, at + ROWS)))
        if len(kept.names):
            hits += _scored(units, kept)
    return hits


def _scored(units: Units, some: Asked) -> list[Hit]:
    table = units.index.table
    starts = table.name_offsets[some.names].astype(np.int64)
    sizes = table.name_offsets[some.names + 1] - starts
    hits: list[Hit] = []
    last, most = 0, int(sizes.max())
    for width in (min(most, WIDTHS[-1]),) if len(sizes) <= FEW else WIDTHS:
        rows = np.flatnonzero((sizes > last) & (sizes <= width))
        if len(rows):
            inside = np.arange(width) < sizes[rows, None]
            places = np.where(inside, starts[rows, None] + np.arange(width), 0)
            tokens = np.where(inside, table.name_tokens[places], table.n_tokens).astype(np.int64)
            held = some.of(rows)
            for at, found in score_rows(units, held.names, tokens, held.floors):
                hits.append(Hit(int(held.names[at]), found, bool(held.apart[at])))
        last = width
    for at in np.flatnonzero(sizes > last).tolist():
        found_one = score(units.query, units.index.tokens(int(some.names[at])), units.known, explain=False)
        if found_one is not None and found_one.score >= some.floors[at]:
            hits.append(Hit(int(some.names[at]), found_one, bool(some.apart[at])))
    return hits


def _reaching(units: Units, some: Asked) -> Asked:
    """Those that hold two tokens like any of the traveller's (records of one token: one) and that some joining of
    tokens could bring to their floor (law 2)."""
    index = units.index
    tokens, starts = index.flat(some.names)
    numbers = units.numbers(tokens)
    like = numbers > 0
    held = np.add.reduceat(like, starts, dtype=np.int64)
    single = index.single[some.names]
    keep = (held >= 2) | (single & (held > 0))
    if not keep.all():
        some, single = some.of(keep), single[keep]
        if not len(some.names):
            return some
        inside = np.repeat(keep, np.diff(starts, append=len(tokens)))
        tokens, numbers = tokens[inside], numbers[inside]
        sizes = np.diff(starts, append=len(inside))[keep]
        starts = np.cumsum(sizes) - sizes
    return some.of(_can_reach(units, some.floors, tokens, numbers, starts, single))


def _can_reach(
    units: Units, floors: Floats, tokens: Ids, numbers: npt.NDArray[np.int32], starts: Ids, single: Bools
) -> Bools:
    index = units.index
    sizes = np.diff(starts, append=len(tokens))
    gain = units.worth.take(numbers, axis=1) - units.price.take(numbers, axis=1) * np.repeat(floors, sizes)
    np.maximum(gain, 0.0, out=gain)
    by_unit = np.maximum.reduceat(gain, starts, axis=1)
    best = np.add.reduceat(gain[: units.size].max(axis=0), starts)
    reach = np.minimum(by_unit[: units.size].sum(axis=0), best) + by_unit[units.size :].sum(axis=0)
    for unit, left, right in units.apart:
        met = np.zeros(len(tokens), dtype=bool)
        met[:-1] = (left.take(numbers[:-1]) & right.take(numbers[1:])) != 0
        met[starts[1:] - 1] = False
        reach += np.logical_or.reduceat(met, starts) * units.split_gain(unit, floors, units.listed_loss)
    lost = np.full(len(floors), sum(units.loss))
    if units.listed_loss:
        left_over = index.left_weights.take(tokens)
        left_over[1:][index.son_of.take(tokens[:-1])] *= PATRONYMIC_SHARE
        lost += units.listed_loss * np.add.reduceat(left_over, starts)
        front = starts  # it is left over for sure only if nothing of the traveller's is like it
        lost += np.where(numbers[front] == 0, index.leading.take(tokens[front]), 0.0)
    found: Bools = reach >= floors * lost - ROUNDING
    # A record of one token is scored without the traveller's other tokens: it needs a partner for each of its own.
    if single.any():
        found = np.where(single, np.logical_and.reduceat(numbers > 0, starts), found)
    return found
