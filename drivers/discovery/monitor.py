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
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

from drivers.api import Clock

SETTLE_S = 0.3
BURST_S = 2.0
SLICE_S = 0.5  # how late ``stopping`` is noticed, at most
CONTROL = Path("/run/udev/control")  # stands while systemd-udevd runs
SUBSYSTEMS = ("tty", "usb")


class Stopping(Protocol):
    """A threading.Event, or what answers like one."""

    def is_set(self) -> bool:
        """True once the loop shall end."""


class Monitor:
    """Calls ``on_change`` after something was plugged in or out; from the thread that calls ``run``.

    ``available`` is False where nothing can be heard; ``why`` then says the reason.
    """

    def __init__(self, on_change: Callable[[], None], *, clock: Clock = time.monotonic) -> None:
        self._on_change, self._clock = on_change, clock
        self._running = threading.Lock()
        self.why = ""
        self._netlink = self._listen()

    @property
    def available(self) -> bool:
        """Can anything be heard?"""
        return self._netlink is not None

    def run(self, stopping: Stopping) -> None:
        """Until ``stopping`` is set, or nothing can be heard any more. Raises what ``on_change`` raises."""
        with self._running:
            first = last = None
            while self._netlink is not None and not stopping.is_set():
                now = self._clock()
                if first is not None and last is not None and (now >= last + SETTLE_S or now >= first + BURST_S):
                    first = last = None
                    self._on_change()
                    continue
                due = SLICE_S if first is None or last is None else min(last + SETTLE_S, first + BURST_S) - now
                if self._heard(min(SLICE_S, max(0.01, due))):
                    last = self._clock()
                    first = last if first is None else first
            if first is not None:
                self._on_change()

    def _heard(self, wait_s: float) -> bool:
        """Did anything change within ``wait_s`` seconds? Laws 2 and 3."""
        try:
            assert self._netlink is not None
            return self._netlink.poll(wait_s) is not None
        except OSError as problem:
            if problem.errno == errno.ENOBUFS:
                return True
            self.why, self._netlink = f"udev's events ended: {problem}", None
            return True

    def _listen(self) -> Any:
        """pyudev's monitor, receiving; None with the reason in ``why``."""
        try:
            import pyudev

            netlink = pyudev.Monitor.from_netlink(pyudev.Context())
            for subsystem in SUBSYSTEMS:
                netlink.filter_by(subsystem)
            netlink.start()
        except (ImportError, OSError, ValueError, MemoryError) as problem:
            self.why = f"no events from udev: {problem}"
            return None
        if not CONTROL.exists():
            self.why = "no events from udev: it does not run on this machine"
            return None
        return netlink
