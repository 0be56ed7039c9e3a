"""The journal seen from another process (status, doctor, passages, audit): reads, never writes."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import stat
from collections.abc import Iterator
from pathlib import Path

from edge.core import audit_file
from edge.journal import schema, views
from edge.journal.entries import audit_base
from edge.journal.looking import JournalView
from edge.journal.model import JournalForbiddenError, JournalLimits, JournalUnavailableError


class ReadOnlyJournal(JournalView):
    """A view of the database at ``path``; the daemon may run or not. ``close()`` at the end.

    Figures that live in the daemon's memory (retrying, forgotten, failures) read 0 here.
    """

    def __init__(self, path: Path, limits: JournalLimits | None = None) -> None:
        self._limits = limits or JournalLimits()
        _look_at(path)
        try:
            self._db = schema.connect_reading(path)
            views.epoch(self._db)
        except (sqlite3.Error, TypeError) as error:
            raise _unreadable(path, str(error)) from error
        self._path = path

    def export_audit(self, at: str) -> Iterator[bytes]:
        """The audit chain as a file (``edge.core.audit_file``), line by line, in one snapshot; ``at``: when."""
        with self._reader() as db:
            db.execute("begin")
            try:
                after, previous = audit_base(db)
                opening = audit_file.Opening(device=views.device(db), after=after, previous=previous, at=at)
                yield from audit_file.written(opening, views.audit_rows(db))
            finally:
                db.execute("rollback")

    def close(self) -> None:
        """Let go of the file."""
        self._db.close()

    def __enter__(self) -> ReadOnlyJournal:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @contextlib.contextmanager
    def _reader(self) -> Iterator[sqlite3.Connection]:
        try:
            yield self._db
        except sqlite3.Error as error:
            raise _unreadable(self._path, str(error)) from error


def read_only(path: Path, limits: JournalLimits | None = None) -> ReadOnlyJournal:
    """Open the journal at ``path`` for reading; JournalUnavailableError when that cannot be done."""
    return ReadOnlyJournal(path, limits)


def _look_at(path: Path) -> None:
    """Say why the file cannot be read, better than SQLite would. Never opens it: a lock might be lost with it."""
    try:
        regular = stat.S_ISREG(path.stat().st_mode)
        allowed = os.access(path, os.R_OK, effective_ids=True)
    except PermissionError:
        regular, allowed = True, False
    except OSError as error:
        raise _unreadable(path, (error.strerror or "cannot be reached").lower()) from error
    if not regular:
        raise _unreadable(path, "not a regular file")
    if not allowed:
        raise JournalForbiddenError(
            f"the journal {path.name} cannot be read: permission denied", advice="run this as the box's user or as root"
        )


def _unreadable(path: Path, why: str) -> JournalUnavailableError:
    return JournalUnavailableError(
        f"the journal {path.name} cannot be read: {why}",
        advice="check the state folder in the configuration and run this as the service's user",
    )
