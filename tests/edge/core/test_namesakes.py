"""Short and very common names say how many others of the list bear as good a one."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest
from memory_lists import TRUSTED, UNTRUSTED, MemoryList, memory_list

from edge.core.documents import DateInterval
from edge.core.screening import Query, screen
from edge.core.screening.namesakes import MAX_TOLD, RULE, same_tokens
from edge.core.texts import CATALOGUES
from edge.core.trusted import Trusted
from edge.core.verdicts import Reason
from edge.core.watch import EntryName, PersonEntry

COMMON = {"surname": "AHMED", "given_names": "MOHAMED HASSAN"}
RARE = {"surname": "QUTAYBAH", "given_names": "FARHAN IDRIS ZUBAYD"}


def person(number: int, name: str, *, born: str = "", silent: bool = False, review: date | None = None) -> PersonEntry:
    birth = DateInterval.parse(born)
    births = (birth,) if birth else ()
    return PersonEntry(f"N-{number}", (EntryName(name, "primary"),), births, silent=silent, review_date=review)


def crowd(
    count: int, name: str = "Mohamed Hassan Ahmed", *, first: int = 0, silent: bool = False
) -> list[PersonEntry]:
    numbers = range(first, first + count)
    return [person(n, name, born=f"19{40 + n % 50}-03-0{1 + n % 9}", silent=silent) for n in numbers]


def reasons(people: list[PersonEntry], now: Trusted = TRUSTED, **fields: str) -> tuple[Reason, ...]:
    return screen(Query.of_fields(fields), (memory_list("national", persons=people),), now=now).shown().reasons


def told(reason: Reason) -> str | None:
    (found, *more) = [e.listed for e in reason.evidence if e.rule == RULE] or [None]
    assert not more
    return found


@pytest.mark.parametrize(("others", "said"), [(0, "0"), (1, "1"), (7, "7"), (19, "19"), (20, "20+"), (300, "20+")])
@pytest.mark.parametrize("birth", ["", "1971-11-23"])
def test_a_very_common_name_says_how_many_others_bear_it(others: int, said: str, birth: str) -> None:
    mine = person(999, "Ahmed Hassan Mohamed", born="1971-11-23")
    found = reasons([mine, *crowd(others)], **COMMON, birth_date=birth)
    assert {told(r) for r in found} == {said}
    assert "N-999" in {r.record for r in found} or not birth


def test_those_whose_birth_date_contradicts_are_counted_too() -> None:
    (reason,) = reasons([person(999, "Mohamed Ahmed", born="1971-11-23"), *crowd(6, "Mohamed Ahmed")],
                        surname="AHMED", given_names="MOHAMED", birth_date="1971-11-23")
    assert (reason.record, told(reason)) == ("N-999", "6")


def test_other_spellings_that_agree_as_well_are_counted_where_the_search_found_them() -> None:
    found = reasons([person(1, "Mohamed Ahmed"), person(2, "Muhammad Ahmad"), person(3, "Mohamed Mansoor")],
                    surname="AHMED", given_names="MOHAMED")
    by_record = {r.record: told(r) for r in found}
    assert by_record["N-1"] == "0"           # the other one agrees less well
    assert by_record["N-2"] == "1"


def test_a_long_and_rare_name_says_nothing_and_a_short_one_does() -> None:
    (long,) = reasons([person(1, "Farhan Idris Zubayd Qutaybah")], **RARE)
    assert told(long) is None
    (short,) = reasons([person(1, "Zubaida Nuwayra")], surname="NUWAYRA", given_names="ZUBAIDA")
    assert told(short) == "0"
    (single,) = reasons([person(1, "Suhartono")], surname="SUHARTONO")
    assert told(single) == "0"


def test_a_person_is_counted_once_whatever_names_it_bears() -> None:
    two = replace(person(2, ""), names=(EntryName("Mohamed Ahmed", "primary"), EntryName("Ahmed Mohamed", "good")))
    found = reasons([person(1, "Mohamed Ahmed"), two], surname="AHMED", given_names="MOHAMED")
    assert {told(r) for r in found} == {"1"}


def test_a_shown_reason_never_counts_the_silent() -> None:
    shown = [person(999, "Mohamed Hassan Ahmed", born="1971-11-23"), *crowd(3)]
    for birth in ("", "1971-11-23", "1902-01-01"):
        without = reasons(shown, **COMMON, birth_date=birth)
        for silent in (1, 40):
            mixed = reasons([*shown, *crowd(silent, first=500, silent=True)], **COMMON, birth_date=birth)
            assert [(r.record, told(r)) for r in mixed] == [(r.record, told(r)) for r in without]


def test_a_silent_reason_counts_all() -> None:
    people: MemoryList = memory_list("national", persons=[*crowd(3), *crowd(2, first=9, silent=True)])
    found = screen(Query.of_fields(COMMON), (people,), now=TRUSTED).reasons
    assert {(r.silent, told(r)) for r in found} == {(False, "2"), (True, "4")}


def test_who_is_past_the_review_date_is_no_namesake_by_trusted_time_alone() -> None:
    past = [person(n, "Mohamed Hassan Ahmed", review=date(2020, 1, 1)) for n in range(5)]
    assert [told(r) for r in reasons([person(9, "Mohamed Hassan Ahmed"), *past], **COMMON)] == ["0"]
    assert {told(r) for r in reasons([person(9, "Mohamed Hassan Ahmed"), *past], UNTRUSTED, **COMMON)} == {"5"}


def test_the_same_tokens_in_any_order_and_no_others() -> None:
    table = memory_list("n", persons=[
        person(0, "Mohamed Ahmed"), person(1, "Ahmed Mohamed"), person(2, "Mohamed Ahmed Ahmed"), person(3, "Ahmed"),
    ]).persons
    assert table is not None
    tokens = tuple(sorted(table.name(0).tokens))
    assert same_tokens(table, tokens) == (0, 1)
    assert same_tokens(table, ()) == ()


def test_it_is_said_in_every_language() -> None:
    said = {catalogue[f"rule.{RULE}"] for catalogue in CATALOGUES.values()}
    assert len(said) == len(CATALOGUES)
    assert MAX_TOLD == 20
