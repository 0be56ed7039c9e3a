"""How many others of a list bear as good a name as the one that agreed: said where a name is short or very common.

Laws:
1. Counted are other persons with the very same name tokens, in any order, and those whose name the search found to
   agree at least as well. So the figure is never too high, and may leave out other spellings of persons whose birth
   date contradicts.
2. A shown reason counts shown persons alone (ARCHITECTURE law 8); a silent one, which no counter sees, counts all.
   Only where silent persons by the hundred bear one name in a list of both kinds may a figure be too low for them.
3. A person past its review date is none. By trusted time alone.
4. Work is bounded: MAX_TOLD of those that count are enough, MAX_LOOKED persons are opened, MAX_POSTINGS names compared.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from typing import Final

import numpy as np

from edge.core.matching import NameScore, index_of
from edge.core.verdicts import Evidence
from edge.core.watch import PersonTable

MAX_TOLD: Final = 20          # from here on "20+" is said
MAX_LOOKED: Final = 1000      # persons whose record is opened to see whether they count
MAX_POSTINGS: Final = 65_536  # names of the rarest token that are compared: 1 ms
RULE: Final = "namesakes in this list"
FEW: Final = 2                # agreeing tokens that make a short name
ONE: Final = 1                # distinctive tokens that leave a name very common


def is_weak(name: NameScore) -> bool:
    """True for an agreement that many may share: one or two tokens, or at most one that is not common."""
    return name.one_token or name.agreeing <= FEW or name.distinctive <= ONE


class Namesakes:
    """The namesakes of one question in one list; ``alike`` gives the best name score by person, as the search found."""

    def __init__(self, table: PersonTable, alike: Mapping[int, float], today: date | None, *, silent: bool) -> None:
        self._table, self._today, self._all_silent = table, today, silent
        self._alike = np.fromiter(alike, dtype=np.int64, count=len(alike))
        self._scores = np.fromiter(alike.values(), dtype=np.float64, count=len(alike))
        self._same: dict[tuple[int, ...], tuple[int, ...]] = {}
        self._standing: dict[int, bool | None] = {}  # person -> is silent; None for one that is past its review date

    def evidence(self, name_id: int, score: float, *, silent: bool) -> Evidence:
        """The line for a reason that rests on this name of this score."""
        mine = int(self._table.name_persons[name_id])
        told = 0
        for _, person in zip(range(MAX_LOOKED), self._others(name_id, score, mine), strict=False):
            is_silent = self._stands(person)
            told += is_silent is not None and (silent or not is_silent)
            if told == MAX_TOLD:
                return Evidence("", f"{MAX_TOLD}+", RULE)
        return Evidence("", str(told), RULE)

    def _others(self, name_id: int, score: float, mine: int) -> Iterator[int]:
        seen = {mine}
        for person in self._candidates(name_id, score):
            if person not in seen:
                seen.add(person)
                yield person

    def _candidates(self, name_id: int, score: float) -> Iterable[int]:
        yield from self._alike[self._scores >= score][: MAX_LOOKED + 1].tolist()
        tokens = tuple(sorted(self._table.name(name_id).tokens))
        if tokens not in self._same:
            self._same[tokens] = same_tokens(self._table, tokens)
        yield from self._same[tokens]

    def _stands(self, person: int) -> bool | None:
        if person not in self._standing:
            silent, review = self._table.standing(person)
            past = self._today is not None and review is not None and review < self._today
            self._standing[person] = None if past else silent or self._all_silent
        return self._standing[person]


def same_tokens(table: PersonTable, tokens: tuple[int, ...]) -> tuple[int, ...]:
    """The persons, by rising number, who have a name of exactly these tokens (ids, sorted, with repeats)."""
    if not tokens:
        return ()
    names = index_of(table).same_tokens(tokens, MAX_POSTINGS)
    return tuple(np.unique(table.name_persons[names]).tolist())
