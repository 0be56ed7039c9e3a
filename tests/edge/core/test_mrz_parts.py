"""Single rows of a zone: what they say, which numbers they give, and what is asked of the lists by them."""

from __future__ import annotations

from datetime import date

import memory_lists
import pytest

from edge.core.documents import NumberSource, TravelDocument
from edge.core.mrz import compose, parse
from edge.core.screening import Query, Screener
from edge.core.verdicts import Outcome, Verdict
from edge.core.watch import DocumentEntry, EntryName, PersonEntry

TODAY = date(2026, 3, 1)
HOLDER = {
    "issuing_state": "UTO", "surname": "Eriksson", "given_names": "Anna Maria", "nationality": "UTO",
    "birth_date": "740812", "sex": "F", "expiry_date": "310415",
}
PASSPORT = compose.td3(**HOLDER, number="L898902C3", optional="ZE184226B")
VISA = compose.mrva(**HOLDER, number="L898902C3", optional="6ZE184226B")
TWO_ROWS = compose.td2(**HOLDER, number="D23145890")
VISA_B = compose.mrvb(**HOLDER, number="D23145890", optional="A1B2")
CARD = compose.td1(**HOLDER, number="D23145890")
LONG = compose.td1(**HOLDER, number="D23145890734")
FRENCH = compose.fra_id(
    surname="Berthier", given_names="Corinne", number="880692310285", birth_date="651206", sex="F", office="923"
)


def read(*lines: str) -> TravelDocument:
    return parse(lines, today=TODAY)


@pytest.mark.parametrize(
    ("lines", "rows", "of", "number", "state", "born"),
    [
        (PASSPORT[1:], (2,), 2, "L898902C3", "", "1974-08-12"),
        (VISA[1:], (2,), 2, "L898902C3", "", "1974-08-12"),
        (TWO_ROWS[1:], (2,), 2, "D23145890", "", "1974-08-12"),
        (VISA_B[1:], (2,), 2, "D23145890", "", "1974-08-12"),
        (FRENCH[1:], (2,), 2, "880692310285", "", "1965-12-06"),
        (CARD[:1], (1,), 3, "D23145890", "UTO", "None"),
        (LONG[:1], (1,), 3, "D23145890734", "UTO", "None"),
        (CARD[:2], (1, 2), 3, "D23145890", "UTO", "1974-08-12"),
        (CARD[::2], (1, 3), 3, "D23145890", "UTO", "None"),
        (CARD[1:2], (2,), 3, "", "", "1974-08-12"),
        (CARD[1:], (2, 3), 3, "", "", "1974-08-12"),
        (CARD[2:], (3,), 3, "", "", "None"),
        (PASSPORT[:1], (1,), 2, "", "UTO", "None"),
        (VISA_B[:1], (1,), 2, "", "UTO", "None"),
        (FRENCH[:1], (1,), 2, "", "FRA", "None"),
    ],
)
def test_a_part_says_what_its_rows_hold(
    lines: tuple[str, ...], rows: tuple[int, ...], of: int, number: str, state: str, born: str
) -> None:
    document = read(*lines)
    assert (document.format, document.fields, document.valid, document.alternatives) == (None, None, False, ())
    part = document.part
    assert part is not None
    assert document.known is part.fields
    assert (part.rows, part.of) == (rows, of)
    assert (part.fields.document_number, part.fields.issuing_state) == (number, state)
    assert str(document.birth_date) == born
    assert [f.code for f in document.findings][:2] == ["rows_missing", "format"]
    assert {f.code for f in document.findings[2:]} <= {"unknown_issuing_state", "unknown_nationality"}  # UTO
    said = document.findings[0].message
    assert all(str(row) in said for row in rows)
    assert f"of {of} " in said
    assert next((r.number for r in document.readings), "") == number
    assert {r.issuing_state for r in document.readings} <= {state}


def test_the_numbers_of_a_part_come_as_from_a_whole_zone() -> None:
    assert [r.source for r in read(LONG[0]).readings][:2] == [NumberSource.LONG, NumberSource.PRINCIPAL]
    assert [r.number for r in read(PASSPORT[1]).readings] == [r.number for r in read(*PASSPORT).readings]
    misread = PASSPORT[1].replace("L898902C3", "L8989O2C3")
    document = read(misread)
    assert "document_number" in [f.code for f in document.findings]
    assert "L898902C3" in [r.number for r in document.readings if r.source is NumberSource.LOOK_ALIKE]


