"""What the box answers at its desk, also when its journal cannot be read or a counter is busy."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import journal_kit
import memory_lists
import pytest

from drivers.api import DocumentRead
from edge.answers import MAX_LEADS, Answers
from edge.config import CounterConfig
from edge.core.screening import Screener
from edge.core.verdicts import Outcome
from edge.counter import INBOX_SIZE, CloseRequest, Counter, Surroundings
from edge.journal import Journal

OUT = {"reader": "page-1", "counter": "lane-1", "state": "absent"}


def counter(name: str, journal: Journal) -> Counter:
    around = Surroundings(
        lists=tuple, screener=Screener(), journal=journal, now=lambda: memory_lists.TRUSTED,
        wall=lambda: memory_lists.NOW, mono=lambda: 0.0, wait=lambda _s: None, passage_id=lambda: "P1",
        number_hash=lambda _state, _number: "",
        publish=lambda _message: None, alarm=lambda _code: None, pace_s=0, commit_timeout_s=1,
    )
    return Counter(CounterConfig(name=name, direction="entry", readers=("r",)), around)


@pytest.fixture
def counters(journal: Journal) -> dict[str, Counter]:
    return {name: counter(name, journal) for name in ("lane-1", "entry-1")}


@pytest.fixture
def answers(journal: Journal, counters: dict[str, Counter]) -> Answers:
    return Answers(
        "box-1", journal, counters, lambda: {"outbox": journal.counts().pending}, readers=lambda: [dict(OUT)]
    )


def ask(answers: Answers, request: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    said: list[Mapping[str, Any]] = []
    answers.handle(request, 1000, said.append)
    return said


def test_the_greeting_names_open_leads_newest_first_and_not_too_many(journal: Journal, answers: Answers) -> None:
    journal_kit.record(journal, range(MAX_LEADS + 5), Outcome.HIT)
    hello = answers.hello()
    assert (hello["device"], hello["counters"]) == ("box-1", ["lane-1", "entry-1"])
    assert [lead["passage"] for lead in hello["open"]] == [f"passage-{n:06}" for n in range(MAX_LEADS + 4, 4, -1)]
    assert set(hello["open"][0]) == {"passage", "shown", "counter", "at"}
    assert hello["readers"] == [OUT]


def test_a_silent_hit_is_no_open_lead(journal: Journal, answers: Answers) -> None:
    journal_kit.record(journal, [1], Outcome.HIT, shown=Outcome.CLEAR)
    assert answers.hello()["open"] == []


def test_status_and_unknown_words(answers: Answers) -> None:
    assert ask(answers, {"do": "status"}) == [{"ok": True, "status": {"outbox": 0}}]
    for request in ({}, {"do": None}, {"do": "passage"}, {"do": ["close"]}, {"close": 1}):
        (said,) = ask(answers, request)
        assert said["ok"] is False
        assert said["advice"]


def test_a_closing_goes_to_the_counter_of_its_passage(
    journal: Journal, answers: Answers, counters: dict[str, Counter]
) -> None:
    journal_kit.record(journal, [1], Outcome.HIT)
    assert ask(answers, {"do": "close", "passage": "passage-000001", "outcome": "confirmed"}) == []
    work = counters["entry-1"].inbox.get_nowait()
    assert isinstance(work, CloseRequest)
    assert (work.passage, work.code, work.uid) == ("passage-000001", "confirmed", 1000)


def test_passages_are_listed_open_or_all_and_not_too_many(journal: Journal, answers: Answers) -> None:
    journal_kit.record(journal, range(3), Outcome.HIT)
    journal_kit.record(journal, [3], Outcome.CLEAR)
    (said,) = ask(answers, {"do": "passages"})
    assert [row["passage"] for row in said["passages"]] == [f"passage-{n:06}" for n in (3, 2, 1, 0)]
    assert said["passages"][0]["at"] == "2026-03-01T12:00:00Z"
    (said,) = ask(answers, {"do": "passages", "open": True, "limit": 2})
    assert [row["passage"] for row in said["passages"]] == ["passage-000002", "passage-000001"]
    for limit in (0, -1, 10**9, None, "x", [1]):
        (said,) = ask(answers, {"do": "passages", "limit": limit})
        assert said["ok"]
        assert 1 <= len(said["passages"]) <= 4


def test_what_is_closed_or_was_no_lead_is_said_so(journal: Journal, answers: Answers) -> None:
    journal_kit.record(journal, [1], Outcome.HIT)
    journal_kit.record(journal, [2], Outcome.HIT, shown=Outcome.CLEAR)
    done = journal.close_passage(
        "passage-000001", code="misread", at=journal_kit.START, clock=memory_lists.TRUSTED.state
    )
    done.result(5)
    (said,) = ask(answers, {"do": "close", "passage": "passage-000001", "outcome": "confirmed"})
    assert said["error"] == "passage-000001 is closed already (code misread)"
    (said,) = ask(answers, {"do": "close", "passage": "passage-000002", "outcome": "confirmed"})
    assert said["error"] == "passage-000002 was CLEAR, no lead to close"


@pytest.mark.parametrize("passage", ["", "no such", "x" * 4000, "\0", 7, None, ["P1"], {"a": 1}])
def test_a_passage_that_no_counter_knows_is_answered_by_the_first(
    answers: Answers, counters: dict[str, Counter], passage: object
) -> None:
    assert ask(answers, {"do": "close", "passage": passage, "outcome": 5}) == []
    assert counters["lane-1"].inbox.qsize() == 1


def test_a_full_counter_says_try_again(answers: Answers, counters: dict[str, Counter]) -> None:
    for _ in range(INBOX_SIZE):
        counters["lane-1"].inbox.put_nowait(DocumentRead("r", (), b"", 0.0))
    (said,) = ask(answers, {"do": "close", "passage": "P", "outcome": "confirmed"})
    assert (said["ok"], said["error"]) == (False, "the counter is busy")


def test_a_journal_that_cannot_be_read_harms_no_question(journal: Journal, answers: Answers) -> None:
    journal.close()
    assert answers.hello()["open"] == []
    for request in ({"do": "status"}, {"do": "passages"}, {"do": "close", "passage": "P1", "outcome": "confirmed"}):
        (said,) = ask(answers, request)
        assert said["ok"] is False
        assert said["error"]
        assert said["advice"]
