"""A reader is kept alive through everything that happens to it: a played device, a clock that jumps, no waiting."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from drivers.api import (
    BadSetting,
    DeviceBusy,
    DeviceError,
    DeviceForbidden,
    DeviceGone,
    DeviceStuck,
    DocumentRead,
    DriverMisuse,
    Feedback,
    Noise,
    OtherRead,
    ReaderEvent,
    ReaderStatus,
    Tier,
)
from edge.lifecycle import ALARM_AFTER_S, BUDGET_FRAMES, HEAL_MIN_S, QUIET_S, STEADY_S
from edge.readers import DELIVER_PAUSE_S, DELIVER_TRIES, LOOK_S, SETTLE_S, ReaderKeeper, ReaderState

GONE = DeviceGone("the port is not there", advice="plug the reader in")
BUSY = DeviceBusy("another program holds it", advice="stop it")
STUCK = DeviceStuck("the device takes no bytes", advice="switch it off and on")
READ = DocumentRead("swipe-1", ("I<UTO",), b"", 1.0)
OTHER = OtherRead("swipe-1", b"0012345", 1.0)
Step = ReaderEvent | Exception | Callable[[], None] | None


class Clock:
    """Monotonic seconds that pass only when somebody waits."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Bell:
    """A sleep that takes no time; ``rings`` are the seconds at which it is rung."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.waits: list[float] = []
        self.rings: list[float] = []

    def ring(self) -> None:
        self.rings.append(self.clock.now)

    def wait(self, timeout_s: float) -> bool:
        assert timeout_s <= 1, "a stop must be noticed within a second"
        timeout_s = max(0.0, timeout_s)
        self.waits.append(timeout_s)
        due = [at for at in self.rings if at <= self.clock.now + timeout_s]
        self.rings = [at for at in self.rings if at not in due]
        self.clock.now = max(self.clock.now, min(due)) if due else self.clock.now + timeout_s
        return bool(due)


class Device:
    """Plays a script: the outcome of each ``open`` and of each ``read``. When the reads are used up, it is quiet.

    A step may be a call that changes the device; such a read finds nothing.
    """

    def __init__(self, clock: Clock, opens: Sequence[Exception | None], reads: Sequence[Step]) -> None:
        self.name = "swipe-1"
        self.clock = clock
        self.opens, self.reads = list(opens), list(reads)
        self.is_open = False
        self.plugged: bool | None = None
        self.reading = False
        self.serial = ""
        self.closed = self.cycled = 0
        self.opened_at: list[float] = []
        self.signs: list[Feedback] = []

    def present(self) -> bool | None:
        return self.plugged

    def open(self) -> None:
        assert not self.is_open, "opened twice without close"
        self.opened_at.append(self.clock.now)
        outcome = self.opens.pop(0) if self.opens else None
        if outcome:
            raise outcome
        self.is_open = True

    def read(self, timeout_s: float) -> ReaderEvent | None:
        assert self.is_open
        assert 0 < timeout_s <= 1
        step = self.reads.pop(0) if self.reads else None
        if isinstance(step, Exception):
            raise step
        if step is None or isinstance(step, Noise) or callable(step):
            self.clock.now += timeout_s
        if callable(step):
            step()
            return None
        return step

    def status(self) -> ReaderStatus:
        return ReaderStatus(
            name=self.name, driver="played", tier=Tier.VIRTUAL, port="none", open=self.is_open, serial=self.serial
        )

    def signal(self, feedback: Feedback) -> None:
        self.signs.append(feedback)

    def power_cycle(self) -> None:
        assert self.is_open
        self.cycled += 1
        self.is_open = False

    def close(self) -> None:
        self.closed += 1
        self.is_open = False


class Stopping(threading.Event):
    """The stop flag: set once the played time is over; its own waits take no time."""

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self.clock, self.end, self.waits = clock, clock.now, 0

    def is_set(self) -> bool:
        return super().is_set() or self.clock.now >= self.end

    def wait(self, timeout: float | None = None) -> bool:
        assert timeout is not None
        self.waits += 1
        self.clock.now += timeout
        return super().is_set()


class Rig:
    def __init__(
        self, opens: Sequence[Exception | None] = (), reads: Sequence[Step] = (), *, jitter: float = 0.5,
        differs: Callable[[str], str | None] = lambda _own: "",
    ) -> None:
        self.clock = Clock()
        self.bell = Bell(self.clock)
        self.stopping = Stopping(self.clock)
        self.device = Device(self.clock, opens, reads)
        self.tapped: list[DocumentRead | OtherRead] = []
        self.delivered: list[DocumentRead | OtherRead] = []
        self.announced: list[ReaderState] = []
        self.alarms: list[tuple[str, str]] = []
        self.lines: list[dict[str, object]] = []
        self.deliver: Callable[[DocumentRead | OtherRead], None] = self.delivered.append
        self.keeper = ReaderKeeper(
            self.device, deliver=self._deliver, tap=self.tapped.append,
            announce=lambda _name, state: self.announced.append(state),
            alarm=lambda code, name: self.alarms.append((code, name)), differs=differs,
            jitter=lambda: jitter, mono=self.clock, bell=self.bell,
        )

    def _deliver(self, read: DocumentRead | OtherRead) -> None:
        self.deliver(read)

    def run(self, seconds: float = 30.0) -> list[str]:
        """Let so many seconds pass; what was logged meanwhile."""
        self.stopping.end = self.clock.now + seconds
        with capture_logs() as lines:
            while not self.stopping.is_set():
                self.keeper.step(self.stopping)
        self.lines += [dict(line) for line in lines]
        return [line["event"] for line in lines]


# -- reading --------------------------------------------------------------------------------------


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


# -- plugged in and out -----------------------------------------------------------------------------


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


def steady(rig: Rig) -> None:
    """Open, and quiet for long enough that a loss is no flapping."""
    rig.run(STEADY_S + 1)


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


def test_a_stop_lets_the_port_go() -> None:
    rig = Rig(reads=[READ])
    rig.stopping.end = rig.clock.now + 10
    rig.keeper.run(rig.stopping)
    assert rig.delivered == [READ]
    assert not rig.device.is_open


# -- back-off ---------------------------------------------------------------------------------------


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


# -- news -----------------------------------------------------------------------------------------


def test_a_loss_that_lasts_a_minute_is_alarmed_once() -> None:
    rig = Rig()
    rig.device.plugged = False
    assert rig.run(ALARM_AFTER_S - 5) == ["reader_lost"]
    assert rig.alarms == []
    rig.run(600)
    assert rig.alarms == [("reader_lost", "swipe-1")]


def test_a_plug_that_wobbles_is_one_loss_until_it_stays() -> None:
    rig = Rig()
    rig.device.plugged = True
    events = rig.run(2)
    for _ in range(100):  # every other second, for minutes
        rig.device.plugged = False
        rig.device.reads = [GONE]
        events += rig.run(1.5)
        rig.device.plugged = True
        events += rig.run(1.5)
    assert events == ["reader_ready", "reader_lost"]
    assert rig.alarms == [("reader_lost", "swipe-1")]
    assert rig.keeper.losses >= 99
    assert len(rig.announced) == 2 * rig.keeper.losses + 1  # the screen hears of each
    assert rig.run(HEAL_MIN_S + 1) == ["reader_ready"]


def test_a_device_that_dies_right_after_each_opening_is_told_once_in_eight_hours() -> None:
    rig = Rig(reads=[GONE] * 10_000)
    assert rig.run(8 * 3600) == ["reader_ready", "reader_lost"]
    assert rig.alarms == [("reader_lost", "swipe-1")]
    assert rig.keeper.losses > 400


# -- fault ----------------------------------------------------------------------------------------


def test_many_garbled_frames_and_then_silence_have_it_switched_off_and_on() -> None:
    rig = Rig(reads=[Noise(20, garbled=1)] * BUDGET_FRAMES)
    assert rig.run(20) == ["reader_ready", "reader_fault"]
    assert rig.device.cycled == 1
    assert len(rig.device.opened_at) == 2
    assert rig.keeper.losses == 0
    assert rig.announced == [ReaderState.READY, ReaderState.READY]
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


# -- is it the one? ---------------------------------------------------------------------------------


def test_another_device_at_the_port_is_alarmed_once_and_read_all_the_same() -> None:
    rig = Rig(reads=[READ, GONE], differs=lambda _own: "serial number 2 is plugged in where 1 was set up")
    rig.device.plugged = True
    assert rig.run(30).count("reader_swapped") == 1
    assert rig.keeper.opens == 2
    assert rig.alarms == [("reader_swapped", "swipe-1")]
    assert rig.delivered == [READ]
    assert rig.keeper.health()["swapped"] == "serial number 2 is plugged in where 1 was set up"


def test_a_serial_number_that_the_device_tells_later_is_compared_then() -> None:
    rig = Rig(differs=lambda own: f"it says {own}" if own == "B" else "")

    def says(serial: str) -> Callable[[], None]:
        def step() -> None:
            rig.device.serial = serial
        return step

    rig.device.reads = [None, says("B"), None, None]
    assert rig.run(10) == ["reader_ready", "reader_swapped"]
    # plugged in again, it has told nothing yet: no news; then it says the same: no news either
    def pulled() -> None:
        rig.device.serial = ""
        raise GONE

    rig.device.reads = [pulled, None, says("B"), None]
    assert "reader_swapped" not in rig.run(10)
    # the right one, and then the wrong one once more: that is news
    rig.device.reads = [says("A"), says("B"), None]
    assert rig.run(10).count("reader_swapped") == 1
    assert rig.alarms == [("reader_swapped", "swipe-1")] * 2


def test_the_second_identical_swap_is_told_too_where_devices_tell_no_serial_number() -> None:
    stands = ["B is plugged in where A was set up", "", "B is plugged in where A was set up"]
    rig = Rig(differs=lambda _own: stands[0])
    events = rig.run(5)
    for _ in range(2):
        del stands[0]
        rig.device.reads = [GONE]
        events += rig.run(3)
    assert events.count("reader_swapped") == 2
    assert rig.alarms == [("reader_swapped", "swipe-1")] * 2


def test_an_instant_in_which_nobody_can_tell_makes_no_second_alarm() -> None:
    said: list[str | None] = ["B is plugged in where A was set up", None]
    rig = Rig(differs=lambda _own: said[0])
    for _ in range(4):  # a plug that wobbles
        rig.run(3)
        said.reverse()
        rig.device.reads = [GONE]
    assert rig.alarms == [("reader_swapped", "swipe-1")]


def test_what_udev_did_not_know_at_the_opening_is_asked_once_more() -> None:
    known: list[str | None] = [None]
    rig = Rig(differs=lambda _own: known[0])
    rig.run(1)
    known[0] = "B is plugged in where A was set up"
    assert rig.run(STEADY_S) == ["reader_swapped"]
    assert rig.keeper.health()["swapped"] == known[0]


# -- health ---------------------------------------------------------------------------------------


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
