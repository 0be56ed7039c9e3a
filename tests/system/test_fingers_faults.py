"""What happens to a child or a scanner costs one finger at most: documents go on, the daemon is untouched.

Children are killed, frozen and starved at a live box; the scanner's cable is pulled in the midst of an image.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from box_world import Listener, until, zone
from finger_world import (
    CLEAR_ZONE,
    CROWD,
    EXTRACT,
    SEARCH,
    STRANGER,
    WANTED,
    FingerWorld,
    build_gallery,
    descriptors,
    settled,
    zombies,
)

from edge.fingers.orders import AWAY
from edge.fingers.searcher import NOT_LOADED

pytestmark = pytest.mark.timeout(180)

WORK_S = 3.0           # longest extraction, longest search
USUAL_MS = 250.0       # a document's answer, on a busy machine
FAILED = "try again"


class Live(NamedTuple):
    """A box at work, its daemon's process id, and how many files that has open when nothing happens."""

    box: FingerWorld
    pid: int
    files: int


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    gallery = build_gallery(tmp_path_factory.mktemp("gallery"), [WANTED, *CROWD])
    folder = tmp_path_factory.mktemp("faults")
    with FingerWorld(folder / "box", gallery, ask="never", work_s=WORK_S) as world:
        world.start()
        ear = world.hear()
        world.hear("lane-2")
        assert finger(world, ear, begun(world, ear)) == []  # everything has run once
        yield Live(world, world.pid, settled(lambda: descriptors(world.pid)))


def begun(world: FingerWorld, ear: Listener) -> str:
    """A new passage, and an officer's wish for a finger of it."""
    world.read(CLEAR_ZONE)
    verdict = ear.next("verdict")
    while verdict["counter"] != "lane-1":
        verdict = ear.next("verdict")
    passage = str(verdict["passage"])
    until(lambda: world.ask_desk(do="finger", passage=passage)["ok"], "the scanner takes the order", 30.0)
    return passage


def finger(world: FingerWorld, ear: Listener, passage: str) -> list[str]:
    """A stranger's finger of that passage; the records found."""
    told = world.lay(ear, (STRANGER.right, 1), passage=passage)
    assert not told["problem"], told
    return [c["record"] for c in told["candidates"]]


def steps(ear: Listener, passage: str, last: str) -> dict[str, Any]:
    """Messages of this passage until that step, or until what came of it."""
    while True:
        message = ear.messages.get(timeout=40.0)
        if message.get("passage") == passage and last in (message.get("step"), message["type"]):
            return message


def documents(world: FingerWorld, seconds: float) -> list[float]:
    """Read documents at the other counter for so long; how long each answer took, in milliseconds."""
    ear = world.hear("lane-2")
    times, end = [], time.monotonic() + seconds
    while time.monotonic() < end:
        assert world.second.present(zone(f"T{len(times):07d}C")) is not None
        message = ear.next("verdict")
        assert (message["counter"], message["recorded"]) == ("lane-2", True)
        times.append(float(message["elapsed_ms"]))
        time.sleep(0.05)
    return times


def well(live: Live, ear: Listener) -> None:
    """The next finger works; the daemon is the same and holds nothing more than at the start."""
    world, pid, files = live
    until(world.fingers_ready, "scanner, extractor and search are ready again", 60.0)
    assert finger(world, ear, begun(world, ear)) == []
    told = world.lay(ear, (WANTED.right, 1), passage=begun(world, ear))
    assert [c["record"] for c in told["candidates"]] == [WANTED.record]
    world.lay(ear, (WANTED.left, 1), passage=told["passage"])
    assert world.pid == pid
    assert zombies(pid) == []
    assert settled(lambda: descriptors(pid)) <= files


@pytest.mark.parametrize("module", [EXTRACT, SEARCH])
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV, signal.SIGSTOP])
def test_a_child_that_dies_or_hangs_under_a_finger_fails_that_finger_alone(
    live: Live, module: str, number: signal.Signals
) -> None:
    box, ear = live.box, live.box.hear()
    passage = begun(box, ear)
    assert steps(ear, passage, "place")
    child = box.child(module)
    assert child
    os.kill(child, signal.SIGSTOP)  # held, so that the finger is under way in it for sure
    box.scanner.finger(STRANGER.right, 1)
    steps(ear, passage, "working")
    box.scanner.remove()
    if number is signal.SIGSTOP:
        times = documents(box, WORK_S / 2)
    else:
        os.kill(child, number)
        os.kill(child, signal.SIGCONT)
        times = documents(box, 0.5)
    assert len(times) > 2
    assert max(times) < USUAL_MS, times
    told = steps(ear, passage, "fingers")
    assert (told["recorded"], told["candidates"]) == (True, [])
    if module == EXTRACT:
        assert FAILED in told["problem"]
        assert told["outcome"] == "INCOMPLETE"
    elif number is signal.SIGSTOP:  # noticed late: the galleries are read again by then, or not yet
        if told["problem"]:
            assert FAILED in told["problem"] or told["problem"] == NOT_LOADED
            assert told["outcome"] == "INCOMPLETE"
    else:  # the template is there still, and a fresh child is asked with it
        assert (told["problem"], told["outcome"]) == ("", "CLEAR")
        assert told["templates"] == 1 + len(CROWD)
    until(lambda: not Path(f"/proc/{child}").exists(), "the child is gone and reaped", 20.0)
    assert box.child(module) != child
    well(live, ear)


def test_a_child_that_dies_between_two_fingers_is_replaced_before_the_next(live: Live) -> None:
    box, ear = live.box, live.box.hear()
    for module in (EXTRACT, SEARCH):
        child = box.child(module)
        os.kill(child, signal.SIGKILL)
        until(lambda c=child, m=module: box.child(m) not in (0, c), "another child is there", 20.0)
    well(live, ear)


def test_a_cable_pulled_in_the_midst_of_an_image_fails_that_finger_and_is_found_again(live: Live) -> None:
    box, ear = live.box, live.box.hear()
    passage = begun(box, ear)
    steps(ear, passage, "place")
    box.scanner.fault(pulled=1)
    box.scanner.finger(STRANGER.right, 1)
    told = steps(ear, passage, "fingers")
    assert told["problem"] == AWAY
    assert max(documents(box, 2.0)) < USUAL_MS
    assert (box.status() or {})["scanners"][0]["state"] != "ready"
    refused = box.ask_desk(do="finger", passage=passage)
    assert not refused["ok"]
    assert "scanner" in refused["error"]
    box.scanner.remove()
    box.scanner.plug()
    well(live, ear)


def test_a_cable_pulled_while_a_finger_is_awaited_is_told_at_once(live: Live) -> None:
    box, ear = live.box, live.box.hear()
    passage = begun(box, ear)
    steps(ear, passage, "place")
    since = time.monotonic()
    box.scanner.unplug()
    told = steps(ear, passage, "fingers")
    assert told["problem"] == AWAY
    assert time.monotonic() - since < 5.0
    box.scanner.plug()
    well(live, ear)
