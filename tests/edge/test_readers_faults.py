"""What goes wrong at a reader's port: it is survived, told with advice, and healed by switching off and on."""

from __future__ import annotations

import pytest
from keeper_kit import READ, STUCK, Rig

from drivers.api import (
    BadSetting,
    DeviceBusy,
    DeviceError,
    DeviceForbidden,
    DeviceGone,
    DeviceStuck,
    DriverMisuse,
    Noise,
)
from edge.lifecycle import BUDGET_FRAMES, QUIET_S
from edge.reader_news import UNREAD
from edge.readers import ReaderState


@pytest.mark.parametrize("kind", [DeviceGone, DeviceBusy, DeviceForbidden, DeviceError, DeviceStuck])
def test_every_fault_of_opening_is_survived_and_logged_with_advice(kind: type[DeviceError]) -> None:
    rig = Rig([kind("something about the port", advice="do this"), None], [READ])
    rig.device.plugged = True
    assert rig.run() == ["reader_lost", "reader_ready"]
    lost = rig.lines[0]
    assert (lost["reader"], lost["reason"], lost["advice"]) == ("swipe-1", "something about the port", "do this")
    assert rig.announced == [ReaderState.BACKOFF, ReaderState.READY]
    assert rig.delivered == [READ]


@pytest.mark.parametrize("fault", [OSError(5, "Input/output error"), OSError(25, "Inappropriate ioctl"), OSError()])
@pytest.mark.parametrize("where", ["open", "read"])
def test_a_plain_error_of_the_system_is_the_ports_and_no_reason_to_end(fault: OSError, where: str) -> None:
    rig = Rig([fault, None], [READ]) if where == "open" else Rig([], [fault, READ])
    assert rig.run() == (["reader_lost", "reader_ready"] if where == "open" else ["reader_ready", "reader_lost",
                                                                                 "reader_ready"])
    assert rig.delivered == [READ]
    lost = next(line for line in rig.lines if line["event"] == "reader_lost")
    assert str(lost["reason"]).startswith("the port failed")
    assert lost["advice"]


def test_a_setting_that_shows_as_wrong_at_the_opening_backs_that_reader_off() -> None:
    wrong = BadSetting("port 'usb:zz': no such name", key="port", advice="write it so")
    rig = Rig([wrong, None], [READ])
    assert rig.run() == ["reader_lost", "reader_ready"]
    assert (rig.lines[0]["reason"], rig.lines[0]["advice"]) == (wrong.message, wrong.advice)
    assert rig.announced == [ReaderState.BACKOFF, ReaderState.READY]


@pytest.mark.parametrize("bug", [DriverMisuse("not open", advice="call open"), ZeroDivisionError()])
@pytest.mark.parametrize("where", ["open", "read"])
def test_a_bug_escapes_and_the_port_is_let_go(bug: Exception, where: str) -> None:
    rig = Rig([bug], []) if where == "open" else Rig([], [bug])
    rig.stopping.end = rig.clock.now + 10
    with pytest.raises(type(bug)):
        rig.keeper.run(rig.stopping)
    assert rig.device.closed == 1


def test_many_garbled_frames_and_then_silence_have_it_switched_off_and_on() -> None:
    rig = Rig(reads=[Noise(20, garbled=1)] * BUDGET_FRAMES)
    assert rig.run(20) == ["reader_ready", "reader_fault"]
    assert rig.device.cycled == 1
    assert len(rig.device.opened_at) == 2
    assert rig.keeper.losses == 0
    assert rig.announced == [ReaderState.READY, UNREAD, ReaderState.READY]
    assert rig.keeper.health()["power_cycles"] == 1


def test_a_reader_in_the_middle_of_a_frame_is_not_switched_off() -> None:
    rig = Rig()

    def begins() -> None:
        rig.device.reading = True

    rig.device.reads = [*[Noise(20, garbled=1)] * BUDGET_FRAMES, *[begins] * round(QUIET_S / 0.5 + 4), READ]
    rig.run(20)
    assert rig.device.cycled == 0
    assert rig.delivered == [READ]


def test_a_good_read_between_garbled_frames_spares_it() -> None:
    rig = Rig(reads=([Noise(20, garbled=2)] * 4 + [READ]) * 20)
    assert rig.run(100) == ["reader_ready"]
    assert rig.device.cycled == 0


def test_a_line_that_never_falls_silent_is_cycled_once_a_minute_and_said_once() -> None:
    rig = Rig(reads=[Noise(5000, garbled=8)] * 2000)
    assert rig.run(300) == ["reader_ready", "reader_fault"]
    assert 4 <= rig.device.cycled <= 5
    assert rig.keeper.state is ReaderState.READY


def test_headquarters_hears_when_switching_off_and_on_does_not_help_once_until_a_good_read() -> None:
    rig = Rig(reads=[Noise(50, garbled=2)] * 60_000)  # as of a wrong speed
    assert rig.run(150) == ["reader_ready", "reader_fault"]
    assert rig.alarms == []
    assert rig.run(8 * 3600) == []
    assert rig.alarms == [("reader_fault", "swipe-1")]
    rig.device.reads = [READ, *[Noise(50, garbled=2)] * 60_000]
    assert rig.run(3600) == ["reader_fault"]
    assert rig.alarms == [("reader_fault", "swipe-1")] * 2


def test_a_good_read_after_each_power_cycle_spares_headquarters() -> None:
    rig = Rig(reads=([Noise(20, garbled=1)] * BUDGET_FRAMES + [None] * 120 + [READ]) * 10)
    rig.run(900)
    assert rig.device.cycled == 10
    assert rig.alarms == []


def test_a_device_that_never_takes_bytes_alarms_once_as_lost_and_once_as_at_fault() -> None:
    rig = Rig(reads=[STUCK] * 10_000)
    assert rig.run(8 * 3600) == ["reader_ready", "reader_fault", "reader_lost"]
    assert sorted(rig.alarms) == [("reader_fault", "swipe-1"), ("reader_lost", "swipe-1")]


def test_a_device_that_takes_no_bytes_is_cycled_and_if_it_goes_on_backed_off_from() -> None:
    rig = Rig(reads=[STUCK, STUCK])
    assert rig.run(30) == ["reader_ready", "reader_fault", "reader_lost", "reader_ready"]
    assert rig.device.cycled == 1
    assert rig.announced == [ReaderState.READY, ReaderState.READY, ReaderState.BACKOFF, ReaderState.READY]
