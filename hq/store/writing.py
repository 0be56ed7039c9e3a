"""The writing side of headquarters' database: one thread, one transaction a batch."""

from __future__ import annotations

import enum
import json
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from hq.errors import StoreError
from hq.store.heads import Heads
from hq.store.schema import next_number, open_writing
from hq.store.visits import Visits

ALARMS_A_DEVICE = 100  # kinds of alarm kept of one device; further ones share one row


class Put(enum.Enum):
    """What became of a message that was offered to the store."""

    NEW = "new"  # stored now
    DUPLICATE = "duplicate"  # these very bytes were there already
    CONFLICT = "conflict"  # other bytes stand under this id; kept beside now
    NO_ROOM = "no_room"  # the same, and there are too many such to keep it


@dataclass(frozen=True, slots=True)
class Index:
    """What may stand in clear beside a sealed message. ``kind``: passage, fingers, closing, dropped, notice,
    unopened."""

    kind: str
    passage: str = ""
    outcome: str = ""
    shown: str = ""
    lists: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Arrived:
    """One message as the wire gave it, checked: ``digest`` is the SHA-256 (32 bytes) of ``sealed``.

    ``time``, ``clock``, ``boot`` and ``mono`` (milliseconds since boot) are the box's own word, as is ``site``.
    """

    device: str
    epoch: str
    seq: int
    time: str
    clock: str
    boot: str
    mono: int
    digest: bytes
    sealed: bytes
    site: str = ""


def stamp(now: datetime) -> str:
    """RFC 3339 in UTC with milliseconds, sortable as text."""
    return now.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


@dataclass(frozen=True, slots=True)
class Unread:
    """A held message that nobody has looked into: its row number, its place, its sealed bytes; ``beside`` if others
    stand under its id."""

    n: int
    device: str
    epoch: str
    seq: int
    sealed: bytes
    beside: bool = False


