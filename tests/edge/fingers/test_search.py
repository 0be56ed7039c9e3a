"""The search over galleries with the real child: who is found, what is told, which generation serves."""

from __future__ import annotations

import shutil
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import pytest
import search_kit as kit
from search_kit import INDEX, OTHER, Box, Wanted, again, finger, people, put

from common.fingers.frames import raw
from edge.core.fingerprints.model import FingerError, Position
from edge.core.fingerprints.thresholds import TOO_LITTLE
from edge.core.fingerprints.told import told
from edge.core.screening.by_finger import by_finger
from edge.core.shown_fingers import searched
from edge.core.trusted import ClockState, Trusted
from edge.core.vault import KeyRing
from edge.core.verdicts import Coverage, CoverageState, Outcome, Verdict
from edge.core.watch import Policy
from edge.erasure import Eraser
from edge.fingers import search_talk as talk
from edge.fingers.search_keeping import load_order
from edge.fingers.search_service import service
from edge.fingers.search_talk import Options, Poll, Progress, Search, Unload
from edge.fingers.searcher import NOT_LOADED, SearchPolicy
from edge.watchlists import Watchlists


def test_a_listed_finger_is_found_and_a_stranger_is_not(tmp_path: Path) -> None:
    put(tmp_path, 3, [*people(60), Wanted("R-9", 9)])
    with Box(tmp_path) as box:
        answer = box.searcher.search(again(finger(9)), INDEX)
        assert answer.problem == ""
        (found,) = answer.candidates
        assert (found.list_id, found.record, found.reference, found.position) == ("wanted", "R-9", "F-9", INDEX)
        assert (found.category, found.name, found.silent, found.fingers) == ("red", "Invented R-9", False, 1)
        assert found.action == "Refer to second line. Confirm with the NCB."
        assert found.expected < 0.01
        (part,) = answer.coverage
        assert (part.list_id, part.generation, part.records, part.state) == ("wanted", 3, 61, CoverageState.ASKED)
        assert part.age_seconds == 2 * 86_400
        stranger = box.searcher.search(finger(77), INDEX)
        assert stranger.problem == ""
        assert stranger.candidates == ()
        assert stranger.templates == 61
        assert told("en", stranger) == ("no candidate in 61 templates of wanted, generation 3: this is no clearance",)


def test_two_fingers_and_one_to_one(tmp_path: Path) -> None:
    put(tmp_path, 1, [*people(40), Wanted("R-9", 9), Wanted("R-9", 9, OTHER, reference="F-9"), Wanted("R-8", 9)])
    with Box(tmp_path) as box:
        answer = box.searcher.search(again(finger(9)), INDEX)
        assert {c.record for c in answer.candidates} == {"R-9", "R-8"}
        both = box.searcher.second(again(finger(9, OTHER)), OTHER, answer)
        first, other = both.candidates
        assert (first.record, first.fingers, first.agrees) == ("R-9", 2, True)
        assert first.score > answer.candidates[0].score
        assert (other.record, other.fingers, other.agrees) == ("R-8", 1, None)
        wrong = box.searcher.second(finger(66, OTHER), OTHER, answer)
        assert {(c.record, c.fingers, c.agrees) for c in wrong.candidates} == {("R-9", 2, False), ("R-8", 1, None)}
        with pytest.raises(FingerError, match=TOO_LITTLE):
            box.searcher.second(finger(9, OTHER, minutiae=3), OTHER, answer)
        score, same = box.searcher.verify(again(finger(9)), finger(9))
        assert same
        assert box.searcher.verify(again(finger(9)), finger(10)) == (pytest.approx(1.5, abs=2.5), False)
        assert score > 8
        with pytest.raises(FingerError, match="cannot be compared"):
            box.searcher.verify(finger(9), finger(9, extractor="other-1"))
        with pytest.raises(FingerError, match="cannot be compared"):
            box.searcher.second(finger(9, extractor="other-1"), OTHER, answer)


