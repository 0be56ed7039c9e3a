"""Keeps a reader alive: open, read, back off, re-open; says once that it is lost and once that it is back.

The states are a table; a thread runs one ``ReaderKeeper`` a reader and hands reads to its counter.
"""

from __future__ import annotations

import enum
import queue
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import structlog

from drivers.api import DeviceError, DocumentRead, PassportReader
from edge.crew import Stopping

READ_WAIT_S = 0.5        # how long one read may block before the stop flag is looked at
BACKOFF_MIN_S = 1.0
BACKOFF_MAX_S = 60.0

log = structlog.get_logger("readers")


class ReaderState(enum.StrEnum):
    """Where a reader stands."""

    ABSENT = "absent"
    READY = "ready"
    BACKOFF = "backoff"


class Happening(enum.Enum):
    """What moves a reader from one state to another."""

    OPENED = enum.auto()
    OPEN_FAILED = enum.auto()
    LOST = enum.auto()
    WAITED = enum.auto()


TRANSITIONS: dict[tuple[ReaderState, Happening], ReaderState] = {
    (ReaderState.ABSENT, Happening.OPENED): ReaderState.READY,
    (ReaderState.ABSENT, Happening.OPEN_FAILED): ReaderState.BACKOFF,
    (ReaderState.BACKOFF, Happening.WAITED): ReaderState.ABSENT,
    (ReaderState.READY, Happening.LOST): ReaderState.BACKOFF,
}


class ReaderKeeper:
    """Owns one device. ``deliver`` gets every DocumentRead; ``announce`` hears of losses and returns."""

    def __init__(
        self,
        reader: PassportReader,
        *,
        deliver: Callable[[DocumentRead], None],
        announce: Callable[[str, ReaderState], None],
        jitter: Callable[[], float],
    ) -> None:
        self._reader = reader
        self._deliver = deliver
        self._announce = announce
        self._jitter = jitter
        self.name = reader.name
        self.state = ReaderState.ABSENT
        self.overflow = 0  # reads that found the counter's queue full
        self._pause = BACKOFF_MIN_S
        self._told_lost = False

    def run(self, stopping: Stopping) -> None:
        """Read until ``stopping`` is set; a driver's bug escapes and ends the process (law 6)."""
        try:
            while not stopping.is_set():
                match self.state:
                    case ReaderState.ABSENT:
                        self._open()
                    case ReaderState.BACKOFF:
                        stopping.wait(self._pause * (0.5 + self._jitter()))
                        self._pause = min(self._pause * 2, BACKOFF_MAX_S)
                        self._move(Happening.WAITED)
                    case ReaderState.READY:
                        self._read()
        finally:
            self._reader.close()

    def health(self) -> dict[str, Any]:
        """State and counters, for `status`."""
        status = self._reader.status()
        return {"state": str(self.state), "overflow": self.overflow, **asdict(status)}

    def _open(self) -> None:
        try:
            self._reader.open()
        except DeviceError as error:
            if not self._told_lost:
                self._told_lost = True
                log.warning("reader_lost", reader=self.name, reason=error.message, advice=error.advice)
                self._announce(self.name, ReaderState.BACKOFF)
            self._move(Happening.OPEN_FAILED)
            return
        self._pause = BACKOFF_MIN_S
        self._told_lost = False
        log.info("reader_ready", reader=self.name)
        self._move(Happening.OPENED)
        self._announce(self.name, ReaderState.READY)

    def _read(self) -> None:
        try:
            event = self._reader.read(READ_WAIT_S)
        except DeviceError as error:
            self._reader.close()
            self._told_lost = True
            log.warning("reader_lost", reader=self.name, reason=error.message, advice=error.advice)
            self._move(Happening.LOST)
            self._announce(self.name, self.state)
            return
        if isinstance(event, DocumentRead):
            try:
                self._deliver(event)
            except queue.Full:
                self.overflow += 1

    def _move(self, happening: Happening) -> None:
        self.state = TRANSITIONS[self.state, happening]
