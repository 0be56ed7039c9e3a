"""Who of a list was born when, so that names are compared as strictly as the birth date allows.

Laws:
1. ``near`` leaves out nobody whose birth date is equal, has day and month swapped, or overlaps.
2. ``contradicting`` names only persons whose one listed birth date contradicts the traveller's by every rule:
   neither of law 1, nor the same year, nor one digit apart. Persons without a date, and with several, are never
   among them.
"""

from __future__ import annotations

from datetime import date

import numpy as np
import numpy.typing as npt

from edge.core.documents import DateInterval
from edge.core.matching.likes import NameTable

Ids = npt.NDArray[np.int64]


class Births:
    """The birth dates of one list, in bands: exact days in order, and the intervals."""

    def __init__(self, table: NameTable) -> None:
        self._table = table
        owners = np.repeat(np.arange(len(table.birth_offsets) - 1, dtype=np.uint32), np.diff(table.birth_offsets))
        exact = np.flatnonzero(table.birth_first == table.birth_last)
        order = exact[np.argsort(table.birth_first[exact], kind="stable")]
        self._days, self._day_owners = table.birth_first[order], owners[order]
        wide = np.flatnonzero(table.birth_first != table.birth_last)
        self._first, self._last, self._owners = table.birth_first[wide], table.birth_last[wide], owners[wide]

    def near(self, birth: DateInterval) -> Ids:
        """Names of the persons of law 1, by rising id."""
        persons = []
        for first, last in _spans(birth):
            begin, end = np.searchsorted(self._days, first), np.searchsorted(self._days, last, "right")
            persons += [self._day_owners[begin:end], self._owners[(self._first <= last) & (self._last >= first)]]
        found = np.unique(np.concatenate(persons)).astype(np.int64)
        offsets = self._table.person_names_offsets
        starts = offsets[found].astype(np.int64)
        sizes = offsets[found + 1].astype(np.int64) - starts
        return np.arange(sizes.sum()) + np.repeat(starts - (np.cumsum(sizes) - sizes), sizes)

    def contradicting(self, names: Ids, birth: DateInterval) -> npt.NDArray[np.bool_]:
        """For each name: does law 2 hold for its person?"""
        table = self._table
        persons = table.name_persons[names].astype(np.int64)
        rows = table.birth_offsets[persons].astype(np.int64)
        found: npt.NDArray[np.bool_] = table.birth_offsets[persons + 1] - rows == 1
        at = np.flatnonzero(found)
        first, last = table.birth_first[rows[at]], table.birth_last[rows[at]]
        apart = np.ones(len(at), dtype=bool)
        for begin, end in _spans(birth):
            apart &= (first > end) | (last < begin)
        if birth.is_exact:
            day = birth.earliest
            year = (first >= date(day.year, 1, 1).toordinal()) & (last <= date(day.year, 12, 31).toordinal())
            apart &= ~year & ~(np.isin(first, one_digit_apart(day)) & (first == last))
        found[at] = apart
        return found


def _spans(birth: DateInterval) -> list[tuple[int, int]]:
    """The interval, and its day with day and month swapped, in ordinals."""
    spans = [(birth.earliest.toordinal(), birth.latest.toordinal())]
    day = birth.earliest
    if birth.is_exact and day.day <= 12 and day.day != day.month:
        other = date(day.year, day.day, day.month).toordinal()
        spans.append((other, other))
    return spans


def one_digit_apart(day: date) -> list[int]:
    """Ordinals of all days that are written with one other digit."""
    text, found = day.isoformat(), []
    for at, old in enumerate(text):
        for new in "0123456789" if old.isdigit() else "":
            if new != old:
                try:
                    found.append(date.fromisoformat(text[:at] + new + text[at + 1 :]).toordinal())
                except ValueError:
                    continue
    return found