def test_candidates_become_reasons_that_a_person_judges(tmp_path: Path) -> None:
    put(tmp_path, 1, [*people(20), Wanted("R-9", 9), Wanted("R-1", 9, silent=True)])
    with Box(tmp_path) as box:
        answer = box.searcher.search(again(finger(9)), INDEX)
    reasons = by_finger(answer)
    assert [(r.record, r.silent, r.outcome) for r in reasons] == [
        ("R-9", False, Outcome.POSSIBLE), ("R-1", True, Outcome.POSSIBLE)]
    verdict = Verdict.of(reasons, answer.coverage)
    assert [r.record for r in verdict.shown().reasons] == ["R-9"]
    rules = {e.rule: (e.query, e.listed) for e in reasons[0].evidence}
    assert rules["finger"] == ("", "right-index")
    assert rules["templates searched"] == ("", "21")  # of which so many strangers are expected: not the silent one
    assert answer.templates == 22
    assert rules["extractor"] == ("", kit.EXTRACTOR)
    assert 0.99 < reasons[0].score <= 1
    only_silent = replace(answer, candidates=tuple(c for c in answer.candidates if c.silent))
    nobody = replace(answer, candidates=())
    assert Verdict.of(by_finger(only_silent), answer.coverage).shown() == Verdict.of((), answer.coverage).shown()
    assert told("fr", only_silent) == told("fr", nobody)
    assert by_finger(replace(answer, problem="x")) == ()


def test_a_newer_generation_takes_its_place_between_searches(tmp_path: Path) -> None:
    put(tmp_path, 1, [*people(20), Wanted("OLD", 9)])
    with Box(tmp_path) as box:
        assert [c.record for c in box.searcher.search(again(finger(9)), INDEX).candidates] == ["OLD"]
        pid = box.searcher.pid
        put(tmp_path, 2, [*people(20), Wanted("NEW", 9)])
        box.refresh()
        between = box.searcher.search(again(finger(9)), INDEX)  # waits for no newer generation
        assert ([c.record for c in between.candidates], between.coverage[0].generation) in ((["OLD"], 1), (["NEW"], 2))
        box.settle()
        answer = box.searcher.search(again(finger(9)), INDEX)
        assert [c.record for c in answer.candidates] == ["NEW"]
        assert answer.coverage[0].generation == 2
        assert box.searcher.pid == pid


def test_the_old_generation_serves_until_the_new_one_is_whole_and_is_wiped_then(tmp_path: Path) -> None:
    """The service itself, order by order: what was read takes its place in ``Poll`` alone."""
    orders = []
    for number, record in ((1, "OLD"), (2, "NEW")):
        put(tmp_path, number, [*people(20), Wanted(record, 9)])
        orders.append(load_order(Watchlists.open(tmp_path, keys=lambda: kit.RING).lists[0]))
    serving = service(raw(Options()))
    search = Search(talk.print_of(again(finger(9))), 0.01, None)

    def ask(order: object) -> Any:
        return serving(raw(order))

    def polled() -> Progress:
        while (progress := ask(Poll())).busy:
            time.sleep(0.005)
        return cast(Progress, progress)

    assert ask(orders[0]).busy
    assert polled().loaded == (("wanted", 1),)
    old = serving._galleries["wanted"]  # type: ignore[attr-defined]
    ask(orders[1])
    serving._loading.join(10)  # type: ignore[attr-defined]
    assert [one.record for one in ask(search).found] == ["OLD"]
    assert any(old._memory)
    assert polled().loaded == (("wanted", 2),)
    assert not any(old._memory)
    assert [one.record for one in ask(search).found] == ["NEW"]
    assert ask(Unload("wanted")).loaded == ()
    assert ask(search).parts == ()
    with pytest.raises(FingerError, match="cannot read an order"):
        serving(raw({"x": 1}))
    with pytest.raises(FingerError, match="cannot read its options"):
        service(raw("x"))


def test_a_damaged_new_generation_is_told_and_the_old_one_goes_on(tmp_path: Path) -> None:
    put(tmp_path, 1, [*people(20), Wanted("OLD", 9)])
    with Box(tmp_path) as box:
        box.searcher.search(finger(1), INDEX)
        # its digest and seal are right, what is sealed is no gallery: only who opens it can tell
        put(tmp_path, 2, [*people(20), Wanted("NEW", 9)], plain=b"BPWATCH\0GALL" + bytes(200),
            stated=kit.gallery_bytes(people(20)))
        box.refresh()
        box.settle()
        answer = box.searcher.search(again(finger(9)), INDEX)
        assert [c.record for c in answer.candidates] == ["OLD"]
        (part,) = answer.coverage
        assert (part.generation, part.state) == (1, CoverageState.DAMAGED)
        (row,) = box.searcher.status()["galleries"]
        assert row["generation"] == 1
        assert row["problem"].startswith("generation 2 is damaged: a list file has layout version 0")
        put(tmp_path, 3, [*people(20), Wanted("NEW", 9)])
        box.refresh()
        box.settle()
        answer = box.searcher.search(again(finger(9)), INDEX)
        assert ([c.record for c in answer.candidates], answer.coverage[0].state) == (["NEW"], CoverageState.ASKED)
        assert box.searcher.status()["galleries"][0]["problem"] == ""


