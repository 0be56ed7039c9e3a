"""What ends an order early: a fault, a bug, who withdraws, a stop; each is answered, and nothing of a finger stays."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest
from finger_desk import capture_of
from station_kit import Place, a_template, order

from drivers.api import DeviceGone, DeviceStuck
from drivers.fingers import FingerCapture, ScanEvent
from edge.core.fingerprints.model import FingerError
from edge.fingers.orders import AWAY, FingerResult
from edge.fingers.station import BROKEN, FAILED, STOPPED, WITHDRAWN
from edge.lifecycle import ReaderState


@pytest.mark.parametrize(
    ("fault", "problem"), [(DeviceGone("gone", advice="x"), AWAY), (DeviceStuck("stuck", advice="x"), FAILED)]
)
def test_a_fault_of_the_scanner_is_the_end_of_one_order(fault: Exception, problem: str) -> None:
    place = Place([fault, capture_of(7)]).made_ready()
    place.station.offer(order())
    _, result = place.run_once()
    assert (result.taken, result.problem) == (None, problem)
    assert place.steps == ["place", "failed"]
    assert place.keeper.state in (ReaderState.ABSENT, ReaderState.BACKOFF, ReaderState.FAULT, ReaderState.READY)


def test_a_child_that_fails_is_told_and_the_image_is_overwritten() -> None:
    place = Place([capture_of(7)]).made_ready()
    place.hands.fault = FingerError("the child died", advice="try again")
    place.station.offer(order())
    _, result = place.run_once()
    assert (result.taken, result.problem) == (None, FAILED)
    assert not place.hands.extracted[0].pixels.any()


@pytest.mark.parametrize("where", ["fault", "later"])
def test_what_another_try_does_not_help_is_a_matter_for_the_technician(where: str) -> None:
    place = Place([capture_of(7) for _ in range(4)]).made_ready()

    def problem() -> str:
        place.station._closed = False  # it ends after each
        assert place.station.offer(order())
        found = place.run_once()[1].problem
        place.made_ready()
        return found

    fault = FingerError("the child died", advice="try again")
    setattr(place.hands, where, fault)
    assert [problem(), problem()] == [FAILED, BROKEN]
    setattr(place.hands, where, None)
    assert problem() == ""
    setattr(place.hands, where, fault)
    assert problem() == FAILED


def test_an_extractor_that_cannot_begin_is_told_at_once() -> None:
    place = Place([capture_of(7)]).made_ready()
    place.hands.problem, place.hands.fault = "a package is missing", FingerError("it is missing", advice="add it")
    place.station.offer(order())
    assert place.run_once()[1].problem == BROKEN


def test_a_search_that_fails_leaves_neither_image_nor_template() -> None:
    place = Place([capture_of(7)]).made_ready()
    place.hands.later = FingerError("the search died", advice="try again")
    place.station.offer(order())
    _, result = place.run_once()
    assert (result.taken, result.problem) == (None, FAILED)
    assert not place.hands.extracted[0].pixels.any()
    assert not place.hands.made[0].x.any()


@pytest.mark.parametrize("where", ["fault", "later"])
def test_a_bug_ends_the_thread_leaves_nothing_and_is_not_called_a_stop(where: str) -> None:
    place = Place([capture_of(7)]).made_ready()
    setattr(place.hands, where, ZeroDivisionError())
    place.station.offer(order())
    with pytest.raises(ZeroDivisionError):
        place.station.run(place.stop)
    assert place.results.get_nowait()[1].problem == FAILED
    assert not place.hands.extracted[0].pixels.any()
    assert not any(template.x.any() for template in place.hands.made)
    assert place.scanner.closed == place.scanner.opened


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


def until_cancelled(place: Place, begun: threading.Event) -> Callable[[], ScanEvent]:
    """A transfer that goes on until it is cancelled, and then is whole all the same."""
    def read() -> FingerCapture:
        begun.set()
        assert place.scanner.cancelled.wait(20)
        return capture_of(7)

    return read


@pytest.mark.parametrize("why", [STOPPED, WITHDRAWN])
def test_a_stop_and_who_withdraws_end_a_transfer_and_what_it_took_is_not_worked_on(why: str) -> None:
    place, begun, asked = Place([]), threading.Event(), order()
    place.scanner.script.append(until_cancelled(place, begun))
    place.made_ready().station.offer(asked)
    thread = threading.Thread(target=place.station.run, args=(place.stop,))
    thread.start()
    try:
        assert begun.wait(20)
        if why == WITHDRAWN:
            place.station.withdraw(asked)
        else:
            place.stop.set()  # the watch at the scanner sees it, whoever forgets to call stop()
        assert place.results.get(timeout=20)[1].problem == why
    finally:
        place.stop.set()
        thread.join(20)
    assert not thread.is_alive()
    assert place.hands.extracted == []


def test_an_order_withdrawn_after_a_poor_try_is_neither_extracted_nor_searched() -> None:
    place, asked = Place([capture_of(7, share=0.3)]).made_ready(), order()
    place.station.offer(asked)
    place.scanner.at_off = lambda: place.station.withdraw(asked)
    _, result = place.run_once()
    assert (result.problem, result.taken, place.hands.extracted) == (WITHDRAWN, None, [])
    assert place.steps == ["place", "lift", "failed"]


def test_a_stop_cancels_an_opening() -> None:
    place = Place([])
    place.station.stop()
    assert place.scanner.cancelled.is_set()


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
