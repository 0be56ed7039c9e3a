"""What the three kinds of output have in common."""

from __future__ import annotations

import contextlib
import os
import select
import threading
from collections.abc import Callable
from dataclasses import asdict
from typing import Protocol, TypeAlias

import structlog

from edge.passthrough.lane import Lane, Tally

BACKOFF_MIN_S = 0.5
BACKOFF_MAX_S = 30.0
SAY_STUCK_S = 600.0  # between two warnings that one output is stuck
HEAR_BYTES = 4096
HEAR_PIECES = 4  # heard of one PC in one turn

log = structlog.get_logger("passthrough")


class Line(Protocol):
    """An open serial port: its descriptor is non-blocking."""

    def fileno(self) -> int:
        """The descriptor."""

    def close(self) -> None:
        """Never raises."""


OpenLine: TypeAlias = Callable[[str, int, str], Line]
"""(port, baud, parity) -> the open line. Raises drivers.api.DriverError."""


class Unusable(Exception):  # noqa: N818 - read as a sentence
    """This output cannot be had now; ``advice`` is the technician's next step."""

    def __init__(self, message: str, *, advice: str) -> None:
        super().__init__(message)
        self.message, self.advice = message, advice


class Output:
    """One destination. ``offer`` comes from readers' threads, everything else from the pass-through's own.

    The lock guards what both touch, and is held over non-blocking calls alone.
    """

    def __init__(self, to: str, mono: Callable[[], float]) -> None:
        self.to = to
        self.tally = Tally()
        self._mono = mono
        self._lock = threading.Lock()
        self._open = False
        self._broken = False  # lost, not yet closed
        self._try_at = 0.0  # monotonic seconds
        self._pause = BACKOFF_MIN_S
        self._reason = ""  # why it was lost, not yet said
        self._said_lost = False
        self._said_stuck = -1  # frames dropped when it was said
        self._say_stuck_at = 0.0

    # -- what a kind of output says -------------------------------------------------------------------

    def _start(self) -> None:
        """Make or open it. Raises Unusable."""
        raise NotImplementedError

    def _send(self, frame: bytes, now: float) -> None:
        """With the lock held: hand the frame on. Raises OSError when it is lost."""
        raise NotImplementedError

    def _tend(self, now: float) -> None:
        """With the lock held: take what came, send what waits. Raises OSError when it is lost."""
        raise NotImplementedError

    def _lanes(self) -> list[Lane]:
        """With the lock held: the ways to the PCs that are there."""
        raise NotImplementedError

    def _waiting(self) -> bool:
        """With the lock held: is there something to do soon?"""
        return any(map(len, self._lanes()))

    def _end(self) -> Line | None:
        """With the lock held: let go what is open. A line, whose closing may wait, is closed by the caller without."""
        raise NotImplementedError

    def _interest(self) -> list[tuple[int, int]]:
        """With the lock held, while it is open: (descriptor, poll events) that make a turn worth while."""
        raise NotImplementedError

    @property
    def connected(self) -> int:
        """PCs that listen now; for a serial port 1 while it is open."""
        raise NotImplementedError

    # -- the same for all -----------------------------------------------------------------------------

    def offer(self, frame: bytes) -> bool:
        """Hand one frame on; never blocks. True if the own thread has something to do about it."""
        with self._lock:
            if not self._open:
                self.tally.unheard += 1
                return False
            try:
                self._send(frame, self._mono())
            except OSError as problem:
                self._lose(problem)
            return self._broken or self._waiting()

    def interest(self) -> list[tuple[int, int]]:
        """(descriptor, poll events) that make a turn worth while; none while it is not open: a turn would not help."""
        with self._lock:
            return self._interest() if self._open else []

    def turn(self) -> None:
        """Open when due, take in PCs, send what waits."""
        now = self._mono()
        ended: Line | None = None
        if not self._open and not self._broken and now >= self._try_at:
            self._try(now)
        with self._lock:
            if self._open:
                try:
                    self._tend(now)
                except OSError as problem:
                    self._lose(problem)
            if self._broken:
                self._broken = False
                ended = self._end()
        if ended is not None:
            ended.close()
        self._tell(now)

    def close(self) -> None:
        """Let everything go."""
        with self._lock:
            self._open = False
            ended = self._end()
        if ended is not None:
            ended.close()

    def health(self) -> dict[str, object]:
        """For `status`."""
        return {
            "to": self.to, "state": "ready" if self._open else "backoff", "connected": self.connected,
            **asdict(self.tally),
        }

    def _try(self, now: float) -> None:
        try:
            self._start()
        except Unusable as problem:
            self._try_at, self._pause = now + self._pause, min(self._pause * 2, BACKOFF_MAX_S)
            self._tell_lost(problem.message, problem.advice)
            return
        self._pause = BACKOFF_MIN_S
        self._said_lost = False
        with self._lock:
            self._open = True
        log.info("passthrough_ready", path=self.to)

    def _lose(self, problem: OSError) -> None:
        """With the lock held. Closing is left to the own thread: it may wait for a port."""
        self._open, self._broken = False, True
        self._reason = problem.strerror or type(problem).__name__
        self._try_at = self._mono() + self._pause

    def _tell(self, now: float) -> None:
        """What befell it since the last turn: said here, so that no reader's thread waits for a log."""
        reason, self._reason = self._reason, ""
        if reason:
            self._tell_lost(reason, "check the cable to the PC; the box opens the port again by itself")
        with self._lock:
            stuck = next(filter(None, (lane.stuck(now) for lane in self._lanes())), "")
        if not stuck:
            self._said_stuck = -1
        elif self.tally.dropped > self._said_stuck and now >= self._say_stuck_at:
            self._said_stuck, self._say_stuck_at = self.tally.dropped, now + SAY_STUCK_S
            log.warning(
                "passthrough_stuck", path=self.to, reason=stuck, count=self.tally.dropped,
                advice="the PC's program holds the port and does not read: restart it",
            )

    def _tell_lost(self, reason: str, advice: str) -> None:
        if not self._said_lost:
            self._said_lost = True
            log.warning("passthrough_lost", path=self.to, reason=reason, advice=advice)


def hear(fd: int) -> bool:
    """Read and forget some of what the PC sends; False when it has hung up. Raises OSError when it is lost."""
    poll = select.poll()
    poll.register(fd, select.POLLIN)
    for _ in range(HEAR_PIECES):
        happened = poll.poll(0)
        if not happened:
            return True
        if not happened[0][1] & select.POLLIN:  # it hung up, and nothing is left to read
            return False
        try:
            if not os.read(fd, HEAR_BYTES):
                return False
        except BlockingIOError:
            return True
    return True


def shut(fd: int) -> None:
    """Close it, whatever it says."""
    with contextlib.suppress(OSError):
        os.close(fd)
