"""Readers and the way to the officer's PC: what of the box runs first, and what goes on when the rest cannot start.

Laws:
1. A reader is opened as soon as no other process is known on the state folder; journal, lists and counters follow.
   What is read meanwhile is at the PC already, and waits in the counters' inboxes.
2. Where the rest cannot start (a full disk, a damaged folder), the readers serve the PC alone for ``STANDBY_S``
   seconds; then the process ends with that error, and systemd starts it again. So everything is tried anew, and the
   PC misses what falls into the start alone.
3. A wrong configuration, and a second daemon on one state folder, open nothing.
"""

from __future__ import annotations

import contextlib
import os
import queue
import signal
from collections.abc import Callable, MutableMapping
from pathlib import Path
from typing import Any

import structlog

from common.settings import ConfigError
from edge import systemd
from edge.config import Config
from edge.core.errors import BorderpostError
from edge.counter import INBOX_SIZE
from edge.crew import Crew
from edge.devices import Devices, make_readers
from edge.journal import JournalBusyError, JournalError
from edge.journal.lock import take_lock
from edge.readers import ReaderState

STANDBY_S = 30.0  # between two tries to start the rest
LOOK_S = 1.0

log = structlog.get_logger("front")


class Front:
    """Crew, notifier, inboxes and devices of a box. Raises ConfigError; opens nothing before ``start``.

    ``announce`` and ``alarm`` are set by the box once it has somebody to tell.
    """

    def __init__(
        self, config: Config, *, mono: Callable[[], float], jitter: Callable[[], float],
        environ: MutableMapping[str, str],
    ) -> None:
        made = make_readers(config, mono)
        self.crew = Crew()
        self.notifier = systemd.Notifier(environ)
        self.inboxes: dict[str, queue.Queue[Any]] = {c.name: queue.Queue(INBOX_SIZE) for c in config.counter}
        self.announce: Callable[[str, ReaderState], None] = lambda _reader, _state: None
        self.alarm: Callable[[str, str], None] = lambda _code, _reader: None
        counter_of = {reader: c.name for c in config.counter for reader in c.readers}
        self.devices = Devices(
            made, config.passthrough, inbox_of=lambda reader: self.inboxes[counter_of[reader]],
            announce=self._announce, alarm=self._alarm,
            mono=mono, jitter=jitter, keep=self.notifier, inherited=systemd.inherited(environ),
        )
        self._passes = bool(config.passthrough)
        self._mono = mono
        self._started = False

    def start(self, journal: Path) -> None:
        """Open the readers. Raises JournalBusyError when another process has the lock of that journal (law 3)."""
        try:
            os.close(take_lock(journal))  # the journal itself takes it for good
        except JournalBusyError:
            raise
        except JournalError:
            pass  # the folder cannot be written: the journal will say so, and the readers serve the PC meanwhile
        self._start()

    def hold_on(self, error: Exception) -> None:
        """The rest cannot start: law 2. Returns when it is time to end with that error."""
        if not self._passes or isinstance(error, ConfigError | JournalBusyError):
            return
        reason = error.message if isinstance(error, BorderpostError) else type(error).__name__
        advice = error.advice if isinstance(error, BorderpostError) else "report it with the log"
        log.error("standby", reason=reason, pause_s=STANDBY_S, advice=advice)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self.crew.ask_to_stop())
        if not self._started:
            self._start()
        until = self._mono() + STANDBY_S
        while not self.crew.dead and not self.crew.stopping.is_set() and self._mono() < until:
            self.crew.wait(LOOK_S)
            self.notifier.alive(f"not started: {reason}; the readers serve the officer's PC alone")
            self._forget_reads()
        self.crew.stop()
        self.crew.join()
        self.devices.close()

    def _announce(self, reader: str, state: ReaderState) -> None:
        self.announce(reader, state)

    def _alarm(self, code: str, reader: str) -> None:
        self.alarm(code, reader)

    def _start(self) -> None:
        self._started = True
        self.devices.hire(self.crew.hire)

    def _forget_reads(self) -> None:
        """No counter will screen them: the officer sees that the box is down."""
        for inbox in self.inboxes.values():
            with contextlib.suppress(queue.Empty):
                while True:
                    inbox.get_nowait()
