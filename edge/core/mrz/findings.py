"""Every doubt that the parser can state: code, weight and words, in one table.

Laws:
1. Errors are: the format, the character set, any check digit, a sex that is not M, F or filler, a
   month or day out of range, a digit in a name. Everything else is a warning or an information.
2. A code never changes its meaning. A message holds no field value: it may be logged.
3. A finding is a constant of its code and place, so it is made once and shared.
"""

from __future__ import annotations

from functools import cache
from typing import Final

from edge.core.documents import Finding, Severity
from edge.core.mrz.layouts import Layout

_E, _W, _I = Severity.ERROR, Severity.WARNING, Severity.INFO

TABLE: Final[dict[str, tuple[Severity, str, str]]] = {
    # code: (severity, field, message)
    "format": (_E, "", "Neither 3 lines of 30 nor 2 lines of 36 or 44 characters."),
    "rows_missing": (_E, "", "Not every row of the zone was read; present the document again."),
    "charset": (_E, "", "Only A-Z, 0-9 and < may stand in a zone; from here on other characters do."),
    "document_number": (_E, "document_number", "The check digit does not agree with the document number."),
    "birth_date": (_E, "birth_date", "The check digit does not agree with the birth date."),
    "expiry_date": (_E, "expiry_date", "The check digit does not agree with the expiry date."),
    "optional_data": (_E, "optional1", "The check digit does not agree with the optional data."),
    "composite": (_E, "composite", "The composite check digit does not agree with the zone."),
    "birth_date_format": (_E, "birth_date", "The birth date needs YYMMDD, month 01-12, day 01-31."),
    "expiry_date_format": (_E, "expiry_date", "The expiry date needs YYMMDD, month 01-12, day 01-31."),
    "sex": (_E, "sex", "The sex is none of M, F and <."),
    "digit_in_name": (_E, "name", "A digit stands in the name."),
    "sex_not_in_spec": (_W, "sex", "X belongs to the visual zone; the machine-readable zone has < instead."),
    "personal_number_check_digit_filler": (
        _W, "optional1", "< stands for the check digit 0 of optional data that is not empty."),
    "document_code": (_W, "document_type", "The document code is not one for a document of this size."),
    "document_number_missing": (_W, "document_number", "The document number is empty."),
    "long_number_included_filler": (
        _I, "document_number", "The long number's digit counts the < in the digit's place (older cards)."),
    "unknown_issuing_state": (_W, "issuing_state", "No State or organization uses this code today."),
    "unknown_nationality": (_W, "nationality", "No State or organization uses this code today."),
    "nationality_missing": (_I, "nationality", "The nationality is empty."),
    "birth_date_unknown": (_W, "birth_date", "The birth date is unknown."),
    "birth_date_partial": (_W, "birth_date", "Parts of the birth date are unknown."),
    "birth_date_impossible": (_W, "birth_date", "The month does not have this day."),
    "expiry_date_unknown": (_W, "expiry_date", "The expiry date is empty."),
    "expiry_date_partial": (_W, "expiry_date", "Parts of the expiry date are unknown."),
    "expiry_date_impossible": (_W, "expiry_date", "The month does not have this day."),
    "expiry_before_birth": (
        _W, "expiry_date", "The document ended before the birth, unless that is a century earlier."),
    "expired": (_I, "expiry_date", "The document has expired."),
    "surname_missing": (_W, "name", "There is no primary identifier."),
    "name_missing": (_W, "name", "The name is empty."),
    "name_extra_filler": (_I, "name", "A filler stands doubled within the name."),
    "name_maybe_truncated": (_W, "name", "The name fills its field; more may have been cut."),
    "correction": (_I, "", "Look-alike characters put right make the digits agree: see the alternatives."),
}  # fmt: skip

_PLACED_AT: Final = {
    # the finding stands where the digit stands, not where its field begins
    "document_number": "document_number_digit",
    "birth_date": "birth_date_digit",
    "expiry_date": "expiry_date_digit",
    "optional_data": "optional1_digit",
    "personal_number_check_digit_filler": "optional1_digit",
    "composite": "composite_digit",
}


@cache  # bounded: codes x formats
def finding(code: str, layout: Layout) -> Finding:
    """The finding ``code`` at its field's usual place."""
    severity, field, message = TABLE[code]
    line, column = layout.place_of(_PLACED_AT.get(code, field))
    return Finding(code, severity, field, line, column, message)


@cache  # bounded: codes x places of a zone (at most 90)
def finding_at(code: str, layout: Layout, offset: int) -> Finding:
    """The finding ``code`` at one character, in the field that covers it."""
    severity, field, message = TABLE[code]
    return Finding(code, severity, field or layout.field_at(offset), *layout.place(offset), message)


@cache  # bounded: sets of rows
def rows_missing(rows: tuple[int, ...], of: int) -> Finding:
    """The finding ``rows_missing``, naming the rows that were read (numbers from 1) of the zone's ``of``."""
    severity, field, _ = TABLE["rows_missing"]
    named = f"Row {rows[0]} of {of} was" if len(rows) == 1 else f"Rows {' and '.join(map(str, rows))} of {of} were"
    return Finding("rows_missing", severity, field, None, None, f"{named} read: present the document again.")


UNFORMATTED: Final = Finding("format", *TABLE["format"][:2], None, None, TABLE["format"][2])
