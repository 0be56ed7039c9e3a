"""The writing side of the journal: entries, retries and room. Runs on the owner thread only.

Laws:
1. What the disk refuses stays in memory, up to a limit, and is tried again with every later write and
   on a timer; then it is recorded as late.
2. When there is no room, on a disk that is full as with a quota that is used up, a batch of bodies is given up
   (``retention.make_room``) and the entry is tried again. Only when nothing may go, what is *shown* as a lead, its
   closing and notices have a reserve beyond the quota, and notes one of their own (``room.py``); a silent hit has
   none, or a full disk would tell it from a CLEAR (ARCHITECTURE law 8).
3. An entry that can never be written does not block the others; it is counted as forgotten, and headquarters is told
   how many there were as soon as there is room (``forgotten.py``).
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
from edge.journal.entries import Closing, Entry, NoteEntry, NoticeEntry, Pen
from edge.journal.forgotten import Forgotten
from edge.journal.model import JournalError, JournalLimits, JournalUnavailableError, NewFinger, NewPassage, Recorded
from edge.journal.room import LEADS, NOTES, ROOM, Room

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
        room: Room,
        forgotten: Forgotten,
        listeners: Sequence[Callable[[], None]],
    ) -> None:
        self._db, self.pen, self._limits, self.room = db, pen, limits, room
        self._listeners, self._forgotten = listeners, forgotten
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
                self._forget(entry)
            except (sqlite3.Error, OSError):
                return
            except Exception:  # NoSuchPassageError, or a fault of the program: it must not block the others
                self._forget(entry)
            self._waiting.popleft()
            self.in_memory["retrying"] = len(self._waiting)
        notice = self._forgotten.notice()
        if notice is not None:
            with contextlib.suppress(sqlite3.Error, OSError):
                self._write(notice, late=False)
                self._forgotten.told()

    def tend(self) -> None:
        """What a quiet moment is for: waiting entries, and the ballast back in its place."""
        self.write_waiting()
        self.room.relax()

    def finish(self) -> None:
        """The last try; what still waits is forgotten with the process. Folds in the WAL."""
        self.write_waiting()
        for entry in self._waiting:
            self._forget(entry)
        self.room.finish()
        self._forgotten.leave()

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
        """``transaction`` with the reserve of what makes room; on a disk that is full, with the ballast's space."""
        while True:
            try:
                with self.room.part(ROOM):
                    result = self.transaction(action)
            except sqlite3.Error as error:
                if not schema.is_full(error) or not (self.room.watch() or self.room.give(ROOM)):
                    raise
                continue
            self.room.fold()
            return result

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
        self.room.relax()  # at a busy counter no moment is quiet
        self.room.watch()
        seq = self._placed(entry, late)
        self.room.fold()
        recorded = Recorded(seq, self.pen.id_of(seq) if seq else "", self.pen.mono())
        if seq:
            self._tell()
        return recorded

    def _placed(self, entry: Entry, late: bool) -> int:
        """Write it where there is room, or where room can be made; else into its reserve, if it has one."""
        for _ in range(_ROOM_TRIES):
            try:
                return self._put(entry, late)
            except sqlite3.Error as error:
                self.in_memory["failures"] += 1
                if not schema.is_full(error):
                    raise
                if not (self.room.watch() or self._make_room()):
                    break
        part = _reserve_of(entry)
        while part:
            try:
                with self.room.part(part):
                    return self._put(entry, late)
            except sqlite3.Error as error:
                if not schema.is_full(error) or not self.room.give(part):
                    raise
        raise sqlite3.OperationalError("no room after giving up what may go")

    def _put(self, entry: Entry, late: bool) -> int:
        return self.transaction(lambda db: entries.write_entry(db, self.pen, entry, late=late))

    def _make_room(self) -> bool:
        """Give something up; True if another try makes sense. Never waits for readers."""
        try:
            return self.housekeeping(lambda db: retention.make_room(db, self.pen, self._limits)) > 0
        except sqlite3.Error:
            return False

    def _keep(self, entry: Entry) -> None:
        """Let it wait; when memory is full, what is CLEAR is forgotten first, then notes, then the oldest entry."""
        if len(self._waiting) >= self._limits.retry_entries:
            clear = (e for e in self._waiting if isinstance(e, NewPassage | NewFinger) and e.truth_clear)
            notes = (e for e in self._waiting if isinstance(e, NoteEntry))
            gone = next(clear, None) or next(notes, self._waiting[0])
            self._waiting.remove(gone)
            self._forget(gone)
        self._waiting.append(entry)
        self.in_memory["retrying"] = len(self._waiting)

    def _forget(self, entry: Entry) -> None:
        self.in_memory["forgotten"] += 1
        self._forgotten.add(entry, self.pen.wall())

    def _waits(self, passage: str) -> bool:
        return any(isinstance(e, NewPassage | NewFinger) and e.passage == passage for e in self._waiting)


def _reserve_of(entry: Entry) -> str:
    """The reserve that it may use, '' for none: by what is shown, never by the truth."""
    if isinstance(entry, NoteEntry):
        return NOTES
    if isinstance(entry, NewPassage | NewFinger) and entry.shown not in (Outcome.HIT, Outcome.POSSIBLE):
        return ""
    return LEADS


def refused(error: Exception | None) -> JournalUnavailableError:
    """The error that callers see when something could not be written or read."""
    what = f": {error}" if error else ""
    return JournalUnavailableError(f"the journal cannot be used just now{what}", advice=_NO_ROOM)
