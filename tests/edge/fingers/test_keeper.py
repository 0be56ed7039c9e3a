"""A scanner between the fingers: plugged, opened, lost, at fault, well again; who is told what, and when."""

from __future__ import annotations

from typing import Any

import pytest
from finger_desk import Clock, ScriptedScanner, Step, capture_of
from keeper_kit import Bell
from structlog.testing import capture_logs

from drivers.api import BadSetting, DeviceBusy, DeviceError, DeviceGone, DeviceStuck, DriverMisuse
from drivers.fingers import FingerCapture, Retry, RetryReason
from edge.fingers.keeper import FAULTS, LOOK_S, ScannerKeeper
from edge.lifecycle import ALARM_AFTER_S, BACKOFF_MAX_S, CYCLES_IN_VAIN, STEADY_S, ReaderState

S = ReaderState
STUCK = DeviceStuck("the scanner does not answer", advice="plug it in again")
BROKEN = DeviceError("no image arrives whole", advice="check its cable")
GONE = DeviceGone("it is gone", advice="plug it in again")
LOST = Retry(RetryReason.TRY_AGAIN)
LONG_S = 60.0


class Post:
    """A keeper whose turns the test makes; waits take no time."""

    def __init__(self, script: list[Step] | None = None) -> None:
        self.clock = Clock()
        self.scanner = ScriptedScanner(script or [], self.clock)
        self.bell = Bell(self.clock)  # type: ignore[arg-type]
        self.announced: list[str] = []
        self.alarms: list[str] = []
        self.unlike = ""
        self.keeper = ScannerKeeper(
            self.scanner, announce=lambda _name, state: self.announced.append(str(state)),
            alarm=lambda code, _name: self.alarms.append(code), differs=lambda own: self.unlike and self.unlike + own,
            jitter=lambda: 0.5, mono=self.clock, bell=self.bell,
        )

    def turns(self, count: int) -> list[ReaderState]:
        """The states after each of so many turns."""
        found = []
        for _ in range(count):
            self.keeper.tend()
            found.append(self.keeper.state)
        return found

    def opened(self) -> Post:
        self.turns(2)
        assert self.keeper.ready
        return self

    def long_open(self) -> Post:
        """Open, and for so long that a loss is no flapping."""
        self.opened().clock.now += LONG_S
        return self

    def until_ready(self) -> float:
        """Seconds until a finger can be taken again."""
        began = self.clock.now
        for _ in range(200):
            if self.keeper.ready:
                return self.clock.now - began
            self.keeper.tend()
        raise AssertionError(f"it stays {self.keeper.state}")

    def order(self) -> bool:
        """A finger is asked for, a while after the last; False when the device fails."""
        self.until_ready()
        self.clock.now += LONG_S
        try:
            self.keeper.capture(1.0)
        except DeviceError:
            return False
        return True

    @property
    def problem(self) -> tuple[str, str]:
        health = self.keeper.health()
        return health["problem"], health["advice"]


def test_it_is_opened_when_it_is_plugged_in_and_ready_then() -> None:
    post = Post()
    post.scanner.plugged = False
    assert post.turns(3) == [S.ABSENT] * 3
    assert post.problem[0] == "nothing is plugged in at its port"
    post.scanner.plugged = True
    assert post.turns(2) == [S.OPENING, S.READY]
    assert (post.problem, post.keeper.opens) == (("", ""), 1)
    assert post.announced[-1] == "ready"


def test_every_turn_waits_a_second_at_most_and_looks_on() -> None:
    post = Post().opened()  # the bell asserts the second
    began = post.clock.now
    assert post.turns(5) == [S.READY] * 5
    assert post.clock.now - began == pytest.approx(5 * LOOK_S)
    post.bell.ring()
    before = post.clock.now
    post.turns(1)
    assert post.clock.now == before


@pytest.mark.parametrize("why", [
    DeviceBusy("another program holds it", advice="stop it"), BadSetting("wrong", key="port", advice="right"),
    OSError(5, "Input/output error"), STUCK,
])  # fmt: skip
def test_what_cannot_be_opened_is_tried_ever_less_often_but_once_a_minute(why: Exception) -> None:
    post = Post()
    post.scanner.refuses = why
    assert post.turns(2) == [S.OPENING, S.BACKOFF]
    assert all(post.problem)
    pauses = []
    for _ in range(9):
        began = post.clock.now
        while post.turns(1) != [S.OPENING]:
            pass
        pauses.append(post.clock.now - began)
        assert post.turns(1) == [S.BACKOFF]
    assert pauses[:4] == pytest.approx([1, 2, 4, 8])
    assert max(pauses) <= BACKOFF_MAX_S
    assert post.alarms == ["reader_lost"]  # a minute, once
    post.scanner.refuses = None
    post.until_ready()
    assert post.problem == ("", "")


def test_a_bug_of_a_driver_escapes() -> None:
    post = Post([ZeroDivisionError()]).opened()
    with pytest.raises(ZeroDivisionError):
        post.keeper.capture(1.0)
    post = Post()
    post.scanner.refuses = DriverMisuse("not so", advice="so")
    with pytest.raises(DriverMisuse):
        post.turns(2)


def test_a_plug_ends_a_long_pause() -> None:
    post = Post()
    post.scanner.refuses = STUCK
    while post.clock.now < 1200:
        post.turns(1)
    while post.keeper.state is not S.BACKOFF:
        post.turns(1)
    post.scanner.refuses = None
    post.bell.ring()
    assert post.until_ready() <= 1.0


