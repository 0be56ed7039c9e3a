"""The person table: vocabulary and postings agree with the names, records come back, damage is caught."""

from __future__ import annotations

import contextlib
from datetime import date

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.core import names
from edge.core.documents import DateInterval
from edge.core.watch import (
    DocumentEntry,
    EntryName,
    LayoutError,
    PersonEntry,
    PersonTable,
    build_persons,
    letter_mask,
    skeleton_hash,
)
from edge.core.watch.layout import KIND_PERSONS, Sections, pack

ANNA = PersonEntry(
    reference="UTO.1",
    names=(
        EntryName("ERIKSSON ANNA MARIA", "primary"),
        EntryName("Анна Эрикссон", "original"),
        EntryName("Anna Müller-Test", "good"),
        EntryName("Annie", "low"),
    ),
    births=(DateInterval.of_year(1974), DateInterval(date(1975, 8, 12), date(1975, 8, 12))),
    sex="F",
    nationalities=("UTO", "D"),
    documents=(DocumentEntry("L898902C3"),),
    notice="blue",
    action="Confirm with the NCB.",
    silent=True,
    review_date=date(2035, 1, 1),
)
OTHERS = tuple(
    PersonEntry(f"UTO.{i}", (EntryName(f"{a} {b}", "primary"), EntryName(b, "low")))
    for i, (a, b) in enumerate([("MOHAMED", "TESTI"), ("JOHN", "SPECIMEN"), ("MUHAMMAD", "SPECIMEN")], start=2)
)
SOUND = build_persons([ANNA, *OTHERS])


def test_a_record_comes_back_as_it_was_given() -> None:
    found = PersonTable(SOUND).person(0)
    assert (found.reference, found.sex, found.notice, found.silent) == ("UTO.1", "F", "blue", True)
    assert (found.births, found.nationalities, found.review_date) == (ANNA.births, ("UTO", "D"), date(2035, 1, 1))
    assert [(n.text, n.quality) for n in found.names] == [
        ("ERIKSSON ANNA MARIA", "primary"), ("Anna Müller-Test", "good"), ("Annie", "low"),
    ]
    assert found.original_script == ("Анна Эрикссон",)
    assert (found.action, found.documents) == ("Confirm with the NCB.", 1)


def test_every_rendering_is_a_listed_name_with_the_text_as_written() -> None:
    table = PersonTable(SOUND)
    listed = [table.name(n) for n in table.person_names(0)]
    expected = [(n.text, n.quality, t) for n in ANNA.names for t in names.renderings(n.text)]
    assert [(n.text, n.quality, tuple(map(table.token, n.tokens))) for n in listed] == expected
    assert len(expected) > len(ANNA.names)  # Müller is both MUELLER and MULLER


def test_vocabulary_columns_agree_with_the_tokens() -> None:
    table = PersonTable(SOUND)
    tokens = [table.token(i) for i in range(table.n_tokens)]
    assert tokens == sorted(set(tokens))
    assert table.token_lengths.tolist() == [len(t) for t in tokens]
    assert table.token_masks.tolist() == [letter_mask(t) for t in tokens]
    assert table.skeletons.tolist() == [skeleton_hash(names.skeleton(t)) for t in tokens]
    assert [table.token_id(t) for t in tokens] == list(range(len(tokens)))
    assert table.token_id("NOBODY") is None


def test_postings_and_counts_agree_with_a_full_scan() -> None:
    table = PersonTable(SOUND)
    for token in range(table.n_tokens):
        holders = [n for n in range(table.n_names) if token in table.name(n).tokens]
        assert table.postings(token).tolist() == holders
        assert table.token_counts[token] == len(holders)


def test_tokens_are_found_by_skeleton() -> None:
    table = PersonTable(SOUND)
    for token in range(table.n_tokens):
        same = [t for t in range(table.n_tokens) if table.skeletons[t] == table.skeletons[token]]
        assert sorted(table.tokens_by_skeleton(int(table.skeletons[token])).tolist()) == same
    assert table.tokens_by_skeleton(0).size == 0
    assert table.tokens_by_skeleton(skeleton_hash("NEVERTHERE")).size == 0


def test_arrays_are_views_of_the_buffer_and_read_only() -> None:
    table = PersonTable(SOUND)
    whole = np.frombuffer(SOUND, np.uint8)
    for array in (table.token_masks, table.name_tokens, table.postings(0)):
        assert np.shares_memory(array, whole)
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 1


def test_names_without_tokens_and_persons_without_names() -> None:
    table = PersonTable(build_persons([PersonEntry("X", (EntryName("12 34"), EntryName("SPECIMEN")))]))
    assert table.n_names == 1
    with pytest.raises(ValueError, match="no name"):
        build_persons([PersonEntry("X", (EntryName("12 34"),))])


