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
from edge.core.matching.scoring import NameScore, score
from edge.core.matching.units import Units
from edge.core.matching.vocabulary import Ids

ROWS = 16384               # names looked at in one go
WIDTHS = (3, 4, 6, 12)     # tokens of a name: columns are cut to these; longer names are scored one by one
ROUNDING = 1e-3            # more than all rounding together

Bools = npt.NDArray[np.bool_]


class Hit(NamedTuple):
    """A listed name that reaches its floor; ``contradicts`` if its person's birth date is known to."""

    name_id: int
    score: NameScore
    contradicts: bool = False


def score_names(units: Units, names: Ids, floor: float) -> list[Hit]:
    """Those of ``names`` that score at least ``floor``, in no order."""
    if not len(names):
        return []
    table = units.index.table
    starts = table.name_offsets[names].astype(np.int64)
    sizes = table.name_offsets[names + 1].astype(np.int64) - starts
    gains = units.gains(floor)
    hits: list[Hit] = []
    last = 0
    for width in WIDTHS:
        of_width = np.flatnonzero((sizes > last) & (sizes <= width))
        for at in range(0, len(of_width), ROWS):
            chosen = of_width[at : at + ROWS]
            tokens = _tokens(units, starts[chosen], sizes[chosen], width)
            keep = np.flatnonzero(_can_reach(units, gains, tokens, units.index.single[names[chosen]], floor))
            if len(keep):
                kept = names[chosen[keep]]
                hits += [Hit(*found) for found in score_rows(units, kept, [t[keep] for t in tokens], floor)]
        last = width
    for at in np.flatnonzero(sizes > last).tolist():
        found = score(units.query, units.index.tokens(int(names[at])), units.known, explain=False)
        if found is not None and found.score >= floor:
            hits.append(Hit(int(names[at]), found))
    return hits


def _tokens(units: Units, starts: Ids, sizes: Ids, width: int) -> list[Ids]:
    """By place in the name: a token id for every row, the vocabulary's size where the name is shorter."""
    table = units.index.table
    found = []
    for place in range(width):
        inside = place < sizes
        tokens = table.name_tokens[np.where(inside, starts + place, 0)].astype(np.int64)
        found.append(np.where(inside, tokens, table.n_tokens))
    return found


def _can_reach(
    units: Units, gains: list[npt.NDArray[np.float32]], tokens: list[Ids], single: Bools, floor: float
) -> Bools:
    """False for a name that no joining of tokens brings to the floor (law 2)."""
    count = len(single)
    by_unit = np.zeros((units.size, count), dtype=np.float32)
    by_place, listed = np.zeros(count, dtype=np.float32), np.zeros(count, dtype=np.float32)
    every = np.ones(count, dtype=bool)
    for token in tokens:
        best = np.zeros(count, dtype=np.float32)
        for unit, column in enumerate(gains):
            gain = column[token]
            np.maximum(by_unit[unit], gain, out=by_unit[unit])
            np.maximum(best, gain, out=best)
        by_place += best
        listed += units.index.weights_column[token]
        every &= (best > 0) | (token == units.index.table.n_tokens)
    bonus = _bonus(units, tokens, floor)
    left = floor * (sum(units.loss) + units.listed_loss * listed)
    reach = np.minimum(by_unit.sum(axis=0), by_place) + bonus - left >= -ROUNDING
    # A record of one token is scored without the traveller's other tokens: it needs a partner for each of its own.
    found: Bools = np.where(single, every | (bonus > 0) | (floor <= 0), reach)
    return found


def _bonus(units: Units, tokens: list[Ids], floor: float) -> npt.NDArray[np.float32]:
    """What tokens written together or apart could add at most."""
    total = np.zeros(len(tokens[0]), dtype=np.float32)
    for unit, codes in units.joins:
        best = units.index.columns.lay(
            f"joined gain {unit}", np.float32, units.joined[unit].ids, units.joined_gain(unit, floor) + ROUNDING
        )
        total += np.max([best[t] for t in tokens], axis=0)
    for unit, left, right in units.apart:
        met = np.zeros(len(total), dtype=bool)
        for first, second in zip(tokens, tokens[1:], strict=False):
            met |= (left[first] & right[second]) != 0
        total += np.where(met, units.split_gain(unit, floor) + ROUNDING, 0.0).astype(np.float32)
    return total
