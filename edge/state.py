"""Small durable values: the clock's floor and the high-water marks of the lists.

Laws: every change is on disk when the call returns (synchronous=FULL); the floor and the marks only
rise, whatever order calls come in; a mark falls by ``reset_high_water`` alone, the floor by ``lower_floor``.
The store id that the journal trusts stands in the journal itself, because it changes together with rows there.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

import sqlite_utils
from sqlite_utils.migrations import Migrations

from edge.core.errors import BorderpostError

MAX_VALUE = 4096  # characters of one value
_KIND = "lists.kind."  # and a list id: the name of a value
_GALLERY = "gallery"
_GALLERIES = f"select name from small where name like '{_KIND}%' and value = '{_GALLERY}'"
_DAMAGE = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
migrations = Migrations("state")


@migrations()
def first_tables(db: sqlite_utils.Database) -> None:
    """Named values, and one mark per list."""
    db.execute("create table small (name text primary key, value text not null) without rowid")
    db.execute("create table marks (list text primary key, generation integer not null) without rowid")


class StateError(BorderpostError):
    """The state file cannot be opened, read or written."""

    def __init__(self, message: str) -> None:
        super().__init__(message, advice="check that the state folder is writable and has free space")


class State:
    """The values in the file at ``path``; safe to share between threads.

    A damaged file is renamed ``NAME.corrupt-N`` and a new one begun: ``set_aside`` then names it, and
    the clock and the lists begin without a floor.
    """

    def __init__(self, path: Path) -> None:
        self._lock = threading.Lock()
        self.set_aside = ""
        try:
            try:
                self._db = _opened(path)
            except sqlite3.DatabaseError as error:
                if getattr(error, "sqlite_errorcode", 0) & 0xFF not in _DAMAGE:
                    raise
                self.set_aside = _put_aside(path)
                self._db = _opened(path)
        except (OSError, sqlite3.Error) as error:
            raise StateError(f"the state file {path.name} cannot be opened: {error}") from error

    def floor(self) -> datetime | None:
        """The latest signed time that was ever believed, aware UTC; None before the first."""
        text = self.get("floor")
        try:
            return datetime.fromisoformat(text) if text else None
        except ValueError:
            return None

    def raise_floor(self, to: datetime) -> None:
        """Move the floor forward; an earlier time changes nothing."""
        with self._write() as db:
            db.execute(
                "insert into small values ('floor', ?)"
                " on conflict (name) do update set value = max(value, excluded.value)",
                (to.astimezone(UTC).isoformat(timespec="microseconds"),),
            )

    def lower_floor(self, to: datetime) -> None:
        """Set the floor to ``to``, also backwards: only on a word that the root's threshold signed (edge.clock)."""
        with self._write() as db:
            db.execute(
                "insert or replace into small values ('floor', ?)",
                (to.astimezone(UTC).isoformat(timespec="microseconds"),),
            )

    def high_water(self) -> dict[str, int]:
        """List id -> the highest generation ever accepted."""
        with self._read() as db:
            return dict(db.execute("select list, generation from marks").fetchall())

    def raise_high_water(self, list_id: str, generation: int) -> None:
        """Remember that this generation was accepted; a lower one changes nothing."""
        with self._write() as db:
            db.execute(
                "insert into marks values (?, ?)"
                " on conflict (list) do update set generation = max(generation, excluded.generation)",
                (list_id, generation),
            )

    def reset_high_water(self, list_id: str, generation: int) -> None:
        """Let the mark of a list fall: only where a newer root replaced that list's keys (docs/distribution.md)."""
        with self._write() as db:
            db.execute("insert or replace into marks values (?, ?)", (list_id, generation))

    def galleries(self) -> frozenset[str]:
        """Lists that were galleries of fingers when they were in use last."""
        with self._read() as db:
            return _ids(db.execute(_GALLERIES).fetchall())

    def note_kind(self, list_id: str, *, gallery: bool) -> None:
        """Remember what a list is, so that one whose files are gone is missed as what it was."""
        if (self.get(_kind_note(list_id)) == _GALLERY) is not gallery:
            self.put(_kind_note(list_id), _GALLERY if gallery else "")

    def get(self, name: str) -> str | None:
        """A named value, or None."""
        with self._read() as db:
            row = db.execute("select value from small where name = ?", (name,)).fetchone()
        return row[0] if row else None

    def put(self, name: str, value: str) -> None:
        """Set a named value of at most ``MAX_VALUE`` characters; the floor has its own method."""
        if name == "floor" or len(value) > MAX_VALUE:
            raise StateError(f"the value {name!r} may not be set like this")
        with self._write() as db:
            db.execute("insert or replace into small values (?, ?)", (name, value))

    def named(self, prefix: str) -> dict[str, str]:
        """The named values whose names begin so."""
        with self._read() as db:
            rows = db.execute("select name, value from small where substr(name, 1, ?) = ?", (len(prefix), prefix))
            return dict(rows.fetchall())

    def close(self) -> None:
        """Let go of the file."""
        with self._lock:
            self._db.close()

    @contextlib.contextmanager
    def _read(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            try:
                yield self._db
            except sqlite3.Error as error:
                raise StateError(f"the state file cannot be used: {error}") from error

    @contextlib.contextmanager
    def _write(self) -> Iterator[sqlite3.Connection]:
        """One statement, committed by SQLite itself (no transaction is open between calls)."""
        with self._read() as db:
            yield db


def damage_note(list_id: str) -> str:
    """The name of the value in which a running box tells an update which files of a list it found damaged."""
    return f"lists.damaged.{list_id}"


def _kind_note(list_id: str) -> str:
    return f"{_KIND}{list_id}"


def _ids(rows: list[Any]) -> frozenset[str]:
    return frozenset(name.removeprefix(_KIND) for (name,) in rows)


def known_galleries(path: Path) -> frozenset[str]:
    """``State.galleries`` of a state file, read from outside the box; none where there is no such file."""
    return _ids(_looked_up(path, _GALLERIES))


def accepted(path: Path) -> dict[str, int]:
    """The high-water marks in a state file, read from outside the box; none where there is no such file."""
    return dict(_looked_up(path, "select list, generation from marks"))


def floor_of(path: Path) -> datetime | None:
    """``State.floor`` of a state file, read from outside the box; None where there is no such file."""
    rows = _looked_up(path, "select value from small where name = 'floor'")
    try:
        return datetime.fromisoformat(rows[0][0]) if rows else None
    except ValueError:
        return None


def _looked_up(path: Path, query: str) -> list[Any]:
    try:
        if not path.exists():
            return []
        with contextlib.closing(sqlite3.connect(f"file:{quote(str(path))}?mode=ro", uri=True)) as db:
            return db.execute(query).fetchall()
    except (OSError, sqlite3.Error) as error:
        why = error.strerror if isinstance(error, OSError) else error
        raise StateError(f"the state file {path.name} cannot be read: {why}") from error


def _opened(path: Path) -> sqlite3.Connection:
    os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    db = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=5.0)
    try:
        for pragma in ("journal_mode = wal", "synchronous = full", "max_page_count = 256"):
            db.execute(f"pragma {pragma}").fetchall()
        if [tuple(row) for row in db.execute("pragma quick_check(1)")] != [("ok",)]:
            raise _damaged()
        migrations.apply(sqlite_utils.Database(db))
    except BaseException:
        db.close()
        raise
    return db


def _damaged() -> sqlite3.DatabaseError:
    error = sqlite3.DatabaseError("quick_check found damage")
    error.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
    return error


def _put_aside(path: Path) -> str:
    number = 1
    while (target := path.with_name(f"{path.stem}.corrupt-{number}")).exists():
        number += 1
    for suffix in ("-wal", "-shm"):
        side = path.with_name(path.name + suffix)
        if side.exists():
            side.rename(target.with_name(target.name + suffix))
    path.rename(target)
    return target.name
