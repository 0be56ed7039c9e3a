"""The station: an order is accepted or not at once, answered once, and nothing that fails ends more than one order."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from finger_desk import capture_of
from station_kit import ANSWER, RIGHT, Place, a_template, order

from drivers.fingers import FingerCapture
from edge.core.fingerprints.thresholds import LEAST_MINUTIAE, TOO_LITTLE
from edge.fingers.orders import FingerOrder, FingerResult, Purpose
from edge.fingers.station import NO_FINGER, STOPPED, WITHDRAWN


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


@pytest.mark.parametrize(("purpose", "count"), [("search", 1), ("second", 1), ("verify", 0)])
def test_the_image_of_every_finger_that_is_searched_is_packed_for_the_report(purpose: Purpose, count: int) -> None:
    """Before the search, and so whatever it finds; a verification never goes with an image."""
    place = Place([capture_of(7)]).made_ready()
    more: dict[str, Any] = {"second": {"answer": ANSWER}, "verify": {"reference": a_template()}}.get(purpose, {})
    assert place.station.offer(order(purpose=purpose, **more))
    _, result = place.run_once()
    assert result.taken is not None
    assert place.hands.packed == count
    assert result.taken.packed == b"a finger as WSQ" * count
    assert "WSQ" not in repr(result)


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


def test_nobody_lays_a_finger_down() -> None:
    place = Place([]).made_ready()
    place.station.offer(order())
    _, result = place.run_once()
    assert result.problem == NO_FINGER


def test_the_officer_sees_that_an_image_is_read() -> None:
    place = Place([])

    def slow() -> FingerCapture:
        until = time.monotonic() + 20
        while "reading" not in place.steps and time.monotonic() < until:
            threading.Event().wait(0.01)
        return capture_of(7)

    place.scanner.script.append(slow)
    place.made_ready().station.offer(order())
    _, result = place.run_once()
    assert result.problem == ""
    assert place.steps == ["place", "reading", "working"]


@pytest.mark.parametrize("purpose", ["search", "second", "verify"])
@pytest.mark.parametrize("minutiae", [0, 1, LEAST_MINUTIAE - 1])
def test_a_finger_that_shows_too_few_minutiae_is_a_failed_one(purpose: Purpose, minutiae: int) -> None:
    place = Place([capture_of(7)]).made_ready()
    place.hands.minutiae = minutiae
    place.hands.later = AssertionError("it was searched")
    place.station.offer(FingerOrder("P1", "lane-1", RIGHT, purpose, reference=a_template(), answer=ANSWER))
    _, result = place.run_once()
    assert (result.problem, result.taken, result.answer, result.score) == (TOO_LITTLE, None, None, None)
    assert place.said[-1]["step"] == "failed"
    assert not place.hands.extracted[0].pixels.any()
    assert not place.hands.made[0].x.any()
