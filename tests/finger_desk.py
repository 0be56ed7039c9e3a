"""A scanner without hardware for tests of what stands behind drivers: it gives what it is told to give."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable
from typing import TypeAlias

import numpy as np

from drivers.api import Tier
from drivers.fingers import FingerCapture, Retry, ScanEvent, ScannerState, ScannerStatus
from drivers.virtual.prints import synthetic_print

WIDTH, HEIGHT = 256, 288
Step: TypeAlias = ScanEvent | Exception | Callable[[], ScanEvent]


def capture_of(seed: int, *, impression: int = 0, at: float = 0.0, share: float = 1.0) -> FingerCapture:
    """A synthetic finger; only the upper ``share`` of it touches the glass."""
    pixels = np.frombuffer(synthetic_print(seed, WIDTH, HEIGHT, impression=impression), np.uint8).copy()
    pixels[round(WIDTH * HEIGHT * share):] = 255
    return FingerCapture("finger-1", WIDTH, HEIGHT, 500, pixels.tobytes(), at)


def blank(at: float = 0.0) -> FingerCapture:
    """The glass without a finger."""
    return FingerCapture("finger-1", WIDTH, HEIGHT, 500, bytes([255]) * (WIDTH * HEIGHT), at)


class Clock:
    """Seconds that pass when somebody waits."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class ScriptedScanner:
    """Gives the events of ``script`` one after the other, then nothing; an exception in it is raised, and a call in it
    is what it does while it reads an image. ``lifts`` says what each wait for a lifted finger comes to, True after
    that."""

    name = "finger-1"

    def __init__(self, script: Iterable[Step], clock: Clock) -> None:
        self.script: deque[Step] = deque(script)
        self.lifts: deque[bool] = deque()
        self.at_off: Callable[[], None] = lambda: None
        self.capturing = False
        self.clock = clock
        self.plugged = True
        self.refuses: Exception | None = None
        self.opened = self.closed = self.offs = 0
        self.captures = 0
        self.cancelled = threading.Event()

    @property
    def state(self) -> ScannerState:
        if self.capturing:
            return ScannerState.CAPTURE
        return ScannerState.IDLE if self.opened > self.closed else ScannerState.CLOSED

    def open(self) -> None:
        if self.refuses is not None:
            raise self.refuses
        self.opened += 1

    def capture(self, timeout_s: float) -> ScanEvent:
        if not self.script:
            self.clock.now += timeout_s
            return None
        event = self.script.popleft()
        if isinstance(event, Exception):
            raise event
        if callable(event):
            self.capturing = True
            try:
                event = event()
            finally:
                self.capturing = False
        self.captures += isinstance(event, FingerCapture)
        return event

    def await_off(self, timeout_s: float) -> bool:
        self.offs += 1
        self.at_off()
        lifted = not self.lifts or self.lifts.popleft()
        self.clock.now += 0 if lifted else timeout_s
        return lifted

    def cancel(self) -> None:
        self.cancelled.set()

    def present(self) -> bool | None:
        return self.plugged

    def status(self) -> ScannerStatus:
        return ScannerStatus(
            self.name, "scripted", Tier.VIRTUAL, "none", self.state, captures=self.captures, serial="SN1"
        )

    def close(self) -> None:
        if self.opened > self.closed:
            self.closed += 1


__all__ = ["Clock", "Retry", "ScriptedScanner", "blank", "capture_of"]
