"""Who keeps open files over a restart of this process."""

from __future__ import annotations

import hashlib
from typing import Protocol


class Keep(Protocol):
    """``edge.systemd.Notifier`` is one."""

    @property
    def listening(self) -> bool:
        """True if what is stored may come back."""

    def store(self, name: str, fd: int, *, watch: bool = False) -> None:
        """Keep ``fd`` for the next process; with ``watch`` until its other end hangs up. Never raises."""

    def forget(self, name: str) -> None:
        """Let it go. Never raises."""


class Nobody:
    """Nothing outlives the process: a test bench, a start by hand."""

    listening = False

    def store(self, name: str, fd: int, *, watch: bool = False) -> None:
        """See Keep."""

    def forget(self, name: str) -> None:
        """See Keep."""


def kept_name(to: str) -> str:
    """A name for what belongs to this output: systemd takes no colons, and paths may be long."""
    return f"pc-{hashlib.sha256(to.encode()).hexdigest()[:16]}"
