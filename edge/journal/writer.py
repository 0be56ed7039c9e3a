"""The writing side of the journal: entries, retries and room. Runs on the owner thread only.

Laws:
1. What the disk refuses stays in memory, up to a limit, and is tried again with every later write and
   on a timer; then it is recorded as late.
2. When there is no room, the ballast and then a batch of bodies is given up (``retention.make_room``),
   and the entry is tried again. Then what is *shown* as a lead, its closing, notices and notes have a reserve beyond
   the quota; a silent hit has none, or a full disk would tell it from a CLEAR (ARCHITECTURE law 8). Acks and giving
   up have another one beyond that, because they are what makes room.
3. An entry that can never be written does not block the others; it is counted as forgotten.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TypeVar

from edge.core.verdicts import Outcome
from edge.journal import entries, epochs, retention, schema
from edge.journal.ballast import Ballast
from edge.journal.entries import Closing, Entry, NoteEntry, NoticeEntry, Pen
from edge.journal.model import JournalError, JournalLimits, JournalUnavailableError, NewFinger, NewPassage, Recorded

T = TypeVar("T")
_ROOM_TRIES = 8  # batches given up for one write
_NO_ROOM = "free space on the disk or raise the journal's quota; entries wait in memory meanwhile"


class Writer:
    """Writes entries through ``db`` with ``pen``; ``in_memory`` counts what did not reach the disk."""

    def __init__(
        self,
        db: sqlite3.Connection,
        pen: Pen,
        limits: JournalLimits,
        ballast: Ballast,
        listeners: Sequence[Callable[[], None]],
    ) -> None:
        self._db, self.pen, self._limits, self._ballast = db, pen, limits, ballast
        self._listeners = listeners
        self._tight = False
        self._waiting: deque[Entry] = deque()
        self.in_memory = {"retrying": 0, "forgotten": 0, "failures": 0}

    def write(self, entry: Entry) -> Recorded:
        """Write one entry now, after those that wait.

        Raises JournalUnavailableError when the disk refuses (the entry then waits in memory),
        JournalError when the entry is wrong, sqlite3.DatabaseError when the file is damaged.
        """
        self.write_waiting()
        if isinstance(entry, Closing | NewFinger) and self._waits(entry.passage):
            self._keep(entry)
            raise refused(None)
        try:
            return self._write(entry, late=False)
        except sqlite3.IntegrityError as error:
            raise JournalError(
                "an entry contradicts the journal", advice="report this as a fault of the program"
            ) from error
        except (sqlite3.Error, OSError) as error:
            self._keep(entry)
            if isinstance(error, sqlite3.Error) and schema.is_damage(error):
                raise
            raise refused(error) from error

    def write_waiting(self) -> None:
        """Try the waiting entries in their order; stop at the first that the disk still refuses."""
        while self._waiting:
            entry = self._waiting[0]
            try:
                self._write(entry, late=not isinstance(entry, NoticeEntry))
            except sqlite3.IntegrityError:
                self.in_memory["forgotten"] += 1
            except (sqlite3.Error, OSError):
                return
            except Exception:  # NoSuchPassageError, or a fault of the program: it must not block the others
                self.in_memory["forgotten"] += 1
            self._waiting.popleft()
            self.in_memory["retrying"] = len(self._waiting)

    def tend(self) -> None:
        """What a quiet moment is for: waiting entries, and the ballast back in its place."""
        self.write_waiting()
        if self._tight and self._ballast.restore():
            self._set_tight(False)

    def finish(self) -> None:
        """The last try; what still waits is forgotten with the process. Folds in the WAL."""
        self.write_waiting()
        self.in_memory["forgotten"] += len(self._waiting)
        self._db.execute("pragma wal_checkpoint(truncate)").fetchall()

    def look(self, action: Callable[[sqlite3.Connection], T]) -> T:
        """Run ``action`` on the connection, outside a transaction."""
        return action(self._db)

    def transaction(self, action: Callable[[sqlite3.Connection], T]) -> T:
        """Run ``action`` in one transaction: all of it or nothing."""
        db = self._db
        db.execute("begin immediate")
        try:
            result = action(db)
            db.execute("commit")
        except BaseException:
            if db.in_transaction:
                db.execute("rollback")
            raise
        return result

    def housekeeping(self, action: Callable[[sqlite3.Connection], T]) -> T:
        """``transaction`` with the reserve; on a disk that is full, with the ballast's space."""
        with schema.reserve(self._db, self._limits):
            try:
                return self.transaction(action)
            except sqlite3.Error as error:
                if not schema.is_full(error) or not self._release_ballast():
                    raise
                return self.transaction(action)

    def renew_epoch(self, epoch: str, reason: str) -> str:
        """Write under ``epoch`` from now on; the change, its audit row and its notice are one transaction."""
        pen, before = replace(self.pen, epoch=epoch), self.pen.epoch

        def renewing(db: sqlite3.Connection) -> None:
            first = entries.newest_seq(db) + 1
            epochs.begin(db, epoch, first, entries.stamp(pen.wall()), reason)
            detail: dict[str, str | int] = {"before": before, "epoch": epoch, "first": first, "reason": reason}
            entries.write_entry(db, pen, NoticeEntry("epoch_renewed", detail), late=False)

        self.housekeeping(renewing)
        self.pen = pen
        self._tell()
        return epoch

    def _tell(self) -> None:
        for listener in self._listeners:
            with contextlib.suppress(Exception):  # a listener's fault must not undo what is on disk
                listener()

    def _write(self, entry: Entry, *, late: bool) -> Recorded:
        for _ in range(_ROOM_TRIES):
            try:
                seq = self._put(entry, late)
            except sqlite3.Error as error:
                self.in_memory["failures"] += 1
                if not schema.is_full(error):
                    raise
                if self._make_room():
                    continue
                if not _is_shown(entry):
                    raise
                with schema.reserve(self._db, self._limits, leads=True):
                    seq = self._put(entry, late)
            recorded = Recorded(seq, self.pen.id_of(seq) if seq else "", self.pen.mono())
            if seq:
                self._tell()
            return recorded
        raise sqlite3.OperationalError("no room after giving up what may go")

    def _put(self, entry: Entry, late: bool) -> int:
        return self.transaction(lambda db: entries.write_entry(db, self.pen, entry, late=late))

    def _make_room(self) -> bool:
        """Give something up; True if another try makes sense. Never waits for readers."""
        released = self._release_ballast()
        try:
            given_up = self.housekeeping(lambda db: retention.make_room(db, self.pen, self._limits))
        except sqlite3.Error:
            return released
        return released or given_up > 0

    def _release_ballast(self) -> bool:
        released = self._ballast.release()
        self._set_tight(True)
        return released

    def _set_tight(self, tight: bool) -> None:
        """While space is short every commit is folded in at once.

        The WAL then starts again at its beginning, in space that the disk has given already.
        """
        self._tight = tight
        with contextlib.suppress(sqlite3.Error):
            self._db.execute(f"pragma wal_autocheckpoint = {1 if tight else self._limits.wal_pages}").fetchall()
            self._db.execute("pragma wal_checkpoint(passive)").fetchall()

    def _keep(self, entry: Entry) -> None:
        """Let it wait; when memory is full, what is CLEAR is forgotten first, then notes, then the oldest entry."""
        if len(self._waiting) >= self._limits.retry_entries:
            clear = (e for e in self._waiting if isinstance(e, NewPassage | NewFinger) and e.truth_clear)
            notes = (e for e in self._waiting if isinstance(e, NoteEntry))
            self._waiting.remove(next(clear, None) or next(notes, self._waiting[0]))
            self.in_memory["forgotten"] += 1
        self._waiting.append(entry)
        self.in_memory["retrying"] = len(self._waiting)

    def _waits(self, passage: str) -> bool:
        return any(isinstance(e, NewPassage | NewFinger) and e.passage == passage for e in self._waiting)


def _is_shown(entry: Entry) -> bool:
    """May it use the reserve: by what is shown, never by the truth."""
    return not isinstance(entry, NewPassage | NewFinger) or entry.shown in (Outcome.HIT, Outcome.POSSIBLE)


def refused(error: Exception | None) -> JournalUnavailableError:
    """The error that callers see when something could not be written or read."""
    what = f": {error}" if error else ""
    return JournalUnavailableError(f"the journal cannot be used just now{what}", advice=_NO_ROOM)
