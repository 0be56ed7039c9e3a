"""Key texts, keyed hashes and payloads: list and question meet, and nothing that does not fit is taken."""

from __future__ import annotations

import hmac
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.core.keyed import keys
from edge.core.keyed.keys import ListKey
from edge.core.keyed.record import CATEGORIES, EPOCH, KINDS, LAST_REVIEW, MAX_DETAIL, Record, masked, unpack

RECORDS = st.builds(
    Record,
    kind=st.sampled_from(KINDS),
    category=st.sampled_from(CATEGORIES),
    silent=st.booleans(),
    review_date=st.none() | st.dates(EPOCH + timedelta(days=1), LAST_REVIEW),
    detail=st.none() | st.integers(0, MAX_DETAIL),
)


@given(RECORDS, st.binary(min_size=7, max_size=7))
def test_a_record_comes_back_from_under_its_mask(record: Record, mask: bytes) -> None:
    payload = record.pack()
    assert 0 <= payload < 1 << 56
    assert unpack(masked(masked(payload, mask), mask)) == record


@given(st.integers(0, (1 << 56) - 1))
def test_any_56_bits_read_as_a_record(payload: int) -> None:
    found = unpack(payload)
    assert found.kind in {*KINDS, "other"}
    assert found.category in CATEGORIES


@pytest.mark.parametrize(
    "record", [Record(kind="Q"), Record(category="stollen"), Record(detail=-1), Record(detail=MAX_DETAIL + 1)]
)
def test_what_does_not_fit_is_refused(record: Record) -> None:
    with pytest.raises(ValueError, match="record"):
        record.pack()


def test_a_review_date_outside_the_field_still_expires() -> None:
    assert unpack(Record(review_date=date(1999, 5, 1)).pack()).review_date == date(2000, 1, 2)
    assert unpack(Record(review_date=date(9999, 1, 1)).pack()).review_date == LAST_REVIEW


def test_the_key_is_hmac_sha256_and_the_mask_another_one() -> None:
    key = bytes(range(32))
    text = keys.document_text("UTO", "L898902C3")
    assert text == "v1|D|UTO|L898902C3"
    here = ListKey(key)
    assert here.mac(text) == hmac.digest(key, text.encode(), "sha256") == keys.mac(key, text)
    assert here.mask(7, text) == hmac.digest(key, b"mask|\0\0\0\7" + text.encode(), "sha256")[:7]
    assert here.mask(7, text) != here.mask(8, text)
    assert len(here.ident) == 8
    assert here.ident != ListKey(bytes(32)).ident
    assert key.hex() not in repr(here)


@pytest.mark.parametrize(("key", "ident"), [(b"", b""), (bytes(31), b""), (bytes(33), b""), (bytes(32), b"1234567")])
def test_a_key_of_another_length_is_refused(key: bytes, ident: bytes) -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        ListKey(key, ident)


@pytest.mark.parametrize(
    ("listed", "read"),
    [(("D", "c01x00t47"), ("DEU", "C01X00T47<")), (("GBR", "12 34"), ("GBD", "1234")), (("", "X-1"), ("UTO", "x1")),
     (("SUN", "P77"), ("RUS", "P77")), (("UTO", "P77"), ("UTO", "P77"))],
)
def test_a_listed_document_is_among_the_questions(listed: tuple[str, str], read: tuple[str, str]) -> None:
    assert keys.document_text(*listed) in keys.document_questions(*read)


def test_the_own_family_is_asked_first_and_another_state_not_at_all() -> None:
    asked = keys.document_questions("DEU", "C01X00T47")
    assert asked[0] == "v1|D|D|C01X00T47"
    assert asked[-1] == "v1|D||C01X00T47"
    assert keys.document_text("FRA", "C01X00T47") not in asked


def test_a_misread_state_asks_every_family() -> None:
    asked = keys.document_questions("F8A", "C01X00T47")
    assert asked[0] == "v1|D|F8A|C01X00T47"
    assert {keys.document_text(s, "C01X00T47") for s in ("FRA", "D", "LBY", "TUN", "")} <= set(asked)
    assert len(asked) == len(set(asked))


@pytest.mark.parametrize("number", ["", "<<<", "ليبيا", "A" * 25])
def test_what_cannot_be_a_number_leads_to_nothing(number: str) -> None:
    assert keys.document_text("UTO", number) == ""
    assert keys.document_questions("UTO", number) == ()


@pytest.mark.parametrize(
    ("a", "b"),
    [("5-123456", "5 123456"), ("٥-١٢٣٤٥٦", "5123456"), ("А 123 ВЕ 77", "a123be77"), ("tun 123", "TUN·123")],
)
def test_one_plate_written_in_two_ways(a: str, b: str) -> None:
    assert keys.plate_text("LBY", a) == keys.plate_text("LBY", b) != ""
    assert keys.plate_text("LBY", a) != keys.plate_text("TUN", a)
    assert keys.plate_text("", a) in keys.plate_questions("LBY", b)


def test_plates_in_arabic_letters_differ_from_each_other() -> None:
    assert keys.plate_text("EGY", "أ ب ج 123") != keys.plate_text("EGY", "أ ب د 123")


def test_a_vin_has_no_letter_that_looks_like_a_digit() -> None:
    assert keys.vin_text("wdb-9O66331s123456") == keys.vin_text("WDB906633IS123456") == "v1|N|WDB906633" + "1S123456"
    assert keys.vin_text("1234") == ""
    assert keys.vin_text("1" * 18) == ""


def test_a_firearm_is_asked_with_and_without_make_and_calibre() -> None:
    listed = keys.firearm_text("Česká zbrojovka", "9 x 19 mm", "a-123 456")
    assert listed == "v1|F|CESKAZBROJOVKA|9X19|A123456"
    assert keys.firearm_questions("CESKA ZBROJOVKA", "Cal. 9×19", "A123456")[0] == listed
    assert keys.firearm_text("", "", "A123456") in keys.firearm_questions("Glock", "7,62", "A123456")
    assert keys.firearm_text("Glock", "9mm", "") == ""
    assert keys.normal_calibre("0.45 ACP") == keys.normal_calibre(".45acp")
    assert keys.normal_calibre("7,62") == "7.62"


@given(st.text(max_size=60), st.text(max_size=60), st.text(max_size=200))
def test_no_text_whatever_raises_or_breaks_the_form(state: str, word: str, number: str) -> None:
    here = ListKey(bytes(32))
    for text in (
        *keys.document_questions(state, number), *keys.plate_questions(state, number), keys.vin_text(number),
        *keys.firearm_questions(state, word, number),
    ):
        if text:
            assert text.startswith("v1|")
            assert text.count("|") in {2, 3, 4}
            assert len(text) <= 90
            here.mac(text)
            here.mask(1, text)
