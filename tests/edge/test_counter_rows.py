"""At the counter: rows that come one at a time, and what the device is told."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import Any

import journal_kit
import memory_lists
import pytest
from counter_kit import CLEAR, HIT, LISTED, MISREAD, SILENT, Bench, outcomes, row, standard, zone
from structlog.testing import capture_logs

from drivers.api import DocumentRead, Feedback, OtherRead
from edge.core.mrz import compose
from edge.core.verdicts import Outcome
from edge.counter import SIGNS
from edge.journal import Journal


@pytest.fixture
def bench(journal: Journal) -> Bench:
    return Bench(journal, standard())


# -- rows one at a time ---------------------------------------------------------------------------


def test_rows_one_at_a_time_are_one_passage_that_counts_from_the_last_row(bench: Bench) -> None:
    assert row(bench, HIT[0]) == []
    (message,) = row(bench, HIT[1])
    assert (message["outcome"], message["elapsed_ms"], message["document"]["format"]) == ("HIT", 0.0, "TD3")
    assert message["rows"] == {"read": [1, 2], "of": 2, "text": []}


def test_the_pace_grid_counts_from_the_last_byte_of_the_completing_row(journal: Journal) -> None:
    bench = Bench(journal, standard(), pace_s=0.03)
    bench.work(DocumentRead("swipe-1", (CLEAR[0],), b"", bench.mono))
    at = bench.mono = bench.mono + 0.4
    bench.mono += 0.0401
    (message,) = bench.work(DocumentRead("swipe-1", (CLEAR[1],), b"", at))
    assert message["elapsed_ms"] == 60.0


def test_a_row_that_stays_alone_is_unreadable_and_shown_after_the_wait(bench: Bench) -> None:
    assert row(bench, CLEAR[1]) == []
    assert bench.later(1.4) == []
    (message,) = bench.later(0.2)
    assert message["outcome"] == "UNREADABLE"
    assert message["rows"] == {"read": [2], "of": 2, "text": [CLEAR[1]]}
    assert message["document"]["number"] == "L898902C3"
    assert message["unreadable"] == ["rows_missing", "format"]
    assert any("Row 2 of 2 was read" in f["message"] for f in message["findings"])


def test_the_loop_wakes_by_itself_when_a_row_has_waited_long_enough(bench: Bench) -> None:
    waited: list[float] = []
    take = bench.counter.inbox.get

    def get(block: bool = True, timeout: float | None = None) -> Any:
        waited.append(timeout or 0.0)
        return take(block, 0.0 if timeout is None else min(timeout, 0.01))

    bench.counter.inbox.get = get  # type: ignore[method-assign]
    row(bench, CLEAR[1])
    bench.mono += 1.3
    bench.work()
    assert waited[0] == 0.5
    assert waited[-1] == pytest.approx(0.2)


@pytest.mark.parametrize(
    ("lines", "outcome"),
    [((LISTED[1],), "POSSIBLE"), ((LISTED[0],), "UNREADABLE")], ids=["the number without a State", "the name alone"],
)
def test_a_lone_row_is_screened_by_its_number(bench: Bench, lines: tuple[str, ...], outcome: str) -> None:
    for text in lines:
        row(bench, text)
    (message,) = bench.later(2.0)
    assert message["outcome"] == outcome
    assert message["document"]["format"] == ""


def test_the_first_row_of_a_card_has_number_and_state_enough_for_a_hit(bench: Bench) -> None:
    card = compose.td1(
        issuing_state="UTO", surname="Eriksson", given_names="Anna", number="S7310442K", nationality="UTO",
        birth_date="740812", sex="F", expiry_date="310415",
    )
    row(bench, card[0])
    (message,) = bench.later(2.0)
    assert (message["outcome"], message["rows"]["read"], message["rows"]["of"]) == ("HIT", [1], 3)


@pytest.mark.parametrize("index", [0, 2], ids=["the State alone", "names alone"])
def test_a_part_without_a_number_has_no_hash_that_others_share(journal: Journal, index: int) -> None:
    hashed: list[tuple[str, str]] = []

    def number_hash(state: str, number: str) -> str:
        hashed.append((state, number))
        return "ab" * 32

    bench = Bench(journal, standard(), number_hash=number_hash)
    card = compose.td1(
        issuing_state="UTO", surname="Eriksson", given_names="Anna", number="S7310442K", nationality="UTO",
        birth_date="740812", sex="F", expiry_date="310415",
    )
    row(bench, CLEAR[0] if index == 0 else card[index])
    bench.later(2.0)
    assert not hashed
    (item,) = journal.pending()
    opened = journal_kit.open_body(journal, item.seq, item.body)
    assert opened.number_hash == ""  # type: ignore[union-attr]


def test_a_name_is_asked_by_only_with_a_birth_date(journal: Journal) -> None:
    person = replace(SILENT, silent=False)
    bench = Bench(journal, [standard()[0], memory_lists.memory_list("national", persons=[person])])
    card = compose.td1(
        issuing_state="UTO", surname="Velmirov", given_names="Dragosin Pavel", number="Q33108217", nationality="UTO",
        birth_date="740812", sex="F", expiry_date="310415",
    )
    for kept, outcome in (((0, 2), "UNREADABLE"), ((1, 2), "HIT")):
        for index in kept:
            row(bench, card[index])
        (message,) = bench.later(2.0)
        assert message["outcome"] == outcome
        bench.later(2.0)


def test_a_bar_code_in_between_changes_nothing_and_makes_no_passage(bench: Bench) -> None:
    row(bench, CLEAR[0])
    assert bench.work(OtherRead("swipe-1", b"M1ERIKSSON/ANNA MR", bench.mono)) == []
    (message,) = row(bench, CLEAR[1])
    assert message["outcome"] == "CLEAR"
    assert bench.counter.passages == 1


def test_a_stolen_number_is_asked_when_a_misread_double_comes_before_it_and_its_row_is_lost(bench: Bench) -> None:
    stolen = zone("Velmirov", "Ben", "S7310442K")
    double = CLEAR[1][:10] + "M" + CLEAR[1][11:]  # one letter of the nationality: no digit covers it
    assert double != CLEAR[1]
    assert [outcomes(row(bench, text)) for text in (*CLEAR, double)] == [[], [("verdict", "CLEAR")], []]
    assert row(bench, stolen[0]) == []
    (message,) = bench.later(2.0)
    assert (message["outcome"], message["rows"]["read"]) == ("UNREADABLE", [1])
    assert [outcomes(row(bench, text)) for text in stolen] == [[], [("verdict", "HIT")]]  # presented again


def test_rows_of_two_devices_never_meet(bench: Bench) -> None:
    row(bench, CLEAR[0], "swipe-1")
    assert row(bench, LISTED[1], "page-1") == []
    assert [m["rows"]["read"] for m in bench.later(2.0)] == [[1], [2]]


def test_rows_of_two_documents_are_unreadable_each_and_every_number_is_asked(bench: Bench) -> None:
    for text in (CLEAR[0], zone("Velmirov", "Dragosin", "S7310442K")[0], LISTED[1], CLEAR[1]):
        assert row(bench, text) == []
    messages = bench.later(2.0)
    assert [m["outcome"] for m in messages] == ["UNREADABLE", "UNREADABLE", "POSSIBLE", "UNREADABLE"]
    assert bench.counter.passages == 4


def test_a_read_that_waits_in_the_inbox_is_not_late(bench: Bench) -> None:
    at = bench.mono
    reads = [DocumentRead("swipe-1", (text,), b"", at + n) for n, text in enumerate(CLEAR)]
    bench.mono += 60.0  # the counter was held up
    assert outcomes(bench.work(*reads)) == [("verdict", "CLEAR")]


def test_rows_that_were_seen_are_in_no_log_line(bench: Bench) -> None:
    with capture_logs() as lines:
        row(bench, LISTED[1])
        bench.later(2.0)
        bench.scan(LISTED)
        bench.scan(LISTED)
    assert [line["event"] for line in lines] == ["passage", "passage", "again"]
    assert not [word for word in ("S7310442K", "740812", "ERIKSSON") if word in repr(lines).upper()]


# -- signs ----------------------------------------------------------------------------------------


def test_every_outcome_has_a_sign() -> None:
    assert set(SIGNS) == set(Outcome)


def test_the_device_that_was_used_says_what_was_shown_after_it_was_shown(bench: Bench) -> None:
    order: list[str] = []
    bench.on_publish = lambda message: order.append(message["type"])
    steps = itertools.count()
    for device, lines in (("swipe-1", CLEAR), ("page-1", HIT), ("swipe-1", MISREAD), ("page-1", HIT)):
        bench.work(DocumentRead(device, lines, b"", bench.mono))
        assert len(order) == len(bench.signs) == next(steps) + 1
    assert bench.signs == [
        ("swipe-1", Feedback.GOOD), ("page-1", Feedback.LEAD), ("swipe-1", Feedback.RETRY), ("page-1", Feedback.LEAD)
    ]
    assert order == ["verdict", "verdict", "verdict", "again"]


def test_a_silent_hit_signs_good_and_incomplete_too(bench: Bench, journal: Journal) -> None:
    bench.scan(zone("Velmirov", "Dragosin Pavel", "Q33108217"))
    without = Bench(journal, standard()[:1])
    without.scan()
    assert bench.signs == without.signs == [("swipe-1", Feedback.GOOD)]


def test_a_part_of_a_zone_signs_retry_unless_its_number_is_a_lead(bench: Bench) -> None:
    for text, sign in ((CLEAR[1], Feedback.RETRY), (LISTED[1], Feedback.LEAD)):
        row(bench, text)
        assert not bench.signs
        bench.later(2.0)
        assert bench.signs.pop() == ("swipe-1", sign)
