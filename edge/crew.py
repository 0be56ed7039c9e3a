"""Named threads and what their death means.

Laws (ARCHITECTURE law 6):
1. A thread owns one blocking thing. A thread hired with ``on_death=RESTART`` is started again alone,
   after a growing pause; the death of any other ends the process, and systemd starts it afresh.
2. A thread that returns before the crew was told to stop has died as well.
3. Everything stops within ``STOP_TIMEOUT_S``: every loop looks at ``stopping`` at least once a second.
4. A signal handler takes no lock: it may have interrupted the very code that holds it.
"""

from __future__ import annotations

import enum
import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass

import structlog

STOP_TIMEOUT_S = 10.0
RESTART_PAUSE_MIN_S = 1.0
RESTART_PAUSE_MAX_S = 60.0

log = structlog.get_logger("crew")


class OnDeath(enum.Enum):
    """What the death of a thread means for the process."""

    END = "end"
    RESTART = "restart"


@dataclass(frozen=True, slots=True)
class Member:
    """One thread: ``work`` runs until it returns or raises; it is given no arguments."""

    name: str
    work: Callable[[], None]
    on_death: OnDeath


class Crew:
    """Starts threads, restarts those that may be restarted, and says when one that may not has died."""

    def __init__(self) -> None:
        self.stopping = threading.Event()
        self.restarts: dict[str, int] = {}
        self._asked = False
        self._happened: queue.SimpleQueue[None] = queue.SimpleQueue()  # its put may interrupt its own get (law 4)
        self._dead: list[str] = []
        self._threads: list[threading.Thread] = []

    def hire(self, name: str, work: Callable[[], None], on_death: OnDeath = OnDeath.END) -> None:
        """Start ``work`` in a thread of that name."""
        member = Member(name, work, on_death)
        thread = threading.Thread(target=self._run, args=(member,), name=name, daemon=True)
        self._threads.append(thread)
        thread.start()

    @property
    def dead(self) -> tuple[str, ...]:
        """Names of threads whose death ends the process."""
        return tuple(self._dead)

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
        """Have the thread that is in ``wait`` stop the crew: for signal handlers (law 4)."""
        self._asked = True
        self._happened.put(None)

    def join(self) -> tuple[str, ...]:
        """Wait for all threads; the names of those that did not end in time."""
        for thread in self._threads:
            thread.join(STOP_TIMEOUT_S / max(1, len(self._threads)))
        return tuple(t.name for t in self._threads if t.is_alive())

    def _run(self, member: Member) -> None:
        pause = RESTART_PAUSE_MIN_S
        while not self.stopping.is_set():
            try:
                member.work()
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
