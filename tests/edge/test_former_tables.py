"""A version that comes back after a failed update opens what the newer one has migrated (docs/adr/0030, point 8).

The first version's tables stand in tests/edge/former. What that version reads and writes must go on working in a file
that this version has brought up: every table and column of then is there, with the same meaning to SQLite, and a row
that names only the columns of then can still be written.
"""

from __future__ import annotations

import gzip
import sqlite3
from pathlib import Path

import journal_kit
import pytest
import sqlite_utils
from sqlite_utils.migrations import Migrations

from edge import state
from edge.journal import schema

FORMER = Path(__file__).with_name("former")
Column = tuple[str, str, int, object, int]  # name, type, not null, default, place in the primary key


@pytest.fixture(params=["journal", "state"])
def files(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[str, sqlite3.Connection, sqlite3.Connection]:
    """The set's name, a file of the first version, and one that this version has migrated."""
    paths = tmp_path / "former.sqlite", tmp_path / "journal.sqlite"
    for path in paths:
        if request.param == "journal":
            path.write_bytes(gzip.decompress((FORMER / "journal-first.sqlite.gz").read_bytes()))
        else:
            with sqlite3.connect(path) as db:
                db.executescript((FORMER / "state-first.sql").read_text("ascii"))
    if request.param == "journal":
        journal = journal_kit.journal(paths[1])
        journal.start()
        journal_kit.record(journal, [900])
        journal.renew_epoch("disk_restored")
        journal.close()
    else:
        with sqlite3.connect(paths[1]) as db:
            state.migrations.apply(sqlite_utils.Database(db))
    before, now = (sqlite3.connect(path, isolation_level=None) for path in paths)
    return request.param, before, now


def tables(db: sqlite3.Connection) -> list[str]:
    return [name for (name,) in db.execute(
        "select name from sqlite_master where type = 'table' and name not like 'sqlite_%' and name not like '_sqlite%'"
    )]  # fmt: skip


def columns(db: sqlite3.Connection, table: str) -> list[Column]:
    return [(n, t, notnull, default, pk) for _, n, t, notnull, default, pk in db.execute(f"pragma table_info({table})")]


def unique(db: sqlite3.Connection, table: str) -> set[tuple[str, ...]]:
    return {
        tuple(row[2] for row in db.execute(f"pragma index_info('{name}')"))
        for _, name, is_unique, *_ in db.execute(f"pragma index_list({table})") if is_unique
    }  # fmt: skip


Files = tuple[str, sqlite3.Connection, sqlite3.Connection]


def test_every_table_and_column_of_then_is_there_and_new_ones_ask_for_nothing(files: Files) -> None:
    _, before, now = files
    assert tables(before)
    for table in tables(before):
        old, new = columns(before, table), columns(now, table)
        assert new[: len(old)] == old, table
        for name, _, notnull, default, key in new[len(old) :]:
            assert not key, (table, name)
            assert not notnull or default is not None, f"{table}.{name}: a former version cannot write a row"
        assert unique(now, table) == unique(before, table)
    assert now.execute("select count(*) from sqlite_master where type = 'trigger'").fetchone() == (0,)


def test_a_row_that_names_the_columns_of_then_can_be_written_and_read(files: Files) -> None:
    _, before, now = files
    for number, table in enumerate(tables(before)):
        old = columns(before, table)
        values = [{"integer": 10_000_000 + number, "blob": b"x"}.get(kind.lower(), f"x{number}") for _, kind, *_ in old]
        names = ", ".join(name for name, *_ in old)
        now.execute(f"insert into {table} ({names}) values ({', '.join('?' * len(old))})", values)
        keys = [(name, value) for (name, *_, key), value in zip(old, values, strict=True) if key]
        where = " and ".join(f"{name} = ?" for name, _ in keys)
        found = now.execute(f"select {names} from {table} where {where}", [value for _, value in keys]).fetchone()
        assert list(found) == values


def test_the_migrations_of_then_find_nothing_to_do(files: Files) -> None:
    name, before, now = files
    applied = [n for (n,) in before.execute("select name from _sqlite_migrations where migration_set = ?", (name,))]
    assert applied
    then = Migrations(name)
    for one in applied:
        def again(_db: sqlite_utils.Database) -> None:
            raise AssertionError("it would make tables that are there")

        again.__name__ = one
        then()(again)
    then.apply(sqlite_utils.Database(now))
    assert schema.is_sound(Path(now.execute("pragma database_list").fetchone()[2]))
