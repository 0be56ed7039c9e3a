"""Heads of the boxes' audit chains, as they said them: in health, at a sync, on a stick.

Laws:
1. A chain only grows. A lower number than one that the box said before, or another hash under the same number, is an
   alarm, once; what comes then is taken for a new chain, and compared with itself.
2. Of each chain the newest head is kept, one of every ``KEEP_EVERY``, and every one of a stick: what was said long ago
   shows a chain that was written anew since. At most ``HEADS_A_DEVICE`` of a box.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

HEADS_A_DEVICE: Final = 1000
KEEP_EVERY: Final = timedelta(hours=24)
HEADS: Final = """CREATE TABLE heads (
    n      INTEGER PRIMARY KEY AUTOINCREMENT,
    device TEXT NOT NULL,
    chain  INTEGER NOT NULL,  -- counts how often its chain began anew
    number INTEGER NOT NULL,  -- of the row whose hash this is
    hash   TEXT NOT NULL,
    said   TEXT NOT NULL,     -- RFC 3339: when it came; of a stick, when the box wrote it
    kept   INTEGER NOT NULL,  -- 0: goes when the next one comes
    UNIQUE (device, chain, number, hash)
) STRICT"""


@dataclass(frozen=True, slots=True)
class Head:
    """The hash of row ``number`` of a box's audit chain, said at ``said`` (RFC 3339)."""

    chain: int
    number: int
    hash: str
    said: str


class Heads:
    """The part of the ``Store`` that this file is about; every call stands in ``with store.batch(now)``."""

    _db: sqlite3.Connection
    _now: str

    def alarm(self, device: str, code: str, text: str, *, subject: str = "") -> None:
        """Raise an alarm."""
        raise NotImplementedError

    def head(self, device: str, number: int, digest: str, *, carried: str = "") -> None:
        """Note a head and compare it. ``carried``: when the box wrote the stick that it came on."""
        said = min(carried, self._now) if carried else self._now
        chain = self._carried(device, number, digest, said) if carried else self._heard(device, number, digest)
        newest = self._db.execute(
            "SELECT coalesce(max(said), '') FROM heads WHERE device = ? AND chain = ? AND kept = 1", (device, chain)
        ).fetchone()[0]
        kept = bool(carried) or not newest or _apart(newest, said) >= KEEP_EVERY
        self._db.execute("DELETE FROM heads WHERE device = ? AND kept = 0 AND number <= ?", (device, number))
        self._db.execute(
            "INSERT INTO heads (device, chain, number, hash, said, kept) VALUES (?, ?, ?, ?, ?, ?)"
            " ON CONFLICT DO UPDATE SET kept = max(kept, excluded.kept)", (device, chain, number, digest, said, kept),
        )  # fmt: skip
        self._db.execute(
            "DELETE FROM heads WHERE device = ?1 AND n NOT IN"
            " (SELECT n FROM heads WHERE device = ?1 ORDER BY n DESC LIMIT ?2)", (device, HEADS_A_DEVICE),
        )  # fmt: skip

    def _heard(self, device: str, number: int, digest: str) -> int:
        """The chain of a head that the box says now."""
        chain = self._chain(device)
        highest = self._db.execute(
            "SELECT coalesce(max(number), 0) FROM heads WHERE device = ? AND chain = ?", (device, chain)
        ).fetchone()[0]
        if number < highest:
            self.alarm(device, "audit_shorter", f"its audit chain ended at row {highest}, and ends at row {number} now")
            return chain + 1
        if self._differs(device, number, digest, chain):
            self._rewritten(device, number)
            return chain + 1
        return chain

    def _carried(self, device: str, number: int, digest: str, said: str) -> int:
        """The chain of a head that was said once: the one that knows it, or the newest of that time."""
        same = self._db.execute(
            "SELECT chain FROM heads WHERE device = ? AND number = ? AND hash = ? ORDER BY n DESC LIMIT 1",
            (device, number, digest),
        ).fetchone()
        if same:
            return int(same[0])
        row = self._db.execute(
            "SELECT chain, number FROM heads WHERE device = ? AND said <= ? ORDER BY chain DESC, number DESC LIMIT 1",
            (device, said),
        ).fetchone()
        chain, before = (int(row[0]), int(row[1])) if row else (self._chain(device), 0)
        if self._differs(device, number, digest, chain):
            self._rewritten(device, number)
            return self._chain(device) + 1
        if number < before:
            self.alarm(device, "audit_shorter", f"its audit chain ended at row {before}, and later at row {number}")
            return self._chain(device) + 1
        return chain

    def _rewritten(self, device: str, number: int) -> None:
        self.alarm(device, "audit_rewritten", f"row {number} of its audit chain has another hash than it had")

    def _differs(self, device: str, number: int, digest: str, chain: int) -> bool:
        return bool(self._db.execute(
            "SELECT 1 FROM heads WHERE device = ? AND chain = ? AND number = ? AND hash <> ?",
            (device, chain, number, digest),
        ).fetchone())  # fmt: skip

    def _chain(self, device: str) -> int:
        return int(self._db.execute(
            "SELECT coalesce(max(chain), 1) FROM heads WHERE device = ?", (device,)
        ).fetchone()[0])  # fmt: skip


def heads_of(db: sqlite3.Connection, device: str) -> list[tuple[int, int, str, str]]:
    """Chain, number, hash and time of what is kept of a box, the newest first."""
    return db.execute(
        "SELECT chain, number, hash, said FROM heads WHERE device = ? ORDER BY chain DESC, number DESC, n DESC",
        (device,),
    ).fetchall()


def _apart(earlier: str, later: str) -> timedelta:
    return datetime.fromisoformat(later) - datetime.fromisoformat(earlier)
