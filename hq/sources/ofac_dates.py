"""Birth dates of OFAC's SDN list as intervals: ``12 Aug 1974``, ``Aug 1974``, ``circa 1974``, ``1974 to 1976``.

Law: a doubtful date is widened, never dropped (see ``un_dates``). A range runs from the first day of its
first date to the last day of its second; "circa" before either widens the whole by a year to both sides.
"""

from __future__ import annotations

import re
from datetime import date
from typing import Final

from edge.core.documents import DateInterval
from hq.sources.un_dates import widened

_MONTHS: Final = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_ONE: Final = re.compile(
    r"(?:(?:(?P<day>\d{1,2})\s+)?(?P<month>[A-Za-z]{3})[a-z]*\.?\s+)?(?P<year>1[89]\d\d|20\d\d)(?P<decade>s)?"
)
_CIRCA: Final = re.compile(r"\b(?:circa|c\.|ca\.|about|approx(?:imately)?\.?|early|mid|late|possibly|or)[\s-]*", re.I)
_RANGE: Final = re.compile(r"\s+(?:to|and)\s+|\s*[-–]\s*|/")


def birth(text: str) -> DateInterval | None:
    """What stands behind DOB; None if no date is in it."""
    doubtful = _CIRCA.search(text) is not None
    bare = _CIRCA.sub("", re.sub(r"^between\s+", "", text.strip(" ."), flags=re.IGNORECASE)).strip()
    whole = _one(bare)
    ends = [whole] if whole else [_one(p) for p in _RANGE.split(bare)]
    first, last = ends[0], ends[-1]
    if len(ends) > 2 or first is None or last is None or first.earliest > last.latest:
        return None
    found = DateInterval(first.earliest, last.latest)
    return widened(found) if doubtful else found


def day(text: str) -> date | None:
    """An exact date (``12 Aug 1974``), or None."""
    found = _one(text.strip(" .,"))
    return found.earliest if found and found.is_exact else None


def _one(text: str) -> DateInterval | None:
    match = _ONE.fullmatch(text.strip())
    if not match:
        return DateInterval.parse(text)
    year, name = int(match["year"]), (match["month"] or "").casefold()
    if match["decade"]:
        return DateInterval(date(year, 1, 1), date(year + 9, 12, 31))
    if not name:
        return DateInterval.of_year(year)
    if name not in _MONTHS:
        return None
    month = _MONTHS.index(name) + 1
    try:
        exact = date(year, month, int(match["day"])) if match["day"] else None
    except ValueError:
        exact = None  # 31 June: the month is believed
    return DateInterval(exact, exact) if exact else DateInterval.of_month(year, month)
