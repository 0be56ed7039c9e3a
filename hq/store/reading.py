"""The reading side of headquarters' database: what status, watch and alarms show."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from hq.errors import StoreError
from hq.store.heads import Head, heads_of
from hq.store.schema import BUSY_MS, open_reading
from hq.store.writing import stamp

MAX_GAPS = 1000  # ranges listed of one epoch
MAX_ROWS = 10_000  # rows given at once
# Nothing behind a row that nobody has looked into yet: whoever follows by row number must not miss it.
_HORIZON = (
    f"min((SELECT coalesce(min(n), {2**62}) FROM messages WHERE kind = ''),"
    f" (SELECT coalesce(min(m), {2**62}) FROM conflicts WHERE kind = ''))"
)
# Whether table c holds the outcome code of message m
_CLOSED = (
    "EXISTS (SELECT 1 FROM {} c WHERE c.kind = 'closing' AND c.device = m.device"
    " AND c.passage = m.passage AND (m.kind <> 'fingers' OR (c.epoch = m.epoch AND c.seq > m.seq)))"
)


@dataclass(frozen=True, slots=True)
class Gap:
    """Seqs ``first..last`` of one epoch that headquarters lacks though it holds later ones."""

    epoch: str
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class Post:
    """One box as headquarters sees it. Times are RFC 3339 or empty; counts are over all epochs."""

    device: str
    online: bool
    since: str
    last_seen: str
    health_at: str
    presence: dict[str, Any]
    health: dict[str, Any]
    epochs: int
    held: int
    duplicates: int
    conflicts: int
    unopened: int
    gaps: tuple[Gap, ...]
    alarms: int
    sites: tuple[str, ...] = ()  # the newest first
    carried: str = ""  # when a stick of this box came last
    carried_head: str = ""  # the head of its audit chain as the newest of its own sticks gave it
    carried_rows: int = 0  # and its row's number
    heads: tuple[Head, ...] = ()  # of its audit chain that are kept, the newest first


@dataclass(frozen=True, slots=True)
class Hit:
    """One stored message of interest, still sealed. ``n`` orders the store; ``id`` is device:epoch:seq."""

    n: int
    id: str
    device: str
    received: str
    time: str
    clock: str
    kind: str
    passage: str
    outcome: str
    shown: str
    lists: tuple[str, ...]
    sealed: bytes
    closed: bool
    site: str = ""


@dataclass(frozen=True, slots=True)
class Alarm:
    """Something that needs a person. ``done`` is empty while open."""

    n: int
    device: str
    code: str
    subject: str
    text: str
    first: str
    last: str
    times: int
    done: str


class View:
    """A read-only look at the database; safe beside the running collector. Raises StoreError."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._db = open_reading(path)

    def close(self) -> None:
        """Close the view."""
        self._db.close()

    def __enter__(self) -> View:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def store_id(self) -> str:
        """The id that was made with the database."""
        return str(self._db.execute("SELECT value FROM meta WHERE key = 'store'").fetchone()[0])

    def counts(self) -> dict[str, int]:
        """Rows of the tables that grow, by name, and the duplicates removed."""
        tables = ("messages", "conflicts", "quarantine")
        found = {t: int(self._db.execute(f"SELECT count(*) FROM {t}").fetchone()[0]) for t in tables}
        row = self._db.execute("SELECT coalesce(sum(duplicates), 0) FROM epochs").fetchone()
        return {**found, "duplicates": int(row[0])}

    def posts(self, site: str = "") -> list[Post]:
        """Every known box, by device id; with ``site`` those that stand or stood there."""
        return [
            self._post(row)
            for row in self._db.execute(
                "SELECT * FROM devices WHERE ?1 = '' OR device IN (SELECT device FROM sites WHERE site = ?1)"
                " ORDER BY device", (site,),
            ).fetchall()
        ]  # fmt: skip

    def held_at(self, site: str) -> int:
        """How many messages boxes sent from this site, replaced ones among them."""
        row = self._db.execute("SELECT count(*) FROM messages WHERE site = ?", (site,)).fetchone()
        return int(row[0])

    def _post(self, row: sqlite3.Row) -> Post:
        device = row["device"]
        epochs = self._db.execute(
            "SELECT * FROM epochs WHERE device = ? ORDER BY first_seen", (device,)
        ).fetchall()
        gaps = [g for e in epochs for g in self._gaps(e)]
        alarms = self._db.execute(
            "SELECT count(*) FROM alarms WHERE device = ? AND done = ''", (device,)
        ).fetchone()[0]
        head = self._db.execute(
            "SELECT audit_head, audit_rows FROM visits WHERE device = ? AND rescued = 0 ORDER BY created DESC LIMIT 1",
            (device,),
        ).fetchone() or ("", 0)
        return Post(
            device=device,
            online=bool(row["online"]),
            since=row["since"],
            last_seen=row["last_seen"],
            health_at=row["health_at"],
            presence=json.loads(row["presence"]),
            health=json.loads(row["health"]),
            epochs=len(epochs),
            held=sum(e["held"] for e in epochs),
            duplicates=sum(e["duplicates"] for e in epochs),
            conflicts=sum(e["conflicts"] for e in epochs),
            unopened=sum(e["unopened"] for e in epochs),
            gaps=tuple(gaps),
            alarms=int(alarms),
            sites=tuple(r[0] for r in self._db.execute(
                "SELECT site FROM sites WHERE device = ? ORDER BY last DESC, live DESC, rowid DESC", (device,))),
            heads=tuple(Head(c, n, digest, said) for c, n, digest, said in heads_of(self._db, device)),
            carried=self._db.execute(
                "SELECT coalesce(max(received), '') FROM visits WHERE device = ?", (device,)).fetchone()[0],
            carried_head=head[0],
            carried_rows=head[1],
        )  # fmt: skip

    def _gaps(self, e: sqlite3.Row) -> list[Gap]:
        floor = min(e["offered"] or e["oldest"], e["oldest"])
        if e["held"] == 0 or e["newest"] - floor + 1 == e["held"]:
            return []  # nothing is missing between the ends: no need to walk the rows
        rows = self._db.execute(
            "SELECT before + 1, seq - 1 FROM (SELECT seq, lag(seq, 1, ?3 - 1) OVER (ORDER BY seq) AS before"
            " FROM messages WHERE device = ?1 AND epoch = ?2) WHERE seq > before + 1 ORDER BY seq LIMIT ?4",
            (e["device"], e["epoch"], floor, MAX_GAPS),
        ).fetchall()
        reported = self._db.execute(
            "SELECT first, last FROM dropped WHERE device = ? AND epoch = ? ORDER BY first",
            (e["device"], e["epoch"]),
        ).fetchall()
        told = [(int(a), int(b)) for a, b in reported]
        return [Gap(e["epoch"], *left) for a, b in rows for left in without((int(a), int(b)), told)]

    def last(self) -> int:
        """The newest row number that can be shown, 0 for none."""
        row = self._db.execute(f"SELECT coalesce(max(n), 0) FROM every_message WHERE n < {_HORIZON}").fetchone()
        return int(row[0])

    def first_since(self, when: datetime) -> int:
        """The row number before the first message received at or after ``when``."""
        row = self._db.execute(
            "SELECT coalesce(min(n) - 1, (SELECT coalesce(max(n), 0) FROM every_message)) FROM every_message"
            " WHERE received >= ?",
            (stamp(when),),
        ).fetchone()
        return int(row[0])

    def hits(self, after: int, limit: int = MAX_ROWS, *, site: str = "") -> list[Hit]:
        """HIT and POSSIBLE passages, their fingers, and the closings: rows numbered above ``after``, oldest first;
        with ``site`` only what was sent from there, by whichever box."""
        return self._hits(
            "(m.outcome IN ('HIT', 'POSSIBLE') OR m.kind = 'closing') AND m.n > ?", after, limit, site
        )

    def messages(self, after: int, limit: int = MAX_ROWS, *, site: str = "") -> list[Hit]:
        """Every message with a row number above ``after``, oldest first."""
        return self._hits("m.n > ?", after, limit, site)

    def _hits(self, where: str, after: int, limit: int, site: str) -> list[Hit]:
        rows = self._db.execute(
            f"SELECT m.*, {_CLOSED.format('messages')} OR {_CLOSED.format('conflicts')} AS closed"
            f" FROM every_message m WHERE {where} AND m.n < {_HORIZON} AND (? = '' OR m.site = ?) ORDER BY m.n LIMIT ?",
            (after, site, site, limit),
        )
        return [
            Hit(
                n=r["n"],
                id=f"{r['device']}:{r['epoch']}:{r['seq']}",
                device=r["device"],
                received=r["received"],
                time=r["time"],
                clock=r["clock"],
                kind=r["kind"],
                passage=r["passage"],
                outcome=r["outcome"],
                shown=r["shown"],
                lists=tuple(json.loads(r["lists"])),
                sealed=bytes(r["sealed"]),
                closed=bool(r["closed"]),
                site=r["site"],
            )
            for r in rows
        ]

    def alarms(self, *, done: bool = False) -> list[Alarm]:
        """Open alarms, newest first; with ``done`` also those marked done."""
        rows = self._db.execute(
            "SELECT n, device, code, subject, text, first, last, times, done FROM alarms"
            " WHERE ? OR done = '' ORDER BY last DESC, n DESC LIMIT ?",
            (done, MAX_ROWS),
        )
        return [Alarm(*tuple(r)) for r in rows]


def mark_done(path: Path, n: int, now: datetime) -> bool:
    """Mark one open alarm as done. False if there is no such open alarm. Raises StoreError."""
    View(path).close()  # the file exists and is a store
    try:
        db = sqlite3.connect(path, isolation_level=None)
        try:
            db.execute(f"PRAGMA busy_timeout = {BUSY_MS}")
            return bool(
                db.execute("UPDATE alarms SET done = ? WHERE n = ? AND done = ''", (stamp(now), n)).rowcount
            )
        finally:
            db.close()
    except sqlite3.Error as error:
        raise StoreError(f"{path}: {error}", advice="try again; check the rights of the file") from error


def without(span: tuple[int, int], told: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """What is left of ``span`` (inclusive) when the ranges ``told`` (inclusive, by start) are taken out."""
    first, last = span
    left = []
    for a, b in told:
        if b < first or a > last:
            continue
        if a > first:
            left.append((first, a - 1))
        first = max(first, b + 1)
    if first <= last:
        left.append((first, last))
    return left