class Store(Visits, Heads):
    """Headquarters' database, open for its one writer. All changes go in ``with store.batch(now)``."""

    def __init__(
        self, path: Path, *, new_id: Callable[[], str], conflict_rows: int, quarantine_rows: int
    ) -> None:
        self._db = open_writing(path)
        self._conflict_rows, self._quarantine_rows = conflict_rows, quarantine_rows
        self._now = ""
        try:
            self._db.execute("INSERT OR IGNORE INTO meta VALUES ('store', ?)", (new_id(),))
            self.id = str(self._db.execute("SELECT value FROM meta WHERE key = 'store'").fetchone()[0])
        except sqlite3.Error as error:
            raise StoreError(
                f"{path}: {error}", advice="check the free space and the rights of the file"
            ) from error

    def close(self) -> None:
        """Close the database."""
        self._db.close()

    @contextmanager
    def batch(self, now: datetime) -> Iterator[None]:
        """One transaction: on the disk when the block has ended, undone if it raised. Raises StoreError."""
        self._now = stamp(now)
        try:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                self._db.execute("ROLLBACK")
                raise
            self._db.execute("COMMIT")
        except sqlite3.Error as error:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            raise StoreError(
                f"the database did not take a batch: {error}", advice="check the free space"
            ) from error

    def put(self, m: Arrived) -> Put:
        """Offer one message. What is new stands unread (``unread``) until it is looked into."""
        row = self._db.execute(
            "SELECT digest FROM messages WHERE device = ? AND epoch = ? AND seq = ?",
            (m.device, m.epoch, m.seq),
        ).fetchone()
        if row is None:
            self._insert(m)
            return Put.NEW
        if row[0] == m.digest or self._is_beside(m):
            self._count(m, "duplicates")
            return Put.DUPLICATE
        self._count(m, "conflicts")
        if self._db.execute("SELECT count(*) FROM conflicts").fetchone()[0] >= self._conflict_rows:
            return Put.NO_ROOM
        self._db.execute(
            "INSERT INTO conflicts (device, epoch, seq, received, time, clock, boot, mono, digest, sealed, site, m)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (m.device, m.epoch, m.seq, self._now, m.time, m.clock, m.boot, m.mono, m.digest, m.sealed, m.site,
             next_number(self._db)),
        )  # fmt: skip
        return Put.CONFLICT

    def _is_beside(self, m: Arrived) -> bool:
        return bool(self._db.execute(
            "SELECT 1 FROM conflicts WHERE device = ? AND epoch = ? AND seq = ? AND digest = ?",
            (m.device, m.epoch, m.seq, m.digest),
        ).fetchone())  # fmt: skip

    def _insert(self, m: Arrived) -> None:
        self._db.execute(
            "INSERT INTO messages (device, epoch, seq, received, time, clock, boot, mono, digest, sealed, site)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (m.device, m.epoch, m.seq, self._now, m.time, m.clock, m.boot, m.mono, m.digest, m.sealed, m.site),
        )
        self._db.execute(
            "UPDATE epochs SET held = held + 1, newest = max(newest, ?1), last_seen = ?2,"
            " oldest = CASE WHEN oldest = 0 THEN ?1 ELSE min(oldest, ?1) END"
            " WHERE device = ?3 AND epoch = ?4",
            (m.seq, self._now, m.device, m.epoch),
        )

    def unread(self, limit: int) -> list[Unread]:
        """The oldest messages that nobody has looked into."""
        rows = self._db.execute(
            "SELECT n, device, epoch, seq, sealed, 0 FROM messages WHERE kind = ''"
            " UNION ALL SELECT m, device, epoch, seq, sealed, 1 FROM conflicts WHERE kind = '' ORDER BY 1 LIMIT ?",
            (limit,),
        )
        return [Unread(int(n), d, e, int(seq), bytes(sealed), bool(beside)) for n, d, e, seq, sealed, beside in rows]

    def read(self, one: Unread, i: Index) -> None:
        """Note what a message was found to be."""
        table, number = ("conflicts", "m") if one.beside else ("messages", "n")
        self._db.execute(
            f"UPDATE {table} SET kind = ?, passage = ?, outcome = ?, shown = ?, lists = ? WHERE {number} = ?",
            (i.kind, i.passage, i.outcome, i.shown, json.dumps(i.lists), one.n),
        )
        self._db.execute(
            "UPDATE epochs SET unopened = unopened + ? WHERE device = ? AND epoch = ?",
            (i.kind == "unopened", one.device, one.epoch),
        )

    def _count(self, m: Arrived, column: str) -> None:
        self._db.execute(
            f"UPDATE epochs SET {column} = {column} + 1, last_seen = ? WHERE device = ? AND epoch = ?",
            (self._now, m.device, m.epoch),
        )

    def seen(self, device: str, *, limit: int) -> bool:
        """Note that ``device`` has spoken. False if it is unknown and ``limit`` posts are known already."""
        known = self._db.execute(
            "UPDATE devices SET last_seen = ? WHERE device = ?", (self._now, device)
        ).rowcount
        if known:
            return True
        if self._db.execute("SELECT count(*) FROM devices").fetchone()[0] >= limit:
            return False
        self._db.execute(
            "INSERT INTO devices (device, first_seen, last_seen) VALUES (?, ?, ?)",
            (device, self._now, self._now),
        )
        return True

    def epoch(self, device: str, epoch: str) -> bool:
        """Make the epoch known. True if the device had another one before: re-imaged, or cloned."""
        fresh = self._db.execute(
            "INSERT OR IGNORE INTO epochs (device, epoch, first_seen, last_seen) VALUES (?, ?, ?, ?)",
            (device, epoch, self._now, self._now),
        ).rowcount
        if not fresh:
            return False
        count: int = self._db.execute("SELECT count(*) FROM epochs WHERE device = ?", (device,)).fetchone()[0]
        return count > 1

    def offered(self, device: str, epoch: str, oldest: int) -> None:
        """The box says that ``oldest`` is the lowest seq it still has; the lowest ever said is kept."""
        self._db.execute(
            "UPDATE epochs SET last_seen = ?, offered = CASE WHEN offered = 0 THEN ? ELSE min(offered, ?) END"
            " WHERE device = ? AND epoch = ?",
            (self._now, oldest, oldest, device, epoch),
        )

    def held(
        self, device: str, epoch: str, first: int, last: int, *, closed: bool = True
    ) -> list[tuple[int, bytes]]:
        """(seq, digest) of what is held of ``first..last``, ordered by seq; without ``closed`` only what opened.

        A seq in conflict is left out: which of its bodies the box has is not known here, and one such
        row must not make the digest of a whole span disagree.
        """
        rows = self._db.execute(
            "SELECT seq, digest FROM messages WHERE device = ? AND epoch = ? AND seq BETWEEN ? AND ?"
            " AND NOT EXISTS (SELECT 1 FROM conflicts c WHERE c.device = messages.device"
            " AND c.epoch = messages.epoch AND c.seq = messages.seq) AND (? OR kind <> 'unopened') ORDER BY seq",
            (device, epoch, first, last, closed),
        )
        return [(int(seq), bytes(digest)) for seq, digest in rows]

    def disputed(self, device: str, epoch: str, first: int, last: int) -> list[int]:
        """The seqs of ``first..last`` that are in conflict, ascending: ``held`` leaves them out."""
        rows = self._db.execute(
            "SELECT DISTINCT seq FROM conflicts WHERE device = ? AND epoch = ? AND seq BETWEEN ? AND ? ORDER BY seq",
            (device, epoch, first, last),
        )
        return [int(seq) for (seq,) in rows]

    def closed(self, device: str, epoch: str, first: int, last: int) -> set[tuple[int, bytes]]:
        """(seq, digest) of ``first..last`` that could not be opened."""
        rows = self._db.execute(
            "SELECT seq, digest FROM every_message WHERE device = ? AND epoch = ? AND seq BETWEEN ? AND ?"
            " AND kind = 'unopened'", (device, epoch, first, last),
        )  # fmt: skip
        return {(int(seq), bytes(digest)) for seq, digest in rows}

    def dropped(self, device: str, epoch: str, first: int, last: int) -> None:
        """The box reports that it had to drop ``first..last`` unsent for want of space."""
        self._db.execute("INSERT OR IGNORE INTO dropped VALUES (?, ?, ?, ?)", (device, epoch, first, last))

    def presence(self, device: str, *, online: bool, session: str, body: Mapping[str, Any]) -> bool:
        """Note a birth or a death. A death of another session than the last birth's is stale: False."""
        if not online:
            row = self._db.execute("SELECT session FROM devices WHERE device = ?", (device,)).fetchone()
            if row and row[0] and row[0] != session:
                return False
        self._db.execute(
            "UPDATE devices SET since = CASE WHEN online <> ?1 OR since = '' THEN ?2 ELSE since END,"
            " online = ?1, session = ?3, presence = ?4 WHERE device = ?5",
            (online, self._now, session, json.dumps(body), device),
        )
        return True

    def health(self, device: str, body: Mapping[str, Any]) -> None:
        """Keep the newest health message of a device."""
        self._db.execute(
            "UPDATE devices SET health = ?, health_at = ? WHERE device = ?",
            (json.dumps(body), self._now, device),
        )

    def quarantine(self, topic: str, reason: str, payload: bytes) -> None:
        """Put aside what cannot be understood; the oldest of too many goes."""
        self._db.execute(
            "INSERT INTO quarantine (received, topic, reason, payload) VALUES (?, ?, ?, ?)",
            (self._now, topic, reason, payload),
        )
        self._db.execute(
            "DELETE FROM quarantine WHERE n <= (SELECT max(n) FROM quarantine) - ?", (self._quarantine_rows,)
        )

    def alarm(self, device: str, code: str, text: str, *, subject: str = "") -> None:
        """Raise an alarm, or count it once more; one marked done comes back."""
        kinds = self._db.execute("SELECT count(*) FROM alarms WHERE device = ?", (device,)).fetchone()[0]
        if kinds >= ALARMS_A_DEVICE:
            known = self._db.execute(
                "SELECT 1 FROM alarms WHERE device = ? AND code = ? AND subject = ?", (device, code, subject)
            ).fetchone()
            if not known:
                code, subject, text = (
                    "too_many_alarms",
                    "",
                    "further alarms of this post are only counted here",
                )
        self._db.execute(
            "INSERT INTO alarms (device, code, subject, text, first, last) VALUES (?, ?, ?, ?, ?, ?)"
            " ON CONFLICT (device, code, subject) DO UPDATE SET last = excluded.last, text = excluded.text,"
            " times = times + 1, done = ''",
            (device, code, subject, text, self._now, self._now),
        )
