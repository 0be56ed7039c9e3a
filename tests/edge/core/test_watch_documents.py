"""The document table: exact by number, private on disk, and never more than LayoutError on damage."""

from __future__ import annotations

import contextlib
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.core.watch import DocumentEntry, DocumentTable, LayoutError, build_documents, normal_number

FULL = DocumentEntry(
    number="L898902C3",
    issuing_state="UTO",
    document_type="P",
    fraud_category="stolen_blank",
    reported=date(2024, 2, 29),
    issued=date(2020, 1, 1),
    expires=date(2030, 1, 1),
    review_date=date(2034, 2, 28),
    theft_state="D",
    reference="UTO-1",
    person=7,
    silent=True,
    action="Keep the document. Confirm with the NCB.",
)


def test_a_record_comes_back_as_it_was_given() -> None:
    table = DocumentTable(build_documents([FULL]))
    (found,) = table.find("L898902C3")
    fields = ("issuing_state", "document_type", "fraud_category", "reported", "issued", "expires")
    fields += ("review_date", "theft_state", "reference", "person", "silent", "action")
    assert {f: getattr(found, f) for f in fields} == {f: getattr(FULL, f) for f in fields}


def test_the_question_is_normalised_like_the_list() -> None:
    table = DocumentTable(build_documents([DocumentEntry("l-898 902<c3")]))
    assert len(list(table.find("L898902C3<"))) == 1
    assert not list(table.find("L898902C4"))
    assert not list(table.find(""))


def test_an_empty_list_finds_nothing() -> None:
    table = DocumentTable(build_documents([]))
    assert len(table) == 0
    assert not list(table.find("L898902C3"))


def test_one_number_of_several_issuers_gives_every_record_in_order() -> None:
    entries = [DocumentEntry("123456", issuing_state=s) for s in ("UTO", "D", "FRA")]
    found = DocumentTable(build_documents(entries)).find("123456")
    assert [r.issuing_state for r in found] == ["UTO", "D", "FRA"]


def test_the_file_holds_no_number_in_clear_and_its_hashes_depend_on_the_list() -> None:
    here = build_documents([FULL], salt=b"one")
    there = build_documents([FULL], salt=b"two")
    assert b"L898902C3" not in here
    assert here != there
    assert list(DocumentTable(there).find("L898902C3"))


def test_same_entries_same_bytes() -> None:
    entries = [DocumentEntry(f"X{i}", reference=str(i)) for i in range(2000)]
    assert build_documents(entries) == build_documents(entries)


def test_entries_beyond_the_limits_are_refused() -> None:
    for bad in (DocumentEntry(""), DocumentEntry("X" * 25), DocumentEntry("X1", reference="r" * 61)):
        with pytest.raises(ValueError):  # noqa: PT011 -- the text is for a maintainer
            build_documents([bad])


@given(st.lists(st.text("AB019", min_size=1, max_size=4), max_size=400), st.text("AB019", max_size=4))
def test_find_agrees_with_a_full_scan(numbers: list[str], question: str) -> None:
    table = DocumentTable(build_documents(DocumentEntry(n, reference=str(i)) for i, n in enumerate(numbers)))
    for asked in {question, *numbers[:20]}:
        expected = [str(i) for i, n in enumerate(numbers) if n == asked]
        assert [r.reference for r in table.find(asked)] == expected


def test_ten_thousand_documents_are_all_found_and_no_neighbour() -> None:
    numbers = [f"U{i:07d}" for i in range(0, 20_000, 2)]
    table = DocumentTable(build_documents(DocumentEntry(n, person=i) for i, n in enumerate(numbers)))
    for i, number in enumerate(numbers):
        assert [r.person for r in table.find(number)] == [i]
    assert not any(list(table.find(f"U{i:07d}")) for i in range(1, 20_000, 2))


SOUND = build_documents([FULL, *(DocumentEntry(f"N{i}", reference="r") for i in range(300))])
QUESTIONS = ["L898902C3", *(f"N{i}" for i in range(0, 300, 30))]


def _ask_everything(buffer: bytes) -> None:
    table = DocumentTable(buffer)
    for number in QUESTIONS:
        list(table.find(number))


@given(st.data())
def test_a_flipped_or_cut_file_raises_layout_error_or_answers(data: st.DataObject) -> None:
    broken = bytearray(SOUND)
    # Most bytes are hashes; half of the flips go to the header, the section table and the directory.
    place = st.integers(0, 260) | st.integers(0, len(SOUND) - 1)
    for at in data.draw(st.lists(place, max_size=6)):
        broken[at] = data.draw(st.integers(0, 255))
    end = data.draw(st.none() | st.integers(0, len(SOUND)))
    with contextlib.suppress(LayoutError):
        _ask_everything(bytes(broken[:end]))


@given(st.binary(max_size=600))
def test_any_bytes_behind_the_mark_raise_layout_error(tail: bytes) -> None:
    with pytest.raises(LayoutError):
        _ask_everything(SOUND[:12] + tail)


def test_every_shorter_file_is_refused() -> None:
    for length in range(0, len(SOUND), 97):
        with pytest.raises(LayoutError):
            DocumentTable(SOUND[:length])


@given(st.text())
def test_normal_numbers_are_ascii_letters_and_digits(text: str) -> None:
    normal = normal_number(text)
    assert normal == "" or (normal.isascii() and normal.isalnum())
    assert normal_number(normal) == normal
