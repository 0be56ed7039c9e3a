"""How the box is, as plain values: for `status`, for headquarters, for the watchdog's status line.

Law (ARCHITECTURE law 8): statistics count what was shown, never the truth behind it.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from edge.core.trusted import Trusted

CACHE_S = 1.0  # seconds one snapshot serves everybody who asks


class HasHealth(Protocol):
    """Anything with a part in the snapshot."""

    def health(self) -> Mapping[str, Any]:
        """JSON values."""


@dataclass(frozen=True, slots=True)
class Sources:
    """Who is asked for a snapshot."""

    device: str
    site: str
    state_dir: Path
    now: Callable[[], Trusted]
    readers: Sequence[HasHealth]
    counters: Callable[[], list[dict[str, Any]]]
    lists: Callable[[], list[dict[str, Any]]]
    journal: Callable[[], dict[str, Any]]
    uplink: Callable[[], dict[str, Any]]
    restarts: Callable[[], Mapping[str, int]]


class Health:
    """Takes snapshots, at most one a second."""

    def __init__(self, sources: Sources, mono: Callable[[], float] = time.monotonic) -> None:
        self._sources = sources
        self._mono = mono
        self._started = mono()
        self._taken: tuple[float, dict[str, Any]] | None = None

    def snapshot(self) -> dict[str, Any]:
        """Everything `borderpost status --json` prints."""
        if self._taken and self._mono() - self._taken[0] < CACHE_S:
            return self._taken[1]
        s = self._sources
        now = s.now()
        snapshot: dict[str, Any] = {
            "device": s.device,
            "site": s.site,
            "uptime_seconds": round(self._mono() - self._started),
            "clock": {"state": str(now.state), "time": now.time.isoformat(timespec="seconds") if now.time else None},
            "disk_free_mb": round(shutil.disk_usage(s.state_dir).free / 1e6),
            "readers": [dict(r.health()) for r in s.readers],
            "counters": s.counters(),
            "lists": s.lists(),
            "outbox": s.journal(),
            "uplink": s.uplink(),
            "restarts": dict(s.restarts()),
        }
        self._taken = (self._mono(), snapshot)
        return snapshot

    def line(self) -> str:
        """One line for systemd's status."""
        s = self.snapshot()
        ready = sum(r["state"] == "ready" for r in s["readers"])
        passed = sum(c["passages"] for c in s["counters"])
        return (
            f"{ready}/{len(s['readers'])} readers, {passed} passages, outbox {s['outbox'].get('pending', '?')}, "
            f"link {s['uplink'].get('state', 'none')}, clock {s['clock']['state']}"
        )
