"""A look at a scanner while its owner waits inside it: who no longer wants the finger, and an image that takes long.

Laws:
1. A finger that is no longer wanted ends the wait, and a transfer, within ``LOOK_S`` and what the driver needs. It is
   cancelled at every look: a driver forgets a cancel that comes between two waits.
2. An image that takes longer than a look or two is said once. That depends on the scanner alone (ARCHITECTURE law 8),
   and is never said once the owner has the image.
3. Signal handlers take locks nowhere: they set a flag, and this thread cancels.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Final, Protocol

LOOK_S: Final = 0.25
LONG: Final = 2  # looks in a row that find it at the same image: over a quarter, at most half a second
JOIN_S: Final = 5.0  # for a look that has begun


class Watched(Protocol):
    """The part of a Source that is watched."""

    def cancel(self) -> None:
        """End what it waits for."""

    @property
    def capturing(self) -> bool:
        """True while an image is read."""


class Watch:
    """A thread for as long as the ``with`` block; ``withdrawn`` and ``long`` (of law 2) are called in it."""

    def __init__(
        self, source: Watched, *, withdrawn: Callable[[], bool], long: Callable[[], None] = lambda: None
    ) -> None:
        self._source, self._withdrawn, self._long = source, withdrawn, long
        self._ended = threading.Event()
        self._lock = threading.Lock()
        self._looks = 0  # that found it at this image
        self._awaited = False
        self._thread = threading.Thread(target=self._run, name="finger-watch", daemon=True)

    def __enter__(self) -> Watch:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.join(JOIN_S)

    @contextlib.contextmanager
    def frame(self) -> Iterator[None]:
        """The owner asks for one frame in here."""
        with self._lock:
            self._awaited, self._looks = True, 0
        try:
            yield
        finally:
            with self._lock:
                self._awaited = False

    def _run(self) -> None:
        while not self._ended.wait(LOOK_S):
            if self._withdrawn():
                self._source.cancel()
            with self._lock:
                self._look()

    def _look(self) -> None:
        self._looks = self._looks + 1 if self._awaited and self._source.capturing else 0
        if self._looks == LONG:
            self._long()
