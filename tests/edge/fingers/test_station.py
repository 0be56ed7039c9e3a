"""The station: an order is accepted or not at once, answered once, and nothing that fails ends more than one order."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest
from finger_desk import Clock, ScriptedScanner, capture_of

from drivers.api import DeviceGone, DeviceStuck
from drivers.fingers import ScanEvent
from edge.bell import Bell
from edge.core.fingerprints.answers import SearchAnswer
from edge.core.fingerprints.model import FingerError, FingerImage, Position, Template
from edge.fingers.keeper import ScannerKeeper
from edge.fingers.orders import FingerOrder, FingerResult
from edge.fingers.station import AWAY, FAILED, NO_FINGER, STOPPED, WITHDRAWN, Station, StationSettings
from edge.lifecycle import ReaderState

RIGHT = Position.RIGHT_INDEX
ANSWER = SearchAnswer((), (), "leader-x")


def a_template() -> Template:
    one = np.ones(1, np.uint8)
    return Template("leader-x", RIGHT, 256, 288, one.astype(np.int16), one.astype(np.int16), one, one, one)


class TableHands:
    """Answers from a table; each may be an error."""

    def __init__(self) -> None:
        self.extracted: list[FingerImage] = []
        self.fault: Exception | None = None

    def extract(self, image: FingerImage, position: Position) -> tuple[Template, int]:
        self.extracted.append(image)
        if self.fault:
            raise self.fault
        return a_template(), 61

    def search(self, template: Template, position: Position) -> SearchAnswer:
        return ANSWER

    def second(self, template: Template, position: Position, answer: SearchAnswer) -> SearchAnswer:
        assert answer is ANSWER
        return SearchAnswer((), (), "second")

    def verify(self, probe: Template, reference: Template) -> tuple[float, bool]:
        return 9.5, True


class Place:
    """One station whose turns the test makes itself."""

    def __init__(self, script: list[ScanEvent | Exception]) -> None:
        self.clock = Clock()
        self.scanner = ScriptedScanner(script, self.clock)
        self.hands = TableHands()
        self.said: list[Mapping[str, Any]] = []
        self.announced: list[tuple[str, str]] = []
        self.results: queue.Queue[tuple[str, FingerResult]] = queue.Queue(1)
        bell = Bell()
        self.keeper = ScannerKeeper(
            self.scanner, announce=lambda *a: self.announced.append(a), alarm=lambda *_: None,
            differs=lambda _own: "", jitter=lambda: 0.5, mono=self.clock, bell=bell,
        )
        self.station = Station(
            "lane-1", self.keeper, self.hands, settings=StationSettings(30, 3), bell=bell,
            deliver=lambda home, result: self.results.put_nowait((home, result)),
            publish=self.said.append, mono=self.clock,
        )
        self.stop = threading.Event()

    def made_ready(self) -> Place:
        for _ in range(3):
            if not self.keeper.ready:
                self.keeper.tend()
        assert self.keeper.ready
        return self

    def run_once(self) -> tuple[str, FingerResult]:
        """Let the station work until it has answered."""
        thread = threading.Thread(target=self.station.run, args=(self.stop,))
        thread.start()
        try:
            return self.results.get(timeout=20)
        finally:
            self.stop.set()
            thread.join(20)
            assert not thread.is_alive()
            self.stop.clear()

    @property
    def steps(self) -> list[str]:
        return [one["step"] for one in self.said]


def order(**more: Any) -> FingerOrder:
    return FingerOrder("K7QZ4-M2X9P", "lane-1", RIGHT, more.pop("purpose", "search"), **more)


def test_an_order_is_a_finger_taken_extracted_and_searched() -> None:
    place = Place([capture_of(7, at=77.0)]).made_ready()
    asked = order()
    assert place.station.offer(asked)
    home, result = place.run_once()
    assert (home, result.order, result.answer, result.problem, result.at) == ("lane-1", asked, ANSWER, "", 77.0)
    assert result.taken is not None
    assert (result.taken.nfiq2, result.taken.tries, result.taken.position) == (61, 1, RIGHT)
    assert place.steps == ["place", "working"]
    assert place.said[0]["position"] == "right-index"


def test_a_second_finger_and_a_verification_are_their_own_work() -> None:
    place = Place([capture_of(7)]).made_ready()
    assert place.station.offer(order(purpose="second", answer=ANSWER, owner="lane-2"))
    home, result = place.run_once()
    assert home == "lane-2"
    assert result.answer is not None
    assert result.answer.extractor_id == "second"
    assert not place.station.busy


def test_a_verification_gives_score_and_decision() -> None:
    place = Place([capture_of(7)]).made_ready()
    assert place.station.offer(order(purpose="verify", reference=a_template()))
    _, result = place.run_once()
    assert (result.score, result.same, result.answer) == (9.5, True, None)


def both_to(found: list[FingerResult], stop: threading.Event) -> Callable[[str, FingerResult], None]:
    """Takes two results, then lets the station end."""
    def deliver(_home: str, result: FingerResult) -> None:
        found.append(result)
        if len(found) == 2:
            stop.set()

    return deliver


def test_the_next_traveller_s_order_is_taken_while_a_withdrawn_one_comes_to_its_end() -> None:
    place = Place([capture_of(7)]).made_ready()
    gone, here, third = order(), order(), order()
    assert place.station.offer(gone)
    assert not place.station.offer(here)
    place.station.withdraw(gone)
    assert place.station.offer(here)
    assert not place.station.offer(third)
    found: list[FingerResult] = []
    place.station._deliver = both_to(found, place.stop)
    place.station.run(place.stop)
    assert [(one.order, one.problem) for one in found] == [(gone, WITHDRAWN), (here, "")]
    assert not place.station.busy


def test_one_that_waits_behind_a_withdrawn_one_can_be_withdrawn_too_and_is_answered_when_the_box_stops() -> None:
    for stops in (False, True):
        place = Place([capture_of(7)]).made_ready()
        gone, here = order(), order()
        assert place.station.offer(gone)
        place.station.withdraw(gone)
        assert place.station.offer(here)
        found: list[FingerResult] = []
        place.station._deliver = both_to(found, place.stop)
        if stops:
            place.stop.set()
        else:
            place.station.withdraw(here)
        place.station.run(place.stop)
        assert [one.order for one in found] == [gone, here]
        assert found[1].problem == (STOPPED if stops else WITHDRAWN)
        assert place.scanner.captures == 0


def test_one_order_at_a_time_and_none_without_a_scanner() -> None:
    place = Place([])
    assert not place.station.offer(order())  # not open yet
    place.made_ready()
    assert place.station.offer(order())
    assert not place.station.offer(order())


@pytest.mark.parametrize("fault", [DeviceGone("gone", advice="x"), DeviceStuck("stuck", advice="x")])
def test_a_fault_of_the_scanner_is_the_end_of_one_order(fault: Exception) -> None:
    place = Place([fault, capture_of(7)]).made_ready()
    place.station.offer(order())
    _, result = place.run_once()
    assert (result.taken, result.problem) == (None, FAILED)
    assert place.steps == ["place", "failed"]
    assert place.keeper.state in (ReaderState.ABSENT, ReaderState.BACKOFF, ReaderState.FAULT, ReaderState.READY)


def test_a_child_that_fails_is_told_and_the_image_is_overwritten() -> None:
    place = Place([capture_of(7)]).made_ready()
    place.hands.fault = FingerError("the child died", advice="try again")
    place.station.offer(order())
    _, result = place.run_once()
    assert (result.taken, result.problem) == (None, FAILED)
    assert not place.hands.extracted[0].pixels.any()


def test_nobody_lays_a_finger_down() -> None:
    place = Place([]).made_ready()
    place.station.offer(order())
    _, result = place.run_once()
    assert result.problem == NO_FINGER


def test_a_withdrawn_order_is_answered_too() -> None:
    place = Place([]).made_ready()
    asked = order()
    place.station.offer(asked)
    place.station.withdraw(order())  # another one: nothing happens
    assert not place.scanner.cancelled.is_set()
    place.station.withdraw(asked)
    assert place.scanner.cancelled.is_set()
    _, result = place.run_once()
    assert result.problem == WITHDRAWN


def test_a_scanner_lost_after_the_offer_is_said() -> None:
    place = Place([capture_of(7)]).made_ready()
    place.station.offer(order())
    place.keeper.state = ReaderState.ABSENT
    place.scanner.plugged = False
    _, result = place.run_once()
    assert result.problem == AWAY


def test_a_stop_answers_what_was_accepted_and_lets_the_port_go() -> None:
    place = Place([]).made_ready()
    place.station.offer(order())
    place.stop.set()
    place.station.run(place.stop)
    assert place.results.get_nowait()[1].problem == STOPPED
    assert place.scanner.closed == place.scanner.opened
    assert not place.station.offer(order())


def test_what_a_full_counter_does_not_take_is_overwritten() -> None:
    place = Place([capture_of(7)]).made_ready()
    place.results.put(("lane-1", FingerResult(order(), None, None, None, None, "full")))
    reference = a_template()
    place.station.offer(order(purpose="verify", reference=reference))
    thread = threading.Thread(target=place.station.run, args=(place.stop,))
    thread.start()
    while not place.hands.extracted or place.station.busy:
        thread.join(0.01)
    place.stop.set()
    thread.join(20)
    assert not place.hands.extracted[0].pixels.any()
    assert not reference.x.any()
    assert place.results.get_nowait()[1].problem == "full"