def test_a_cable_pulled_while_it_waits_is_a_loss_after_two_looks_and_its_return_is_found() -> None:
    post = Post().long_open()
    post.scanner.plugged = False
    assert post.turns(1) == [S.READY]  # a link made anew
    assert post.turns(1) == [S.ABSENT]
    assert (post.scanner.closed, post.announced[-1]) == (1, "absent")
    post.scanner.plugged = True
    assert post.until_ready() <= 2.0
    assert (post.keeper.health()["losses"], post.keeper.opens) == (1, 2)


@pytest.mark.parametrize("error", [GONE, OSError(19, "No such device")])
def test_a_device_that_goes_under_a_finger_is_a_loss_and_no_fault(error: Exception) -> None:
    post = Post([error]).long_open()
    with pytest.raises(DeviceError) as told:
        post.keeper.capture(1.0)
    assert told.value.advice
    assert post.keeper.state is S.ABSENT
    assert post.problem == (told.value.message, told.value.advice)
    post.until_ready()
    assert post.problem == ("", "")


def test_a_scanner_lost_as_soon_as_it_was_opened_backs_off() -> None:
    post = Post([GONE, GONE]).opened()
    for _ in range(2):
        post.until_ready()
        with pytest.raises(DeviceGone):
            post.keeper.capture(1.0)
        assert post.keeper.state is S.BACKOFF
    post.until_ready()
    assert post.clock.now < 1000 + LONG_S


@pytest.mark.parametrize("fault", [STUCK, BROKEN])
def test_a_fault_is_closed_and_opened_anew_at_once_and_told_until_an_image_comes(fault: DeviceError) -> None:
    post = Post([fault, None, capture_of(7)])
    with capture_logs() as lines:
        assert not post.order()
        assert post.keeper.state is S.FAULT
        assert post.problem == (fault.message, fault.advice)
        assert post.until_ready() == 0
        assert (post.scanner.closed, post.scanner.opened) == (1, 2)
        assert post.order()  # nobody came: that says nothing about the scanner
        assert post.problem == (fault.message, fault.advice)
        assert post.order()
        assert post.problem == ("", "")
    assert [line["event"] for line in lines] == ["reader_ready", "reader_fault"]
    assert post.alarms == []


def test_a_scanner_that_is_stuck_for_ever_backs_off_is_told_and_alarmed_once() -> None:
    post = Post([STUCK] * 40)
    pauses = []
    with capture_logs() as lines:
        for _ in range(40):
            assert not post.order()
            pauses.append(post.until_ready())
            assert post.problem == (STUCK.message, STUCK.advice)
    assert pauses[: FAULTS - 1] == [0] * (FAULTS - 1)
    assert pauses[FAULTS - 1 : FAULTS + 3] == pytest.approx([1, 2, 4, 8])
    assert max(pauses) <= BACKOFF_MAX_S
    assert post.alarms.count("reader_fault") == 1
    assert [line["event"] for line in lines].count("reader_fault") == 1
    assert S.BACKOFF in post.announced


def test_the_alarm_of_a_fault_comes_after_it_was_opened_anew_in_vain() -> None:
    post = Post([BROKEN] * 9)
    for _ in range(CYCLES_IN_VAIN):
        assert not post.order()
        assert post.alarms == []
        post.until_ready()
    assert not post.order()
    assert post.alarms == ["reader_fault"]


def test_an_image_makes_it_well_again() -> None:
    post = Post([*[STUCK] * (FAULTS + 2), capture_of(7), STUCK, capture_of(8)])
    for _ in range(FAULTS + 2):
        assert not post.order()
    assert post.order()
    assert post.problem == ("", "")
    assert not post.order()
    assert post.until_ready() == 0  # the first fault again: no pause


def test_lost_images_are_a_fault_in_the_end() -> None:
    post = Post([LOST] * 3)
    assert [post.order() for _ in range(3)] == [True, True, False]
    assert "cable" in post.problem[1]
    assert post.keeper.state is S.FAULT


def test_a_fault_of_what_is_not_plugged_in_any_more_is_a_loss() -> None:
    post = Post([STUCK]).long_open()
    post.scanner.plugged = False
    with pytest.raises(DeviceStuck):
        post.keeper.capture(1.0)
    assert post.keeper.state is S.ABSENT


def test_headquarters_hears_of_a_loss_that_lasts_once() -> None:
    post = Post([GONE]).long_open()
    post.scanner.plugged = False
    with pytest.raises(DeviceGone):
        post.keeper.capture(1.0)
    post.turns(round(3 * ALARM_AFTER_S))
    assert post.alarms == ["reader_lost"]


def test_another_scanner_goes_on_and_a_person_is_told_once() -> None:
    post = Post([capture_of(7)])
    post.unlike = "it says "
    post.opened()
    assert post.keeper.health()["swapped"] == "it says SN1"
    assert post.alarms == ["reader_swapped"]
    post.turns(round(2 * STEADY_S))
    assert post.alarms == ["reader_swapped"]
    assert isinstance(post.keeper.capture(1.0), FingerCapture)


def test_a_stop_ends_every_wait_and_an_opening_that_it_ends_is_no_loss() -> None:
    post = Post()
    post.turns(1)
    post.keeper.stop()
    assert post.scanner.cancelled.is_set()
    assert post.bell.rings
    post.scanner.refuses = STUCK
    with capture_logs() as lines:
        post.turns(1)
    assert lines == []
    assert post.announced == []


def test_health_says_what_it_waits_for() -> None:
    post = Post()
    seen: list[dict[str, Any]] = []

    def look() -> FingerCapture:
        seen.append(post.keeper.health())
        assert post.keeper.capturing
        return capture_of(7)

    post.scanner.script.append(look)
    post.opened().keeper.capture(1.0)
    assert (seen[0]["state"], seen[0]["step"], seen[0]["tier"]) == ("reading", "capture", "virtual")
    assert not post.keeper.capturing
    assert (post.keeper.health()["state"], post.keeper.health()["captures"]) == ("ready", 1)
