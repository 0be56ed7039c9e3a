"""How the box is, as plain values: for `status`, for headquarters, for the watchdog's status line.

Law (ARCHITECTURE law 8): statistics count what was shown, never the truth behind it.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from common.times import rfc3339
from edge.core.errors import BorderpostError
from edge.core.screening import Screener, ScreenList
from edge.core.shown import coverage
from edge.core.trusted import Trusted
from edge.core.verdicts import CoverageState, Freshness
from edge.counter import Counter
from edge.journal import Journal
from edge.lifecycle import OPEN
from edge.readers import ReaderKeeper
from edge.scanners import Scanners
from edge.update_report import last, told
from edge.uplink import Uplink

CACHE_S = 1.0  # seconds one snapshot serves everybody who asks


@dataclass(frozen=True, slots=True)
class Parts:
    """Who is asked for a snapshot."""

    device: str
    site: str
    state_dir: Path
    now: Callable[[], Trusted]
    wall: Callable[[], datetime]
    mono: Callable[[], float]
    readers: Sequence[ReaderKeeper]
    passing: Callable[[], Sequence[Mapping[str, object]]]
    counters: Sequence[Counter]
    lists: Callable[[], Sequence[ScreenList]]
    screener: Screener
    journal: Journal
    uplink: Callable[[], Uplink | None]
    restarts: Callable[[], Mapping[str, int]]
    scanners: Scanners | None = None


class Health:
    """Takes snapshots, at most one a second."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._started = parts.mono()
        self._taken: tuple[float, dict[str, Any]] | None = None

    def snapshot(self) -> dict[str, Any]:
        """Everything `borderpost status --json` prints; who asks within ``CACHE_S`` of another is told the same."""
        if self._taken is None or self._parts.mono() - self._taken[0] >= CACHE_S:
            snapshot = self.look()
            self._taken = (self._parts.mono(), snapshot)
        return self._taken[1]

    def look(self) -> dict[str, Any]:
        """How it is now. The box's own rounds look for themselves: nobody who asks is told what a round saw earlier."""
        p = self._parts
        now = p.now()
        return {
            "device": p.device,
            "site": p.site,
            "uptime_seconds": round(p.mono() - self._started),
            "clock": {
                "state": str(now.state), "time": rfc3339(now.time) if now.time else None,
                "records_expire": now.expiry is not None,
            },
            "disk_free_mb": _free_mb(p.state_dir),
            "readers": [dict(r.health()) for r in p.readers],
            "scanners": p.scanners.health() if p.scanners else [],
            "fingers": p.scanners.status() if p.scanners else None,
            "passthrough": [dict(one) for one in p.passing()],
            "counters": [
                {
                    "name": c.name, "passages": c.passages, "repeats": c.repeats, "not_recorded": c.unrecorded,
                    "shown": dict(c.shown),
                }
                for c in p.counters
            ],
            "lists": self._lists(now),
            "galleries": self._galleries(now),
            "updates": _updates(p.state_dir),
            "outbox": self._outbox(),
            "uplink": self._uplink(),
            "restarts": dict(p.restarts()),
        }

    def report(self) -> dict[str, Any]:
        """The fields of ``wire.Health`` but its session."""
        s = self.look()
        return {
            "at": self._parts.wall(),
            "clock": s["clock"]["state"],
            "outbox": s["outbox"]["pending"],
            "oldest_seconds": s["outbox"]["oldest_seconds"],
            "disk_free": s["disk_free_mb"] * 1_000_000,
            "readers": {r["name"]: r["state"] for r in (*s["readers"], *s["scanners"])},
            "list_ages": {entry["list"]: entry["age_seconds"] for entry in (*s["lists"], *s["galleries"])},
            "list_states": {entry["list"]: _standing(entry) for entry in (*s["lists"], *s["galleries"])},
            "audit_head": s["outbox"]["audit_head"],
            "audit_number": s["outbox"]["audit_number"],
        }

    def line(self) -> str:
        """One line for systemd's status, whatever happens."""
        try:
            s = self.look()
        except BorderpostError as error:
            return f"not well: {error.message}"
        ready = sum(r["state"] in OPEN for r in s["readers"])
        passed = sum(c["passages"] for c in s["counters"])
        return (
            f"{ready}/{len(s['readers'])} readers, {passed} passages, outbox {s['outbox']['pending']}, "
            f"link {s['uplink']['state']}, clock {s['clock']['state']}"
        )

    def _lists(self, now: Trusted) -> list[dict[str, Any]]:
        opened = self._parts.lists()
        problems = {one.list_id: one.problem for one in opened}
        standing = coverage(self._parts.screener.coverage(opened, now))
        return [{**entry, "problem": problems.get(entry["list"])} for entry in standing]

    def _galleries(self, now: Trusted) -> list[dict[str, Any]]:
        """As they lie on the disk; what the search holds of them is in ``fingers``."""
        opened = self._parts.lists()
        problems = {one.list_id: one.problem for one in opened}
        standing = coverage(self._parts.screener.galleries(opened, now))
        return [{**entry, "problem": problems.get(entry["list"])} for entry in standing]

    def _outbox(self) -> dict[str, Any]:
        counts = asdict(self._parts.journal.counts())
        since = counts.pop("pending_since")
        age = (self._parts.wall() - since).total_seconds() if since else None
        return {**counts, "oldest_seconds": None if age is None else max(0, round(age))}

    def _uplink(self) -> dict[str, Any]:
        uplink = self._parts.uplink()
        if uplink is None:
            return {"state": "none"}
        status = asdict(uplink.status())
        return {**status, "state": str(status["state"]), "since": round(self._parts.mono() - status["since"], 1)}


def _standing(entry: Mapping[str, Any]) -> str:
    """One word for headquarters: how the list stands, or ``old`` for one that is asked and older than it should be."""
    state = str(entry["state"])
    return "old" if state == CoverageState.ASKED and entry["freshness"] == Freshness.OLD else state


def _updates(state_dir: Path) -> dict[str, Any] | None:
    """What the last update brought or refused, from a stick too; None before the first."""
    report = last(state_dir)
    return dict(told(report)) if report else None


def _free_mb(path: Path) -> int:
    try:
        return round(shutil.disk_usage(path).free / 1e6)
    except OSError:
        return 0  # a folder that is gone offers nothing
