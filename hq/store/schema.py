"""The tables of headquarters' database, as migrations that each run once, in a transaction."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import sqlite_utils
from sqlite_utils.migrations import Migrations

from hq.errors import StoreError
from hq.store.heads import HEADS
from hq.store.visits import TABLES

BUSY_MS = 5000  # how long a reader or the alarm verb may hold the lock
JOURNAL_LIMIT = 16 << 20  # bytes: the write-ahead log shrinks back to this

migrations = Migrations("hq")

_FIRST = (
    "CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT",
    """CREATE TABLE messages (
        n        INTEGER PRIMARY KEY AUTOINCREMENT,
        device   TEXT NOT NULL,
        epoch    TEXT NOT NULL,
        seq      INTEGER NOT NULL,
        received TEXT NOT NULL,   -- RFC 3339, headquarters' clock
        time     TEXT NOT NULL,   -- the box's own word, with its clock state beside it
        clock    TEXT NOT NULL,
        boot     TEXT NOT NULL,
        mono     INTEGER NOT NULL, -- milliseconds since the box's boot
        digest   BLOB NOT NULL,   -- SHA-256 of sealed
        sealed   BLOB NOT NULL,
        kind     TEXT NOT NULL DEFAULT '',   -- passage, closing, dropped, notice, fingers, unopened; '' until read
        passage  TEXT NOT NULL DEFAULT '',   -- the passage a passage or closing speaks of
        outcome  TEXT NOT NULL DEFAULT '',   -- the truth
        shown    TEXT NOT NULL DEFAULT '',   -- what the counter saw
        lists    TEXT NOT NULL DEFAULT '[]', -- JSON array of list ids that gave a reason
        UNIQUE (device, epoch, seq)
    ) STRICT""",
    "CREATE INDEX hits ON messages (n) WHERE outcome IN ('HIT', 'POSSIBLE')",
    "CREATE INDEX unread ON messages (n) WHERE kind = ''",
    "CREATE INDEX closings ON messages (device, passage) WHERE kind = 'closing'",
    """CREATE TABLE epochs (
        device     TEXT NOT NULL,
        epoch      TEXT NOT NULL,
        first_seen TEXT NOT NULL,
        last_seen  TEXT NOT NULL,
        held       INTEGER NOT NULL DEFAULT 0,
        oldest     INTEGER NOT NULL DEFAULT 0,   -- lowest seq held
        newest     INTEGER NOT NULL DEFAULT 0,   -- highest seq held
        offered    INTEGER NOT NULL DEFAULT 0,   -- lowest seq the box ever said it still has
        duplicates INTEGER NOT NULL DEFAULT 0,
        conflicts  INTEGER NOT NULL DEFAULT 0,
        unopened   INTEGER NOT NULL DEFAULT 0,
        PRIMARY KEY (device, epoch)
    ) STRICT""",
    """CREATE TABLE devices (
        device     TEXT PRIMARY KEY,
        first_seen TEXT NOT NULL,
        last_seen  TEXT NOT NULL,
        online     INTEGER NOT NULL DEFAULT 0,
        since      TEXT NOT NULL DEFAULT '',
        session    TEXT NOT NULL DEFAULT '',
        presence   TEXT NOT NULL DEFAULT '{}',
        health     TEXT NOT NULL DEFAULT '{}',
        health_at  TEXT NOT NULL DEFAULT ''
    ) STRICT""",
    """CREATE TABLE dropped (
        device TEXT NOT NULL, epoch TEXT NOT NULL, first INTEGER NOT NULL, last INTEGER NOT NULL,
        PRIMARY KEY (device, epoch, first, last)
    ) STRICT""",
    """CREATE TABLE conflicts (
        n INTEGER PRIMARY KEY AUTOINCREMENT,
        device TEXT NOT NULL, epoch TEXT NOT NULL, seq INTEGER NOT NULL,
        received TEXT NOT NULL, digest BLOB NOT NULL, sealed BLOB NOT NULL,
        UNIQUE (device, epoch, seq, digest)
    ) STRICT""",
    """CREATE TABLE quarantine (
        n INTEGER PRIMARY KEY AUTOINCREMENT,
        received TEXT NOT NULL, topic TEXT NOT NULL, reason TEXT NOT NULL, payload BLOB NOT NULL
    ) STRICT""",
    """CREATE TABLE alarms (
        n       INTEGER PRIMARY KEY AUTOINCREMENT,
        device  TEXT NOT NULL,
        code    TEXT NOT NULL,
        subject TEXT NOT NULL,
        text    TEXT NOT NULL,
        first   TEXT NOT NULL,
        last    TEXT NOT NULL,
        times   INTEGER NOT NULL DEFAULT 1,
        done    TEXT NOT NULL DEFAULT '',
        UNIQUE (device, code, subject)
    ) STRICT""",
)


_COLUMNS = (
    "device, epoch, seq, received, time, clock, boot, mono, digest, sealed, kind, passage, outcome, shown, lists, site"
)
_EVERY = f"SELECT n, {_COLUMNS} FROM messages UNION ALL SELECT m, {_COLUMNS} FROM conflicts"


@migrations()
def first(db: sqlite_utils.Database) -> None:
    """The tables of version 0.1."""
    for statement in _FIRST:
        db.execute(statement)


@migrations()
def look_again(db: sqlite_utils.Database) -> None:
    """Bodies that stayed closed are looked into once more: an older version did not know those about fingers."""
    db.execute("UPDATE messages SET kind = '' WHERE kind = 'unopened'")
    db.execute("UPDATE epochs SET unopened = 0")


@migrations()
def provisioning(db: sqlite_utils.Database) -> None:
    """Sites, sticks, requests and envelopes."""
    for statement in TABLES:
        db.execute(statement)


@migrations()
def beside(db: sqlite_utils.Database) -> None:
    """Bodies in conflict are looked into like others, and stand in one order with them: ``m`` is their row number."""
    for column in ("time", "clock", "boot", "kind", "passage", "outcome", "shown", "site"):
        db.execute(f"ALTER TABLE conflicts ADD COLUMN {column} TEXT NOT NULL DEFAULT ''")
    db.execute("ALTER TABLE conflicts ADD COLUMN mono INTEGER NOT NULL DEFAULT 0")
    db.execute("ALTER TABLE conflicts ADD COLUMN lists TEXT NOT NULL DEFAULT '[]'")
    db.execute("ALTER TABLE conflicts ADD COLUMN m INTEGER NOT NULL DEFAULT 0")
    db.execute("CREATE INDEX conflict_hits ON conflicts (m) WHERE outcome IN ('HIT', 'POSSIBLE')")
    db.execute("CREATE INDEX conflict_unread ON conflicts (m) WHERE kind = ''")
    db.execute("CREATE INDEX conflict_closings ON conflicts (device, passage) WHERE kind = 'closing'")
    db.execute("UPDATE conflicts SET time = received, clock = 'UNTRUSTED'")  # the box's own word was not kept
    for (n,) in db.execute("SELECT n FROM conflicts ORDER BY n").fetchall():
        db.execute("UPDATE conflicts SET m = ? WHERE n = ?", (next_number(db.conn), n))
    db.execute(f"CREATE VIEW every_message AS {_EVERY}")


@migrations()
def sites_by_time(db: sqlite_utils.Database) -> None:
    """When the box itself was last heard at a site, beside when it last said by any way that it stood there."""
    db.execute("ALTER TABLE sites ADD COLUMN live TEXT NOT NULL DEFAULT ''")
    db.execute("UPDATE sites SET live = last")


@migrations()
def audit_heads(db: sqlite_utils.Database) -> None:
    """Heads of the boxes' audit chains."""
    db.execute(HEADS)


