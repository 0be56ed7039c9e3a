"""The score of one traveller's name against many listed names at once: ``scoring.score``, in columns.

Laws:
1. Same score, same facts as ``scoring.score``, to the last bit: pairs are taken in the same order and sums run in
   the same order. Names of very many tokens are left to ``scoring.score`` itself.
2. A name is dropped before it is scored only if no joining of tokens could reach the floor: each traveller's
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
WIDTHS = (3, 4, 6, 12)     # tokens of a name: columns are cut to these; longer names are scored one by one
ROUNDING = 1e-3            # more than all rounding together

Bools = npt.NDArray[np.bool_]
Column = npt.NDArray[np.float32]


class Hit(NamedTuple):
    """A listed name that reaches its floor; ``contradicts`` if its person's birth date is known to."""

    name_id: int
    score: NameScore
    contradicts: bool = False


def score_names(units: Units, names: Ids, floor: float) -> list[Hit]:
    """Those of ``names`` that score at least ``floor``, in no order."""
    if not len(names):
        return []
    gains = units.gains(floor)
    joined = [
        units.index.columns.lay(
            f"joined gain {u}", np.float32, units.joined[u].ids,
            units.joined_gain(u, floor, units.listed_loss) + np.float32(ROUNDING),
        )
        for u, _ in units.joins
    ]  # fmt: skip
    hits: list[Hit] = []
    for at in range(0, len(names), ROWS):
        some = _held(units, names[at : at + ROWS])
        if not len(some):
            continue
        kept = some[_can_reach(units, gains, joined, some, floor)]
        if len(kept):
            hits += _scored(units, kept, floor)
    return hits


def _scored(units: Units, names: Ids, floor: float) -> list[Hit]:
    table = units.index.table
    starts = table.name_offsets[names].astype(np.int64)
    sizes = table.name_offsets[names + 1].astype(np.int64) - starts
    hits: list[Hit] = []
    last = 0
    for width in WIDTHS:
        rows = np.flatnonzero((sizes > last) & (sizes <= width))
        if len(rows):
            places = starts[rows, None] + np.arange(width)
            inside = np.arange(width) < sizes[rows, None]
            tokens = table.name_tokens[np.where(inside, places, 0)].astype(np.int64)
            tokens = np.where(inside, tokens, table.n_tokens)
            hits += [Hit(*found) for found in score_rows(units, names[rows], tokens, floor)]
        last = width
    for at in np.flatnonzero(sizes > last).tolist():
        found = score(units.query, units.index.tokens(int(names[at])), units.known, explain=False)
        if found is not None and found.score >= floor:
            hits.append(Hit(int(names[at]), found))
    return hits


def _held(units: Units, names: Ids) -> Ids:
    """Those that hold two tokens like any of the traveller's, and records of one token that hold one."""
    tokens, starts = units.index.flat(names)
    held = np.add.reduceat(units.any.take(tokens), starts)
    found: Ids = names[(held >= 2) | (units.index.single[names] & (held > 0))]
    return found


def _can_reach(units: Units, gains: list[Column], joined: list[Column], names: Ids, floor: float) -> Bools:
    """False for a name that no joining of tokens brings to the floor (law 2)."""
    index = units.index
    tokens, starts = index.flat(names)
    by_unit = np.zeros(len(names), dtype=np.float32)
    best = np.zeros(len(tokens), dtype=np.float32)
    for column in gains:
        gain = column.take(tokens)
        by_unit += np.maximum.reduceat(gain, starts)
        np.maximum(best, gain, out=best)
    reach = np.minimum(by_unit, np.add.reduceat(best, starts))
    bonus = np.zeros(len(names), dtype=np.float32)
    for column in joined:
        bonus += np.maximum.reduceat(column.take(tokens), starts)
    for unit, left, right in units.apart:
        met = np.zeros(len(tokens), dtype=bool)
        met[:-1] = (left.take(tokens[:-1]) & right.take(tokens[1:])) != 0
        met[starts[1:] - 1] = False
        bonus += np.logical_or.reduceat(met, starts) * (
            units.split_gain(unit, floor, units.listed_loss) + ROUNDING
        )
    left_over = np.full(len(names), floor * sum(units.loss), dtype=np.float32)
    if units.listed_loss:
        left = index.left_column.take(tokens)
        left[1:][index.son_of.take(tokens[:-1])] *= np.float32(PATRONYMIC_SHARE)
        left_over += floor * units.listed_loss * np.add.reduceat(left, starts)
        front = tokens[starts]  # it is left over for sure only if nothing of the traveller's is like it
        left_over += np.where(units.any.take(front) == 0, floor * index.leading[front], 0.0)
    single = index.single[names]
    found: Bools = reach + bonus >= left_over - ROUNDING
    # A record of one token is scored without the traveller's other tokens: it needs a partner for each of its own.
    if single.any():
        every = np.logical_and.reduceat(units.any.take(tokens) > 0, starts)
        found = np.where(single, every, found)
    return found
