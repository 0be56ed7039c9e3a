"""A sleep that another thread can end."""

from __future__ import annotations

import threading
from typing import Protocol


class Waiting(Protocol):
    """What a keeper sleeps on."""

    def ring(self) -> None:
        """End the sleep, or the next one; from any thread."""

    def wait(self, timeout_s: float) -> bool:
        """Sleep at most so long; True if it was rung."""


class Bell:
    """A sleep that another thread can end."""

    def __init__(self) -> None:
        self._event = threading.Event()

    def ring(self) -> None:
        """See Waiting."""
        self._event.set()

    def wait(self, timeout_s: float) -> bool:
        """See Waiting."""
        rung = self._event.wait(max(0.0, timeout_s))
        self._event.clear()
        return rung
