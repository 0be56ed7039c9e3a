"""Who of a list was born when, so that names are compared as strictly as the birth date allows.

A person file keeps its names in the order of their persons' birth dates (``watch.birth_order``): all that is asked
here is answered by ranges of name ids, and by few single names of persons who have several dates.

Laws:
1. ``near`` and ``slipped`` leave out nobody whose birth date is the same day, has day and month swapped or overlaps,
   or is one digit off.
2. Everybody whose date may be meant is in one of the ranges of ``Meant``: whoever is in none contradicts. Persons
   without a date and with several never contradict here.
"""

from __future__ import annotations

from datetime import date
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from edge.core.documents import DateInterval
from edge.core.matching.bits import Ids, Range, merged, spread
from edge.core.matching.likes import NameTable
from edge.core.watch.birth_order import DAY, SPAN, birth_keys, first_days, last_days


class Meant(NamedTuple):
    """Whom a traveller's birth date may mean; ranges are disjoint and rise, names may be told more than once."""

    equal: Ids            # names of the persons born on this very day
    near: list[Range]     # of those whose date overlaps or has day and month swapped
    near_too: Ids         # and those of them who have other dates besides
    unsure: list[Range]   # of those with no date or several, of the same year, or one digit off
    every: list[Range]    # all of these


class Births:
    """The birth dates of one list."""

    def __init__(self, table: NameTable) -> None:
        self.names = table.n_names
        begins = np.flatnonzero(np.diff(table.name_persons.view(np.int32), prepend=-1))
        keys = birth_keys(table.birth_offsets, table.birth_first, table.birth_last)[table.name_persons[begins]]
        changes = np.flatnonzero(np.append(np.ones(min(len(keys), 1), np.bool_), keys[1:] != keys[:-1]))
        keys, begins = keys[changes], np.append(begins[changes], table.n_names)
        day, span = np.searchsorted(keys, np.array([DAY, SPAN], dtype=np.uint64)).tolist()
        self._open = int(begins[day])  # names before it may be anybody's
        self._days = first_days(keys[day:span])
        self._day_begins = begins[day : span + 1].astype(np.uint32)
        self._span_first, self._span_last = first_days(keys[span:]), last_days(keys[span:])
        self._span_begins = begins[span:].astype(np.uint32)
        self._rows(table)

    def _rows(self, table: NameTable) -> None:
        """The dates of persons who have several, by first day."""
        held = np.diff(table.birth_offsets)
        rows = np.flatnonzero(np.repeat(held, held) > 1)
        rows = rows[np.argsort(table.birth_first[rows], kind="stable")]
        owners = np.repeat(np.arange(len(held), dtype=np.uint32), held)[rows]
        self._row_first, self._row_last = table.birth_first[rows], table.birth_last[rows]
        self._row_names, self._row_counts = table.person_first_names[owners], table.person_name_counts[owners]

    def meant(self, birth: DateInterval) -> Meant:
        """Whom the date may mean (law 2)."""
        near: list[Range] = []
        days, rows = list(_spans(birth)), []
        for first, last in _spans(birth):
            overlap = np.flatnonzero((self._span_first <= last) & (self._span_last >= first)).tolist()
            near += [(int(self._span_begins[at]), int(self._span_begins[at + 1])) for at in overlap]
            rows.append(np.flatnonzero((self._row_first <= last) & (self._row_last >= first)))
        more = len(days)
        same = np.empty(0, dtype=np.int64)
        if birth.is_exact:
            day, year = birth.earliest.toordinal(), birth.earliest.year
            days.append((date(year, 1, 1).toordinal(), date(year, 12, 31).toordinal()))
            days += [(other, other) for other in one_digit_apart(birth.earliest)]
            same = np.flatnonzero((self._row_first == day) & (self._row_last == day))
        ranges = self._of_days(days)
        near, unsure = merged([*near, *ranges[:more]]), merged([(0, self._open), *ranges[more:]])
        return Meant(
            np.concatenate([spread(ranges[:1] if birth.is_exact else []), self._of_rows(same)]),
            near, self._of_rows(np.concatenate(rows)), unsure, merged([*near, *unsure]),
        )  # fmt: skip

    def _of_days(self, spans: list[Range]) -> list[Range]:
        """For each first and last day: the names of those born then."""
        at = np.searchsorted(self._days, np.array(spans) + np.array([0, 1]))
        found: list[Range] = list(map(tuple, self._day_begins[at].tolist()))
        return found

    def _of_rows(self, rows: npt.NDArray[np.int64]) -> Ids:
        begins, counts = self._row_names[rows].tolist(), self._row_counts[rows].tolist()
        return spread([(a, a + n) for a, n in zip(begins, counts, strict=True)])


def _spans(birth: DateInterval) -> list[Range]:
    """The interval, and its day with day and month swapped, in ordinals."""
    spans = [(birth.earliest.toordinal(), birth.latest.toordinal())]
    day = birth.earliest
    if birth.is_exact and day.day <= 12 and day.day != day.month:
        other = date(day.year, day.day, day.month).toordinal()
        spans.append((other, other))
    return spans


def one_digit_apart(day: date) -> list[int]:
    """Ordinals of all days that are written with one other digit."""
    written = [(y, day.month, day.day) for y in _other_digit(day.year, 4)]
    written += [(day.year, m, day.day) for m in _other_digit(day.month, 2) if 1 <= m <= 12]
    written += [(day.year, day.month, d) for d in _other_digit(day.day, 2) if 1 <= d <= 31]
    found = []
    for year, month, number in written:
        try:
            found.append(date(year, month, number).toordinal())
        except ValueError:
            continue
    return found


def _other_digit(number: int, digits: int) -> list[int]:
    """All numbers of so many digits that have one other one."""
    places = [10**at for at in range(digits)]
    return [number + (new - number // at % 10) * at for at in places for new in range(10) if new != number // at % 10]
