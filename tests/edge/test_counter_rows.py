"""At the counter: rows that come one at a time, the same document again, and what the device is told."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import journal_kit
import memory_lists
import pytest
from counter_kit import SILENT, Bench, standard, zone
from structlog.testing import capture_logs

from drivers.api import DocumentRead, Feedback, OtherRead
from edge.config import AssemblyConfig
from edge.core.mrz import compose
from edge.core.verdicts import Outcome
from edge.core.watch import EntryName
from edge.counter import SIGNS
from edge.journal import Journal

LISTED = zone(number="S7310442K")
CLEAR, HIT = zone(), LISTED
MISREAD = (CLEAR[0], CLEAR[1].replace("L898902C3", "L8989O2C3"))


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    made = journal_kit.journal(tmp_path / "journal.sqlite")
    made.start()
    yield made
    made.close()


@pytest.fixture
def bench(journal: Journal) -> Bench:
    return Bench(journal, standard())


def row(bench: Bench, text: str, device: str = "swipe-1") -> list[dict[str, Any]]:
    bench.mono += 0.1
    return bench.work(DocumentRead(device, (text,), b"", bench.mono))


def outcomes(messages: list[dict[str, Any]]) -> list[tuple[str, str]]:
    return [(m["type"], m["outcome"]) for m in messages]


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


# -- the same document again ----------------------------------------------------------------------


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
    for folder, silent in (("a", False), ("b", True)):
        (tmp_path / folder).mkdir()
        other = replace(SILENT, names=(EntryName("Quillfeather, Ambrose", "primary"),))
        lists = [standard()[0], memory_lists.memory_list("national", persons=[SILENT if silent else other])]
        journal = journal_kit.journal(tmp_path / folder / "journal.sqlite")
        journal.start()
        bench = Bench(journal, lists, pace_s=0.03)
        with capture_logs() as lines:
            for _ in range(2):
                bench.scan(zone("Velmirov", "Dragosin Pavel", "Q33108217"))
        truths = [journal_kit.open_body(journal, item.seq, item.body).outcome for item in journal.pending()]  # type: ignore[union-attr]
        journal.close()
        assert truths == ["HIT" if silent else "CLEAR"]
        seen.append((bench.published, lines, bench.signs, bench.waits, bench.counter.shown))
    assert seen[0] == seen[1]
    assert len(seen[0][0]) == 2


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


def _fields(struct: Any) -> dict[str, Any]:
    return {name: getattr(struct, name) for name in struct.__struct_fields__}
