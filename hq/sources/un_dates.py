"""Birth dates of the UN consolidated list, from elements and from prose, as intervals.

Laws:
1. A doubtful date is widened, never dropped: an interval too wide costs a question at the counter,
   one too narrow lets the person pass.
2. APPROXIMATELY and "circa" widen by one year to both sides: the list gives a year of which it is
   not sure, and a span of three years still tells two generations apart.
3. A Hijri date is converted by the arithmetical calendar and widened by two days, by which the
   observed month may differ.
"""

from __future__ import annotations

import re
from datetime import date, timedelta
from typing import Final

from edge.core.documents import DateInterval

_MONTHS: Final = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_MONTH: Final = r"(?P<month>jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*\.?"
_YEAR: Final = r"(?P<year>1[89]\d\d|20\d\d)"
_IN_PROSE: Final = re.compile(rf"(?:\b(?:(?P<day>\d{{1,2}})\s+)?{_MONTH}\s*)?\b{_YEAR}\b", re.IGNORECASE)
_TWO_MONTHS: Final = re.compile(
    rf"between\s+(?P<first>[a-z]{{3}})[a-z]*\.?\s+and\s+{_MONTH}\s*{_YEAR}", re.IGNORECASE
)
_HIJRI: Final = re.compile(
    r"(?P<day>\d{1,2})/(?P<month>\d{1,2})/(?P<year>1[0-4]\d\d)\s*\(hijri", re.IGNORECASE
)
_BORN: Final = re.compile(r"\b(?:born|d\.?o\.?b\.?|dpob)\b(?P<rest>.*)", re.IGNORECASE | re.DOTALL)
_NO_BIRTH: Final = re.compile(
    r"passport|issued|expir|nationality|p\.?o\.?b\.?\b|date of issue|identification|original script|;"
    r"|\bson of\b",
    re.IGNORECASE,
)
_HIJRI_EPOCH: Final = date(622, 7, 19)  # proleptic Gregorian day of 1 Muharram 1, civil reckoning
_MAX_PROSE: Final = 5


def of_element(kind: str, day: str, years: tuple[str, str, str], note: str) -> DateInterval | None:
    """One INDIVIDUAL_DATE_OF_BIRTH: TYPE_OF_DATE, DATE, (YEAR, FROM_YEAR, TO_YEAR), NOTE.

    None if nothing in it can be read.
    """
    exact = DateInterval.parse(day) if day else None
    if exact:
        return exact
    year, first, last = years
    found = _years(first, last) if first and last else None
    if year.isdigit() and len(year) == 4:
        month = re.fullmatch(_MONTH, note.strip(), re.IGNORECASE)
        found = _month(int(year), month["month"]) if month else DateInterval.parse(year)
    if found is None:
        found = of_note(note)
    doubtful = kind == "APPROXIMATELY" or "approx" in note.casefold()
    return widened(found) if found and doubtful else found


def of_note(note: str) -> DateInterval | None:
    """A date that stands alone in prose: ``April 1969``, ``Between Aug. and Sep. 1977``, a Hijri date."""
    hijri = _HIJRI.search(note)
    if hijri:
        return _of_hijri(int(hijri["year"]), int(hijri["month"]), int(hijri["day"]))
    both = _TWO_MONTHS.search(note)
    if both and both["first"].casefold() in _MONTHS:
        first, last = _month(int(both["year"]), both["first"]), _month(int(both["year"]), both["month"])
        return DateInterval(first.earliest, last.latest) if first.earliest <= last.latest else None
    found = _IN_PROSE.search(note)
    return _of_match(found) if found else None


def births_in(text: str) -> tuple[DateInterval, ...]:
    """The dates that prose calls a birth: ``born 16 Dec. 1948, in …``, ``DOB: a) 11 Apr. 1960 b) …``."""
    born = _BORN.search(text)
    if not born:
        return ()
    end = _NO_BIRTH.search(born["rest"])
    part = born["rest"][: end.start()] if end else born["rest"]
    found = (_of_match(m) for m in _IN_PROSE.finditer(part))
    return tuple(dict.fromkeys(d for d in found if d))[:_MAX_PROSE]


def widened(interval: DateInterval, years: int = 1) -> DateInterval:
    """An interval of whole years, ``years`` wider on both sides."""
    return DateInterval(
        date(interval.earliest.year - years, 1, 1), date(interval.latest.year + years, 12, 31)
    )


def _of_match(found: re.Match[str]) -> DateInterval | None:
    year = int(found["year"])
    if not found["month"]:
        return DateInterval.of_year(year)
    if not found["day"]:
        return _month(year, found["month"])
    try:
        day = date(year, _MONTHS.index(found["month"].casefold()) + 1, int(found["day"]))
    except ValueError:
        return _month(year, found["month"])
    return DateInterval(day, day)


def _month(year: int, name: str) -> DateInterval:
    return DateInterval.of_month(year, _MONTHS.index(name.casefold()[:3]) + 1)


def _years(first: str, last: str) -> DateInterval | None:
    return DateInterval.parse(f"{first}/{last}")


def _of_hijri(year: int, month: int, day: int) -> DateInterval | None:
    if not (1 <= month <= 12 and 1 <= day <= 30):
        return None
    days = (year - 1) * 354 + (11 * year + 3) // 30 + 29 * (month - 1) + month // 2 + day - 1
    middle = _HIJRI_EPOCH + timedelta(days=days)
    return DateInterval(middle - timedelta(days=2), middle + timedelta(days=2))
