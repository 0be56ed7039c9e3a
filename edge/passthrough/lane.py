"""Frames on their way to one PC: a bounded queue before a descriptor that is written without waiting."""

from __future__ import annotations

import os
from collections import deque
from dataclasses import dataclass

STUCK_READS = 3   # dropped in a row
STUCK_S = 30.0    # seconds in which nothing was taken
MAX_WAITING = 64  # frames; of at most MAX_RAW bytes each, so 1 MiB for a PC that never reads
KEEP_S = 5.0      # seconds; an older one belongs to a traveller who has gone on


@dataclass(slots=True)
class Tally:
    """Of one output, since the process began; a frame counts once for each PC."""

    emitted: int = 0
    dropped: int = 0  # a PC was there and did not take it in time, or there was no whole frame to send
    unheard: int = 0  # no PC was there, or the port was lost


class Lane:
    """Whole frames or none. The caller holds the lock; ``push`` and ``pump`` raise OSError when the other end is gone.

    A PC is stuck when it is there and has let ``STUCK_READS`` reads in a row be dropped, or takes not a byte of what
    has waited for ``STUCK_S``. One byte that it takes, or its going, begins that anew.
    """

    __slots__ = ("_dropped", "_rest", "_since", "_tally", "_waiting", "fd")

    def __init__(self, fd: int, tally: Tally) -> None:
        self.fd = fd
        self._tally = tally
        self._waiting: deque[tuple[float, bytes]] = deque()
        self._rest = b""  # of a frame whose beginning has gone out: it is finished whatever else happens
        self._since: float | None = None  # when the PC first took nothing of what there was for it
        self._dropped = 0  # in a row

    def __len__(self) -> int:
        """Frames not yet out, a begun one included."""
        return len(self._waiting) + bool(self._rest)

    def push(self, frame: bytes, now: float) -> None:
        """Send it now if the way is free, else queue it; of too many the oldest is dropped. An empty one is counted."""
        if not frame:  # longer than its driver keeps (frames.in_form)
            self._tally.dropped += 1
            return
        if len(self._waiting) >= MAX_WAITING:
            self._drop()
        self._waiting.append((now, frame))
        self.pump(now)

    def pump(self, now: float) -> None:
        """Send what the descriptor takes without waiting."""
        while self._waiting and now - self._waiting[0][0] > KEEP_S:
            self._drop()
        while self._rest or self._waiting:
            piece = self._rest or self._waiting[0][1]
            try:
                taken = os.write(self.fd, piece)
            except BlockingIOError:
                taken = 0
            if not taken:
                self._since = now if self._since is None else self._since
                return
            self._since, self._dropped = None, 0
            if not self._rest:
                self._waiting.popleft()
            self._rest = piece[taken:]
            if self._rest:
                return
            self._tally.emitted += 1

    def clear(self) -> None:
        """The PC is gone: nothing that waits is for the next one."""
        self._tally.dropped += len(self)
        self._waiting.clear()
        self._rest = b""
        self._since, self._dropped = None, 0

    def stuck(self, now: float) -> str:
        """Why the PC is stuck; "" if it is not."""
        if self._dropped >= STUCK_READS:
            return f"{self._dropped} reads dropped in a row"
        if len(self) and self._since is not None and now - self._since >= STUCK_S:
            return f"nothing taken for {now - self._since:.0f} s"
        return ""

    def _drop(self) -> None:
        self._waiting.popleft()
        self._tally.dropped += 1
        self._dropped += 1
