"""What goes on, for a person who waits: a line for every step, and one for what is still going on when none came.

Laws:
1. No silence longer than ``QUIET_S``: whatever takes long is named, with the seconds it took so far.
2. A line goes to the terminal that the run was started from, also while a test's own output is being caught.
3. A terminal that went away ends nothing.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from contextlib import suppress

QUIET_S = 5.0
LINE_MOST = 400  # characters of a line; what is longer is cut


class Live:
    """Lines with the seconds since the run began. Use with ``with``; any thread may write."""

    def __init__(
        self, out: int = 1, *, quiet_s: float = QUIET_S, began: float | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._out = os.dup(out)  # before somebody catches what tests print (law 2)
        self._quiet_s, self._clock = quiet_s, clock
        self.began = clock() if began is None else began
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._doing, self._since = "", self.began
        self._last = self.began  # when a line came
        self._thread = threading.Thread(target=self._beat, name="live", daemon=True)

    def __enter__(self) -> Live:
        """Begin to watch."""
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """No line comes after this one."""
        self._stop.set()
        self._thread.join(QUIET_S)
        os.close(self._out)

    def seconds(self) -> float:
        """Since the run began."""
        return self._clock() - self.began

    def line(self, text: str) -> None:
        """One line, at once."""
        with self._lock:
            self._write(text)

    def doing(self, text: str) -> None:
        """What goes on from now; it is told when nothing else is for ``quiet_s``."""
        with self._lock:
            self._doing, self._since = text, self._clock()

    def step(self, text: str) -> None:
        """A line, and what goes on from now."""
        self.doing(text)
        self.line(text)

    def _write(self, text: str) -> None:
        self._last = self._clock()
        line = f"[{self._last - self.began:6.1f} s] {text[:LINE_MOST]}\n"
        with suppress(OSError):  # law 3
            os.write(self._out, line.encode())

    def _beat(self) -> None:
        while not self._stop.wait(min(0.5, self._quiet_s / 5)):
            with self._lock:
                now = self._clock()
                if self._doing and now - self._last >= self._quiet_s:
                    self._write(f"  … {self._doing} ({now - self._since:.0f} s so far)")