@pytest.mark.parametrize("wrong", ["digest", "key", "counts"])
def test_what_does_not_agree_is_not_loaded(tmp_path: Path, wrong: str) -> None:
    place = put(tmp_path, 1, [*people(20), Wanted("R-9", 9)])
    if wrong == "digest":  # changed after the box had verified it
        box = Box(tmp_path)
        data = bytearray((place / "gallery.bin").read_bytes())
        data[-9] ^= 1
        (place / "gallery.bin").write_bytes(bytes(data))
    elif wrong == "key":
        box = Box(tmp_path)
        box.lists = Watchlists.open(tmp_path, keys=KeyRing)
    else:
        shutil.rmtree(place)
        put(tmp_path, 1, [], plain=kit.gallery_bytes(people(19)), stated=kit.gallery_bytes(people(20)))
        box = Box(tmp_path)
    with box:
        answer = box.searcher.search(again(finger(9)), INDEX)
        assert answer.candidates == ()
        assert answer.problem == NOT_LOADED
        (part,) = answer.coverage
        assert (part.generation, part.records, part.state) == (None, 0, CoverageState.DAMAGED)
        assert "no candidate" not in " ".join(told("en", answer))
        (row,) = box.searcher.status()["galleries"]
        assert {"digest": "does not agree with its digest", "key": "is not on this box",
                "counts": "its counts differ from the manifest"}[wrong] in row["problem"]


def test_one_damaged_gallery_leaves_the_others_searched(tmp_path: Path) -> None:
    put(tmp_path, 1, [*people(20), Wanted("R-9", 9)], key=None)
    put(tmp_path, 1, [], list_id="broken", key=None, plain=kit.gallery_bytes(people(19)),
        stated=kit.gallery_bytes(people(20)))
    put(tmp_path, 1, [Wanted("R-9", 9)], list_id="alien", key=None, extractor="other-1")
    with Box(tmp_path) as box:
        answer = box.searcher.search(again(finger(9)), INDEX)
        assert answer.problem == ""
        assert [c.list_id for c in answer.candidates] == ["wanted"]
        states = {c.list_id: (c.state, c.records) for c in answer.coverage}
        assert states == {"wanted": (CoverageState.ASKED, 21), "broken": (CoverageState.DAMAGED, 0),
                          "alien": (CoverageState.DAMAGED, 0)}
        assert Verdict.of((), answer.coverage).outcome is Outcome.INCOMPLETE
        assert "broken (damaged)" in told("en", answer)[1]
        alone = box.searcher.search(again(finger(9, extractor="third-1")), INDEX)
        assert alone.problem == (
            "alien: made by other-1, the finger was extracted by third-1; "
            "wanted: made by invented-1, the finger was extracted by third-1")


def test_old_galleries_unsure_time_and_galleries_that_went(tmp_path: Path) -> None:
    put(tmp_path, 1, [*people(20), Wanted("R-9", 9)], source=datetime(2026, 1, 1, tzinfo=UTC))
    with Box(tmp_path) as box:
        answer = box.searcher.search(again(finger(9)), INDEX)
        assert (len(answer.candidates), answer.coverage[0].state) == (1, CoverageState.STALE)
        box.now = kit.UNTRUSTED
        assert box.searcher.search(finger(1), INDEX).coverage[0].state is CoverageState.TIME_UNTRUSTED
        shutil.rmtree(tmp_path / "wanted" / "0000000001")
        box.refresh()
        gone = box.searcher.search(again(finger(9)), INDEX)
        assert gone.candidates == ()
        assert [c.state for c in gone.coverage] == [CoverageState.MISSING]
        assert box.searcher.status()["memory_mb"] == 0


def test_an_erased_gallery_leaves_the_child_and_is_told(tmp_path: Path) -> None:
    put(tmp_path, 1, [*people(20), Wanted("R-9", 9)], policy=Policy(erase_after_s=86_400))
    with Box(tmp_path) as box:
        assert box.searcher.search(again(finger(9)), INDEX).candidates
        later = kit.NOW + timedelta(days=3)
        box.now = Trusted(ClockState.SIGNED, later, later)
        assert Eraser(tmp_path).run(box.lists.lists, box.now)
        box.refresh()
        answer = box.searcher.search(again(finger(9)), INDEX)
        assert answer.candidates == ()
        assert [c.state for c in answer.coverage] == [CoverageState.ERASED]
        assert box.searcher.status()["memory_mb"] == 0