def next_number(db: sqlite3.Connection) -> int:
    """The next row number of messages, for a row that stands beside them. Inside the caller's transaction."""
    if not db.execute("UPDATE sqlite_sequence SET seq = seq + 1 WHERE name = 'messages'").rowcount:
        db.execute("INSERT INTO sqlite_sequence (name, seq) VALUES ('messages', 1)")
    return int(db.execute("SELECT seq FROM sqlite_sequence WHERE name = 'messages'").fetchone()[0])


def open_writing(path: Path) -> sqlite3.Connection:
    """Open (making it if need be) the database for its one writer. Raises StoreError."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            path.touch(mode=0o600)
        connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        connection.execute(f"PRAGMA busy_timeout = {BUSY_MS}")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute(f"PRAGMA journal_size_limit = {JOURNAL_LIMIT}")
        migrations.apply(sqlite_utils.Database(connection))
    except (OSError, sqlite3.Error) as error:
        raise StoreError(
            f"{path}: {error}",
            advice="check the folder, its rights and the free space; restore a backup if it is damaged",
        ) from error
    return connection


def open_reading(path: Path) -> sqlite3.Connection:
    """Open an existing database read-only. Raises StoreError."""
    if not path.exists():
        raise StoreError(f"{path}: there is no such database", advice="start `borderpost-hq run` first")
    try:
        connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True, isolation_level=None)
        connection.row_factory = sqlite3.Row
        connection.execute(f"PRAGMA busy_timeout = {BUSY_MS}")
        connection.execute("SELECT 1 FROM meta, every_message, heads LIMIT 1").fetchone()
    except sqlite3.Error as error:
        raise StoreError(
            f"{path}: {error}", advice="give the database of `borderpost-hq run`; an older one is brought up by it"
        ) from error
    return connection
