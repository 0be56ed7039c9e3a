"""One traveller's passage: its table, commit before show, pace, silence, closing, garbage.

The journal, the screening and the lists are the real ones; only clocks, the wait and the socket are ours.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import journal_kit
import pytest
from counter_kit import Bench, standard, two_worlds, zone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from drivers.api import DocumentRead
from edge.config import AssemblyConfig
from edge.counter import INBOX_SIZE, TRANSITIONS, Happening, Step
from edge.journal import Journal, read_only


@pytest.fixture
def bench(journal: Journal) -> Bench:
    return Bench(journal, standard())


# -- the table ------------------------------------------------------------------------------------


def test_every_step_of_the_table_ends_in_closed() -> None:
    onward: dict[Step, set[Step]] = {step: set() for step in Step}
    for (step, _), following in TRANSITIONS.items():
        onward[step].add(following)
    reaching = {Step.CLOSED}
    for _ in Step:
        reaching |= {step for step, following in onward.items() if following & reaching}
    assert reaching == set(Step)
    assert onward[Step.CLOSED] == {Step.CLOSED, Step.AWAITING}  # only a finger moves it: a candidate is a new lead
    assert {h for step, h in TRANSITIONS if step is Step.CLOSED} == {Happening.FINGER_LEAD, Happening.FINGER_OTHER}
    assert all(step in {Step.READ} | {f for fs in onward.values() for f in fs} for step in Step)


def test_every_happening_stands_in_the_table_and_shows_nothing_before_the_commit() -> None:
    assert {h for _, h in TRANSITIONS} == set(Happening)
    shown = {step for step, h in TRANSITIONS if h in (Happening.SHOWN_LEAD, Happening.SHOWN_OTHER)}
    assert shown == {Step.RECORDED, Step.UNRECORDED}


@pytest.mark.parametrize(
    ("step", "happening"), [(s, h) for s in Step for h in Happening if (s, h) not in TRANSITIONS], ids=str
)
def test_a_happening_that_a_step_does_not_know_is_a_bug(step: Step, happening: Happening) -> None:
    with pytest.raises(KeyError):
        TRANSITIONS[step, happening]


# -- commit before show ---------------------------------------------------------------------------


def test_a_verdict_is_shown_only_once_its_row_is_on_the_disk(bench: Bench, tmp_path: Path) -> None:
    on_disk: list[bool] = []

    def look(message: dict[str, Any]) -> None:
        with read_only(tmp_path / "journal.sqlite") as view:
            on_disk.append(any(row.passage == message["passage"] for row in view.passages()))

    bench.on_publish = look
    messages = [*bench.scan(), *bench.scan(zone(number="S7310442K"))]
    assert [m["outcome"] for m in messages] == ["CLEAR", "HIT"]
    assert all(m["recorded"] for m in messages)
    assert on_disk == [True, True]
    assert bench.counter.shown["CLEAR"] == bench.counter.shown["HIT"] == 1


def test_the_elapsed_time_counts_from_the_last_byte_to_after_the_commit(bench: Bench) -> None:
    (message,) = bench.scan(at=bench.mono - 0.125)
    assert message["elapsed_ms"] == 125.0


@pytest.mark.parametrize("number", ["L898902C3", "S7310442K"], ids=["CLEAR", "HIT"])
def test_a_journal_that_refuses_is_shown_alarmed_and_counted(journal: Journal, number: str) -> None:
    bench = Bench(journal, standard())
    journal.close()
    with capture_logs() as lines:
        notice, verdict = bench.scan(zone(number=number))
    assert notice["type"] == "notice"
    assert "technician" in notice["text"]
    assert verdict["type"] == "verdict"
    assert verdict["recorded"] is False
    assert verdict["outcome"] == ("HIT" if number.startswith("S") else "CLEAR")
    assert bench.counter.unrecorded == bench.counter.passages == 1
    assert bench.alarms == ["not_recorded"]
    (alarm,) = [line for line in lines if line["event"] == "not_recorded"]
    assert alarm["log_level"] == "error"
    assert alarm["reason"] == "JournalUnavailableError"
    assert alarm["advice"]


def test_a_commit_slower_than_its_limit_is_shown_as_not_recorded_and_written_all_the_same(tmp_path: Path) -> None:
    gate = threading.Event()

    def slow(plain: bytes, message_id: str) -> bytes:
        assert gate.wait(10)
        return journal_kit.SEALER(plain, message_id)

    journal = journal_kit.journal(tmp_path / "journal.sqlite", sealer=slow)
    journal.start()
    try:
        bench = Bench(journal, standard(), commit_timeout_s=0.05)
        with capture_logs() as lines:
            notice, verdict = bench.scan()
        assert (notice["type"], verdict["recorded"]) == ("notice", False)
        assert [line["reason"] for line in lines if line["event"] == "not_recorded"] == ["took too long"]
        gate.set()
        assert bench.scan()[0]["recorded"] is True
        assert [row.passage for row in journal.passages()] == ["P2", "P1"]
        assert bench.counter.unrecorded == 1
    finally:
        gate.set()
        journal.close()


# -- pace -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("used", [-0.5, 0.0, 0.0004, 0.0299, 0.03, 0.031, 0.0899999, 0.21])
def test_the_commit_begins_on_the_grid_after_the_last_byte(journal: Journal, used: float) -> None:
    bench = Bench(journal, standard(), pace_s=0.03)
    (message,) = bench.scan(at=bench.mono - used)
    (wait,) = bench.waits
    assert 0 < wait <= 0.03 + 1e-9
    ticks = (max(0.0, used) + wait) / 0.03
    assert ticks == pytest.approx(round(ticks), abs=1e-6)
    assert message["elapsed_ms"] == pytest.approx((used + wait) * 1000, abs=0.06)


def test_without_a_pace_nobody_waits(bench: Bench) -> None:
    bench.scan()
    assert bench.waits == []


# -- silence --------------------------------------------------------------------------------------


def test_a_silent_hit_is_published_and_logged_byte_for_byte_like_a_clear(tmp_path: Path) -> None:
    seen = []
    for silent, journal, lists in two_worlds(tmp_path):
        bench = Bench(journal, lists)
        with capture_logs() as lines:
            bench.scan(zone("Velmirov", "Dragosin Pavel", "Q33108217"))
        (item,) = journal.pending()
        body = journal_kit.open_body(journal, item.seq, item.body)
        seen.append((bench.published, lines, bench.counter.shown, len(item.body)))
        assert body.outcome == ("HIT" if silent else "CLEAR")  # type: ignore[union-attr]
        assert body.shown == "CLEAR"  # type: ignore[union-attr]
    assert seen[0] == seen[1]


def test_the_log_of_a_passage_holds_neither_name_nor_number(bench: Bench) -> None:
    with capture_logs() as lines:
        bench.scan(zone("Quillfeather", "Ambrose", "S7310442K"))
        bench.close("P1", "referred")
    assert [line["event"] for line in lines] == ["passage", "closed"]
    text = repr(lines).upper()
    assert not [word for word in ("QUILLFEATHER", "AMBROSE", "S7310442K", "740812") if word in text]


# -- closing --------------------------------------------------------------------------------------


def test_a_lead_is_closed_once_and_told_to_everybody(bench: Bench, journal: Journal) -> None:
    bench.scan(zone(number="S7310442K"))
    assert [p.passage for p in journal.open_passages()] == ["P1"]
    assert bench.close("P1", "document-recovered") == {"ok": True, "passage": "P1"}
    assert bench.messages[-1] == {
        "type": "closed", "passage": "P1", "counter": "lane-1", "outcome": "document-recovered"
    }
    assert journal.open_passages() == []
    row = journal.passage("P1")
    assert row is not None
    assert (row.state, row.code) == ("closed", "document-recovered")
    again = bench.close("P1", "confirmed")
    assert again["ok"] is False
    assert "P1" in again["error"]
    assert again["advice"]


@pytest.mark.parametrize(("passage", "code"), [("P1", "whatever"), ("P1", ""), ("P9", "confirmed"), ("", "confirmed")])
def test_a_wrong_code_or_passage_is_answered_with_advice_and_changes_nothing(
    bench: Bench, journal: Journal, passage: str, code: str
) -> None:
    bench.scan(zone(number="S7310442K"))
    answer = bench.close(passage, code)
    assert answer["ok"] is False
    assert answer["error"]
    assert answer["advice"]
    assert [p.passage for p in journal.open_passages()] == ["P1"]
    assert [m["type"] for m in bench.messages] == ["verdict"]


def test_a_passage_shown_as_clear_cannot_be_closed(bench: Bench) -> None:
    bench.scan()
    assert bench.close("P1", "confirmed")["ok"] is False


def test_closing_on_a_journal_that_stopped_says_try_again(bench: Bench, journal: Journal) -> None:
    bench.scan(zone(number="S7310442K"))
    journal.close()
    answer = bench.close("P1", "confirmed")
    assert (answer["ok"], answer["error"]) == (False, "not recorded: JournalUnavailableError")


# -- garbage and limits ---------------------------------------------------------------------------

ROWS = st.lists(st.text(st.characters(max_codepoint=255), max_size=60), max_size=4)
ALMOST = st.tuples(st.sampled_from(zone()), st.integers(0, 43), st.characters(max_codepoint=255)).map(
    lambda t: t[0][: t[1]] + t[2] + t[0][t[1] + 1 :]
)


@pytest.fixture(scope="module")
def lasting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    journal = journal_kit.journal(tmp_path_factory.mktemp("garbage") / "journal.sqlite")
    journal.start()
    yield Bench(journal, standard(), assembly=AssemblyConfig(same_document_s=0))
    journal.close()


@settings(max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=ROWS | st.lists(ALMOST, min_size=1, max_size=3))
def test_whatever_a_reader_sends_becomes_a_recorded_passage(lasting: Bench, rows: list[str]) -> None:
    messages = lasting.scan(tuple(rows))
    messages += lasting.later(2.0)  # what may be a row waits for the next one
    (message,) = messages
    assert message["recorded"] is True
    assert message["outcome"] in ("UNREADABLE", "CLEAR", "POSSIBLE", "HIT")
    assert (message["outcome"] == "UNREADABLE") <= bool(message["unreadable"])


def test_no_lines_at_all_are_unreadable(bench: Bench) -> None:
    (message,) = bench.scan(())
    assert message["outcome"] == "UNREADABLE"


def test_a_required_list_that_is_missing_is_incomplete(journal: Journal) -> None:
    (message,) = Bench(journal, standard()[:1]).scan()
    assert message["outcome"] == "INCOMPLETE"
    assert {c["list"]: c["state"] for c in message["coverage"]} == {"sltd": "asked", "national": "missing"}


def test_the_inbox_has_a_limit(bench: Bench) -> None:
    read = DocumentRead("swipe-1", zone(), b"", bench.mono)
    for _ in range(INBOX_SIZE):
        bench.counter.inbox.put_nowait(read)
    with pytest.raises(queue.Full):
        bench.counter.inbox.put_nowait(read)
