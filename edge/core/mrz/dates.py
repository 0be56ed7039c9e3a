"""Six printed characters -> a closed interval of days.

Laws:
1. YYMMDD; year, month and day may each be unknown (``<<``), Doc 9303-3 section 4.8. Month 01-12 and
   day 01-31, else the date is out of format. Half a part (``1<``) is out of format too.
2. Doc 9303 has no century rule. A birth lies in the latest century that is not after today; an expiry
   lies within fifty years of today. Where the expiry would come before the birth, the birth is a
   century earlier: a holder of 106 is rarer than a new-born, but a document never ends before birth.
3. A day that the month lacks (30 February) widens to the month: a doubt never narrows a search.
4. An unknown year leaves no interval.
"""

from __future__ import annotations

from datetime import date

from edge.core.documents import DateInterval

Parts = tuple[int | None, int | None, int | None]
"""Year 0-99, month 1-12, day 1-31; None for an unknown part."""

UNKNOWN = "<<<<<<"
EXPIRY_WINDOW_YEARS = 50


def parts_of(text: str) -> Parts | None:
    """The parts of six printed characters, or None if they are out of format."""
    if text.isdigit() and text.isascii():
        year, rest = divmod(int(text), 10_000)
        month, day = divmod(rest, 100)
        return (year, month, day) if 1 <= month <= 12 and 1 <= day <= 31 else None
    found: list[int | None] = []
    for part, low, high in ((text[:2], 0, 99), (text[2:4], 1, 12), (text[4:], 1, 31)):
        if part == "<<":
            found.append(None)
        elif part.isdigit() and part.isascii() and low <= int(part) <= high:
            found.append(int(part))
        else:
            return None
    return found[0], found[1], found[2]


def interval(year: int, month: int | None, day: int | None) -> DateInterval:
    """The days that a full year and what is known of month and day leave open."""
    if month is None:
        return DateInterval.of_year(year)
    if day is None:
        return DateInterval.of_month(year, month)
    try:
        exact = date(year, month, day)
    except ValueError:
        return DateInterval.of_month(year, month)
    return DateInterval(exact, exact)


def is_impossible(found: DateInterval, parts: Parts) -> bool:
    """True if the month of ``found`` lacks the day that ``parts`` name."""
    return parts[1] is not None and parts[2] is not None and found.earliest.day != parts[2]


def birth(parts: Parts, today: date) -> DateInterval | None:
    """The birth interval by law 2; None if the year is unknown."""
    short, month, day = parts
    if short is None:
        return None
    year = today.year - today.year % 100 + short
    if (year, month or 1, (day or 1) if month else 1) > (today.year, today.month, today.day) and year > 100:
        year -= 100
    return interval(max(year, 1), month, day)


def expiry(parts: Parts, today: date) -> DateInterval | None:
    """The expiry interval by law 2; None if the year is unknown."""
    short, month, day = parts
    if short is None:
        return None
    year = today.year - today.year % 100 + short
    if year > today.year + EXPIRY_WINDOW_YEARS:
        year -= 100
    elif year <= today.year - EXPIRY_WINDOW_YEARS:
        year += 100
    return interval(min(max(year, 1), 9999), month, day)


def century_earlier(born: DateInterval, parts: Parts) -> DateInterval:
    """The same printed birth date a hundred years before."""
    return interval(max(born.earliest.year - 100, 1), parts[1], parts[2])
