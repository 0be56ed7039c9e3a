"""From a traveller's tokens to the listed names worth scoring, without losing one.

Laws:
1. A name is left out only if, with every part of the traveller's name that it holds joined at the best likeness that
   part has anywhere on the list, and every other one paid for, it could not reach the floor; or if fewer than two
   tokens can agree (records of one token have a path of their own). A part is a token, two neighbours written
   together, or a token written apart: a joining uses some of them, and no token twice.
2. Which names hold which parts is known exactly, as sets of bits; law 1 is put to all names of a set at once. Of two
   tokens of the traveller's that a name can only join to one and the same token of its own (MUHAMAD and MUHAMMED to
   MOHAMED), only the heavier counts: every joining that uses the other is worth no more with the heavier in its place.
   Not so if the heavier may be needed for a part of two tokens.
3. A record of one token is looked at only if its one token that weighs (its first, if none does) can stand for it:
   the same token of the traveller's, spelt otherwise, or half of one that is written apart.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from edge.core.matching.bits import Ids, Window, Words, gathered, members
from edge.core.matching.scoring import DISTINCTIVE, ONE_TOKEN_MIN, WEAK_WEIGHT
from edge.core.matching.units import Units
from edge.core.matching.vocabulary import COUNTS, SAME, SIMILARITY, UNIT, Alike

MARKED = 12            # parts; of a traveller with more the lightest are taken for one
AGREEING = 2           # tokens that must agree
AGREEING_APART = 3     # against a birth date that contradicts, unless one of two is distinctive
FEW = 1024             # names that are scored faster than they are told apart
SHARED = 4096          # names that hold a token like two of the traveller's, from which it is worth telling them apart
ROUNDING = 1e-3        # more than all rounding together
NOBODY: Ids = np.empty(0, dtype=np.int64)

Gains = npt.NDArray[np.float64]


class _Part(NamedTuple):
    """A part of the traveller's name, the listed names that hold it, and what it may add at most at each floor."""

    names: Words
    gains: Gains
    most: int          # listed tokens that it may agree with
    uses: tuple[int, ...] = ()  # the traveller's tokens that it is made of

    @property
    def is_token(self) -> bool:
        """True for a token of the traveller's as it stands."""
        return len(self.uses) == 1 and self.most == 1


def single_candidates(units: Units) -> Ids:
    """Every record of one token that may have a score (law 3), in no order, some told twice."""
    index = units.index
    likes = [_same(units, a) for a in (*units.alike, *units.joined) if len(a.ids)]
    likes += [side.ids for s in units.splits if s is not None for side in s]
    return index.single_names(np.concatenate(likes)).astype(np.int64) if likes else np.empty(0, dtype=np.int64)


def _same(units: Units, found: Alike) -> Ids:
    same = (found.codes & SAME > 0) & ((found.codes & SIMILARITY) >= ONE_TOKEN_MIN * UNIT)
    return found.ids[same & ((found.codes & COUNTS > 0) | (units.index.weights[found.ids] <= WEAK_WEIGHT))]


def candidates(units: Units, floor: float) -> Ids:
    """Every name of two tokens and more that could score ``floor``, by rising id."""
    return Search(units, (floor,)).all(0, units.index.several)


