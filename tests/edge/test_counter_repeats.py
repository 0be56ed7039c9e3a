"""At the counter: the same document again is one passage, unless it could be answered otherwise now."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import journal_kit
import memory_lists
import pytest
from counter_kit import CLEAR, HIT, LISTED, MISREAD, Bench, outcomes, row, standard, two_worlds, zone
from structlog.testing import capture_logs

from drivers.api import DocumentRead
from edge.config import AssemblyConfig
from edge.core.mrz import compose
from edge.core.screening import Screener
from edge.core.trusted import ClockState, Trusted
from edge.journal import Journal


@pytest.fixture
def bench(journal: Journal) -> Bench:
    return Bench(journal, standard())


@pytest.mark.parametrize("lines", [CLEAR, HIT], ids=["CLEAR", "HIT"])
def test_the_same_document_within_ten_seconds_is_one_passage(
    bench: Bench, journal: Journal, lines: tuple[str, ...]
) -> None:
    (first,) = bench.scan(lines)
    bench.mono += 9.9
    (again,) = bench.scan(lines)
    assert again["type"] == "again"
    assert {k: again[k] for k in ("passage", "outcome", "document", "counter", "direction")} == {
        k: first[k] for k in ("passage", "outcome", "document", "counter", "direction")
    }
    assert again["times"] == 2
    assert (bench.counter.passages, bench.counter.repeats, len(journal.passages())) == (1, 1, 1)
    assert len(journal.pending()) == 1
    bench.mono += 9.9  # from its last read
    assert outcomes(bench.scan(lines)) == [("again", first["outcome"])]
    bench.mono += 10.0
    assert outcomes(bench.scan(lines)) == [("verdict", first["outcome"])]


def test_a_document_left_on_the_reader_is_a_passage_a_minute(bench: Bench) -> None:
    seen = []
    for _ in range(25):
        seen += outcomes(bench.scan())
        bench.mono += 5.0
    assert [index for index, (kind, _) in enumerate(seen) if kind == "verdict"] == [0, 12, 24]


def test_read_as_rows_and_as_a_zone_it_is_the_same_document(bench: Bench) -> None:
    bench.scan()
    row(bench, CLEAR[0])
    assert outcomes(row(bench, CLEAR[1])) == [("again", "CLEAR")]
    assert outcomes(bench.work(DocumentRead("page-1", CLEAR, b"", bench.mono))) == [("again", "CLEAR")]


def test_what_no_list_is_asked_by_does_not_make_another_document(bench: Bench) -> None:
    bench.scan()
    renewed = compose.td3(
        issuing_state="UTO", surname="Eriksson", given_names="Anna Maria", number="L898902C3", nationality="UTO",
        birth_date="740812", sex="F", expiry_date="310416",
    )
    assert outcomes(bench.scan(renewed)) == [("again", "CLEAR")]


@pytest.mark.parametrize(
    "other",
    [zone(number="L898902C4"), zone(surname="Erikson"), zone(given="Anna"), MISREAD],
    ids=["number", "surname", "given names", "misread"],
)
def test_whatever_could_be_answered_otherwise_is_a_new_passage(bench: Bench, other: tuple[str, ...]) -> None:
    for first, second in ((CLEAR, other), (other, CLEAR)):
        bench.later(100.0)
        bench.scan(first)
        assert [m["type"] for m in bench.scan(second)] == ["verdict"]


def test_documents_in_turn_are_each_the_same_again(bench: Bench) -> None:
    family = [zone(number=f"L89890{n}C3") for n in range(4)]
    for lines in family:
        bench.scan(lines)
    assert [m["type"] for lines in family for m in bench.scan(lines)] == ["again"] * 4
    assert bench.counter.passages == 4


def test_unreadable_and_partial_reads_are_always_answered_afresh(bench: Bench) -> None:
    for _ in range(2):
        assert outcomes(bench.scan(MISREAD)) == [("verdict", "UNREADABLE")]
    for _ in range(2):
        row(bench, LISTED[1])
        assert outcomes(bench.later(2.0)) == [("verdict", "POSSIBLE")]


def test_incomplete_is_always_answered_afresh(journal: Journal) -> None:
    bench = Bench(journal, standard()[:1])
    assert outcomes([*bench.scan(), *bench.scan()]) == [("verdict", "INCOMPLETE")] * 2


def test_what_could_not_be_recorded_is_tried_again(journal: Journal) -> None:
    bench = Bench(journal, standard())
    journal.close()
    assert [m["type"] for m in [*bench.scan(), *bench.scan()]] == ["notice", "verdict"] * 2


def test_after_its_lead_was_closed_a_document_is_a_new_passage(bench: Bench) -> None:
    bench.scan(HIT)
    assert outcomes(bench.scan(HIT)) == [("again", "HIT")]
    assert bench.close("P1", "document-recovered")["ok"] is True
    (message,) = bench.scan(HIT)
    assert (message["type"], message["passage"]) == ("verdict", "P2")


def test_a_new_generation_of_a_list_is_asked_at_once(journal: Journal) -> None:
    lists = standard()
    bench = Bench(journal, lists)
    bench.scan()
    manifest = lists[1].manifest
    assert manifest is not None
    lists[1] = replace(lists[1], manifest=type(manifest)(**{**_fields(manifest), "generation": 2}))
    assert outcomes(bench.scan()) == [("verdict", "CLEAR")]


def test_a_list_that_has_become_too_old_since_is_told_and_not_repeated(journal: Journal) -> None:
    lists, now = standard(), memory_lists.TRUSTED
    assert now.time is not None
    assert lists[0].manifest is not None
    age = (now.time - lists[0].manifest.source_date).total_seconds()
    times = [now, now, replace(now, time=now.time + timedelta(seconds=5))]
    screener = Screener(frozenset({"sltd", "national"}), max_age_seconds=age + 1)
    bench = Bench(journal, lists, now=lambda: times[0], screener=screener)
    seen = []
    for _ in range(3):
        seen += outcomes(bench.scan())
        bench.mono += 1
        times[:] = times[1:] or times
    assert seen == [("verdict", "CLEAR"), ("again", "CLEAR"), ("verdict", "INCOMPLETE")]


@pytest.mark.parametrize(
    "later",
    [
        memory_lists.UNTRUSTED,
        replace(memory_lists.TRUSTED, state=ClockState.HELD),
        replace(memory_lists.TRUSTED, expiry=memory_lists.NOW + timedelta(days=1)),
    ],
    ids=["untrusted", "held", "another day"],
)
def test_when_time_is_believed_otherwise_the_same_document_is_asked_afresh(journal: Journal, later: Trusted) -> None:
    now = [memory_lists.TRUSTED]
    bench = Bench(journal, standard(), now=lambda: now[0])
    bench.scan()
    now[0] = later
    assert [m["type"] for m in bench.scan()] == ["verdict"]


@pytest.mark.parametrize("bad", ["missing", "behind"])
def test_a_list_that_went_missing_or_bad_since_is_told_and_not_repeated(journal: Journal, bad: str) -> None:
    lists = standard()
    bench = Bench(journal, lists)
    bench.scan()
    lists[1:] = [replace(lists[1], behind=True)] if bad == "behind" else []
    assert outcomes(bench.scan()) == [("verdict", "INCOMPLETE")]


def test_zero_switches_it_off(journal: Journal) -> None:
    bench = Bench(journal, standard(), assembly=AssemblyConfig(same_document_s=0))
    assert outcomes([*bench.scan(), *bench.scan()]) == [("verdict", "CLEAR")] * 2


def test_a_repeat_leaves_on_the_grid_too(journal: Journal) -> None:
    bench = Bench(journal, standard(), pace_s=0.03)
    bench.scan()
    (again,) = bench.scan(at=bench.mono - 0.0001)
    assert again["elapsed_ms"] == 30.0
    assert len(bench.waits) == 2


def test_a_silent_hits_repeat_is_byte_for_byte_that_of_a_clear(tmp_path: Path) -> None:
    seen = []
    for silent, journal, lists in two_worlds(tmp_path):
        bench = Bench(journal, lists, pace_s=0.03)
        with capture_logs() as lines:
            for _ in range(2):
                bench.scan(zone("Velmirov", "Dragosin Pavel", "Q33108217"))
        truths = [journal_kit.open_body(journal, item.seq, item.body).outcome for item in journal.pending()]  # type: ignore[union-attr]
        assert truths == ["HIT" if silent else "CLEAR"]
        seen.append((bench.published, lines, bench.signs, bench.waits, bench.counter.shown))
    assert seen[0] == seen[1]
    assert len(seen[0][0]) == 2


def _fields(struct: Any) -> dict[str, Any]:
    return {name: getattr(struct, name) for name in struct.__struct_fields__}
