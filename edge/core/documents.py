"""What a travel document is once its machine-readable zone has been read.

Plain values, shared by the MRZ parser, screening and the wire. Dates are closed intervals, because
ICAO Doc 9303-3 section 4.8 allows unknown parts (``<``) in the birth date and because watchlists
know many persons by year only.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from datetime import date, timedelta


class Severity(enum.StrEnum):
    """How much a finding weighs: an error makes the zone invalid, never unscreenable."""

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"


@dataclass(frozen=True, slots=True)
class Finding:
    """One doubt about a zone. ``line`` and ``column`` count from 1; None where no single place is meant."""

    code: str
    severity: Severity
    field: str
    line: int | None
    column: int | None
    message: str


@dataclass(frozen=True, slots=True)
class DateInterval:
    """A closed interval of days; an exact date has ``earliest == latest``."""

    earliest: date
    latest: date

    @classmethod
    def of_year(cls, year: int) -> DateInterval:
        """The whole of one year (1..9999)."""
        return cls(date(year, 1, 1), date(year, 12, 31))

    @classmethod
    def of_month(cls, year: int, month: int) -> DateInterval:
        """The whole of one month."""
        first = date(year, month, 1)
        following = date(year + month // 12, month % 12 + 1, 1) if (year, month) < (9999, 12) else None
        return cls(first, following - timedelta(days=1) if following else date(9999, 12, 31))

    @classmethod
    def parse(cls, text: str) -> DateInterval | None:
        """``YYYY``, ``YYYY-MM``, ``YYYY-MM-DD`` or ``A/B`` of those; None if it is none of them."""
        first, slash, second = text.strip().partition("/")
        a = cls._of_one(first)
        b = cls._of_one(second) if slash else a
        return cls(a.earliest, b.latest) if a and b and a.earliest <= b.latest else None

    @classmethod
    def _of_one(cls, text: str) -> DateInterval | None:
        parts = text.strip().split("-")
        if not all(p.isascii() and p.isdigit() for p in parts) or len(parts[0]) != 4:
            return None
        try:
            numbers = [int(p) for p in parts]
            if len(numbers) == 1:
                return cls.of_year(numbers[0])
            if len(numbers) == 2:
                return cls.of_month(numbers[0], numbers[1])
            if len(numbers) == 3:
                day = date(*numbers)
                return cls(day, day)
        except (ValueError, OverflowError):
            return None
        return None

    @property
    def is_exact(self) -> bool:
        """True for a single day."""
        return self.earliest == self.latest

    def overlaps(self, other: DateInterval) -> bool:
        """True if some day lies in both."""
        return self.earliest <= other.latest and other.earliest <= self.latest

    def __str__(self) -> str:
        if self.is_exact:
            return self.earliest.isoformat()
        return f"{self.earliest.isoformat()}/{self.latest.isoformat()}"


class NumberSource(enum.StrEnum):
    """How a document number was arrived at; only the first three may lead to a HIT."""

    PRINTED = "printed"        # the field as printed, fillers removed
    LONG = "long"              # principal characters plus overflow (TD1, TD2)
    PRINCIPAL = "principal"    # the first nine characters of a long number
    CORRECTED = "corrected"    # a correction on which the check digits agree
    LOOK_ALIKE = "look_alike"  # characters that readers confuse, or that the digit cannot tell apart


@dataclass(frozen=True, slots=True)
class NumberReading:
    """One plausible document number, A-Z and 0-9 only, with the State that may have issued it.

    ``issuing_state`` is the ICAO code without fillers, or empty when it is not known.
    """

    number: str
    issuing_state: str
    source: NumberSource


@dataclass(frozen=True, slots=True)
class PrintedFields:
    """Fields as printed: trailing fillers removed, name components joined by a space, dates as they stand."""

    document_type: str
    issuing_state: str
    document_number: str
    nationality: str
    birth_date: str
    sex: str
    expiry_date: str
    surname: str
    given_names: str
    optional1: str
    optional2: str | None


@dataclass(frozen=True, slots=True)
class Alternative:
    """A corrected reading on which the field's own digit and the composite digit agree."""

    field: str
    value: str
    lines: tuple[str, ...]
    changes: int


@dataclass(frozen=True, slots=True)
class Part:
    """What some rows of a zone say while others are missing.

    ``rows`` are their numbers from 1, of a zone that has ``of``; ``layout`` names the format by whose places they
    were read, which a lone row does not prove. What stands in the missing rows is empty in ``fields``.
    """

    rows: tuple[int, ...]
    of: int
    layout: str
    fields: PrintedFields


@dataclass(frozen=True, slots=True)
class TravelDocument:
    """Everything that was understood of one zone.

    ``format`` is TD1, TD2, TD3, MRVA, MRVB, FRA_ID or None when the lines fit none of them (then
    ``fields`` is None, and ``part`` says what single rows of a zone tell). ``primary`` and ``secondary``
    are the name components; ``truncated`` says that the name field was full, so that more may have been cut.
    """

    format: str | None
    lines: tuple[str, ...]
    fields: PrintedFields | None
    findings: tuple[Finding, ...]
    alternatives: tuple[Alternative, ...]
    birth_date: DateInterval | None
    expiry_date: DateInterval | None
    primary: tuple[str, ...]
    secondary: tuple[str, ...]
    truncated: bool
    long_number_weighting: str | None = None  # "excluded" | "included": the filler at the digit's place
    part: Part | None = None

    @property
    def known(self) -> PrintedFields | None:
        """The fields, or as many of them as an incomplete zone holds; None if no row was recognised."""
        return self.fields if self.fields is not None else self.part.fields if self.part is not None else None

    @property
    def valid(self) -> bool:
        """True if no finding is an error."""
        return all(f.severity is not Severity.ERROR for f in self.findings)

    @property
    def readings(self) -> tuple[NumberReading, ...]:
        """The numbers to screen by, most likely first; worked out anew at each call."""
        from edge.core.mrz import readings

        return readings(self)