class Search:
    """One question's parts, and the names that could reach one of the question's floors."""

    def __init__(self, units: Units, floors: tuple[float, ...]) -> None:
        self._units, self._floors = units, np.array(floors)
        self._spare = np.zeros(len(floors))
        self._parts = self._merged(self._found())
        self._need = self._floors * sum(units.loss) - self._spare - ROUNDING

    def all(self, floor: int, among: Words) -> Ids:
        """Among the names of a set; ``floor`` is the number of one of the floors."""
        found = self._reaching([p.names for p in self._parts], floor)
        return NOBODY if found is None else members(found & among)

    def apart(self, floor: int, among: Words) -> Ids:
        """The same for names whose birth date contradicts: three tokens must agree, or two of which one is distinctive;
        where few are in question, they are not asked for that here."""
        sets = [p.names for p in self._parts]
        found = self._reaching(sets, floor)
        if found is None:
            return NOBODY
        found = found & among
        if int(np.bitwise_count(found).sum()) > FEW:
            three = self._reaching(sets, floor, AGREEING_APART)
            held = self._distinctive()
            found = found & (held if three is None else held | three)
        return members(found)

    def _distinctive(self) -> Words:
        """The names that hold a distinctive token like one of the traveller's, or like part of one."""
        units, index = self._units, self._units.index
        asked = [((() if units.query.cut else (t, "", "heavy")), a.ids)
                 for t, a in zip(units.query.tokens, units.alike, strict=True)]  # fmt: skip
        asked += [((), a.ids) for a in units.joined]
        asked += [((), side.ids) for s in units.splits if s is not None for side in s]
        names = np.zeros(index.words, dtype=np.uint64)
        for key, tokens in asked:
            heavy = tokens[index.weights[tokens] >= DISTINCTIVE]
            if len(heavy):
                names |= index.holders(key, heavy)
        return names

    def within(self, window: Window, floor: int) -> Ids:
        """Among the names of some ranges."""
        found = self._reaching([window.of(p.names) for p in self._parts], floor)
        return NOBODY if found is None else window.names(found & window.of(self._units.index.several))

    def _found(self) -> list[_Part]:
        units, index, parts = self._units, self._units.index, []
        for place, found in enumerate(units.alike):
            if not len(found.ids):
                continue
            gains = self._gains(*units.pairs[place])
            if units.weights[place] > WEAK_WEIGHT or bool((found.codes & COUNTS).any()):
                key: tuple[str, ...] = () if units.query.cut else (units.query.tokens[place],)
                parts.append(_Part(index.holders(key, found.ids), gains, 1, (place,)))
            else:
                self._spare += gains  # particles and initials
        for first, found in enumerate(units.joined):
            if len(found.ids):
                both = units.query.tokens[first], units.query.tokens[first + 1]
                names = index.holders(both, found.ids)
                if names.any():
                    parts.append(_Part(names, self._gains(*units.joints[first]), 1, (first, first + 1)))
        for place, halves in enumerate(units.splits):
            if halves is not None:
                written = index.both((units.query.tokens[place], "", ""), halves.left.ids, halves.right.ids)
                if len(written):
                    gains = units.split_gain(place, self._floors, 0.0)
                    parts.append(_Part(gathered(written, index.words), gains, 2, (place,)))
        return parts

    def _gains(self, worth: Gains, price: Gains) -> Gains:
        gains: Gains = (worth[:, None] - price[:, None] * self._floors).max(axis=0, initial=0.0)
        return gains

    def _merged(self, parts: list[_Part]) -> list[_Part]:
        """What is made of more than one token first, then the heaviest; a name that holds one of the last ones is taken
        to hold them all."""
        parts.sort(key=lambda p: (p.is_token, -float(p.gains[0])))
        needed = {u for p in parts if not p.is_token for u in p.uses}
        free = [p for p in parts if p.is_token and not needed.intersection(p.uses)]
        parts = [self._alone(free, p) for p in parts]
        if len(parts) > MARKED:
            rest = parts[MARKED - 1 :]
            names = np.bitwise_or.reduce([p.names for p in rest])
            parts[MARKED - 1 :] = [_Part(names, np.sum([p.gains for p in rest], axis=0), sum(p.most for p in rest))]
        return parts

    def _alone(self, free: list[_Part], part: _Part) -> _Part:
        """The part without the names that can only join it to the token that they join a heavier one to (law 2)."""
        names, alike, units = part.names, self._units.alike, self._units
        if not part.is_token or units.query.cut:
            return part
        mine = part.uses[0]
        for other in free:
            its = other.uses[0]
            if its == mine:
                break  # those behind it are no heavier
            if not bool((other.gains >= part.gains).all()):
                continue
            both = np.intersect1d(alike[its].ids, alike[mine].ids, assume_unique=True)
            if int(units.index.table.token_counts[both].sum()) >= SHARED:
                key = sorted((units.query.tokens[its], units.query.tokens[mine]))
                ids = np.union1d(alike[its].ids, alike[mine].ids)
                names = names & (~other.names | units.index.twice((key[0], key[1], "twice"), ids))
        return part._replace(names=names)

    def _reaching(self, sets: list[Words], floor: int, agreeing: int = AGREEING) -> Words | None:
        """The names that hold enough, of sets that are one for each part: the parts are asked one after the other,
        as far as what is still to come can make a difference. None for nobody."""
        gains, most = [float(p.gains[floor]) for p in self._parts], [p.most for p in self._parts]
        need = float(self._need[floor])
        to_come = [(sum(gains[at:]), sum(most[at:])) for at in range(len(gains) + 1)]
        uses = [frozenset(p.uses) for p in self._parts]
        known: dict[tuple[int, float, int, frozenset[int]], Words | bool] = {}

        def rest(at: int, missing: float, agree: int, used: frozenset[int]) -> Words | bool:
            if missing <= 0 and agree <= 0:
                return True
            gain, may = to_come[at]
            if gain < missing or may < agree:
                return False
            key = at, max(0.0, round(missing, 6)), max(0, agree), used
            found = known.get(key)
            if found is None:
                found = rest(at + 1, missing, agree, used)
                if not used & uses[at]:
                    more = used | uses[at] if most[at] > 1 or len(uses[at]) > 1 else used
                    held = rest(at + 1, missing - gains[at], agree - most[at], more)
                    found = _either(sets[at], held, found)
                known[key] = found
            return found

        found = rest(0, need, agreeing, frozenset())
        return None if isinstance(found, bool) else found  # never True: somebody must agree in something


def _either(names: Words, held: Words | bool, missed: Words | bool) -> Words | bool:
    """Those of ``names`` that are in ``held``, and those that are in ``missed``."""
    if held is False:
        return missed
    if missed is True:
        return True
    some = names if held is True else names & held
    return some if missed is False else some | missed
