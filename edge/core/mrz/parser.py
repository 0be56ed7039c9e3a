"""Lines -> ``TravelDocument``: fields as printed, what they mean, and every doubt.

Laws:
1. Nothing raises on data. A zone that fits no format gives no fields and one finding, ``format``; where the lines
   are single rows of one zone, ``rows_missing`` comes before it and ``part`` holds what these rows say.
2. Fields are given as printed, whatever is wrong with them.
3. A wrong check digit is a finding, never a refusal: genuine documents carry wrong ones
   (Doc 9303-3 section 7), and screening goes on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields as fields_of
from dataclasses import replace
from datetime import date
from typing import Final

from edge.core import states
from edge.core.documents import DateInterval, Finding, Part, PrintedFields, TravelDocument
from edge.core.mrz import dates, layouts, rows
from edge.core.mrz.corrections import propose
from edge.core.mrz.digits import ALPHABET, digit_of, is_legal, values_of
from edge.core.mrz.findings import UNFORMATTED, finding, finding_at, rows_missing
from edge.core.mrz.layouts import FRA_ID, TD2, Layout
from edge.core.mrz.name_field import components, first_digit, has_extra_filler, identifiers
from edge.core.mrz.verify import INCLUDED, Checked, check

MAX_LINES: Final = 8      # lines kept of a read that fits no format
MAX_LINE_LENGTH: Final = 120  # characters kept of each of them

_CODES: Final = states.CODES


def parse(lines: Sequence[str], *, today: date) -> TravelDocument:
    """Read one zone. ``lines`` as the device sent them (only CR and LF at the end are dropped).

    ``today`` settles centuries and whether the document has expired. Never raises on data.
    """
    texts = tuple([line.rstrip("\r\n") for line in lines[: MAX_LINES + 1]])
    layout = layouts.recognise(texts)
    if layout is None:
        part = _part(texts, today)
        if part is not None:
            return part
        kept = tuple(text[:MAX_LINE_LENGTH] for text in texts[:MAX_LINES])
        return TravelDocument(None, kept, None, (UNFORMATTED,), (), None, None, (), (), False)
    zone = "".join(texts)
    clean = is_legal(zone)
    cut = layout.cut(zone)
    checked = check(layout, zone, cut, clean)
    if layout is FRA_ID and checked.failed:
        layout, cut, checked = _french_or_td2(zone, cut, checked, clean)
    return _document(layout, texts, zone=zone, cut=cut, checked=checked, clean=clean, today=today)


def _part(texts: tuple[str, ...], today: date) -> TravelDocument | None:
    """What single rows of one zone say; None if the lines are none, or not of one zone."""
    if not texts or len(texts) >= rows.ROWS.get(len(texts[0]), 0) or len({len(text) for text in texts}) > 1:
        return None
    given = {row.number: index + 1 for index, text in enumerate(texts) if (row := rows.row_of(text)) is not None}
    found = {number: texts[line - 1] for number, line in given.items()}
    if len(found) < len(texts):
        return None
    layout = rows.layout_of(found, len(texts[0]))
    checked, zone = rows.check_rows(found, layout)
    whole = _document(
        layout, texts, zone=zone, cut=layout.cut(zone), checked=checked, clean=is_legal(zone), today=today
    )
    numbers, of = tuple(sorted(found)), layout.line_count
    there = {
        name: getattr(whole.fields, name) for name, place in _places(layout).items()
        if layout.place_of(place)[0] in found
    }
    return replace(
        whole, format=None, fields=None, alternatives=(),
        findings=(
            rows_missing(numbers, of), UNFORMATTED,
            *(replace(f, line=given[f.line]) for f in whole.findings if f.line in given),
        ),
        part=Part(numbers, of, layout.format, PrintedFields(**{**dict.fromkeys(_places(layout), ""), **there})),
    )


def _places(layout: Layout) -> dict[str, str]:
    """Each field of ``PrintedFields``: the span of the layout where it stands."""
    given = "given_names" if layout is FRA_ID else "name"
    return {
        field.name: {"surname": "name", "given_names": given}.get(field.name, field.name)
        for field in fields_of(PrintedFields)
    }


def _french_or_td2(
    zone: str, cut: tuple[str, ...], checked: Checked, clean: bool
) -> tuple[Layout, tuple[str, ...], Checked]:
    """France may issue a TD2 as well: it is one if fewer digits fail that way."""
    other_cut = TD2.cut(zone)
    other = check(TD2, zone, other_cut, clean)
    return (TD2, other_cut, other) if len(other.failed) < len(checked.failed) else (FRA_ID, cut, checked)


def _document(
    layout: Layout, texts: tuple[str, ...], *, zone: str, cut: tuple[str, ...], checked: Checked,
    clean: bool, today: date,
) -> TravelDocument:  # fmt: skip
    (code, issuer, _, _, nationality, birth_text, _, sex, expiry_text, _, _, optional_digit,
     optional2, _, name, given) = cut  # fmt: skip
    found: list[Finding] = []
    if not clean:
        found += _illegal_characters(layout, zone)
    if checked.failed:
        found += [finding(code_, layout) for code_ in checked.failed]
        if "optional_data" in checked.failed and optional_digit == "<" and _counts_zero(cut):
            found.append(finding("personal_number_check_digit_filler", layout))
    if checked.weighting is INCLUDED:
        found.append(finding("long_number_included_filler", layout))

    number = checked.document_number.rstrip("<")
    if not number:
        found.append(finding("document_number_missing", layout))
    if code[0] not in layout.code_letters or code[1] in "0123456789" or code in layout.forbidden_codes:
        found.append(finding("document_code", layout))
    issuer, nationality = issuer.rstrip("<"), nationality.rstrip("<")
    if issuer not in _CODES:
        found.append(finding("unknown_issuing_state", layout))
    if nationality not in _CODES and layout is not FRA_ID:
        found.append(finding("unknown_nationality" if nationality else "nationality_missing", layout))
    if sex not in "MF<":
        found.append(finding("sex", layout))
        if sex == "X":
            found.append(finding("sex_not_in_spec", layout))

    birth, expiry = _dates(
        layout, birth_text, expiry_text, today=today, found=found, failed=checked.failed
    )
    if given:  # the French card: each identifier has its own field
        primary, secondary = components(name), components(given)
    else:
        primary, secondary = identifiers(name)
    truncated = name[-1].isalpha() or given[-1:].isalpha()
    if truncated:
        found.append(finding("name_maybe_truncated", layout))
    if not primary:
        found.append(finding("surname_missing" if secondary else "name_missing", layout))
    _doubt_names(layout, name, given, found)

    alternatives = propose(layout, zone, checked.failed) if checked.failed and clean else ()
    if alternatives:
        found.append(finding("correction", layout))
    fields = PrintedFields(
        code.rstrip("<"), issuer, number, nationality, birth_text, sex, expiry_text,
        " ".join(primary), " ".join(secondary), checked.optional1.rstrip("<"),
        optional2.rstrip("<") if optional2 else None,
    )  # fmt: skip
    return TravelDocument(
        layout.format, texts, fields, tuple(found), alternatives, birth, expiry,
        primary, secondary, truncated, checked.weighting,
    )  # fmt: skip


def _counts_zero(cut: tuple[str, ...]) -> bool:
    return is_legal(cut[10]) and digit_of(values_of(cut[10])) == "0"


def _illegal_characters(layout: Layout, zone: str) -> list[Finding]:
    """One finding where each run of illegal characters begins in its line."""
    found = []
    for offset, character in enumerate(zone):
        if character not in ALPHABET and (
            offset % layout.line_length == 0 or zone[offset - 1] in ALPHABET
        ):
            found.append(finding_at("charset", layout, offset))
    return found


def _dates(
    layout: Layout, birth_text: str, expiry_text: str, *, today: date, found: list[Finding],
    failed: tuple[str, ...],
) -> tuple[DateInterval | None, DateInterval | None]:  # fmt: skip
    birth = expiry = None
    birth_parts = dates.parts_of(birth_text)
    if birth_parts is None:
        found.append(finding("birth_date_format", layout))
    else:
        birth = dates.birth(birth_parts, today)
        if birth is None or not birth.is_exact:
            _doubt_date("birth_date", layout, birth, birth_parts, found)
    if not expiry_text:
        return birth, None
    expiry_parts = dates.parts_of(expiry_text)
    if expiry_parts is None:
        found.append(finding("expiry_date_format", layout))
        return birth, None
    expiry = dates.expiry(expiry_parts, today)
    if expiry is None or not expiry.is_exact:
        _doubt_date("expiry_date", layout, expiry, expiry_parts, found)
    if expiry is not None:
        if expiry.latest < today:
            found.append(finding("expired", layout))
        if birth is not None and birth_parts is not None and expiry.latest < birth.earliest:
            found.append(finding("expiry_before_birth", layout))
            if not failed:
                birth = dates.century_earlier(birth, birth_parts)
    return birth, expiry


def _doubt_date(
    name: str, layout: Layout, interval: DateInterval | None, parts: dates.Parts, found: list[Finding]
) -> None:
    if interval is not None and dates.is_impossible(interval, parts):
        found.append(finding(f"{name}_impossible", layout))
    else:
        unknown = parts == (None, None, None)
        found.append(finding(f"{name}_unknown" if unknown else f"{name}_partial", layout))


def _doubt_names(layout: Layout, name: str, given: str, found: list[Finding]) -> None:
    if not name.replace("<", "").isalpha() or (given and not given.replace("<", "").isalpha()):
        for text, start in ((name, layout.name.start), (given, layout.given_names.start)):
            if (offset := first_digit(text)) is not None:
                found.append(finding_at("digit_in_name", layout, start + offset))
    if has_extra_filler(name):
        found.append(finding("name_extra_filler", layout))
