"""The ledger's one database (SQLite): sites, claims, boxes, certificates, and every paper that was signed.

Laws:
1. What ``writing`` returned from is on the disk (WAL, synchronous=FULL); one writer at a time, others wait ``BUSY_MS``.
2. Rows of ``papers`` and ``certificates`` are never removed and never change but by being revoked.
3. No private key, no passphrase and no traveller's data stand here.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import sqlite_utils
from sqlite_utils.migrations import Migrations

from provisioning.errors import LedgerError

BUSY_MS: Final = 5000
Row = sqlite3.Row
migrations = Migrations("provisioning")

_FIRST = (
    "CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT",
    """CREATE TABLE keys (
        name  TEXT PRIMARY KEY,    -- claim, command, spare, root-1, escrow, seal, ack
        role  TEXT NOT NULL,       -- claim, command, root, escrow, seal, ack
        line  TEXT NOT NULL,       -- ed25519:… or x25519:…
        kid   TEXT NOT NULL,
        made  TEXT NOT NULL,
        place TEXT NOT NULL,       -- where the private half was put when it was made
        ended TEXT NOT NULL DEFAULT ''
    ) STRICT""",
    """CREATE TABLE sites (
        site   TEXT PRIMARY KEY,
        name   TEXT NOT NULL,
        added  TEXT NOT NULL,
        config TEXT NOT NULL,      -- edge.toml with @device@ and the like
        lists  TEXT NOT NULL,      -- JSON array of list ids whose keys its boxes get
        boxes  INTEGER NOT NULL DEFAULT 0   -- device ids given out; none is given twice
    ) STRICT""",
    """CREATE TABLE site_files (
        site TEXT NOT NULL REFERENCES sites, name TEXT NOT NULL, content BLOB NOT NULL, PRIMARY KEY (site, name)
    ) STRICT""",
    """CREATE TABLE claims (
        nonce   TEXT PRIMARY KEY,
        site    TEXT NOT NULL REFERENCES sites,
        uses    INTEGER NOT NULL,
        created TEXT NOT NULL,
        expires TEXT NOT NULL,
        withdrawn TEXT NOT NULL DEFAULT ''
    ) STRICT""",
    """CREATE TABLE claim_uses (
        nonce TEXT NOT NULL REFERENCES claims, serial TEXT NOT NULL, at TEXT NOT NULL,
        sequence INTEGER NOT NULL, -- the envelope that answered it
        PRIMARY KEY (nonce, serial)
    ) STRICT""",
    """CREATE TABLE boxes (
        serial     TEXT PRIMARY KEY,
        device     TEXT NOT NULL,  -- '' while only its keys are held
        site       TEXT NOT NULL,
        public_key BLOB NOT NULL,  -- SubjectPublicKeyInfo, DER
        seal_key   TEXT NOT NULL,
        state      TEXT NOT NULL,  -- held, enrolled, revoked
        sequence   INTEGER NOT NULL DEFAULT 0,
        enrolled   TEXT NOT NULL,
        replaces   TEXT NOT NULL DEFAULT '',    -- serial of the box whose place it took
        inventory  TEXT NOT NULL DEFAULT '{}',
        ended      TEXT NOT NULL DEFAULT '',
        reason     TEXT NOT NULL DEFAULT ''
    ) STRICT""",
    "CREATE UNIQUE INDEX devices ON boxes (device) WHERE device <> ''",
    """CREATE TABLE certificates (
        number  TEXT PRIMARY KEY,  -- X.509 serial number, hexadecimal
        subject TEXT NOT NULL,
        kind    TEXT NOT NULL,     -- device, server, client
        serial  TEXT NOT NULL,     -- the box, '' for headquarters' own
        made    TEXT NOT NULL,
        until   TEXT NOT NULL,
        revoked TEXT NOT NULL DEFAULT '',
        pem     TEXT NOT NULL
    ) STRICT""",
    "CREATE INDEX certificates_of ON certificates (serial)",
    """CREATE TABLE papers (
        n      INTEGER PRIMARY KEY AUTOINCREMENT,
        at     TEXT NOT NULL,
        kind   TEXT NOT NULL,      -- claim, envelope, reset, time, revoked, national, site, box, key
        serial TEXT NOT NULL,
        number INTEGER NOT NULL,   -- sequence of an envelope or reset, number of the others
        until  TEXT NOT NULL,
        digest TEXT NOT NULL,      -- SHA-256 of the paper as a file
        who    TEXT NOT NULL,      -- account of the machine it was signed on
        detail TEXT NOT NULL
    ) STRICT""",
    "CREATE INDEX papers_of ON papers (serial, n)",
)


@migrations()
def first(db: sqlite_utils.Database) -> None:
    """The tables of the first version."""
    for statement in _FIRST:
        db.execute(statement)


class Store:
    """One open ledger. Not for several threads."""

    def __init__(self, path: Path, *, new: bool = False) -> None:
        """Raises LedgerError for a file that is not there (unless ``new``), damaged, or not a ledger."""
        self.path = path
        if path.exists() == new:
            raise LedgerError(
                f"{path}: is there already" if new else f"{path}: there is no ledger",
                advice="give another folder" if new else "make one: borderpost-provision init, or mend --authority",
            )
        try:
            if new:
                path.touch(mode=0o600)
            self._connection = sqlite3.connect(path, isolation_level=None)
            self._connection.row_factory = sqlite3.Row
            self._connection.execute(f"PRAGMA busy_timeout = {BUSY_MS}")
            self._connection.execute("PRAGMA journal_mode = WAL")
            self._connection.execute("PRAGMA synchronous = FULL")
            self._connection.execute("PRAGMA foreign_keys = ON")
            migrations.apply(sqlite_utils.Database(self._connection))
        except (OSError, sqlite3.Error) as error:
            raise self._failed(error) from error

    @contextmanager
    def writing(self) -> Iterator[None]:
        """A transaction: all of it, or (after any error, Ctrl-C too) nothing. Raises LedgerError if others hold it."""
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise
            self._connection.execute("COMMIT")
        except sqlite3.Error as error:
            raise self._failed(error) from error

    def row(self, query: str, *values: object) -> Row | None:
        """The first row, or None."""
        return next(iter(self.rows(query, *values)), None)

    def rows(self, query: str, *values: object) -> list[Row]:
        """All rows."""
        try:
            return list(self._connection.execute(query, values))
        except sqlite3.Error as error:
            raise self._failed(error) from error

    def put(self, table: str, **values: Any) -> None:
        """Insert one row; inside ``writing``."""
        marks = ", ".join("?" * len(values))
        self._connection.execute(f"INSERT INTO {table} ({', '.join(values)}) VALUES ({marks})", tuple(values.values()))

    def change(self, statement: str, *values: object) -> int:
        """Run one statement inside ``writing``; how many rows it changed."""
        return self._connection.execute(statement, values).rowcount

    def meta(self, key: str) -> str:
        """A single value, '' where there is none."""
        row = self.row("SELECT value FROM meta WHERE key = ?", key)
        return str(row["value"]) if row else ""

    def set_meta(self, key: str, value: str) -> None:
        """Put or replace a single value; inside ``writing``."""
        self._connection.execute("INSERT OR REPLACE INTO meta (key, value) VALUES (?, ?)", (key, value))

    def close(self) -> None:
        """Close; what was not committed is gone."""
        self._connection.close()

    def _failed(self, error: OSError | sqlite3.Error) -> LedgerError:
        if "locked" in str(error):
            return LedgerError(f"{self.path}: somebody else is writing", advice="wait until that has ended")
        return LedgerError(f"{self.path}: {error}", advice="check rights and free space; restore the newest copy")
