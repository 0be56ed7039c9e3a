"""Fingers at a whole box: document, policy, scanner, gate, extraction, search, record, screen."""

from __future__ import annotations

import json
import queue
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from box_world import Listener, until, zone
from finger_world import (
    CLEAR_ZONE,
    CROWD,
    DISCREET,
    LEAD_ZONE,
    POSSIBLE_ZONE,
    STRANGER,
    STRANGER_WANTED,
    WANTED,
    FingerWorld,
    build_gallery,
)

pytestmark = pytest.mark.timeout(180)

GRID_MS = 250.0


@pytest.fixture(scope="module")
def gallery(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_gallery(tmp_path_factory.mktemp("gallery"), [WANTED, DISCREET, *CROWD])


@pytest.fixture(scope="module")
def box(tmp_path_factory: pytest.TempPathFactory, gallery: Path) -> Iterator[FingerWorld]:
    with FingerWorld(tmp_path_factory.mktemp("always") / "box", gallery) as world:
        yield world.start()


def evidence(message: dict[str, Any], rule: str) -> str:
    (candidate,) = message["candidates"]
    return next(e["query"] or e["listed"] for e in candidate["evidence"] if e["rule"] == rule)


def open_passages(world: FingerWorld) -> dict[str, str]:
    done = world.run("passages", "--open", "--json")
    assert done.returncode == 0, done.stderr
    return {row["passage"]: row["shown"] for row in json.loads(done.stdout)}


def wanted_passage(world: FingerWorld, ear: Listener) -> str:
    """A passage that both fingers of the wanted person made a lead."""
    world.read(CLEAR_ZONE)
    passage = str(ear.next("verdict")["passage"])
    world.lay(ear, (WANTED.right, 1), passage=passage)
    world.lay(ear, (WANTED.left, 1), passage=passage)
    return passage


def test_a_wanted_finger_after_a_clear_document_opens_the_passage_and_the_second_is_summed(box: FingerWorld) -> None:
    ear = box.hear()
    box.read(CLEAR_ZONE)
    verdict = ear.next("verdict")
    passage = verdict["passage"]
    assert verdict["outcome"] == "CLEAR"
    assert passage not in open_passages(box)
    first = box.lay(ear, (WANTED.right, 1), passage=passage)
    assert (first["outcome"], first["purpose"], first["recorded"], first["problem"]) == ("POSSIBLE", "search", True, "")
    assert [c["record"] for c in first["candidates"]] == [WANTED.record]
    assert first["second"] == "left-index"
    assert "NCB" in first["candidates"][0]["action"]
    assert open_passages(box)[passage] == "POSSIBLE"
    second = box.lay(ear, (WANTED.left, 1), passage=passage)
    assert (second["purpose"], second["positions"]) == ("second", ["right-index", "left-index"])
    assert [c["record"] for c in second["candidates"]] == [WANTED.record]
    assert float(evidence(second, "comparison score")) > float(evidence(first, "comparison score"))
    assert evidence(second, "both fingers together agree") == "2"
    assert (second["second"], second["outcome"]) == ("", "POSSIBLE")
    closed = box.run("close", passage, "--outcome", "confirmed")
    assert closed.returncode == 0, closed.stderr
    assert passage not in open_passages(box)


def test_the_first_finger_left_on_the_glass_costs_the_second_no_try(box: FingerWorld) -> None:
    ear = box.hear()
    box.read(CLEAR_ZONE)
    passage = ear.next("verdict")["passage"]
    told: list[dict[str, Any]] = []
    while not told or told[-1]["type"] != "fingers":
        told.append(ear.messages.get(timeout=60))
        if told[-1].get("step") == "place":
            box.scanner.finger(WANTED.right, 1)  # and it is not lifted
    assert told[-1]["second"] == "left-index"
    while told[-1].get("step") != "lift":
        told.append(ear.messages.get(timeout=60))
    assert (told[-1]["instruction"], told[-1]["try"]) == ("lift", 1)
    with pytest.raises(queue.Empty):
        ear.messages.get(timeout=8.0)  # longer than it took to use up three tries
    box.scanner.remove()
    second = box.lay(ear, (WANTED.left, 1), passage=passage, heard=told)
    assert (second["purpose"], second["problem"], second["tries"]) == ("second", "", 1)
    assert evidence(second, "both fingers together agree") == "2"


def test_another_s_second_finger_takes_nothing_away_and_is_said_not_to_agree(box: FingerWorld) -> None:
    ear = box.hear()
    box.read(CLEAR_ZONE)
    passage = ear.next("verdict")["passage"]
    box.lay(ear, (WANTED.right, 2), passage=passage)
    second = box.lay(ear, (STRANGER.left, 1), passage=passage)
    assert (second["outcome"], second["purpose"]) == ("POSSIBLE", "second")
    assert [c["record"] for c in second["candidates"]] == [WANTED.record]
    assert not any(e["rule"] == "both fingers together agree" for e in second["candidates"][0]["evidence"])


def test_an_unknown_finger_leaves_clear_what_was_clear(box: FingerWorld) -> None:
    ear = box.hear()
    box.read(CLEAR_ZONE)
    passage = ear.next("verdict")["passage"]
    told = box.lay(ear, (STRANGER.right, 1), passage=passage)
    assert (told["outcome"], told["candidates"], told["second"], told["problem"]) == ("CLEAR", [], "", "")
    assert told["templates"] == 2 + len(CROWD)  # right index fingers
    assert passage not in open_passages(box)
    # an answer leaves on the grid after the image's last byte; what lies beyond is the commit
    assert told["elapsed_ms"] % GRID_MS < GRID_MS / 2


def test_a_counter_without_a_scanner_asks_for_none_and_may_use_the_other_s(box: FingerWorld) -> None:
    ear = box.hear()
    assert box.second.present(CLEAR_ZONE) is not None
    passage = ear.next("verdict")["passage"]
    assert box.ask_desk(do="finger", passage=passage, counter="lane-1")["ok"]  # else one would be under way
    told = box.lay(ear, (STRANGER.right, 1), passage=passage)
    assert (told["counter"], told["at_counter"], told["outcome"], told["problem"]) == ("lane-2", "lane-1", "CLEAR", "")


def test_who_leaves_without_a_finger_does_not_keep_the_next_traveller_from_giving_one(box: FingerWorld) -> None:
    ear = box.hear()
    box.read(CLEAR_ZONE)
    gone = ear.next("verdict")["passage"]
    assert ear.next("finger")["step"] == "place"
    box.read(CLEAR_ZONE)
    passage = ear.next("verdict")["passage"]
    told = [box.lay(ear, (STRANGER.right, 1)), box.lay(ear, (STRANGER.right, 1))]
    assert {one["passage"]: (one["outcome"], bool(one["problem"])) for one in told} == {
        gone: ("INCOMPLETE", True), passage: ("CLEAR", False),
    }


def test_a_lost_image_is_told_as_the_scanners_and_costs_the_person_no_try(box: FingerWorld) -> None:
    ear = box.hear()
    box.read(CLEAR_ZONE)
    passage = ear.next("verdict")["passage"]
    box.scanner.fault(short=3)  # three images in a row are lost: the device asks to try again
    heard: list[dict[str, Any]] = []
    told = box.lay(ear, (WANTED.right, 1), passage=passage, heard=heard)
    assert (told["problem"], told["tries"]) == ("", 1)
    steps = [(m["step"], m["instruction"], m["try"]) for m in heard if m["type"] == "finger" and m["step"] != "reading"]
    assert steps == [("place", "", 1), ("lift", "lost", 1), ("retry", "lost", 1), ("working", "", 1)]
    assert [c["record"] for c in told["candidates"]] == [WANTED.record]
    box.lay(ear, (WANTED.left, 1), passage=passage)


def test_the_finger_of_a_lead_is_compared_again_until_a_person_closes_it(box: FingerWorld) -> None:
    ear = box.hear()
    passage = wanted_passage(box, ear)
    for touch, same in (((WANTED.right, 3), True), ((STRANGER.right, 0), False), ((WANTED.left, 2), False)):
        answer = box.ask_desk(do="verify", passage=passage, counter="lane-1", position="right-index")
        assert answer["ok"], answer
        told = box.lay(ear, touch, passage=passage)
        assert (told["purpose"], told["same"], told["problem"], told["outcome"]) == ("verify", same, "", "POSSIBLE")
        assert told["score"] is not None
    done = box.run("close", passage, "--outcome", "not-same-person")
    assert done.returncode == 0, done.stderr
    refused = box.ask_desk(do="verify", passage=passage)
    assert not refused["ok"]
    assert "closed" in refused["error"]


def test_a_finger_that_never_comes_is_told_recorded_and_leaves_the_passage_incomplete(
    tmp_path: Path, gallery: Path
) -> None:
    with FingerWorld(tmp_path / "box", gallery, wait_s=1.0) as world:
        ear = world.start().hear()
        world.read(CLEAR_ZONE)
        passage = ear.next("verdict")["passage"]
        told = ear.next("fingers")
        assert (told["passage"], told["outcome"], told["recorded"]) == (passage, "INCOMPLETE", True)
        assert "no finger" in told["problem"]
        # an officer asks anew, and it comes
        assert world.ask_desk(do="finger", passage=passage)["ok"]
        assert world.lay(ear, (STRANGER.right, 1), passage=passage)["outcome"] == "CLEAR"


def test_leads_alone_are_asked_for_a_finger_where_the_configuration_says_so(tmp_path: Path, gallery: Path) -> None:
    with FingerWorld(tmp_path / "box", gallery, ask="leads") as world:
        ear = world.start().hear()
        world.read(CLEAR_ZONE)
        assert ear.next("verdict")["outcome"] == "CLEAR"
        for lines, shown in ((POSSIBLE_ZONE, "POSSIBLE"), (LEAD_ZONE, "HIT")):
            world.read(lines)
            verdict = ear.next("verdict")
            assert verdict["outcome"] == shown
            told = world.lay(ear, (STRANGER.right, 1))  # of the first passage that is asked for one
            assert (told["passage"], told["outcome"]) == (verdict["passage"], shown)
            assert told["candidates"] == []


def test_a_doubt_is_asked_for_a_finger_and_stays_incomplete_whatever_the_finger_says(
    tmp_path: Path, gallery: Path
) -> None:
    with FingerWorld(tmp_path / "box", gallery, ask="doubts") as world:
        text = world.config.read_text("utf-8").replace('"national", "sltd"]', '"national", "sltd", "elsewhere"]')
        world.config.write_text(text, encoding="utf-8")
        ear = world.start().hear()
        world.read(CLEAR_ZONE)
        assert ear.next("verdict")["outcome"] == "INCOMPLETE"
        assert world.lay(ear, (STRANGER.right, 1))["outcome"] == "INCOMPLETE"
        world.read(zone("L898902C4"))
        assert ear.next("verdict")["outcome"] == "INCOMPLETE"
        told = world.lay(ear, (WANTED.right, 1))
        assert told["outcome"] == "POSSIBLE"
        world.lay(ear, (WANTED.left, 1))


def test_a_gallery_that_comes_while_the_box_runs_is_searched_from_then_on(tmp_path: Path, gallery: Path) -> None:
    with FingerWorld(tmp_path / "box", gallery) as world:
        ear = world.start().hear()
        world.read(CLEAR_ZONE)
        assert world.lay(ear, (STRANGER.right, 1))["candidates"] == []
        build_gallery(world.folder, [WANTED, STRANGER_WANTED])
        until(lambda: any(e["event"] == "gallery_in_use" and e.get("generation") == 2 for e in world.events()),
              "the new generation serves")  # fmt: skip
        world.read(CLEAR_ZONE)
        told = world.lay(ear, (STRANGER.right, 2))
        assert [c["record"] for c in told["candidates"]] == [STRANGER_WANTED.record]
        world.lay(ear, (STRANGER.left, 2))
