"""From a traveller's tokens to the listed names worth scoring, without losing one.

Laws:
1. A name is left out only if, with every token of the traveller that it holds joined at the best likeness that
   token has anywhere on the list, and every other one paid for, it could not reach the floor; or if fewer than two
   of the traveller's tokens can agree and none stands for two (records of one token have a path of their own).
2. Names are read from the rarest tokens' postings: the fewest tokens such that a name with none of them fails
   law 1. The other tokens' postings only mark names already found or, where that is cheaper, are not read at all.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from edge.core.matching.units import Units
from edge.core.matching.scoring import WEAK_WEIGHT
from edge.core.matching.vocabulary import COUNTS, Ids

MARKED = 8             # bits; of a traveller with more tokens the lightest share the last one
READ_RATIO = 8         # postings are read if there are fewer than so many for each name found so far
ROUNDING = 1e-3        # more than all rounding together


class _Unit(NamedTuple):
    """One traveller's token: the listed tokens it may be joined to, how many postings they have, and its worth."""

    place: int
    ids: Ids
    volume: int
    gain: float        # most that joining it adds over leaving it, at this floor
    most: int          # listed tokens it may agree with


def single_candidates(units: Units) -> Ids:
    """Every record of one token that holds a token like one of the traveller's, by rising id."""
    index = units.index
    likes = [a.ids for a in (*units.alike, *units.joined)] + [s.left.ids for s in units.splits if s is not None]
    held = [index.single_names(i) for ids in likes for i in ids[index.single_counts[ids] > 0].tolist()]
    return union(held, index.marks)


def candidates(units: Units, floor: float) -> Ids:
    """Every name of two tokens and more that could score ``floor``, by rising id."""
    index = units.index
    marked, spare = _weighed(units, floor)
    if not marked:
        return np.empty(0, dtype=np.int64)
    reach = _reachable(marked, spare, floor * sum(units.loss))
    read = _to_read(marked, reach)
    marks, touched = index.marks, []
    for bit, unit in enumerate(marked[:read]):
        touched += _mark(units, unit, 1 << bit)
    names = union(touched, None) if sum(map(len, touched)) < len(marks) // 64 else np.flatnonzero(marks)
    for bit, unit in enumerate(marked[read:], start=read):
        if unit.volume < READ_RATIO * len(names):
            touched += _mark(units, unit, 1 << bit)
        else:
            marks[names] |= np.uint8(1 << bit)
    found = names[reach[marks[names]]]
    if sum(len(t) for t in touched) > len(marks) // 16:
        marks.fill(0)
    else:
        marks[names] = 0
        for postings in touched:
            marks[postings] = 0
    many: Ids = found[~index.single[found]]
    return many


def _weighed(units: Units, floor: float) -> tuple[list[_Unit], float]:
    """The tokens that get a bit, rarest first, and what the others (particles, initials) may add at most."""
    every = [_unit(units, place, floor) for place in range(units.size)]
    agreeing = [u for u in every if _may_agree(units, u.place)]
    spare = sum(u.gain for u in every if all(u is not a for a in agreeing))
    agreeing.sort(key=lambda u: (-units.weights[u.place], u.volume))
    if len(agreeing) > MARKED:
        agreeing[MARKED - 1 :] = [_shared(agreeing[MARKED - 1 :])]
    return sorted(agreeing, key=lambda u: u.volume), spare


def _shared(rest: list[_Unit]) -> _Unit:
    """Several tokens behind one bit: a name that holds one of them is taken to hold them all."""
    ids = np.unique(np.concatenate([u.ids for u in rest]))
    return _Unit(rest[0].place, ids, sum(u.volume for u in rest), sum(u.gain for u in rest), sum(u.most for u in rest))


def _may_agree(units: Units, place: int) -> bool:
    joined = any(len(units.joined[p].ids) for p in (place - 1, place) if 0 <= p < len(units.joined))
    split = units.splits[place] is not None
    return units.weights[place] > WEAK_WEIGHT or joined or split or bool((units.alike[place].codes & COUNTS).any())


def _unit(units: Units, place: int, floor: float) -> _Unit:
    found = units.alike[place]
    ids, best = [found.ids], float(units.gain(place, found, floor).max(initial=0.0))
    for first in (place - 1, place):
        if 0 <= first < len(units.joined) and len(units.joined[first].ids):
            ids.append(units.joined[first].ids)
            best = max(best, float(units.joined_gain(first, floor).max()))
    if (splits := units.splits[place]) is not None:
        ids.append(splits.left.ids)
        best = max(best, units.split_gain(place, floor))
    held = np.concatenate(ids) if len(ids) > 1 else ids[0]
    volume = int(units.index.table.token_counts[held].sum())
    return _Unit(place, held, volume, best, 1 if splits is None else 2)


def _reachable(marked: list[_Unit], spare: float, loss: float) -> npt.NDArray[np.bool_]:
    """By set of bits: could a name that holds these tokens, and no other marked one, reach the floor?"""
    gains, agreeing = np.array([spare - loss]), np.zeros(1, dtype=np.int64)
    for unit in marked:
        gains = np.concatenate([gains, gains + unit.gain])
        agreeing = np.concatenate([agreeing, agreeing + unit.most])
    found: npt.NDArray[np.bool_] = (gains >= -ROUNDING) & (agreeing >= 2)
    return found


def _to_read(marked: list[_Unit], reach: npt.NDArray[np.bool_]) -> int:
    """How many of the rarest tokens must be read so that no name that could reach the floor holds none of them."""
    every = (1 << len(marked)) - 1
    for read in range(len(marked) + 1):
        if not reach[every & ~((1 << read) - 1)]:
            return read
    return len(marked)


def _mark(units: Units, unit: _Unit, bit: int) -> list[Ids]:
    table, marks = units.index.table, units.index.marks
    postings = [table.postings(i) for i in unit.ids.tolist()]
    if not postings:
        return []
    held = np.concatenate(postings)
    marks[held] |= np.uint8(bit)
    return [held]


def union(parts: list[Ids], marks: npt.NDArray[np.uint8] | None) -> Ids:
    """All ids of the parts, rising, each once. ``marks`` is all zero, and so again afterwards."""
    if not parts:
        return np.empty(0, dtype=np.int64)
    held = np.concatenate(parts).astype(np.int64)
    if marks is not None and len(held) > len(marks) // 64:
        marks[held] = 1
        found: Ids = np.flatnonzero(marks)
        marks.fill(0)
        return found
    held.sort()
    once: Ids = held[np.append(True, held[1:] != held[:-1])] if len(held) else held
    return once
