"""Readers and the way to the officer's PC: what of the box runs first, and what goes on when the rest cannot start.

Laws:
1. A reader is opened as soon as no other process is known on the state folder; journal, lists and counters follow.
   What is read meanwhile is at the PC already, and waits in the counters' inboxes.
2. Where the rest cannot start (a full disk, a damaged folder, want of memory), the readers serve the PC alone for
   ``STANDBY_S`` seconds; then the process ends with that error, and systemd starts it again. So everything is tried
   anew, and the PC misses what falls into the start alone.
3. A wrong configuration, and a second daemon on one state folder, open nothing.
4. The watchdog is fed by whoever looks after the crew, and never while a thread that must live hangs.
5. What the readers have for headquarters before the box can tell it is kept (``KEPT_ALARMS``), and told then.
"""

from __future__ import annotations

import contextlib
import os
import queue
import signal
import threading
from collections import deque
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
from edge.scanners import make_scanners

STANDBY_S = 30.0  # between two tries to start the rest
LOOK_S = 1.0
HUNG_S = 15.0     # without a pulse a thread hangs; the unit's watchdog bites after 30 s
KEPT_ALARMS = 64  # the oldest are dropped first; the log has them all

log = structlog.get_logger("front")


def judge(config: Config) -> list[str]:
    """What is wrong with the readers and scanners of a configuration that is not in use; nothing is opened."""
    try:
        make_readers(config, lambda: 0.0)
        make_scanners(config, lambda: 0.0)
    except ConfigError as error:
        return [error.message]
    return []


class Front:
    """Crew, notifier, inboxes and devices of a box. Raises ConfigError; opens nothing before ``start``."""

    def __init__(
        self, config: Config, *, mono: Callable[[], float], jitter: Callable[[], float],
        environ: MutableMapping[str, str],
    ) -> None:
        made = make_readers(config, mono)
        self.scanners = make_scanners(config, mono)  # judged here, opened once there is somebody to take a finger for
        self.crew = Crew(mono)
        self.notifier = systemd.Notifier(environ)
        self.inboxes: dict[str, queue.Queue[Any]] = {c.name: queue.Queue(INBOX_SIZE) for c in config.counter}
        self._told_to: tuple[Callable[[str, str], None], Callable[[str, str], None]] | None = None
        self._telling = threading.Lock()  # alarms come from the readers' threads
        self._kept: deque[tuple[str, str]] = deque(maxlen=KEPT_ALARMS)
        counter_of = {reader: c.name for c in config.counter for reader in c.readers}
        self.devices = Devices(
            made, config.passthrough, inbox_of=lambda reader: self.inboxes[counter_of[reader]],
            announce=self._announce, alarm=self._alarm,
            mono=mono, jitter=jitter, keep=self.notifier, inherited=systemd.inherited(environ),
        )
        self.journal = Path(config.box.state_dir) / "journal.sqlite"
        self._passes = bool(config.passthrough)
        self._mono = mono
        self._started = False
        self._hung: tuple[str, ...] = ()  # threads, at the last look

    def start(self) -> None:
        """Open the readers. Raises JournalBusyError when another process has the journal's lock (law 3)."""
        try:
            os.close(take_lock(self.journal))  # the journal itself takes it for good
        except JournalBusyError:
            raise
        except JournalError:
            pass  # the folder cannot be written: the journal will say so, and the readers serve the PC meanwhile
        self._started = True
        self.devices.hire(self.crew.hire)

    def listen(self, announce: Callable[[str, str], None], alarm: Callable[[str, str], None]) -> None:
        """There is somebody to tell from now on; ``alarm`` (code, reader) hears at once what was kept (law 5)."""
        with self._telling:
            self._told_to = announce, alarm
            while self._kept:
                alarm(*self._kept.popleft())

    def look_after(self, line: Callable[[], str]) -> None:
        """Feed the watchdog, with ``line()`` as status, unless a thread hangs (law 4)."""
        hung = self.crew.silent(HUNG_S)
        if fresh := [name for name in hung if name not in self._hung]:
            log.error("thread_hung", names=",".join(fresh), advice="the unit's watchdog restarts the box")
        self._hung = hung
        if not hung:
            self.notifier.alive(line())

    def hold_on(self, error: Exception) -> None:
        """The rest cannot start: law 2. Returns when it is time to end with that error."""
        if not self._passes or isinstance(error, ConfigError | JournalBusyError) or not self._is_started():
            return
        reason = error.message if isinstance(error, BorderpostError) else type(error).__name__
        advice = error.advice if isinstance(error, BorderpostError) else "report it with the log"
        log.error("standby", reason=reason, pause_s=STANDBY_S, advice=advice)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self.crew.ask_to_stop())
        until = self._mono() + STANDBY_S
        while not self.crew.dead and not self.crew.stopping.is_set() and self._mono() < until:
            self.crew.wait(LOOK_S)
            self.look_after(lambda: f"not started: {reason}; the readers serve the officer's PC alone")
            self._forget_reads()
        self.crew.stop()
        self.crew.join()
        self.devices.close()

    def _is_started(self) -> bool:
        if not self._started:
            try:
                self.start()
            except JournalBusyError:
                return False
        return True

    def _announce(self, reader: str, state: str) -> None:
        if told_to := self._told_to:
            told_to[0](reader, state)

    def _alarm(self, code: str, reader: str) -> None:
        with self._telling:
            if self._told_to:
                self._told_to[1](code, reader)
            else:
                self._kept.append((code, reader))

    def _forget_reads(self) -> None:
        """No counter will screen them: the officer sees that the box is down."""
        for inbox in self.inboxes.values():
            with contextlib.suppress(queue.Empty):
                while True:
                    inbox.get_nowait()
