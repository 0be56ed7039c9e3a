"""Hotplug: udev's events as one call "look again".

Laws:
1. Listening begins when the Monitor is made: who makes it before looking around misses nothing in between.
2. Every action is a change (add, change, move, bind, remove), ``unbind`` too: on some machines it is all that
   is heard of a pulled plug. What has changed is found by looking, never by trusting the event.
3. Events come in bursts; a burst is one call, ``SETTLE_S`` after its last event and at most ``BURST_S`` after
   its first. An overflow of the kernel's queue is a change.
4. It is a convenience: where there is no udev it says so (``available``, ``why``) and returns; whoever uses it
   looks around by the clock as well.
"""

from __future__ import annotations

import errno
import time
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import pyudev

from drivers.api import Clock
from drivers.discovery.udev import MISSING, NoUdev

SETTLE_S = 0.3
BURST_S = 2.0
SLICE_S = 0.5  # how late ``stopping`` is noticed, at most
CONTROL = Path("/run/udev/control")  # stands while systemd-udevd runs
BY_THE_CLOCK = "nothing to do: the box looks for its readers by the clock as well"
SUBSYSTEMS = ("tty", "usb")


class Stopping(Protocol):
    """A threading.Event, or what answers like one."""

    def is_set(self) -> bool:
        """True once the loop shall end."""


class Events(Protocol):
    """Where events come from: pyudev's monitor, already receiving."""

    def poll(self, timeout: float) -> object:
        """Something that is not None if there was an event within ``timeout`` seconds. Raises OSError."""


def udev_events(control: Path = CONTROL) -> Events:
    """udev's events of serial ports and USB devices, from now on. Raises NoUdev.

    ``control`` is what stands in the file system while udev runs: without it nothing would ever come.
    """
    try:
        netlink = pyudev.Monitor.from_netlink(pyudev.Context())
        for subsystem in SUBSYSTEMS:
            netlink.filter_by(subsystem)
        netlink.start()
    except MISSING as problem:
        raise NoUdev(f"no events from udev: {problem}", advice=BY_THE_CLOCK) from None
    if not control.exists():
        raise NoUdev("no events from udev: it does not run on this machine", advice=BY_THE_CLOCK)
    events: Events = netlink
    return events


class Monitor:
    """Calls ``on_change`` after something was plugged in or out; from the thread that calls ``run``.

    ``available`` is False where nothing can be heard; ``why`` then says the reason.
    """

    def __init__(
        self, on_change: Callable[[], None], *, clock: Clock = time.monotonic,
        listen: Callable[[], Events] = udev_events,
    ) -> None:
        self._on_change, self._clock = on_change, clock
        self._events: Events | None = None
        self.why = ""
        try:
            self._events = listen()
        except NoUdev as problem:
            self.why = problem.message

    @property
    def available(self) -> bool:
        """Can anything be heard?"""
        return self._events is not None

    def run(self, stopping: Stopping) -> None:
        """Until ``stopping`` is set, or nothing can be heard any more. Raises what ``on_change`` raises."""
        first = last = 0.0
        burst = False
        while self._events is not None and not stopping.is_set():
            due = min(last + SETTLE_S, first + BURST_S) - self._clock() if burst else SLICE_S
            if due <= 0:
                burst = False
                self._on_change()
            elif self._heard(self._events, min(SLICE_S, max(0.01, due))):
                last = self._clock()
                first = first if burst else last
                burst = True
        if burst and not stopping.is_set():
            self._on_change()

    def _heard(self, events: Events, wait_s: float) -> bool:
        """Did anything change within ``wait_s`` seconds? Laws 2 and 3."""
        try:
            return events.poll(wait_s) is not None
        except OSError as problem:
            if problem.errno != errno.ENOBUFS:
                self.why, self._events = f"udev's events ended: {problem}", None
            return True
