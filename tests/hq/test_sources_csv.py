"""The two CSV formats: what a row may say, and that a damaged row costs itself alone."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.core.documents import DateInterval
from edge.core.watch.entries import DocumentEntry, EntryName, PersonEntry
from hq.sources import csv_rows
from hq.sources.base import Complaint, Item, SourceError
from hq.sources.persons_csv import PersonsCsv
from hq.sources.sltd_csv import SltdCsv

SLTD_HEAD = "document_number,issuing_state,document_type,fraud_category,reported_date,review_date,reference"
GOOD = "L898902C3,UTO,P,stolen_blank,2024-02-29,2034-02-28,UTO-1"
PERSON_HEAD = (
    "reference;surname;given_names;aliases;name_original;birth_date;sex;nationalities;documents;notice;action;"
    "silent;review_date"
)


def sltd(path: Path, *rows: str | bytes, head: str = SLTD_HEAD, end: bytes = b"\n") -> list[Item]:
    path.write_bytes(b"".join((r.encode() if isinstance(r, str) else r) + end for r in (head, *rows)))
    return list(SltdCsv(path))


def lost(items: list[Item]) -> list[tuple[int, str]]:
    return [(c.line, c.reason) for c in items if isinstance(c, Complaint) and c.lost]


def left_out(items: list[Item]) -> list[str]:
    return [c.reason for c in items if isinstance(c, Complaint) and not c.lost]


def test_a_whole_row(tmp_path: Path) -> None:
    (found,) = sltd(tmp_path / "s.csv", GOOD)
    assert found == DocumentEntry(
        number="L898902C3", issuing_state="UTO", document_type="P", fraud_category="stolen_blank",
        reported=date(2024, 2, 29), review_date=date(2034, 2, 28), reference="UTO-1",
    )


@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
@pytest.mark.parametrize("separator", [",", ";"])
def test_separators_line_ends_and_byte_order_mark(
    tmp_path: Path, end: bytes, mark: str, separator: str
) -> None:
    head, row = SLTD_HEAD.replace(",", separator), GOOD.replace(",", separator)
    (found,) = sltd(tmp_path / "s.csv", row, head=mark + head.upper(), end=end)
    assert isinstance(found, DocumentEntry)
    assert found.number == "L898902C3"


def test_values_are_normalised(tmp_path: Path) -> None:
    (found,) = sltd(tmp_path / "s.csv", '"l-898 902c3",d<<,ID,Stolen Blank,,,"a, b"')
    assert isinstance(found, DocumentEntry)
    assert (found.number, found.issuing_state, found.document_type) == ("L898902C3", "D", "I")
    assert (found.fraud_category, found.reference) == ("stolen_blank", "a, b")


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (",UTO,P,stolen,,,", "document_number is empty"),
        ("12,UTO,P,stolen,,,", "document_number has not 3 to 24 letters and digits"),
        ("1234*5,UTO,P,stolen,,,", "document_number holds characters that no document number has"),
        ("123456,,P,stolen,,,", "issuing_state is empty"),
        ("123456,1X,P,stolen,,,", "issuing_state is not an ICAO code"),
        ("123456,UTO,P,eaten,,,", "fraud_category is none of stolen_blank, stolen, lost, revoked, invalid"),
        ("123456,UTO,P,stolen,,", "the row has another number of fields than the header"),
        ('123456,UTO,P,stolen,,,"r', "the row has a broken quote"),
        (b"123456,UTO,P,stolen,,,\xff", "the row is not UTF-8"),
        (b"123456,UTO,P,stolen,,,\0", "the row holds a NUL byte"),
        ("1" * (csv_rows.MAX_LINE + 10), "the row is longer than 65536 bytes"),
        ("123456,UTO,P,stolen,,," + "r" * 9000, "a field is longer than 8192 characters"),
    ],
)
def test_a_damaged_row_costs_itself_alone(tmp_path: Path, row: str | bytes, reason: str) -> None:
    items = sltd(tmp_path / "s.csv", GOOD, row, GOOD)
    assert lost(items) == [(3, reason)]
    assert sum(isinstance(i, DocumentEntry) for i in items) == 2


def test_what_is_not_required_is_left_out_and_reported(tmp_path: Path) -> None:
    items = sltd(tmp_path / "s.csv", f"123456,QQQ,scroll,lost,29.2.2024,2034-02-30,{'r' * 70}")
    (found,) = [i for i in items if isinstance(i, DocumentEntry)]
    assert (found.issuing_state, found.document_type, found.reported, found.review_date) == ("QQQ", "", None, None)
    assert len(found.reference) == 60
    assert left_out(items) == [
        "issuing_state is an unknown code; it is kept as written",
        "document_type is unknown; it is left out",
        "reported_date is not a date YYYY-MM-DD; it is left out",
        "review_date is not a date YYYY-MM-DD; it is left out",
        "reference is longer than 60 characters; it is cut",
    ]


@pytest.mark.parametrize(
    "head",
    ["", "document_number,fraud_category", SLTD_HEAD + ",document_number", "a\0b", '"document_number,issuing_state'],
)
def test_a_header_that_lacks_something_stops_the_source(tmp_path: Path, head: str) -> None:
    with pytest.raises(SourceError):
        sltd(tmp_path / "s.csv", GOOD, head=head)


def test_the_missing_column_is_named(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="no column issuing_state"):
        sltd(tmp_path / "s.csv", head="document_number,fraud_category")


def test_unknown_columns_are_ignored_with_a_remark(tmp_path: Path) -> None:
    path = tmp_path / "s.csv"
    path.write_text(f"{SLTD_HEAD},colour\n{GOOD},red\n")
    source = SltdCsv(path)
    assert len(list(source)) == 1
    assert source.remarks == ("1 unknown column is ignored: 'colour'",)


def test_a_separator_at_the_end_is_a_column_without_a_name(tmp_path: Path) -> None:
    path = tmp_path / "s.csv"
    path.write_text(f"{SLTD_HEAD},colour,\n{GOOD},red,\n")
    source = SltdCsv(path)
    assert len(list(source)) == 1
    assert source.remarks == ("2 unknown columns are ignored: 'colour', a column without a name",)


@pytest.mark.parametrize(("separator", "coding", "message", "advice"), [
    ("\t", "utf-8", "separated by tabs", "comma or semicolon"),
    (",", "utf-16", "is UTF-16", "UTF-8"),
    (",", "utf-16-le", "is UTF-16", "UTF-8"),
    (",", "utf-16-be", "is UTF-16", "UTF-8"),
])  # fmt: skip
def test_another_separator_or_coding_is_said(
    tmp_path: Path, separator: str, coding: str, message: str, advice: str
) -> None:
    path = tmp_path / "s.csv"
    path.write_bytes(f"{SLTD_HEAD}\n{GOOD}\n".replace(",", separator).encode(coding))
    with pytest.raises(SourceError) as caught:
        list(SltdCsv(path))
    assert message in caught.value.message
    assert advice in caught.value.advice


def test_blank_lines_are_no_rows(tmp_path: Path) -> None:
    assert len(sltd(tmp_path / "s.csv", "", GOOD, "  ")) == 1


@given(st.lists(st.binary(max_size=120).filter(lambda b: b"\n" not in b and b.strip()), max_size=20))
def test_rows_read_are_entries_plus_lost(tmp_path_factory: pytest.TempPathFactory, rows: list[bytes]) -> None:
    items = sltd(tmp_path_factory.mktemp("csv") / "s.csv", *rows, GOOD)
    entries = sum(isinstance(i, DocumentEntry) for i in items)
    assert entries >= 1
    assert entries + len(lost(items)) == len(rows) + 1


def persons(path: Path, *rows: str, head: str = PERSON_HEAD) -> list[Item]:
    path.write_text("\n".join((head, *rows)) + "\n", "utf-8")
    return list(PersonsCsv(path))


def test_a_whole_person(tmp_path: Path) -> None:
    (found,) = persons(
        tmp_path / "p.csv",
        "UTO-7;ERIKSSON;ANNA MARIA;Ana Erikson|low:Annie;Анна Эрикссон;1974-08-12|1975|1976/1977-03;F;UTO|D<<;"
        "UTO:L898902C3:P|:X-12345;red;Call the shift leader;yes;2034-01-01",
    )
    assert isinstance(found, PersonEntry)
    assert found.names == (
        EntryName("ERIKSSON ANNA MARIA", "primary"),
        EntryName("Анна Эрикссон", "original"),
        EntryName("Ana Erikson", "good"),
        EntryName("Annie", "low"),
    )
    assert [str(b) for b in found.births] == ["1974-08-12", "1975-01-01/1975-12-31", "1976-01-01/1977-03-31"]
    assert (found.sex, found.nationalities, found.notice, found.silent) == ("F", ("UTO", "D"), "red", True)
    assert [(d.issuing_state, d.number, d.document_type) for d in found.documents] == [
        ("UTO", "L898902C3", "P"), ("", "X12345", ""),
    ]
    assert found.action == "Call the shift leader. Confirm with the NCB."
    assert found.review_date == date(2034, 1, 1)


def test_a_short_row_of_required_columns(tmp_path: Path) -> None:
    (found,) = persons(tmp_path / "p.csv", "UTO-8,SPECIMEN,", head="reference,surname,given_names")
    assert isinstance(found, PersonEntry)
    assert (found.names[0].text, found.notice, found.silent) == ("SPECIMEN", "national", False)


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("UTO-1;;;;;;;;;;;;", "the row has no name that can be compared"),
        ("UTO-1;12;34;;;;;;;;;;", "the row has no name that can be compared"),
        (";TESTER;ANNA;;;;;;;;;;", "reference is empty"),
    ],
)
def test_rows_that_are_lost(tmp_path: Path, row: str, reason: str) -> None:
    assert lost(persons(tmp_path / "p.csv", row)) == [(2, reason)]


def test_doubtful_fields_are_left_out_and_reported(tmp_path: Path) -> None:
    items = persons(
        tmp_path / "p.csv",
        "UTO-1;TESTER;ANNA;best:Ann Tester;;32.1.1970|1970;?;12|D;UTO;crimson;They are guilty;maybe;soon",
    )
    (found,) = [i for i in items if isinstance(i, PersonEntry)]
    assert found.births == (DateInterval.of_year(1970),)
    assert (found.sex, found.nationalities, found.documents) == ("", ("D",), ())
    assert (found.notice, found.action, found.silent, found.review_date) == ("national", "", True, None)
    assert found.names[1] == EntryName("Ann Tester", "good")
    assert len(left_out(items)) == 9


@given(st.lists(st.text(st.characters(exclude_characters="\n\r"), max_size=30), min_size=13, max_size=13))
def test_no_text_stops_a_source_or_shows_in_a_reason(
    tmp_path_factory: pytest.TempPathFactory, texts: list[str]
) -> None:
    row = ";".join(t.replace(";", "").replace('"', "").encode("utf-8", "replace").decode() for t in texts)
    for item in persons(tmp_path_factory.mktemp("csv") / "p.csv", row):
        if isinstance(item, Complaint):
            assert not any(len(t) > 8 and t in item.reason for t in texts)
