"""Public specimens, ICAO's own first: accepted, every field as printed; every seen substitution found."""

from __future__ import annotations

import doctest
import json
from dataclasses import asdict
from datetime import date
from pathlib import Path

import pytest

from edge.core import mrz
from edge.core.documents import Severity
from edge.core.mrz import check_digit, parse
from edge.core.mrz.digits import ALPHABET, values_of
from edge.core.mrz.findings import TABLE
from edge.core.mrz.layouts import ALL

TODAY = date(2026, 11, 22)
SPECIMENS = [json.loads(text) for text in
             (Path(__file__).parent / "mrz_specimens.jsonl").read_text(encoding="utf-8").splitlines()]


def errors(lines):
    return [f.code for f in parse(lines, today=TODAY).findings if f.severity is Severity.ERROR]


@pytest.mark.parametrize("specimen", SPECIMENS, ids=[s["name"] for s in SPECIMENS])
def test_every_field_of_a_specimen_is_right(specimen):
    document = parse(specimen["lines"], today=TODAY)
    assert document.valid
    assert document.format == specimen["format"]
    assert asdict(document.fields) == specimen["fields"]
    assert document.lines == tuple(specimen["lines"])


@pytest.mark.parametrize("ending", ["\r\n", "\n", "\r"])
def test_line_ends_are_no_part_of_a_line(ending):
    lines = SPECIMENS[0]["lines"]
    assert parse([line + ending for line in lines], today=TODAY) == parse(lines, today=TODAY)


def under_a_digit(layout):
    """Offsets whose character some check digit covers, and the digits' own places."""
    spans = [*layout.composite, layout.document_number, layout.birth_date, layout.expiry_date,
             layout.document_number_digit, layout.birth_date_digit, layout.expiry_date_digit,
             layout.optional1_digit, layout.composite_digit]
    return sorted({offset for span in spans for offset in range(span.start, span.stop)})


@pytest.mark.parametrize("specimen", SPECIMENS, ids=[s["name"] for s in SPECIMENS])
def test_every_substitution_that_a_digit_can_see_is_found(specimen):
    layout = ALL[specimen["format"]]
    zone = "".join(specimen["lines"])
    values = values_of(ALPHABET)
    missed = []
    for offset in under_a_digit(layout):
        before = values[ALPHABET.index(zone[offset])]
        for character, value in zip(ALPHABET, values, strict=True):
            if value != before:
                changed = zone[:offset] + character + zone[offset + 1 :]
                size = layout.line_length
                if not errors([changed[i : i + size] for i in range(0, len(changed), size)]):
                    missed.append((layout.place(offset), character))
    assert missed == []


@pytest.mark.parametrize(("text", "digit"), [
    ("520727", 3), ("AB2134<<<", 5),  # Doc 9303-3 section 4.9, examples 1 and 2
    ("HA672242<658022549601086<<<<<<<<<<<<<<0", 8),  # example 3: TD3 composite
    ("D23145890734", 9), ("", 0), ("<<<<<<", 0),
])
def test_check_digits_of_the_standard(text, digit):
    assert check_digit(text) == digit


@pytest.mark.parametrize("text", ["a", "1 2", "٣", "A_", "\udcff", "😀"])
def test_what_has_no_value_has_no_digit(text):
    assert check_digit(text) == -1


def test_messages_hold_no_field_value_and_every_code_is_described():
    for code, (severity, _, message) in TABLE.items():
        assert code == code.lower()
        assert severity in Severity
        assert message.endswith(".")
        assert "{" not in message


def test_a_digit_finding_points_at_the_digit():
    upper, lower = SPECIMENS[0]["lines"]
    found = parse([upper, lower[:9] + "7" + lower[10:]], today=TODAY).findings
    places = {f.code: (f.field, f.line, f.column) for f in found}
    assert places["document_number"] == ("document_number", 2, 10)
    assert places["composite"] == ("composite", 2, 44)


def test_a_french_td2_is_no_card_of_1988():
    lines = ["IDFRAERIKSSON<<ANNA<MARIA<<<<<<<<<<<", "D231458907FRA7408122F1204159<<<<<<<6"]
    document = parse(lines, today=TODAY)
    assert (document.format, document.valid) == ("TD2", True)
    assert document.fields.given_names == "ANNA MARIA"


def test_a_french_card_with_a_wrong_digit_stays_one():
    upper, lower = next(s["lines"] for s in SPECIMENS if s["name"] == "fra-id-1988")
    document = parse([upper, lower[:-1] + "7"], today=TODAY)
    assert document.format == "FRA_ID"
    assert [f.code for f in document.findings if f.severity is Severity.ERROR] == ["composite"]


def test_the_example_in_the_package_is_true():
    result = doctest.testmod(mrz)
    assert (result.attempted, result.failed) == (3, 0)