def test_findings_of_a_part_stand_where_they_are_in_the_lines_given() -> None:
    (found,) = [f for f in read(PASSPORT[1][:13] + "750812" + PASSPORT[1][19:]).findings if f.code == "birth_date"]
    assert (found.line, found.column) == (1, 20)


@pytest.mark.parametrize(
    "lines",
    [PASSPORT[1:] * 2, (PASSPORT[1][:-1],), (CARD[0], CARD[0]), (CARD[0], PASSPORT[1]), ("?" * 44,), ("0" * 36,),
     ("",), (), (*CARD, CARD[0]), ("HELLO",)],
    ids=str,
)
def test_what_is_not_single_rows_of_one_zone_has_no_part(lines: tuple[str, ...]) -> None:
    document = read(*lines)
    assert document.part is None
    assert document.known is document.fields


def test_a_whole_zone_has_no_part() -> None:
    for zone in (PASSPORT, VISA, TWO_ROWS, VISA_B, CARD, LONG, FRENCH):
        document = read(*zone)
        assert document.part is None
        assert document.known is document.fields is not None


# -- screening ------------------------------------------------------------------------------------

PAPER = DocumentEntry(number="L898902C3", issuing_state="UTO", document_type="P", fraud_category="stolen")
CARD_PAPER = DocumentEntry(number="D23145890", issuing_state="UTO", document_type="I", fraud_category="stolen")
PERSON = PersonEntry(
    reference="P-1", names=(EntryName("Eriksson, Anna Maria", "primary"),), nationalities=("UTO",), sex="F",
    births=(read(*PASSPORT).birth_date,), notice="red",  # type: ignore[arg-type]
)


def screened(lines: tuple[str, ...], **listed: object) -> Verdict:
    lists = [memory_lists.memory_list("national", **listed)]  # type: ignore[arg-type]
    return Screener().screen(Query.of_document(read(*lines)), lists, memory_lists.TRUSTED)


@pytest.mark.parametrize(
    ("lines", "outcome"),
    [
        (PASSPORT[1:], Outcome.POSSIBLE),       # the State is on the row that did not come
        (PASSPORT[:1], Outcome.UNREADABLE),
        (CARD[:1], Outcome.HIT),
        (CARD[:2], Outcome.HIT),
        (CARD[::2], Outcome.HIT),
        (CARD[1:], Outcome.UNREADABLE),
    ],
)
def test_a_listed_number_in_the_rows_that_came_is_found(lines: tuple[str, ...], outcome: Outcome) -> None:
    assert screened(lines, documents=[PAPER, CARD_PAPER]).outcome is outcome
    assert screened(lines, documents=[]).outcome is Outcome.UNREADABLE


def test_the_own_document_of_a_listed_person_with_the_same_birth_date_is_a_hit() -> None:
    bearer = PersonEntry(
        reference="P-1", names=PERSON.names, births=PERSON.births, nationalities=("UTO",), notice="red",
        documents=(DocumentEntry(number="L898902C3", issuing_state="UTO", document_type="P", person=0),),
    )
    assert screened(PASSPORT[1:], persons=[bearer]).outcome is Outcome.HIT


@pytest.mark.parametrize(
    ("lines", "outcome"),
    [(PASSPORT[:1], Outcome.UNREADABLE), (CARD[2:], Outcome.UNREADABLE), (CARD[::2], Outcome.UNREADABLE),
     (PASSPORT[1:], Outcome.UNREADABLE), (CARD[1:], Outcome.HIT)],
)
def test_a_name_is_asked_by_only_together_with_a_birth_date(lines: tuple[str, ...], outcome: Outcome) -> None:
    assert screened(lines, persons=[PERSON]).outcome is outcome


def test_given_names_without_a_surname_are_not_asked_by() -> None:
    person = PersonEntry(
        reference="P-2", names=(EntryName("Corinne", "primary"),), births=(read(*FRENCH).birth_date,),  # type: ignore[arg-type]
    )
    assert screened(FRENCH[1:], persons=[person]).outcome is Outcome.UNREADABLE
