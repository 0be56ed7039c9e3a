"""Who of a list was born when, so that names are compared as strictly as the birth date allows.

Laws:
1. ``equal``, ``near`` and ``slipped`` leave out nobody whose birth date is the same day, has day and month swapped
   or overlaps, or is one digit off.
2. ``contradicting`` tells the bands that contradict a birth date, but for the names of law 1: the days of other
   years, and all intervals (one that does not overlap contradicts). Persons without a date and with several are in
   a band of their own that never contradicts.
"""

from __future__ import annotations

from datetime import date
from typing import Any

import numpy as np
import numpy.typing as npt

from edge.core.documents import DateInterval
from edge.core.matching.likes import NameTable

Ids = npt.NDArray[np.int64]


NO_BAND, WIDE = 0, 255      # no date or several; one interval
EPOCH = date(1970, 1, 1).toordinal()
FIRST_YEAR = 1850           # the band of a year is the years since, at least 1 and at most 254


class Births:
    """The birth dates of one list: days in order, intervals, and a band (year) for every name."""

    def __init__(self, table: NameTable) -> None:
        self._table = table
        rows = np.diff(table.birth_offsets)
        owners = np.repeat(np.arange(len(rows), dtype=np.uint32), rows)
        is_day = table.birth_first == table.birth_last
        exact = np.flatnonzero(is_day)
        order = exact[np.argsort(table.birth_first[exact], kind="stable")]
        self._days, self._day_owners = table.birth_first[order], owners[order]
        wide = np.flatnonzero(~is_day)
        spans = (table.birth_first[wide].astype(np.uint64) << np.uint64(32)) | table.birth_last[wide]
        by_span = np.argsort(spans, kind="stable")
        distinct, starts = np.unique(spans[by_span], return_index=True)
        self._span_first, self._span_last = distinct >> np.uint64(32), distinct & np.uint64(0xFFFF_FFFF)
        self._span_offsets, self._span_owners = np.append(starts, len(wide)), owners[wide[by_span]]
        bands = np.zeros(len(rows), dtype=np.uint8)
        one = exact[rows[owners[exact]] == 1]
        bands[owners[one]] = _bands(table.birth_first[one])
        bands[owners[wide[rows[owners[wide]] == 1]]] = WIDE
        self.bands = bands[table.name_persons]

    def equal(self, birth: DateInterval) -> Ids:
        """Names of the persons born on this very day."""
        if not birth.is_exact:
            return np.empty(0, dtype=np.int64)
        return self._names([self._of_days(birth.earliest.toordinal(), birth.earliest.toordinal())])

    def near(self, birth: DateInterval) -> Ids:
        """Names of the persons whose dates overlap, or are the day with day and month swapped."""
        persons = []
        for first, last in _spans(birth):
            persons.append(self._of_days(first, last))
            for at in np.flatnonzero((self._span_first <= last) & (self._span_last >= first)).tolist():
                persons.append(self._span_owners[self._span_offsets[at] : self._span_offsets[at + 1]])
        return self._names(persons)

    def slipped(self, birth: DateInterval) -> Ids:
        """Names of the persons born on a day that is written with one other digit."""
        days = np.array(one_digit_apart(birth.earliest) if birth.is_exact else [], dtype=np.uint32)
        begins, ends = np.searchsorted(self._days, days), np.searchsorted(self._days, days, "right")
        return self._names([self._day_owners[a:b] for a, b in zip(begins.tolist(), ends.tolist(), strict=True)])

    def _of_days(self, first: int, last: int) -> npt.NDArray[np.uint32]:
        begin = np.searchsorted(self._days, np.uint32(first))  # another type would copy the whole column
        end = np.searchsorted(self._days, np.uint32(last), "right")
        found: npt.NDArray[np.uint32] = self._day_owners[begin:end]
        return found

    def _names(self, persons: list[npt.NDArray[np.uint32]]) -> Ids:
        if not persons:
            return np.empty(0, dtype=np.int64)
        found, offsets = np.concatenate(persons), self._table.person_names_offsets
        starts = offsets[found].astype(np.int64)
        sizes = offsets[found + 1].astype(np.int64) - starts
        names: Ids = np.arange(sizes.sum()) + np.repeat(starts - (np.cumsum(sizes) - sizes), sizes)
        return names

    def contradicting(self, birth: DateInterval) -> npt.NDArray[np.bool_]:
        """For each band: does law 2 hold for its names? Index it with ``bands``."""
        apart = np.ones(256, dtype=bool)
        for band in _bands(np.array([d for span in _spans(birth) for d in span])).reshape(-1, 2):
            apart[int(band[0]) : int(band[1]) + 1] = False
        apart[NO_BAND], apart[WIDE] = False, True
        return apart


def _bands(ordinals: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
    days = np.clip(ordinals.astype(np.int64), 1, date.max.toordinal()) - EPOCH
    years = days.astype("datetime64[D]").astype("datetime64[Y]").astype(np.int64) + 1970
    bands: npt.NDArray[np.uint8] = np.clip(years - FIRST_YEAR + 1, 1, 254).astype(np.uint8)
    return bands


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
