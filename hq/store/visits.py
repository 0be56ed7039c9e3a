"""What headquarters keeps of boxes beside their rows: sites, visits of sticks, requests, and envelopes on their way.

A part of the ``Store``: every call stands in ``with store.batch(now)`` unless it only reads.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass

SITES_A_DEVICE = 100  # remembered of one box
VISITS_A_DEVICE = 1000
TABLES = (
    "ALTER TABLE messages ADD COLUMN site TEXT NOT NULL DEFAULT ''",  # where the box stood, '' for unknown
    """CREATE TABLE sites (
        device TEXT NOT NULL, site TEXT NOT NULL, first TEXT NOT NULL, last TEXT NOT NULL,
        PRIMARY KEY (device, site)
    ) STRICT""",
    """CREATE TABLE visits (
        n INTEGER PRIMARY KEY AUTOINCREMENT,
        device TEXT NOT NULL, serial TEXT NOT NULL, site TEXT NOT NULL,
        received TEXT NOT NULL, created TEXT NOT NULL, sha256 TEXT NOT NULL,
        rescued INTEGER NOT NULL, whole INTEGER NOT NULL,
        rows INTEGER NOT NULL, fresh INTEGER NOT NULL, duplicates INTEGER NOT NULL, conflicts INTEGER NOT NULL,
        refused INTEGER NOT NULL, pending INTEGER NOT NULL, audit_head TEXT NOT NULL, audit_rows INTEGER NOT NULL,
        times INTEGER NOT NULL DEFAULT 1,
        UNIQUE (device, sha256)
    ) STRICT""",
    """CREATE TABLE requests (
        device TEXT PRIMARY KEY, serial TEXT NOT NULL, received TEXT NOT NULL, payload BLOB NOT NULL
    ) STRICT""",
    """CREATE TABLE envelopes (
        device TEXT PRIMARY KEY, serial TEXT NOT NULL, sequence INTEGER NOT NULL, queued TEXT NOT NULL,
        done TEXT NOT NULL DEFAULT '', payload BLOB NOT NULL
    ) STRICT""",
)


@dataclass(frozen=True, slots=True)
class Visit:
    """One bundle that came by stick. ``sha256`` of the file; ``created`` is the box's word; counts are of rows."""

    device: str
    serial: str
    site: str
    created: str
    sha256: str
    rescued: bool
    whole: bool
    rows: int
    fresh: int
    duplicates: int
    conflicts: int
    refused: int
    pending: int
    audit_head: str
    audit_rows: int


class Visits:
    """The part of the ``Store`` that this file is about."""

    _db: sqlite3.Connection
    _now: str

    def site(self, device: str, site: str, *, carried: str = "", trusted: bool = True) -> None:
        """Note that the box says it stands at ``site``; the earlier sites stay, with their times.

        ``carried``: the time of the stick that says so, by the box's clock. Such a word may be old: it stands where its
        time puts it, never later than now, and, if the clock is not ``trusted``, never above a site that the box was
        heard at itself.
        """
        heard = self._db.execute("SELECT coalesce(max(live), '') FROM sites WHERE device = ?", (device,)).fetchone()[0]
        at = min(carried, self._now) if carried else self._now
        if carried and heard and (not trusted or carried > self._now):
            at = min(at, heard)
        self._db.execute(
            "INSERT INTO sites (device, site, first, last, live) VALUES (?1, ?2, ?3, ?3, ?4)"
            " ON CONFLICT (device, site) DO UPDATE SET first = min(first, ?3), last = max(last, ?3),"
            " live = max(live, ?4)", (device, site, at, "" if carried else at),
        )  # fmt: skip
        self._db.execute(
            "DELETE FROM sites WHERE device = ?1 AND site NOT IN"
            " (SELECT site FROM sites WHERE device = ?1 ORDER BY last DESC, live DESC, rowid DESC LIMIT ?2)",
            (device, SITES_A_DEVICE),
        )

    def site_of(self, device: str) -> str:
        """The site that the box itself named last over the link; '' for none."""
        row = self._db.execute(
            "SELECT site FROM sites WHERE device = ? AND live <> '' ORDER BY live DESC, rowid DESC LIMIT 1", (device,)
        ).fetchone()
        return str(row[0]) if row else ""

    def known(self, device: str, *, limit: int) -> bool:
        """Make the box known without having heard it. False if ``limit`` others are known already."""
        if self._db.execute("SELECT 1 FROM devices WHERE device = ?", (device,)).fetchone():
            return True
        if self._db.execute("SELECT count(*) FROM devices").fetchone()[0] >= limit:
            return False
        self._db.execute(
            "INSERT INTO devices (device, first_seen, last_seen) VALUES (?, ?, '')", (device, self._now)
        )
        return True

    def newest(self, device: str, epoch: str) -> int:
        """The highest seq that is held of this epoch; 0 for none."""
        row = self._db.execute("SELECT newest FROM epochs WHERE device = ? AND epoch = ?", (device, epoch)).fetchone()
        return int(row[0]) if row else 0

    def visit(self, v: Visit) -> int:
        """Note one bundle; the same file again is counted, and what it brought this time is noted.

        How many rows were new, whenever it was taken.
        """
        fresh = self._db.execute(
            "INSERT INTO visits (device, serial, site, received, created, sha256, rescued, whole, rows, fresh,"
            " duplicates, conflicts, refused, pending, audit_head, audit_rows)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
            " ON CONFLICT (device, sha256) DO UPDATE SET times = times + 1, received = excluded.received,"
            " fresh = fresh + excluded.fresh, whole = max(whole, excluded.whole) RETURNING fresh",
            (v.device, v.serial, v.site, self._now, v.created, v.sha256, v.rescued, v.whole, v.rows, v.fresh,
             v.duplicates, v.conflicts, v.refused, v.pending, v.audit_head, v.audit_rows),
        ).fetchone()  # fmt: skip
        self._db.execute(
            "DELETE FROM visits WHERE device = ?1 AND n NOT IN"
            " (SELECT n FROM visits WHERE device = ?1 ORDER BY n DESC LIMIT ?2)", (v.device, VISITS_A_DEVICE),
        )  # fmt: skip
        return int(fresh[0])

    def request(self, device: str, serial: str, payload: bytes) -> None:
        """Keep the newest request of a box."""
        self._db.execute(
            "INSERT OR REPLACE INTO requests VALUES (?, ?, ?, ?)", (device, serial, self._now, payload)
        )

    def took(self, device: str, sequence: int) -> None:
        """The box says that it took envelope ``sequence``: what is queued up to it is done, its request answered."""
        done = self._db.execute(
            "UPDATE envelopes SET done = ?, payload = x'' WHERE device = ? AND sequence <= ? AND done = ''",
            (self._now, device, sequence),
        ).rowcount
        if done:
            self._db.execute("DELETE FROM requests WHERE device = ?", (device,))

    def queued(self) -> list[tuple[str, int, bytes]]:
        """(device, sequence, payload) of every envelope; the payload is empty once it was taken."""
        rows = self._db.execute("SELECT device, sequence, payload FROM envelopes ORDER BY device")
        return [(str(d), int(s), bytes(p)) for d, s, p in rows]
