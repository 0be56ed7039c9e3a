"""What else than the name agrees or contradicts: each qualifier is a rule, points, and a line of evidence."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from edge.core.documents import DateInterval
from edge.core.states import same_issuer
from edge.core.verdicts import Evidence

YEAR_DAYS = 366  # an interval up to this long is "the year is known"


class Birth(enum.Enum):
    """How two birth dates stand to each other: (rule as shown, points)."""

    EXACT = ("birth date equal", 0.10)
    SWAPPED = ("birth day and month swapped", 0.05)
    OVERLAPS = ("birth date within the listed interval", 0.03)
    ONE_DIGIT = ("birth date differs in one digit", -0.02)
    SAME_YEAR = ("birth year equal, day differs", -0.02)
    UNKNOWN = ("birth date not known on both sides", -0.03)
    CONTRADICTS = ("birth date contradicts", -0.25)

    @property
    def points(self) -> float:
        """Points added to the name's score."""
        return float(self.value[1])


_ORDER = list(Birth)  # best first, CONTRADICTS last; UNKNOWN only if a side says nothing

SEX_POINTS = -0.10
NATIONALITY_EQUAL, NATIONALITY_OTHER = 0.03, -0.03
LOW_ALIAS_POINTS = -0.05


@dataclass(frozen=True, slots=True)
class Qualified:
    """Points of all qualifiers, with their evidence."""

    birth: Birth
    narrow: bool               # the agreeing listed interval is a year or less
    sex_contradicts: bool
    points: float
    evidence: tuple[Evidence, ...]


def qualify(
    *,
    birth: DateInterval | None,
    births: Sequence[DateInterval],
    sexes: tuple[str, str],
    nationality: str,
    nationalities: Sequence[str],
    told: bool = True,
) -> Qualified:
    """Compare a traveller with a listed person; ``sexes`` is (traveller's, listed). No evidence unless ``told``."""
    rule, listed = compare_births(birth, births)
    points = rule.points
    mine, theirs = sexes
    other_sex = bool(mine and theirs and mine != theirs)
    if other_sex:
        points += SEX_POINTS
    same, worth = None, 0.0
    if nationality and nationalities:
        same = next((n for n in nationalities if same_issuer(nationality, n)), None)
        worth = NATIONALITY_EQUAL if same else NATIONALITY_OTHER
        points += worth
    lines = []
    if told and (rule is not Birth.UNKNOWN or birth is not None or births):
        lines.append(
            Evidence(str(birth or ""), str(listed or ""), str(rule.value[0]), points=rule.points)
        )
    if told and other_sex:
        lines.append(Evidence(mine, theirs, "sex differs", points=SEX_POINTS))
    if told and worth:
        word = "nationality equal" if same else "nationality differs"
        lines.append(Evidence(nationality, same or " ".join(nationalities), word, points=worth))
    narrow = listed is not None and (listed.latest - listed.earliest).days < YEAR_DAYS
    return Qualified(rule, narrow, other_sex, round(points, 4), tuple(lines))


def compare_births(
    mine: DateInterval | None, listed: Sequence[DateInterval]
) -> tuple[Birth, DateInterval | None]:
    """The best rule over all listed birth dates, and the date that gave it."""
    if mine is None or not listed:
        return Birth.UNKNOWN, None
    ruled = [(_ORDER.index(_compare(mine, one)), at, one) for at, one in enumerate(listed)]
    best, _, one = min(ruled, key=lambda r: r[:2])
    return _ORDER[best], one


def _compare(mine: DateInterval, listed: DateInterval) -> Birth:
    if mine.is_exact and listed.is_exact:
        return _compare_days(mine.earliest, listed.earliest)
    if mine.overlaps(listed):
        return Birth.OVERLAPS
    if mine.is_exact and (mine.earliest.day <= 12) and listed.overlaps(_swapped(mine.earliest)):
        return Birth.SWAPPED
    return Birth.CONTRADICTS


def _compare_days(mine: date, listed: date) -> Birth:
    if mine == listed:
        return Birth.EXACT
    if (mine.year, mine.month, mine.day) == (listed.year, listed.day, listed.month):
        return Birth.SWAPPED
    if sum(a != b for a, b in zip(mine.isoformat(), listed.isoformat(), strict=True)) == 1:
        return Birth.ONE_DIGIT
    return Birth.SAME_YEAR if mine.year == listed.year else Birth.CONTRADICTS


def _swapped(day: date) -> DateInterval:
    other = date(day.year, day.day, day.month)
    return DateInterval(other, other)
