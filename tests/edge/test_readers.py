"""A reader is read: what it gives goes to the tap and to the counter, a stop lets it go, its health is told."""

from __future__ import annotations

import queue
from dataclasses import replace

import pytest
from keeper_kit import OTHER, READ, Rig

from drivers.api import (
    DocumentRead,
    Feedback,
    Noise,
    OtherRead,
    ReaderStatus,
    Tier,
)
from edge.readers import DELIVER_PAUSE_S, DELIVER_TRIES


def test_documents_and_other_blocks_go_to_the_tap_and_then_to_the_counter() -> None:
    rig = Rig(reads=[Noise(12), READ, None, OTHER, READ])
    assert rig.run() == ["reader_ready"]
    assert rig.delivered == [READ, OTHER, READ]
    assert rig.tapped == [READ, OTHER, READ]


def test_the_tap_has_a_read_although_the_counter_takes_none() -> None:
    rig = Rig(reads=[READ])

    def full(_read: DocumentRead | OtherRead) -> None:
        assert rig.tapped == [READ]
        raise queue.Full

    rig.deliver = full
    rig.run()
    assert rig.tapped == [READ]


def test_a_full_counter_is_waited_for_and_nothing_is_lost() -> None:
    rig = Rig(reads=[READ])
    tries = 0

    def slow(read: DocumentRead | OtherRead) -> None:
        nonlocal tries
        tries += 1
        if tries < DELIVER_TRIES:
            raise queue.Full
        rig.delivered.append(read)

    rig.deliver = slow
    assert rig.run() == ["reader_ready"]
    assert rig.delivered == [READ]
    assert rig.keeper.overflow == 0


def test_what_a_full_counter_does_not_take_in_two_seconds_is_counted_said_and_alarmed_once() -> None:
    rig = Rig(reads=[READ, READ, READ])

    def full(_read: DocumentRead | OtherRead) -> None:
        raise queue.Full

    rig.deliver = full
    assert rig.run(10).count("read_dropped") == 1
    assert rig.keeper.overflow == 3
    assert rig.keeper.health()["overflow"] == 3
    assert rig.alarms == [("read_dropped", "swipe-1")]
    assert rig.stopping.waits == 3 * DELIVER_TRIES
    assert pytest.approx(2.0) == DELIVER_TRIES * DELIVER_PAUSE_S


def test_a_stop_ends_the_wait_for_a_full_counter() -> None:
    rig = Rig(reads=[READ])

    def full(_read: DocumentRead | OtherRead) -> None:
        rig.stopping.set()
        raise queue.Full

    rig.deliver = full
    rig.run()
    assert rig.stopping.waits == 1
    assert rig.keeper.overflow == 1


def test_a_frame_that_has_begun_shows_until_it_ends() -> None:
    rig = Rig()
    states: list[str] = []

    def begins() -> None:
        rig.device.reading = True
        states.append(rig.keeper.health()["state"])  # another thread looks while the owner is inside read()

    def ends() -> None:
        states.append(str(rig.keeper.state))
        rig.device.reading = False

    rig.device.reads = [None, begins, ends, None, lambda: states.append(str(rig.keeper.state))]
    rig.run(4)
    assert states == ["reading", "reading", "ready"]


def test_a_sign_goes_to_the_device() -> None:
    rig = Rig()
    rig.keeper.signal(Feedback.LEAD)
    assert rig.device.signs == [Feedback.LEAD]


def test_a_stop_lets_the_port_go() -> None:
    rig = Rig(reads=[READ])
    rig.stopping.end = rig.clock.now + 10
    rig.keeper.run(rig.stopping)
    assert rig.delivered == [READ]
    assert not rig.device.is_open


def test_health_says_state_counters_and_how_far_the_driver_is_proven() -> None:
    rig = Rig()
    assert rig.keeper.health()["state"] == "absent"
    rig.run(2)
    health = rig.keeper.health()
    assert (health["state"], health["driver"], health["noise_bytes"], health["opens"]) == ("ready", "played", 0, 1)
    assert (health["tier"], health["proven"]) == ("virtual", False)
    rig.device.status = lambda: replace(  # type: ignore[method-assign]
        ReaderStatus("swipe-1", "played", Tier.CERTIFIED, "none", True)
    )
    assert rig.keeper.health()["proven"] is True
