"""The hotplug monitor on a clock of its own: bursts, overflow, the end of events."""

from __future__ import annotations

import errno
import threading
from pathlib import Path

import pytest

from drivers.discovery.monitor import BURST_S, SETTLE_S, Monitor, udev_events
from drivers.discovery.udev import NoUdev


class Script:
    """Events at given seconds; an errno instead of an event is raised. Stops when all are told and quiet."""

    def __init__(self, *moments: float | tuple[float, int], quiet_s: float = 5.0) -> None:
        self.moments = [m if isinstance(m, tuple) else (m, 0) for m in moments]
        self.now = 0.0
        self.end = max((m for m, _ in self.moments), default=0.0) + quiet_s

    def clock(self) -> float:
        return self.now

    def is_set(self) -> bool:
        return self.now > self.end

    def poll(self, timeout: float) -> object:
        if self.moments and self.moments[0][0] <= self.now + timeout:
            moment, code = self.moments.pop(0)
            self.now = max(self.now, moment)
            if code:
                raise OSError(code, "from the kernel")
            return object()
        self.now += timeout
        return None

    def run(self) -> tuple[list[float], Monitor]:
        """At which seconds ``on_change`` was called."""
        calls: list[float] = []
        monitor = Monitor(lambda: calls.append(round(self.now, 3)), clock=self.clock, listen=lambda: self)
        monitor.run(self)
        return calls, monitor


def test_nothing_happens_nothing_is_called():
    calls, monitor = Script(quiet_s=60).run()
    assert calls == []
    assert monitor.available


def test_one_event_is_one_call_after_it_has_settled():
    calls, _ = Script(1.0).run()
    assert calls == [1.0 + SETTLE_S]


def test_a_burst_is_one_call_after_its_last_event():
    calls, _ = Script(1.0, 1.1, 1.2, 1.45).run()
    assert calls == [1.45 + SETTLE_S]


def test_two_plugs_apart_are_two_calls():
    calls, _ = Script(1.0, 4.0).run()
    assert calls == [1.0 + SETTLE_S, 4.0 + SETTLE_S]


def test_a_device_that_never_settles_is_looked_at_all_the_same():
    calls, _ = Script(*(1.0 + i / 10 for i in range(60))).run()
    assert calls[0] == pytest.approx(1.0 + BURST_S, abs=0.11)
    assert 3 <= len(calls) <= 4


def test_an_overflow_is_a_change_and_listening_goes_on():
    calls, monitor = Script((1.0, errno.ENOBUFS), 3.0).run()
    assert calls == [1.0 + SETTLE_S, 3.0 + SETTLE_S]
    assert monitor.available


def test_when_events_end_that_is_the_last_change_and_it_is_said():
    script = Script((1.0, errno.EBADF), 3.0)
    calls, monitor = script.run()
    assert calls == [1.0]
    assert script.now == 1.0  # it returned at once
    assert not monitor.available
    assert "from the kernel" in monitor.why


def test_stopping_ends_it_without_a_call():
    stopping = threading.Event()
    stopping.set()
    script = Script(1.0)
    calls: list[int] = []
    Monitor(lambda: calls.append(1), clock=script.clock, listen=lambda: script).run(stopping)
    assert calls == []


def test_without_udev_it_says_so_and_returns(tmp_path: Path):
    with pytest.raises(NoUdev, match="no events from udev"):
        udev_events(control=tmp_path / "absent")
    calls: list[int] = []
    monitor = Monitor(lambda: calls.append(1), listen=lambda: udev_events(control=tmp_path / "absent"))
    assert not monitor.available
    assert monitor.why.startswith("no events from udev")
    monitor.run(threading.Event())
    assert calls == []
