"""Which deltas are published, so that any box of the last six months comes to the newest generation with few files.

Laws:
1. Every delta leads from exactly one generation to exactly one other, because a box proves its whole set by a digest
   after each. So a box that stands between two weekly editions needs the daily deltas of that week, also when they are
   months old: thirty dailies, eight weeklies and six monthlies alone would leave it without a way.
2. Time is cut into days, weeks (7 days) and months (28 days), so that one nests in the next. The last generation of a
   stretch stands for it; the newest generation stands for every stretch that is not over yet.
3. Published are: each day's edition to the next; each week's to the next; each month's to the next; and from a
   generation that is not the last of its day to the last of that day (this week) or of its week (later).
4. So the way is: to the end of the week (at most 6), of the month (at most 3), then months (at most 7): with the limit
   of 183 days never more than ``MAX_FILES``, which a property test proves.
5. A generation's data are as old as ``as_of`` says; one that says it is older than its forerunner counts as of the
   same day.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from typing import Final

REACH: Final = 183  # days that a box may be behind
WEEK: Final = 7  # days
MONTH: Final = 28  # days
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Generation:
    """A generation of a list that was published once, and how old its data are."""

    number: int
    as_of: datetime


def wanted(generations: Iterable[Generation]) -> frozenset[tuple[int, int]]:
    """The (from, to) of every delta that ought to be published now; the newest generation is the highest number."""
    days = _days(generations)
    if not days:
        return frozenset()
    newest = max(days)
    reached = [number for number in sorted(days) if days[newest] - days[number] <= REACH]
    steps: set[tuple[int, int]] = set()
    for length in (1, WEEK, MONTH):
        steps |= set(pairwise(_lasts(reached, days, length)))
    this_week = days[newest] // WEEK
    last_of_day = _last(reached, days, 1)
    last_of_week = _last(reached, days, WEEK)
    for number in reached:
        own = last_of_day if days[number] // WEEK == this_week else last_of_week
        if last_of_day(number) != number:
            steps.add((number, own(number)))
    return frozenset(steps)


def _days(generations: Iterable[Generation]) -> dict[int, int]:
    """Number -> day since 1970, never falling."""
    days: dict[int, int] = {}
    highest = 0
    for generation in sorted(generations, key=lambda g: g.number):
        highest = max(highest, (generation.as_of.astimezone(UTC) - _EPOCH).days)
        days[generation.number] = highest
    return days


def _lasts(numbers: Sequence[int], days: Mapping[int, int], length: int) -> list[int]:
    return sorted({days[number] // length: number for number in numbers}.values())


def _last(numbers: Sequence[int], days: Mapping[int, int], length: int) -> Callable[[int], int]:
    lasts = {days[number] // length: number for number in numbers}
    return lambda number: lasts[days[number] // length]
