"""Named threads and what their death means.

Laws (ARCHITECTURE law 6):
1. A thread owns one blocking thing. A thread hired with ``on_death=RESTART`` is started again alone,
   after a growing pause; the death of any other ends the process, and systemd starts it afresh.
2. A thread that returns before the crew was told to stop has died as well.
3. Everything stops within ``STOP_TIMEOUT_S``: every loop looks at ``stopping`` at least once a second.
4. The look at ``stopping`` is the thread's pulse: one that must live and has not looked for long hangs, and the
   watchdog is not fed.
5. A signal handler takes no lock: it may have interrupted the very code that holds it.
"""

from __future__ import annotations

import enum
import queue
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import structlog

STOP_TIMEOUT_S = 10.0
BEAT_S = 1.0  # longest wait between two looks at the flag
RESTART_PAUSE_MIN_S = 1.0
RESTART_PAUSE_MAX_S = 60.0

log = structlog.get_logger("crew")


class OnDeath(enum.Enum):
    """What the death of a thread means for the process."""

    END = "end"
    RESTART = "restart"


class Stopping(Protocol):
    """The flag that every loop looks at."""

    def is_set(self) -> bool:
        """True once the loop is to end."""

    def wait(self, timeout_s: float, /) -> bool:
        """Wait for it at most so long; True if it has come."""


class Pulse:
    """The stop flag as one thread sees it; looking at it shows that the thread lives. ``at``: monotonic seconds."""

    def __init__(self, stopping: threading.Event, mono: Callable[[], float]) -> None:
        self._stopping, self._mono = stopping, mono
        self.at = mono()

    def is_set(self) -> bool:
        """True once the crew is to stop."""
        self.at = self._mono()
        return self._stopping.is_set()

    def wait(self, timeout_s: float, /) -> bool:
        """Wait for the stop at most so long; True if it has come. Waiting on purpose is not hanging."""
        until = self._mono() + timeout_s
        while not self.is_set():
            left = until - self._mono()
            if left <= 0:
                return False
            self._stopping.wait(min(left, BEAT_S))
        return True


@dataclass(frozen=True, slots=True)
class Member:
    """One thread: ``work`` runs until it returns or raises."""

    name: str
    work: Callable[[Pulse], None]
    on_death: OnDeath
    pulse: Pulse


class Crew:
    """Starts threads, restarts those that may be restarted, and says when one that may not has died."""

    def __init__(self, mono: Callable[[], float] = time.monotonic) -> None:
        self._mono = mono
        self.stopping = threading.Event()
        self.restarts: dict[str, int] = {}
        self._asked = False
        self._happened: queue.SimpleQueue[None] = queue.SimpleQueue()  # its put may interrupt its own get (law 5)
        self._dead: list[str] = []
        self._members: list[Member] = []
        self._threads: list[threading.Thread] = []

    def hire(self, name: str, work: Callable[[Pulse], None], on_death: OnDeath = OnDeath.END) -> None:
        """Start ``work`` in a thread of that name; it is given its pulse."""
        member = Member(name, work, on_death, Pulse(self.stopping, self._mono))
        self._members.append(member)
        thread = threading.Thread(target=self._run, args=(member,), name=name, daemon=True)
        self._threads.append(thread)
        thread.start()

    @property
    def dead(self) -> tuple[str, ...]:
        """Names of threads whose death ends the process."""
        return tuple(self._dead)

    def silent(self, limit_s: float) -> tuple[str, ...]:
        """Names of threads that must live and have shown no pulse for ``limit_s`` seconds."""
        now = self._mono()
        return tuple(
            m.name for m in self._members if m.on_death is OnDeath.END and now - m.pulse.at > limit_s
        )

    def wait(self, timeout_s: float) -> bool:
        """Wait until something happened (a death, a stop) or the time is over; True if it happened."""
        try:
            self._happened.get(timeout=timeout_s)
        except queue.Empty:
            return False
        if self._asked:
            self.stopping.set()
        return True

    def stop(self) -> None:
        """Tell every loop to end."""
        self.stopping.set()
        self._happened.put(None)

    def ask_to_stop(self) -> None:
        """Have the thread that is in ``wait`` stop the crew: for signal handlers (law 5)."""
        self._asked = True
        self._happened.put(None)

    def join(self) -> tuple[str, ...]:
        """Wait for all threads; the names of those that did not end in time."""
        deadline = time.monotonic() + STOP_TIMEOUT_S
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        return tuple(t.name for t in self._threads if t.is_alive())

    def _run(self, member: Member) -> None:
        pause = RESTART_PAUSE_MIN_S
        while not self.stopping.is_set():
            try:
                member.work(member.pulse)
                reason = "returned"
            except Exception as error:
                # The text of an unforeseen exception may hold data: only its type and place are logged.
                reason = type(error).__name__
                log.error("thread_died", thread=member.name, error=reason, place=_place(error))
            if self.stopping.is_set():
                return
            if member.on_death is OnDeath.END:
                self._dead.append(member.name)
                self._happened.put(None)
                return
            self.restarts[member.name] = self.restarts.get(member.name, 0) + 1
            log.warning("thread_restarts", thread=member.name, reason=reason, pause_s=pause)
            self.stopping.wait(pause)
            pause = min(pause * 2, RESTART_PAUSE_MAX_S)


def _place(error: BaseException) -> str:
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    if trace is None:
        return "?"
    return f"{trace.tb_frame.f_globals.get('__name__', '?')}:{trace.tb_lineno}"
