"""From a traveller's tokens to the listed names worth scoring, without losing one.

Laws:
1. A name is left out only if, with every token of the traveller that it holds joined at the best likeness that
   token has anywhere on the list, and every other one paid for, it could not reach the floor; or if fewer than two
   of the traveller's tokens can agree and none stands for two (records of one token have a path of their own).
2. Names are read from the rarest tokens' postings: the fewest tokens such that a name with none of them fails
   law 1. The other tokens' postings only mark names already found or, where that is cheaper, are not read at all.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from edge.core.documents import DateInterval
from edge.core.matching.index import NameIndex
from edge.core.matching.scoring import DISTINCTIVE, WEAK_WEIGHT
from edge.core.matching.units import Units
from edge.core.matching.vocabulary import COUNTS, Ids

MARKED = 8             # bits; of a traveller with more tokens the lightest share the last one
AGREEING_APART = 3     # tokens that must agree against a birth date that contradicts, unless one is distinctive
READ_RATIO = 8         # postings are read if there are fewer than so many for each name found so far
NEAR, UNSURE, APART = 0, 1, 2  # the groups of Born
ROUNDING = 1e-3        # more than all rounding together


class _Unit(NamedTuple):
    """One traveller's token: the listed tokens it may be joined to, how many postings they have, and its worth."""

    place: int
    ids: list[tuple[str, Ids]]  # with a key where the same ids come again
    volume: int
    gain: float        # most that joining it adds over leaving it, at this floor, listed tokens left over being free
    most: int          # listed tokens it may agree with


def single_candidates(units: Units) -> Ids:
    """Every record of one token that holds a token like one of the traveller's, by rising id."""
    index = units.index
    likes = [a.ids for a in (*units.alike, *units.joined)] + [s.left.ids for s in units.splits if s is not None]
    held = [index.single_names(i) for ids in likes for i in ids[index.single_counts[ids] > 0].tolist()]
    return union(held, index.marks)


def candidates(units: Units, floor: float) -> Ids:
    """Every name of two tokens and more that could score ``floor``, by rising id."""
    marked, spare = _weighed(units, floor)
    reach = _reachable(marked, spare, floor * sum(units.loss))
    names, bits = _read(units, marked, reach)
    return names[reach[bits]]


class Born(NamedTuple):
    """Candidates by what the birth dates say of them."""

    near: Ids
    unsure: Ids
    apart: Ids


class Groups:
    """To which of ``Born`` a name belongs, for one traveller's birth date."""

    def __init__(self, index: NameIndex, birth: DateInterval) -> None:
        self._index = index
        self._apart = index.births.contradicting(birth)
        self._near, self._slipped = index.births.near(birth), index.births.slipped(birth)

    def of(self, names: Ids) -> npt.NDArray[np.uint8]:
        """NEAR, UNSURE or APART for each."""
        marks = self._index.marks
        found = np.where(self._apart[self._index.births.bands[names]], np.uint8(APART), np.uint8(UNSURE))
        marks[self._slipped] = 1
        marks[self._near] = 2
        held = marks[names]
        marks[self._slipped] = 0
        marks[self._near] = 0
        found[held == 1] = UNSURE
        found[held == 2] = NEAR
        return found


def candidates_born(units: Units, groups: Groups, floors: tuple[float, float, float]) -> Born:
    """The same with a floor for each group of ``Born``; of those ``apart`` only names that may agree in three tokens,
    or in one that is distinctive."""
    index, least = units.index, min(floors)
    marked, spare = _weighed(units, least)
    names, bits = _read(units, marked, _reachable(marked, spare, least * sum(units.loss)))
    group = groups.of(names)
    found = []
    for which, floor in enumerate(floors):
        marked, spare = _weighed(units, floor)
        found.append(names[(group == which) & _reachable(marked, spare, floor * sum(units.loss))[bits]])
    near, unsure, apart = found
    if sum(u.most for u in marked) < AGREEING_APART:
        apart = apart[_held(units, apart, index.weights_column >= np.float32(DISTINCTIVE))]
    return Born(near, unsure, apart)