def test_an_empty_list() -> None:
    table = PersonTable(build_persons([]))
    assert (len(table), table.n_names, table.n_tokens, table.token_id("ANNA")) == (0, 0, 0, None)
    with pytest.raises(LayoutError):
        table.person(0)


def test_a_long_name_is_cut_and_still_found() -> None:
    entry = PersonEntry("X", (EntryName("A" * 70 + " " + " ".join(f"BQ{chr(65 + i % 26)}" for i in range(60))),))
    table = PersonTable(build_persons([entry]))
    assert int(table.token_lengths.max()) <= 60
    assert len(table.name(0).tokens) <= 32


def _read_everything(buffer: bytes) -> None:
    table = PersonTable(buffer)
    for token in range(table.n_tokens):
        table.token(token)
        table.postings(token).tolist()
        table.tokens_by_skeleton(int(table.skeletons[token])).tolist()
    for name in range(table.n_names):
        table.name(name)
    for person in range(len(table)):
        table.person(person)
        table.person_names(person)


@given(st.data())
def test_a_flipped_or_cut_file_raises_layout_error_or_answers(data: st.DataObject) -> None:
    broken = bytearray(SOUND)
    for at in data.draw(st.lists(st.integers(0, len(SOUND) - 1), max_size=6)):
        broken[at] = data.draw(st.integers(0, 255))
    end = data.draw(st.none() | st.integers(0, len(SOUND)))
    with contextlib.suppress(LayoutError):
        _read_everything(bytes(broken[:end]))


def test_every_single_byte_set_to_its_complement_is_survived() -> None:
    for at in range(len(SOUND)):
        broken = bytearray(SOUND)
        broken[at] ^= 0xFF
        with contextlib.suppress(LayoutError):
            _read_everything(bytes(broken))


@given(st.lists(st.lists(st.text("ABMUHD ", min_size=1, max_size=12), min_size=1, max_size=4), max_size=12))
def test_any_names_survive_the_round_trip(people: list[list[str]]) -> None:
    entries = [
        PersonEntry(str(i), tuple(EntryName(t) for t in texts))
        for i, texts in enumerate(people)
        if any(names.renderings(t) for t in texts)
    ]
    table = PersonTable(build_persons(entries))
    for i, entry in enumerate(entries):
        expected = [t for n in entry.names for t in names.renderings(n.text)]
        assert [tuple(map(table.token, table.name(n).tokens)) for n in table.person_names(i)] == expected
        assert table.person(i).reference == entry.reference


def test_names_stand_in_the_order_of_birth_dates_and_persons_as_they_were_given() -> None:
    def born(text: str) -> tuple[DateInterval, ...]:
        found = DateInterval.parse(text)
        return (found,) if found else ()

    given_births = [("1974"), ("1975-08-12"), (""), ("1961-01-02"), ("1970/1974")]
    entries = [PersonEntry(f"T{i}", (EntryName("ANNA"), EntryName("B C")), births=born(b))
               for i, b in enumerate(given_births)]  # fmt: skip
    table = PersonTable(build_persons([*entries, ANNA]))
    assert [table.person(i).reference for i in range(len(table))] == ["T0", "T1", "T2", "T3", "T4", "UTO.1"]
    assert list(dict.fromkeys(table.name_persons.tolist())) == [2, 5, 3, 1, 4, 0]
    for person in range(len(table)):
        assert {table.name(n).person for n in table.person_names(person)} == {person}
    assert sum(len(table.person_names(p)) for p in range(len(table))) == table.n_names


@pytest.mark.parametrize("tag", ["bir_lo", "per_nam", "per_cnt", "nam_pers", "nam_off"])
def test_names_in_another_order_are_refused(tag: str) -> None:
    entries = [PersonEntry(f"T{i}", (EntryName("ANNA B"), EntryName("C D")), births=(DateInterval.of_year(1970 + i),))
               for i in range(3)]  # fmt: skip
    sections = Sections(build_persons(entries), KIND_PERSONS)
    sizes = {t: sections.item_size(t) for t in sections.tags()}
    content: dict[str, np.ndarray | bytes] = {
        t: bytes(sections.bytes(t)) if size == 1 else sections.array(t, np.dtype(f"<u{size}"))
        for t, size in sizes.items()
    }
    array = np.array(content[tag])
    content[tag] = np.concatenate([array[:1], array[:0:-1]]) if tag == "nam_off" else array[::-1] + (tag == "per_cnt")
    with pytest.raises(LayoutError):
        PersonTable(pack(KIND_PERSONS, content))


def test_a_file_of_an_older_layout_is_refused_and_says_so() -> None:
    old = bytearray(SOUND)
    old[12:16] = (1).to_bytes(4, "little")
    with pytest.raises(LayoutError, match="has layout version 1, this program reads 2"):
        PersonTable(bytes(old))
