"""A finger in the passage: ordered by policy or an officer, committed before it is told, and what it opens."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import journal_kit
import pytest
from counter_finger_kit import DISCREET, LEAD, OTHER, PROBLEM, WANTED, FingerBench, answer, bodies, erased, only, taken
from counter_kit import Bench, standard, zone
from structlog.testing import capture_logs

from edge.core.fingerprints.model import Position
from edge.core.verdicts import Coverage, CoverageState, Outcome
from edge.counter import FINGER_TRANSITIONS, FingerHappening, FingerRequest, FingerStep
from edge.counter.dossier import MAX_DOSSIERS
from edge.counter.fingers import NO_SCANNER, OVERTAKEN, UNKNOWN
from edge.fingers.orders import AWAY, FingerOrder, FingerResult
from edge.fingers.policy import FingerPolicy
from edge.fingers.station import WITHDRAWN
from edge.journal import Journal, read_only

ASKED = {
    "never": set(), "leads": {"HIT", "POSSIBLE"}, "doubts": {"HIT", "POSSIBLE", "UNREADABLE", "INCOMPLETE"},
    "always": {"HIT", "POSSIBLE", "UNREADABLE", "INCOMPLETE", "CLEAR"},
}  # fmt: skip


@pytest.fixture
def bench(journal: Journal) -> FingerBench:
    return FingerBench(journal)


# -- tables and policy ----------------------------------------------------------------------------


def test_a_finger_is_shown_only_after_its_commit_and_every_step_ends_in_none() -> None:
    shown = {step for step, h in FINGER_TRANSITIONS if h is FingerHappening.SHOWN}
    assert shown == {FingerStep.RECORDED, FingerStep.UNRECORDED}
    assert {h for _, h in FINGER_TRANSITIONS} == set(FingerHappening)
    reaching = {FingerStep.NONE}
    for _ in FingerStep:
        reaching |= {step for (step, _h), following in FINGER_TRANSITIONS.items() if following in reaching}
    assert reaching == set(FingerStep)


@pytest.mark.parametrize("ask", ASKED)
def test_the_policy_asks_after_what_was_shown(ask: Any) -> None:
    assert {str(o) for o in Outcome if FingerPolicy(ask=ask).asks(o)} == ASKED[ask]


def test_a_lead_gets_an_order_for_the_first_finger_and_a_clear_one_none(bench: FingerBench) -> None:
    bench.scan()
    assert bench.station.orders == []
    bench.scan(LEAD)
    assert bench.station.orders == [
        FingerOrder("P2", "lane-1", Position.RIGHT_INDEX, "search", owner="lane-1")
    ]


# -- commit before show ---------------------------------------------------------------------------


def test_a_finger_is_told_only_once_it_is_on_the_disk(bench: FingerBench, tmp_path: Path) -> None:
    bench.scan(LEAD)
    seen: list[tuple[int, str]] = []

    def look(message: dict[str, Any]) -> None:
        if message["type"] == "fingers":
            with read_only(tmp_path / "journal.sqlite") as view:
                seen.append((view.counts().newest, view.passages()[0].shown))

    bench.on_publish = look
    told = only(bench.found(answer()), "fingers")
    assert (told["recorded"], told["outcome"]) == (True, "HIT")
    assert seen == [(2, "HIT")]


def test_a_journal_that_refuses_a_finger_is_told_not_recorded_and_alarmed(bench: FingerBench, journal: Journal) -> None:
    bench.scan(LEAD)
    journal.close()
    finger = taken()
    told = bench.found(answer(WANTED), finger=finger)
    assert only(told, "fingers")["recorded"] is False
    assert "technician" in only(told, "notice")["text"]
    assert bench.alarms == ["not_recorded"]
    assert erased(finger)


def test_answers_leave_on_the_grid_after_the_last_byte_of_the_image(bench: FingerBench) -> None:
    bench.scan(LEAD)
    told = only(bench.found(answer(), after=0.9), "fingers")
    assert told["elapsed_ms"] == pytest.approx(250.0)
    assert bench.waits == [pytest.approx(0.15)]


# -- what a finger does to the passage ------------------------------------------------------------


def test_a_clear_passage_with_a_candidate_becomes_an_open_lead_that_a_person_closes(journal: Journal) -> None:
    bench = FingerBench(journal, ask="always")
    bench.scan()
    told = only(bench.found(answer(WANTED)), "fingers")
    assert told["outcome"] == "POSSIBLE"
    (candidate,) = told["candidates"]
    assert (candidate["record"], candidate["kind"], candidate["outcome"]) == ("F-7", "finger", "POSSIBLE")
    (row,) = journal.open_passages()
    assert (row.passage, row.shown, row.state) == ("P1", "POSSIBLE", "awaiting")
    assert [s["kind"] for s in row.summary] == ["finger"]
    assert bench.close("P1", "confirmed")["ok"] is True
    assert journal.open_passages() == []


def test_a_finger_alone_is_never_a_hit_however_high_its_score(journal: Journal) -> None:
    bench = FingerBench(journal, ask="always")
    bench.scan()
    assert only(bench.found(answer(replace(WANTED, score=1e9, expected=0.0))), "fingers")["outcome"] == "POSSIBLE"
    (body,) = bodies(journal)
    assert (body.outcome, body.shown) == (Outcome.POSSIBLE, Outcome.POSSIBLE)


def test_no_candidate_takes_no_lead_away_and_says_how_much_was_searched(bench: FingerBench, journal: Journal) -> None:
    bench.scan(LEAD)
    told = only(bench.found(answer()), "fingers")
    assert (told["outcome"], told["candidates"], told["templates"]) == ("HIT", [], 20_000)
    assert [(c["list"], c["generation"]) for c in told["coverage"]] == [("prints", 4)]
    assert [p.passage for p in journal.open_passages()] == ["P1"]
    (body,) = bodies(journal)
    assert (body.purpose, body.positions, body.extractor, body.templates) == ("search", (2,), "test-1", 20_000)
    assert (body.quality, body.nfiq2, body.tries, body.asked) == (71, 48, 2, "policy")


@pytest.mark.parametrize("failure", ["capture", "search"])
def test_a_finger_that_was_asked_for_and_not_searched_is_never_shown_like_clear(
    journal: Journal, failure: str
) -> None:
    bench = FingerBench(journal, ask="always")
    bench.scan()
    if failure == "capture":
        told = only(bench.found(problem=PROBLEM), "fingers")
    else:
        told = only(bench.found(answer(WANTED, problem=PROBLEM)), "fingers")
    assert (told["outcome"], told["problem"], told["candidates"]) == ("INCOMPLETE", PROBLEM, [])
    row = journal.passage("P1")
    assert row is not None
    assert (row.shown, row.state) == ("INCOMPLETE", "closed")
    bench.ask("P1")
    assert only(bench.found(answer()), "fingers")["outcome"] == "CLEAR"  # searched after all


@pytest.mark.parametrize(
    ("state", "generation", "templates", "outcome"),
    [(None, None, 0, "INCOMPLETE"), (CoverageState.MISSING, None, 0, "INCOMPLETE"),
     (CoverageState.DAMAGED, None, 0, "INCOMPLETE"), (CoverageState.ERASED, None, 0, "INCOMPLETE"),
     (CoverageState.ASKED, 4, 0, "INCOMPLETE"), (CoverageState.NOT_APPLICABLE, 4, 0, "INCOMPLETE"),
     (CoverageState.STALE, None, 0, "INCOMPLETE"), (CoverageState.TIME_UNTRUSTED, None, 7, "INCOMPLETE"),
     (CoverageState.ASKED, 4, 1, "CLEAR"), (CoverageState.STALE, 4, 1, "CLEAR")],
)  # fmt: skip
def test_a_search_that_compared_it_with_nothing_is_never_shown_like_clear(
    journal: Journal, state: CoverageState | None, generation: int | None, templates: int, outcome: str
) -> None:
    bench = FingerBench(journal, ask="always")
    bench.scan()
    galleries = () if state is None else (Coverage("prints", generation, 60, templates, state, required=False),)
    told = only(bench.found(replace(answer(), coverage=galleries)), "fingers")
    assert told["outcome"] == outcome


def test_a_finger_that_no_gallery_has_lifts_no_failed_capture(journal: Journal) -> None:
    bench = FingerBench(journal, ask="always")
    bench.scan()
    assert only(bench.found(problem=PROBLEM), "fingers")["outcome"] == "INCOMPLETE"
    bench.ask("P1", position=Position.LEFT_LITTLE)
    nothing = replace(answer(), coverage=(replace(answer().coverage[0], records=0),))
    assert only(bench.found(nothing), "fingers")["outcome"] == "INCOMPLETE"


def test_galleries_never_stand_in_for_lists_that_were_missing(journal: Journal) -> None:
    bench = FingerBench(journal, ask="always", lists=[])
    assert only(bench.scan(), "verdict")["outcome"] == "INCOMPLETE"
    assert only(bench.found(answer()), "fingers")["outcome"] == "INCOMPLETE"


def test_a_gallery_that_is_required_and_missing_makes_it_incomplete(journal: Journal) -> None:
    bench = FingerBench(journal, ask="always")
    bench.scan()
    gone = Coverage("prints-2", None, None, 0, CoverageState.MISSING, required=True)
    said = replace(answer(), coverage=(*answer().coverage, gone))
    assert only(bench.found(said), "fingers")["outcome"] == "INCOMPLETE"


def test_the_same_document_again_shows_the_word_that_the_finger_gave(journal: Journal) -> None:
    bench = FingerBench(journal, ask="always")
    bench.scan()
    bench.found(answer(WANTED))
    assert [(m["type"], m["outcome"]) for m in bench.scan()] == [("again", "POSSIBLE")]
    assert len(bench.station.orders) == 2  # the first finger and the second, none for the repeat


# -- the second finger ----------------------------------------------------------------------------


def test_a_second_finger_is_asked_for_and_its_word_replaces_the_first(bench: FingerBench, journal: Journal) -> None:
    bench.scan(LEAD)
    first = answer(WANTED)
    assert only(bench.found(first), "fingers")["second"] == "left-index"
    order = bench.station.orders[-1]
    assert (order.purpose, order.position, order.answer) == ("second", Position.LEFT_INDEX, first)
    both = replace(WANTED, score=80.0, expected=1e-6, fingers=2, agrees=True)
    told = only(bench.found(answer(both)), "fingers")
    assert (told["positions"], told["second"]) == (["right-index", "left-index"], "")
    assert [c["score"] for c in told["candidates"]] == [1.0]
    assert len(bench.station.orders) == 2
    assert bodies(journal)[-1].positions == (2, 7)


def test_a_second_finger_that_fails_leaves_the_first_ones_candidates_and_how_much_it_was_searched(
    bench: FingerBench, journal: Journal
) -> None:
    bench.scan(LEAD)
    bench.found(answer(WANTED))
    told = only(bench.found(problem=PROBLEM), "fingers")
    assert [c["record"] for c in told["candidates"]] == ["F-7"]
    assert told["outcome"] == "HIT"
    assert (told["problem"], told["templates"], told["uncompared"]) == (PROBLEM, 20_000, [])
    assert [(c["list"], c["generation"]) for c in told["coverage"]] == [("prints", 4)]
    body = bodies(journal)[-1]
    assert (body.purpose, body.templates, [(c.list, c.generation) for c in body.coverage]) == (
        "second", 20_000, [("prints", 4)]
    )


def test_a_second_finger_without_a_print_to_compare_with_is_told(bench: FingerBench) -> None:
    """By the shown candidates alone: a silent one of which there is no print is never named."""
    bench.scan(LEAD)
    assert only(bench.found(answer(WANTED, DISCREET)), "fingers")["uncompared"] == []
    both = replace(WANTED, record="F-8", fingers=2, agrees=True)
    assert only(bench.found(answer(WANTED, both, DISCREET)), "fingers")["uncompared"] == ["prints/F-7"]


# -- whose finger is it ---------------------------------------------------------------------------


def test_the_next_travellers_finger_is_not_counted_for_the_one_before(bench: FingerBench, journal: Journal) -> None:
    bench.scan(LEAD)
    (order,) = bench.station.orders
    bench.mono += 5
    bench.scan(OTHER)
    assert bench.station.withdrawn == [order]
    finger = taken()
    told = only(bench.found(answer(WANTED), finger=finger, order=order), "fingers")
    assert (told["passage"], told["problem"], told["candidates"]) == ("P1", OVERTAKEN, [])
    assert erased(finger)
    assert bodies(journal)[-1].reasons == ()


def test_a_policy_order_that_lagged_behind_the_next_read_is_not_counted_either(journal: Journal) -> None:
    bench = FingerBench(journal, ask="always", pace_s=2.0)
    first, second = bench.mono, bench.mono + 1.0
    bench.scan(zone(), at=first)  # shown two seconds later, and ordered then
    bench.scan(OTHER, at=second)  # this one was read in between
    order = bench.station.orders[0]
    assert only(bench.found(answer(WANTED), order=order), "fingers")["problem"] == OVERTAKEN


def test_what_an_officer_asks_for_afterwards_is_counted(bench: FingerBench) -> None:
    bench.scan()
    bench.mono += 5
    bench.scan(OTHER)
    bench.mono += 5
    assert bench.ask("P1") == {"ok": True, "passage": "P1", "position": "right-index", "order": 1}
    told = only(bench.found(answer(WANTED)), "fingers")
    assert (told["passage"], told["outcome"]) == ("P1", "POSSIBLE")


# -- late, unknown, away --------------------------------------------------------------------------


@pytest.mark.parametrize("candidates", [(), (DISCREET,), (WANTED,)], ids=["none", "silent", "shown"])
def test_a_finger_after_the_closing_is_recorded_told_as_late_and_opens_only_a_shown_lead(
    bench: FingerBench, journal: Journal, candidates: tuple[Any, ...]
) -> None:
    bench.scan(LEAD)
    bench.close("P1", "misread")
    finger = taken()
    told = only(bench.found(answer(*candidates), finger=finger), "fingers")
    assert (told["after"], told["second"]) == ("closed", "")
    assert bodies(journal)[-1].after == "closed"
    assert erased(finger)
    row = journal.passage("P1")
    assert row is not None
    opened = candidates == (WANTED,)
    assert (row.state, row.code, row.closed_at is None) == (
        ("awaiting", "", True) if opened else ("closed", "misread", False)
    )
    assert bench.close("P1", "referred")["ok"] is opened


def test_a_finger_after_its_time_is_recorded_as_late_and_after_twice_the_time_changes_nothing(
    bench: FingerBench, journal: Journal
) -> None:
    bench.scan(LEAD)
    told = only(bench.found(answer(), after=121), "fingers")
    assert (told["after"], told["recorded"]) == ("kept", True)
    bench.mono += 20
    bench.scan(OTHER)
    bench.ask("P2")
    before, finger = journal.counts().newest, taken()
    bench.later(241)
    assert bench.station.withdrawn[-1].passage == "P2"
    told_late = bench.found(answer(WANTED), finger=finger)
    assert [m["text"] for m in told_late] == [UNKNOWN]
    assert journal.counts().newest == before
    assert erased(finger)


def test_orders_and_results_for_unknown_passages_change_nothing(bench: FingerBench, journal: Journal) -> None:
    bench.scan(LEAD)
    before = journal.counts().newest
    assert bench.ask("P9")["ok"] is False
    finger = taken()
    strange = FingerOrder("P9", "lane-1", Position.RIGHT_INDEX, "search")
    copy = FingerOrder("P1", "lane-1", Position.RIGHT_INDEX, "search", owner="lane-1")  # not the order that was given
    for order in (strange, copy):
        told = bench.work(FingerResult(order, finger, answer(WANTED), None, None, at=bench.mono))
        assert [m["type"] for m in told] == ["notice"]
    assert journal.counts().newest == before
    assert journal.passage("P9") is None
    assert erased(finger)


def test_a_scanner_that_is_away_is_recorded_for_the_policy_and_answered_to_an_officer(journal: Journal) -> None:
    bench = FingerBench(journal, ask="always")
    bench.station.ready = False
    told = only(bench.scan(), "fingers")
    assert (told["problem"], told["outcome"]) == (NO_SCANNER, "INCOMPLETE")
    assert bodies(journal)[-1].problem == NO_SCANNER
    said = bench.ask("P1")
    assert (said["ok"], NO_SCANNER in said["error"], bool(said["advice"])) == (False, True, True)


def test_a_scanner_that_is_gone_is_told_otherwise_than_one_that_is_busy(journal: Journal) -> None:
    bench = FingerBench(journal, ask="always", finger_away=lambda counter: counter == "lane-1")
    bench.station.ready = False
    assert only(bench.scan(), "fingers")["problem"] == AWAY
    assert AWAY in bench.ask("P1")["error"]
    assert NO_SCANNER in bench.ask("P1", scanner="second-line")["error"]


def test_an_officer_takes_back_what_he_asked_for(bench: FingerBench) -> None:
    bench.scan()
    assert bench.ask("P1", "cancel")["ok"] is False
    asked = bench.ask("P1")
    assert bench.ask("P1", "cancel") == {"ok": True, "passage": "P1", "order": asked["order"]}
    assert bench.station.withdrawn == bench.station.orders
    told = only(bench.found(problem=WITHDRAWN), "fingers")
    assert (told["problem"], told["order"], told["outcome"]) == (WITHDRAWN, asked["order"], "INCOMPLETE")
    assert bench.ask("P1")["order"] == asked["order"] + 1
    assert bench.ask("P9", "cancel")["ok"] is False


def test_a_passage_that_never_was_is_not_called_too_old(bench: FingerBench) -> None:
    assert "no such passage" in bench.ask("P9", known=False)["error"]
    assert "takes no finger any more" in bench.ask("P9", known=True)["error"]


def test_a_box_without_a_scanner_says_so(journal: Journal) -> None:
    plain = Bench(journal, standard())
    assert [m["type"] for m in plain.scan(LEAD)] == ["verdict"]
    said: list[Any] = []
    plain.work(FingerRequest("P1", "search", None, "", 0, said.append))
    assert said[0]["ok"] is False
    assert "no fingerprint scanner" in said[0]["error"]


@pytest.mark.parametrize(
    ("prepare", "word"), [("order", "is being taken"), ("closed", "closed it already"), ("old", "takes no finger")]
)
def test_what_cannot_be_asked_is_refused_with_advice(bench: FingerBench, prepare: str, word: str) -> None:
    bench.scan(LEAD)
    if prepare != "order":
        bench.found(problem=PROBLEM)
    if prepare == "closed":
        bench.close("P1", "misread")
    if prepare == "old":
        bench.mono += 121
    said = bench.ask("P1")
    assert said["ok"] is False
    assert word in said["error"]
    assert said["advice"]


def test_passages_that_are_remembered_have_a_limit(bench: FingerBench) -> None:
    for number in range(MAX_DOSSIERS + 3):
        bench.mono += 1
        bench.scan(zone(number=f"L{number:08}"))
    assert len(bench.counter.fingers._dossiers) == MAX_DOSSIERS
    assert bench.ask("P3")["ok"] is False
    assert bench.ask(f"P{MAX_DOSSIERS + 3}")["ok"] is True


def test_the_log_of_a_finger_holds_no_name_and_no_score(bench: FingerBench) -> None:
    with capture_logs() as lines:
        bench.scan(LEAD)
        bench.found(answer(WANTED))
    assert [line["event"] for line in lines] == ["passage", "finger_ordered", "finger", "finger_ordered"]
    assert not [w for w in ("VELMIROV", "F-7", "41.2") if w in repr(lines).upper()]


def test_every_audit_row_and_outbox_row_of_fingers_is_in_the_chain(bench: FingerBench, journal: Journal) -> None:
    bench.scan(LEAD)
    bench.found(answer(WANTED))
    bench.found(answer(WANTED))
    check = journal.verify_audit()
    assert (check.sound, check.rows, journal.counts().newest) == (True, 3, 3)
    assert journal_kit.hashes(journal).keys() == {1, 2, 3}
