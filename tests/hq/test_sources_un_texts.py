"""The free texts of the UN list: names, dates of birth and numbers of documents as its editors wrote them."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.core.documents import DateInterval
from edge.core.watch.entries import DocumentEntry, EntryName
from hq.sources import un_dates, un_documents, un_names


@pytest.mark.parametrize(
    ("alias", "names"),
    [
        ("TESTER, Anna Maria", ["TESTER, Anna Maria"]),
        ("Anna Tester (Анна Тестер)", ["Anna Tester", "Анна Тестер"]),
        ("Anna Tester (original script: Анна Тестер)", ["Anna Tester", "Анна Тестер"]),
        ("آنا تستر (Anna Tester; Ana Tester)", ["آنا تستر", "Anna Tester", "Ana Tester"]),
        ("Anna-Lisa Tester (Testar)", ["Anna-Lisa Tester", "Anna-Lisa Testar"]),
        ("Anna Tester (birth name)", ["Anna Tester"]),
        ("Anna Tester (false identity related to passport number 12345)", ["Anna Tester"]),
        ("Anna Tester, III (third)", ["Anna Tester, III"]),
        ("(Sheikh) Anna Tester", ["Anna Tester"]),
        (") Anna Tester", ["Anna Tester"]),
        ("Anna Tester b) A. Tester; Ann Tester", ["Anna Tester", "A. Tester", "Ann Tester"]),
        ("Anna Tester, born 1 Jan. 1953 (Utopia passport no.123)", ["Anna Tester"]),
        ("Anna Tester son of John Tester", ["Anna Tester bin John Tester"]),
        ('"TESTER, Anna"', ["TESTER, Anna"]),
        ("Anna\n   Tester", ["Anna Tester"]),
        ("", []),
        ("()", []),
    ],
)
def test_alias_texts(alias: str, names: list[str]) -> None:
    assert [n.text for n in un_names.of_alias(alias, "good")] == names


@pytest.mark.parametrize(
    ("note", "names"),
    [
        ("original script: Анна Тестер", ["Анна Тестер"]),
        ("Previously listed as. In Arabic: آنا تستر", ["آنا تستر"]),
        ("Anna Tester; Ana Tester; Ann Tester", ["Anna Tester", "Ana Tester", "Ann Tester"]),
        ("born in 1971 in Utopia (Anna Tester; Dr. Ana Tester)", ["Anna Tester", "Dr. Ana Tester"]),
        ("previously listed as", []),
        ("DOB: 1948; POB: Utopia; Date of issue: 10 Jan 2012", []),
    ],
)
def test_alias_notes(note: str, names: list[str]) -> None:
    assert [n.text for n in un_names.of_alias_note(note, "good")] == names


@pytest.mark.parametrize(
    ("note", "names"),
    [
        ("expired on 1 May 2010, issued under name Anna Tester", ["Anna Tester"]),
        ("expired 9 Feb. 2009, under the name of Anna Tester", ["Anna Tester"]),
        ("made out to Anna Tester, born on 30 Aug. 1980 in Utopia", ["Anna Tester"]),
        ("issued by an office; issued to Anna\nTester", ["Anna Tester"]),
        ("expires 1 May 2010; name in Arabic script: آنا تستر", ["آنا تستر"]),
        ("issued in 2010", []),
    ],
)
def test_a_passport_in_another_name_is_a_name(note: str, names: list[str]) -> None:
    assert un_names.of_document_note(note) == tuple(EntryName(n, "document") for n in names)


def interval(text: str) -> DateInterval:
    found = DateInterval.parse(text)
    assert found
    return found


@pytest.mark.parametrize(
    ("kind", "day", "years", "note", "expected"),
    [
        ("EXACT", "1970-03-01", ("", "", ""), "", "1970-03-01"),
        ("EXACT", "", ("1970", "", ""), "", "1970"),
        ("EXACT", "", ("1970", "", ""), "Sep.", "1970-09"),
        ("APPROXIMATELY", "", ("1970", "", ""), "", "1969/1971"),
        ("BETWEEN", "", ("", "1970", "1973"), "", "1970/1973"),
        ("BETWEEN", "", ("", "1970", "1973"), "Approximately", "1969/1974"),
        ("EXACT", "", ("", "", ""), "April 1969", "1969-04"),
        ("EXACT", "", ("", "", ""), "Between Aug. and Sep. 1977", "1977-08/1977-09"),
        ("EXACT", "", ("", "", ""), "01/01/1400 (Hijri Calendar)", "1979-11-19/1979-11-23"),
        ("EXACT", "1970-13-01", ("", "", ""), "", None),
        ("APPROXIMATELY", "", ("", "", ""), "40-50 years old", None),
        ("BETWEEN", "", ("", "1973", "1970"), "", None),
        ("", "", ("", "", ""), "", None),
    ],
)
def test_birth_dates(
    kind: str, day: str, years: tuple[str, str, str], note: str, expected: str | None
) -> None:
    found = un_dates.of_element(kind, day, years, note)
    assert found == (interval(expected) if expected else None)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("born 16 Dec. 1948, in Utopia", ["1948-12-16"]),
        ("DOB: a) 11 Apr. 1960 b) 11 Apr. 1963. POB: Utopia 1999", ["1960-04-11", "1963-04-11"]),
        ("(DPOB - 1970) - Passport No. 1980, expires 21 August 2005", ["1970"]),
        ("Anna Tester, born in Utopia on 01 Jan.1967", ["1967-01-01"]),
        ("born 31 Feb. 1967", ["1967-02"]),
        ("expires 21 August 2005", []),
    ],
)
def test_births_in_prose(text: str, expected: list[str]) -> None:
    assert un_dates.births_in(text) == tuple(interval(e) for e in expected)


def document(number: str = "", **texts: str) -> un_documents.DocumentText:
    fields = {"kind": "Passport", "kind2": "", "issuing_country": "", "country_of_issue": "", "city_of_issue": ""}
    return un_documents.DocumentText(number=number, **(fields | {"issue_date": "", "note": ""} | texts))


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("A1234567", ["A1234567"]),
        ("\n A-1234567 ", ["A1234567"]),
        ("A 123456", ["A123456"]),
        ("B/123456", ["B123456"]),
        ("A-B 123 456", ["AB123456"]),
        ("12 34 567890", ["1234567890"]),
        ("No12345/678", ["12345678"]),
        ("NO123456", ["NO123456"]),
        ("Utopian passport number A 123456", ["A123456"]),
        ("Diplomatic Passport: D12345678", ["D12345678"]),
        ("A diplomatic passport no. 12AB3456", ["12AB3456"]),
        ("123456789 (Expired 12 Jan. 2014)", ["123456789"]),
        ("A1234567, issued on 4 May 2014, expires 3 May 2024", ["A1234567"]),
        ("A1234567; B7654321", ["A1234567", "B7654321"]),
        ("R12345678, South Sudan", ["R12345678"]),
        ("12AB34567.8FRA", ["12AB34567"]),
        ("Russian passport number 1234 No. 567890", ["1234567890", "567890"]),
        ("unknown", []),
        ("", []),
    ],
)
def test_numbers_in_free_text(text: str, numbers: list[str]) -> None:
    assert list(un_documents.numbers_in(text)) == numbers


@pytest.mark.parametrize(
    ("text", "nationalities", "issuer"),
    [
        (document("A1234567", issuing_country="Germany", country_of_issue="Italy"), ("TUN",), "D"),
        (document("Libya 123456"), (), "LBY"),
        (document("Libyan passport No. 123456"), (), "LBY"),
        (document("Central African Republic number O1234567"), (), "CAF"),
        (document("123456789 (US)"), (), "USA"),
        (document("R12345678, South Sudan"), (), "SSD"),
        (document("12AB34567.8FRA"), (), "FRA"),
        (document("A1234567", note="issued by Palestinian Authority"), (), "PSE"),
        (document("A1234567", country_of_issue="Yemen"), (), "YEM"),
        (document("A1234567", country_of_issue="Germany", city_of_issue="Berlin"), ("IRN",), ""),
        (document("A1234567", country_of_issue="Yemen", city_of_issue="Sanaa"), ("YEM",), "YEM"),
        (document("A1234567", note="Unconfirmed (likely Iran)"), (), ""),
        (document("A1234567"), ("YEM",), ""),
    ],
)
def test_issuers(text: un_documents.DocumentText, nationalities: tuple[str, ...], issuer: str) -> None:
    found = un_documents.entries(text, nationalities, "UTi.001")
    assert isinstance(found, tuple)
    assert [d.issuing_state for d in found] == [issuer]


@pytest.mark.parametrize("kind", ["Passport", "Numéro de passeport", "Número de pasaporte"])
def test_passports_in_three_languages(kind: str) -> None:
    found = un_documents.entries(document("A1234567", kind=kind, issue_date="2014-05-04"), (), "UTi.001")
    assert found == (
        DocumentEntry(
            "A1234567", document_type="P", fraud_category="listed_person", issued=date(2014, 5, 4),
            reference="UTi.001",
        ),
    )


def test_other_documents() -> None:
    identity = {"kind": "National Identification Number"}
    entries = un_documents.entries
    assert isinstance(found := entries(document("123456789", **identity), (), "r"), tuple)
    assert found[0].document_type == "I"
    assert isinstance(found := entries(document("A123456", kind2="national passport", **identity), (), "r"), tuple)
    assert found[0].document_type == "P"
    assert isinstance(entries(document("1234", kind2="Ration card no.", **identity), (), "r"), str)
    assert isinstance(entries(document("", note="issued in 2010"), (), "r"), str)
    prose = entries(document("", note="Tunisian passport number L 123456 issued on 1 Feb. 2010"), (), "r")
    assert isinstance(prose, tuple)
    assert (prose[0].number, prose[0].issuing_state) == ("L123456", "TUN")


@given(st.text(), st.text())
def test_free_text_never_raises(text: str, note: str) -> None:
    un_names.of_alias(text, "good")
    un_names.of_alias_note(note, "low")
    un_names.of_document_note(note)
    un_dates.births_in(text)
    un_dates.of_element(text, text, (text, note, text), note)
    un_documents.entries(document(text, note=note, kind=note, kind2=text), (), "r")
    un_documents.of_prose(text, "r")


DATES = st.from_regex(
    r"(born|DOB:?) ?\d{1,2} (Jan|Feb|Sept)\.? ?(19|20)\d\d( \d{1,2}/\d{1,2}/1\d{3} \(Hijri)?", fullmatch=True
)


@given(DATES)
def test_birth_prose_gives_intervals_in_order(text: str) -> None:
    for found in (*un_dates.births_in(text), un_dates.of_note(text)):
        assert found is None or found.earliest <= found.latest
