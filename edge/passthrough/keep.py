"""Who keeps open files over a restart of this process."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import partial
from typing import Protocol


class Keep(Protocol):
    """``edge.systemd.Notifier`` is one."""

    @property
    def listening(self) -> bool:
        """True if what is stored may come back."""

    def store(self, name: str, fd: int, *, watch: bool = False) -> bool:
        """Keep ``fd`` for the next process; with ``watch`` until its other end hangs up.

        False if it is to be said again later. Never waits, never raises.
        """

    def forget(self, name: str) -> bool:
        """Let it go. As ``store``."""


class Nobody:
    """Nothing outlives the process: a test bench, a start by hand."""

    listening = False

    def store(self, name: str, fd: int, *, watch: bool = False) -> bool:  # noqa: ARG002
        """See Keep."""
        return True

    def forget(self, name: str) -> bool:  # noqa: ARG002
        """See Keep."""
        return True


class Wishes:
    """What is to be kept and let go, said in order; what could not be said waits for the next ``say``.

    At most one letting go and one storing wait for each name. For one thread at a time.
    """

    def __init__(self, keep: Keep) -> None:
        self._keep = keep
        self._wishes: list[tuple[str, Callable[[], bool]]] = []

    @property
    def listening(self) -> bool:
        """See Keep."""
        return self._keep.listening

    def store(self, name: str, fd: int, *, watch: bool = False) -> None:
        """See Keep. ``fd`` stays open until it is said, or forgotten."""
        self._wishes.append((name, partial(self._keep.store, name, fd, watch=watch)))
        self.say()

    def forget(self, name: str) -> None:
        """See Keep. A storing under that name that still waits is not said any more."""
        self._wishes = [wish for wish in self._wishes if wish[0] != name]
        self._wishes.append((name, partial(self._keep.forget, name)))
        self.say()

    def say(self) -> None:
        """Say what waits, as much of it as is taken. Never waits, never raises."""
        while self._wishes and self._wishes[0][1]():
            self._wishes.pop(0)


def kept_name(to: str) -> str:
    """A name for what belongs to this output: systemd takes no colons, and paths may be long."""
    return f"pc-{hashlib.sha256(to.encode()).hexdigest()[:16]}"