def _held(units: Units, names: Ids, among: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """Names that hold a token like any of the traveller's, of those flagged by token id."""
    if not len(names):
        return np.zeros(0, dtype=np.bool_)
    tokens, starts = units.index.flat(names)
    found: npt.NDArray[np.bool_] = np.logical_or.reduceat((units.any.take(tokens) > 0) & among.take(tokens), starts)
    return found


def _read(
    units: Units, marked: list[_Unit], reach: npt.NDArray[np.bool_]
) -> tuple[Ids, npt.NDArray[np.uint8]]:
    """Names that hold enough of the marked tokens, without records of one token, and a bit for each they may hold."""
    index, marks, touched = units.index, units.index.marks, []
    read = _to_read(marked, reach)
    for bit, unit in enumerate(marked[:read]):
        touched += _mark(units, unit, 1 << bit)
    names = union(touched, None) if sum(map(len, touched)) < len(marks) // 64 else np.flatnonzero(marks != 0)
    for bit, unit in enumerate(marked[read:], start=read):
        if unit.volume < READ_RATIO * len(names):
            touched += _mark(units, unit, 1 << bit)
        else:
            marks[names] |= np.uint8(1 << bit)
    bits = marks[names]
    if sum(map(len, touched)) > len(marks) // 16:
        marks.fill(0)
    else:
        marks[names] = 0
        for postings in touched:
            marks[postings] = 0
    keep = reach[bits] & ~index.single[names]
    return names[keep], bits[keep]


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
    ids = [pair for u in rest for pair in u.ids]
    return _Unit(rest[0].place, ids, sum(u.volume for u in rest), sum(u.gain for u in rest), sum(u.most for u in rest))


def _may_agree(units: Units, place: int) -> bool:
    joined = any(len(units.joined[p].ids) for p in (place - 1, place) if 0 <= p < len(units.joined))
    split = units.splits[place] is not None
    return units.weights[place] > WEAK_WEIGHT or joined or split or bool((units.alike[place].codes & COUNTS).any())


def _unit(units: Units, place: int, floor: float) -> _Unit:
    found = units.alike[place]
    key = "" if units.query.cut else units.query.tokens[place]
    ids, best = [(key, found.ids)], float(units.gain(place, found, floor, 0.0).max(initial=0.0))
    for first in (place - 1, place):
        if 0 <= first < len(units.joined) and len(units.joined[first].ids):
            ids.append(("", units.joined[first].ids))
            # Both tokens get a bit: the first is worth the pair, the second what it does not cost.
            second = floor * units.loss[first + 1]
            pair = float(units.joined_gain(first, floor, 0.0).max()) - second if first == place else second
            best = max(best, pair)
    if (splits := units.splits[place]) is not None:
        ids.append(("", splits.left.ids))
        best = max(best, units.split_gain(place, floor, 0.0))
    volume = sum(int(units.index.table.token_counts[some].sum()) for _, some in ids)
    return _Unit(place, ids, volume, best, 1 if splits is None else 2)


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


def _mark(units: Units, unit: _Unit, bit: int) -> list[npt.NDArray[np.uint32]]:
    held = [units.index.postings(key, ids) for key, ids in unit.ids if len(ids)]
    for postings in held:
        units.index.marks[postings] |= np.uint8(bit)
    return held


def union(parts: Sequence[npt.NDArray[Any]], marks: npt.NDArray[np.uint8] | None) -> Ids:
    """All ids of the parts, rising, each once. ``marks`` is all zero, and so again afterwards."""
    if not parts:
        return np.empty(0, dtype=np.int64)
    held = np.concatenate(parts).astype(np.int64)
    if marks is not None and len(held) > len(marks) // 64:
        marks[held] = 1
        found: Ids = np.flatnonzero(marks != 0)
        marks.fill(0)
        return found
    held.sort()
    once: Ids = held[np.append(True, held[1:] != held[:-1])] if len(held) else held
    return once
