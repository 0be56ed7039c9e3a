"""The database file: how it is made, opened, checked and, when it is damaged, set aside.

Laws:
1. WAL with synchronous=FULL: what was committed survives a power cut (ARCHITECTURE law 3).
2. The file has a quota in pages; deleted content is overwritten (secure_delete).
3. An epoch is made with the file: a new file never repeats a message id. A file may begin further ones.
4. A schema is changed within the reserve: a journal that is full opens all the same.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Callable
from pathlib import Path

import sqlite_utils
from sqlite_utils.migrations import Migrations

from edge.journal import asides, restoring
from edge.journal.epochs import begin
from edge.journal.model import JournalLimits, JournalUnavailableError, Notice
from edge.journal.room import max_pages, reserve
from edge.journal.salvage import salvage

migrations = Migrations("journal")

_TABLES = """
create table meta (name text primary key, value text not null) without rowid;
create table passages (
  passage text primary key, seq integer not null unique, at text not null, clock text not null,
  counter text not null, direction text not null, shown text not null, state text not null,
  summary text not null, number_hash text not null, late integer not null,
  code text not null default '', closed_at text
) without rowid;
create index passages_awaiting on passages (seq) where state = 'awaiting';
create table outbox (
  seq integer primary key autoincrement, at text not null, clock text not null, boot text not null,
  mono_ms integer not null, sha256 blob not null, keep blob not null, acked_at text, gone text
);
create index outbox_live on outbox (seq) where gone is null;
create index outbox_pending on outbox (seq) where acked_at is null and gone is null;
create index outbox_acked on outbox (acked_at) where acked_at is not null and gone is null;
create table bodies (seq integer primary key, body blob not null);
create table audit (
  number integer primary key, at text not null, kind text not null, body text,
  body_hash text not null, previous text not null, hash text not null
);
create table marks (at text primary key, seq integer not null, audit integer not null) without rowid;
"""


@migrations()
def first_tables(db: sqlite_utils.Database) -> None:
    """Passages as shown, the outbox with its shelf of bodies, the audit chain, marks of trusted time."""
    for statement in filter(str.strip, _TABLES.split(";\n")):
        db.execute(statement)


@migrations()
def epochs(db: sqlite_utils.Database) -> None:
    """Which seqs belong to which epoch. A row says it too, so that a page of a damaged file speaks for itself."""
    db.execute(
        "create table epochs (first integer primary key, epoch text not null, at text not null, reason text not null)"
    )
    db.execute("insert into epochs select 1, value, '', '' from meta where name = 'epoch'")
    db.execute("alter table outbox add column epoch text not null default ''")


def open_journal(
    path: Path, limits: JournalLimits, token: Callable[[], str]
) -> tuple[sqlite3.Connection, tuple[Notice, ...]]:
    """A sound journal at ``path``: the one that is there, or a new one beside a damaged one set aside.

    The new one holds the un-acked rows of the damaged one, under their old ids (``restoring``); ``restoring.settle``
    belongs to whoever has written the notice down. Raises JournalUnavailableError when the file system refuses.
    """
    try:
        suspect = _suspect_mark(path)
        if path.exists() and not is_sound(path, thorough=suspect.exists()):
            asides.set_aside(path)
        suspect.unlink(missing_ok=True)
        _make_private(path)
        connection = _prepared(path, limits, token)
        notices = restoring.restore(connection, path, limits)
        asides.prune(path, restoring.under_way(connection), limits.quota_bytes)
        return connection, notices
    except (OSError, sqlite3.Error) as error:
        raise JournalUnavailableError(
            f"the journal {path.name} cannot be opened: {error}",
            advice="check that its folder exists, is writable for the service and has free space",
        ) from error


def is_sound(path: Path, *, thorough: bool = False) -> bool:
    """False when SQLite finds the file damaged; errors of the file system are raised as they are."""
    check = "integrity_check" if thorough else "quick_check"
    connection = sqlite3.connect(path, isolation_level=None)
    try:
        return [tuple(row) for row in connection.execute(f"pragma {check}(1)")] == [("ok",)]
    except sqlite3.DatabaseError as error:
        if is_damage(error):
            return False
        raise
    finally:
        connection.close()


def is_damage(error: sqlite3.Error) -> bool:
    """True if the error says that the file itself is damaged."""
    return _primary(error) in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


def is_full(error: sqlite3.Error) -> bool:
    """True if the error says that the quota or the disk is used up."""
    return _primary(error) == sqlite3.SQLITE_FULL


def mark_suspect(path: Path) -> None:
    """Leave word for the next start that the file must be checked thoroughly."""
    _suspect_mark(path).touch(mode=0o600)


def connect(path: Path, limits: JournalLimits) -> sqlite3.Connection:
    """The owner's connection, with every pragma set. Transactions are begun by hand."""
    # psow=0: no commit shares a sector of the log with the one before it, so a sector that is torn when the power goes
    # costs nothing that was acknowledged (sqlite.org/psow.html); the price is a page a commit.
    where = f"{path.resolve().as_uri()}?psow=0"
    connection = sqlite3.connect(where, uri=True, isolation_level=None, check_same_thread=False, timeout=5.0)
    for pragma in (
        f"page_size = {limits.page_size}",
        "journal_mode = wal",
        "synchronous = full",
        "temp_store = memory",  # a statement's journal would be a file on a disk that may be full
        "secure_delete = on",
        "foreign_keys = on",
        f"wal_autocheckpoint = {limits.wal_pages}",
        f"journal_size_limit = {limits.wal_bytes}",
        f"max_page_count = {max_pages(limits)}",
    ):
        connection.execute(f"pragma {pragma}").fetchall()
    return connection


def connect_reading(path: Path) -> sqlite3.Connection:
    """A connection that cannot write, for views; sees every commit as soon as it is made."""
    return sqlite3.connect(
        f"{path.resolve().as_uri()}?mode=ro",
        uri=True,
        isolation_level=None,
        check_same_thread=False,
        timeout=5.0,
    )


def _prepared(path: Path, limits: JournalLimits, token: Callable[[], str]) -> sqlite3.Connection:
    connection = connect(path, limits)
    with reserve(connection, limits):
        migrations.apply(sqlite_utils.Database(connection))
        if not connection.execute("select 1 from meta where name = 'epoch'").fetchone():
            _begin_first(connection, path, token())
    return connection


def _begin_first(connection: sqlite3.Connection, path: Path, epoch: str) -> None:
    """The first epoch of a new file, which goes on where the files that were set aside had to stop."""
    with contextlib.ExitStack() as stack:
        olds = []
        for aside in asides.unfinished(path)[-asides.MAX_KEPT :]:  # the others have their turn later (``earlier``)
            with contextlib.suppress(JournalUnavailableError):
                olds.append((aside.name, stack.enter_context(salvage(aside))))
        if olds:
            restoring.adopt(connection, olds, epoch)
            return
    connection.execute("begin immediate")
    begin(connection, epoch, 1, "", "")
    connection.execute("commit")


def _make_private(path: Path) -> None:
    os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    directory = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


def _suspect_mark(path: Path) -> Path:
    return path.with_name(path.name + ".suspect")


def _primary(error: sqlite3.Error) -> int:
    return getattr(error, "sqlite_errorcode", 0) & 0xFF
