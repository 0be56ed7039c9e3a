"""What a virtual device still has to send: jobs in order, cut into fragments with pauses between.

Pure: time is an argument. A job is bounded (64 MiB) and made as it is sent, so a long noise costs no memory.
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass

MAX_JOB_BYTES = 64 * 1024 * 1024
MAX_JOBS = 256
STALL_S = 1.0  # a real device does not wait for its host for long


def pieces(data: bytes, fragment: int) -> Iterator[bytes]:
    """``data`` in fragments of ``fragment`` bytes (0: whole, in 4 KiB pieces)."""
    step = fragment or 4096
    for start in range(0, len(data), step):
        yield data[start : start + step]


def noise(count: int, seed: int) -> Iterator[bytes]:
    """``count`` seeded random bytes, 1 KiB at a time; the same seed gives the same bytes."""
    source = random.Random(seed)
    left = min(count, MAX_JOB_BYTES)
    while left > 0:
        step = min(left, 1024)
        yield source.randbytes(step)
        left -= step


@dataclass(slots=True)
class Job:
    """Pieces to send, the pause after each, and whom to tell how many bytes went out and whether all did."""

    source: Iterator[bytes]
    pause_s: float
    done: Callable[[int, bool], None]
    rest: bytes = b""
    sent: int = 0


class Outlet:
    """A queue of jobs over a line that may be full: after ``stall_s`` seconds of that the rest of a job is lost."""

    def __init__(self, write: Callable[[bytes], int], stall_s: float = STALL_S) -> None:
        self._write, self._stall_s = write, stall_s
        self._jobs: deque[Job] = deque()
        self._due = 0.0
        self._stalled_since: float | None = None

    def __bool__(self) -> bool:
        return bool(self._jobs)

    @property
    def stalled(self) -> bool:
        """True while the line is full: wait for it to take bytes."""
        return self._stalled_since is not None

    def due(self) -> float:
        """When the next piece may go."""
        return self._due

    def add(self, job: Job) -> None:
        """Queue a job; over the limit it is refused at once."""
        if len(self._jobs) >= MAX_JOBS:
            job.done(0, False)
        else:
            self._jobs.append(job)

    def abandon(self) -> None:
        """The cable is out: everything queued is lost."""
        while self._jobs:
            job = self._jobs.popleft()
            job.done(job.sent, False)
        self._stalled_since = None

    def pump(self, now: float) -> None:
        """Send one piece if one is due."""
        if not self._jobs or now < self._due:
            return
        job = self._jobs[0]
        if not job.rest:
            piece = next(job.source, None)
            if piece is None:
                self._finish(True)
                return
            job.rest = piece
        taken = self._write(job.rest)
        if not taken:
            self._stalled_since = now if self._stalled_since is None else self._stalled_since
            if now - self._stalled_since > self._stall_s:
                self._finish(False)
            return
        self._stalled_since = None
        job.sent += taken
        job.rest = job.rest[taken:]
        if not job.rest:
            upcoming = next(job.source, None)
            if upcoming is None:  # told at once, so that the time given is that of the last byte
                self._finish(True)
                return
            job.rest = upcoming
            self._due = now + job.pause_s

    def _finish(self, whole: bool) -> None:
        job = self._jobs.popleft()
        self._stalled_since = None
        job.done(job.sent, whole)
