"""A reader that is plugged in and out: when it is opened, let go, opened again, and backed off from."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from keeper_kit import BUSY, GONE, READ, Rig, steady

from edge.lifecycle import HEAL_MIN_S
from edge.readers import LOOK_S, SETTLE_S, ReaderState


def test_nothing_plugged_in_is_said_once_and_looked_for_every_second_without_opening() -> None:
    rig = Rig()
    rig.device.plugged = False
    assert rig.run(30) == ["reader_lost"]
    assert rig.device.opened_at == []
    assert 28 <= len(rig.bell.waits) <= 32
    assert rig.keeper.health()["state"] == "absent"
    assert "nothing is plugged in" in rig.keeper.health()["problem"]
    assert rig.announced == [ReaderState.ABSENT]


def test_what_is_plugged_in_is_opened_within_a_second_without_hotplug() -> None:
    rig = Rig()
    rig.device.plugged = False
    rig.run(10)
    rig.device.plugged = True
    started = rig.clock.now
    assert rig.run(5) == ["reader_ready"]
    assert rig.device.opened_at[0] - started <= LOOK_S
    assert rig.announced == [ReaderState.ABSENT, ReaderState.READY]


def test_hotplug_has_it_opened_at_once() -> None:
    rig = Rig()
    rig.device.plugged = False
    rig.run(10)
    rig.device.plugged = True
    rig.keeper.wake()
    started = rig.clock.now
    rig.run(5)
    assert rig.device.opened_at == [started]


def test_hotplug_of_something_else_changes_nothing() -> None:
    rig = Rig()
    rig.device.plugged = False
    rig.bell.rings = [1000 + n / 10 for n in range(50)]
    assert rig.run(10) == ["reader_lost"]
    assert rig.device.opened_at == []


def test_a_reader_that_is_pulled_and_plugged_again_goes_on_reading() -> None:
    rig = Rig()
    rig.device.plugged = True
    steady(rig)
    rig.device.reads = [READ, GONE]
    rig.device.plugged = False
    assert rig.run(5) == ["reader_lost"]
    assert rig.keeper.state is ReaderState.ABSENT
    rig.device.plugged = True
    rig.device.reads = [READ]
    assert rig.run(LOOK_S + 1) == []
    assert rig.announced[-1] is ReaderState.READY  # on the screen at once, in the log when it has stayed
    assert rig.run(HEAL_MIN_S) == ["reader_ready"]
    assert rig.delivered == [READ, READ]
    assert (rig.keeper.opens, rig.keeper.losses) == (2, 1)


def test_a_port_that_says_nothing_of_plugs_is_opened_again_right_after_a_loss() -> None:
    rig = Rig()
    steady(rig)
    lost_at = rig.clock.now
    rig.device.reads = [GONE]
    rig.run(5)
    assert rig.device.opened_at[1] == pytest.approx(lost_at + SETTLE_S)


def test_a_device_that_is_lost_right_after_each_opening_is_backed_off_from() -> None:
    rig = Rig(reads=[GONE] * 1000)
    rig.run(600)
    gaps = [b - a for a, b in pairwise(rig.device.opened_at)]
    assert len(gaps) < 20
    assert max(gaps) >= 59


def test_a_port_whose_file_is_gone_is_let_go_although_it_gives_no_error() -> None:
    rig = Rig()
    rig.device.plugged = True
    steady(rig)
    rig.device.plugged = False
    assert rig.run(5) == ["reader_lost"]
    assert rig.keeper.state is ReaderState.ABSENT
    assert not rig.device.is_open


def test_a_link_that_is_made_anew_in_an_instant_costs_nothing() -> None:
    rig = Rig()
    rig.device.plugged = True

    def blink(plugged: bool) -> Callable[[], None]:
        def step() -> None:
            rig.device.plugged = plugged
        return step

    # one look in a row finds nothing, again and again, never two
    rig.device.reads = [blink(False), None, blink(True), None] * 10
    assert rig.run(25) == ["reader_ready"]
    assert rig.keeper.losses == 0


def test_the_pauses_double_to_a_minute_and_begin_anew_after_the_plug_was_out() -> None:
    rig = Rig([BUSY] * 9)
    rig.device.plugged = True
    rig.run(244)
    gaps = [round(b - a) for a, b in pairwise(rig.device.opened_at)]
    assert gaps == [1, 2, 4, 8, 16, 32, 60, 60, 60]
    rig.device.opens, rig.device.opened_at = [BUSY, BUSY], []
    rig.device.reads = [GONE]
    rig.device.plugged = False
    rig.run(5)
    rig.device.plugged = True
    rig.run(10)
    gaps = [round(b - a) for a, b in pairwise(rig.device.opened_at)]
    assert gaps[-2:] == [1, 2]


@given(jitter=st.floats(0, 1), failures=st.integers(1, 10))
def test_pauses_lie_between_a_second_and_a_minute_whatever_the_jitter(jitter: float, failures: int) -> None:
    rig = Rig([BUSY] * failures, jitter=jitter)
    rig.run(700)
    assert len(rig.device.opened_at) == failures + 1
    for a, b in pairwise(rig.device.opened_at):
        assert 0.999 <= b - a <= 60.001


def test_hotplug_shortens_a_back_off_to_a_second_and_no_more() -> None:
    rig = Rig([BUSY] * 100)
    rig.device.plugged = True
    rig.run(200)
    started, before = rig.clock.now, len(rig.device.opened_at)
    rig.bell.rings = [started + n / 20 for n in range(200)]  # ten seconds of another device's wobbling plug
    rig.run(10)
    assert 1 <= len(rig.device.opened_at) - before <= 11


def test_a_back_off_ends_when_the_plug_is_pulled() -> None:
    rig = Rig([BUSY] * 100)
    rig.device.plugged = True
    rig.run(100)
    rig.device.plugged = False
    rig.run(3)
    assert rig.keeper.health()["state"] == "absent"
    rig.device.opens = []
    rig.device.plugged = True
    rig.run(2)
    assert rig.keeper.health()["state"] == "ready"