def test_images_are_wanted_by_the_lists_that_say_so(tmp_path: Path) -> None:
    put(tmp_path, 1, [Wanted("R-9", 9)], list_id="with-image", key=None, image=True)
    put(tmp_path, 1, [Wanted("R-8", 8)], list_id="without", key=None)
    with Box(tmp_path) as box:
        assert box.searcher.search(finger(77), INDEX).image_wanted == {"with-image"}
        assert box.searcher.image_lists() == {"with-image"}


def test_a_box_without_galleries_starts_nothing_and_says_so(tmp_path: Path) -> None:
    with Box(tmp_path) as box:
        assert not box.searcher.tend()
        assert box.searcher.pid is None
        answer = box.searcher.search(finger(1), INDEX)
        assert (answer.candidates, answer.coverage, answer.problem) == ((), (), "")
        assert told("en", answer) == ("no prints of wanted persons are on this box: the finger was not searched",)


def test_any_position_may_be_searched(tmp_path: Path) -> None:
    put(tmp_path, 1, [*people(20), Wanted("R-9", 9, OTHER)])
    with Box(tmp_path) as box:
        probe = again(finger(9, OTHER))
        assert [c.record for c in box.searcher.search(probe, Position.UNKNOWN).candidates] == ["R-9"]
        assert box.searcher.search(probe, INDEX).candidates == ()


def test_a_finger_that_no_gallery_has_is_told_as_not_searched(tmp_path: Path) -> None:
    put(tmp_path, 1, [*people(20), Wanted("R-9", 9)])
    put(tmp_path, 1, [*people(3), *people(4, first=100, position=OTHER)], list_id="other", key=None)
    with Box(tmp_path) as box:
        none = box.searcher.search(finger(9, Position.LEFT_LITTLE), Position.LEFT_LITTLE)
        assert (none.problem, none.templates, searched(none)) == ("", 0, False)
        assert told("en", none) == (
            "not searched: no print of this finger in other, generation 1; wanted, generation 1",)
        some = box.searcher.search(finger(77, OTHER), OTHER)
        assert (some.templates, searched(some)) == (4, True)
        assert told("en", some) == (
            "no candidate in 4 templates of other, generation 1: this is no clearance",
            "not searched: no print of this finger in wanted, generation 1")


def test_a_finger_that_shows_too_little_is_a_problem_and_none_of_the_search(tmp_path: Path) -> None:
    put(tmp_path, 1, [*people(20), Wanted("R-9", 9)])
    with Box(tmp_path) as box:
        answer = box.searcher.search(finger(9, minutiae=2), INDEX)
        assert (answer.problem, answer.candidates, searched(answer)) == (TOO_LITTLE, (), False)
        assert box.searcher.status()["problem"] == ""
        assert box.searcher.search(again(finger(9)), INDEX).candidates


def test_a_gallery_that_must_be_here_and_is_not_makes_an_answer_incomplete(tmp_path: Path) -> None:
    put(tmp_path, 1, [*people(20), Wanted("R-9", 9)])
    policy = SearchPolicy(work_s=20.0, memory_mib=2048, required=frozenset({"wanted", "interpol"}))
    documents = Coverage("sltd", 1, 60, 10, CoverageState.ASKED)
    with Box(tmp_path, policy=policy) as box:
        answer = box.searcher.search(finger(77), INDEX)
        assert {c.list_id: (c.state, c.records) for c in answer.coverage} == {
            "wanted": (CoverageState.ASKED, 21), "interpol": (CoverageState.MISSING, 0)}
        assert Verdict.of((), (documents, *answer.coverage)).outcome is Outcome.INCOMPLETE
        assert told("en", answer)[1] == "not searched for certain: interpol (missing)"
        assert [c.list_id for c in box.searcher.coverage()] == ["wanted", "interpol"]
    empty = tmp_path / "empty"
    empty.mkdir()
    with Box(empty, policy=policy) as box:
        nothing = box.searcher.search(finger(77), INDEX)
        assert [c.state for c in nothing.coverage] == [CoverageState.MISSING] * 2
        assert not searched(nothing)
        assert "no candidate" not in " ".join(told("en", nothing))
