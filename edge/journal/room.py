"""How far the file may grow: the quota, its reserves, and a disk that somebody else fills.

Laws:
1. While the disk has less free than the ballast holds, the file does not grow: what is new is written into pages that
   it has already, and for want of them something is given up (``retention.make_room``). So a full disk is a full quota.
2. Every commit is folded in at once meanwhile, and the log, which has its space from the start, begins again at its
   beginning: neither needs a byte of the disk. A log that cannot be folded in would grow until nothing can be written.
3. The ballast is for folding in what was committed before the disk was full, for making room, and for what has a
   reserve; nothing else takes of it. The last of it is for making room alone.
4. Reserves beyond the quota (in pages): notes have one, shown leads, closings and notices another beyond it that notes
   cannot take, and acks and giving up the last, because they are what makes room.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from edge.journal.ballast import STEP, Ballast
from edge.journal.model import JournalLimits

NOTE_PAGES: Final = 64  # beyond the quota, at most a 32nd of it
LEAD_PAGES: Final = 256  # beyond that, at most a sixteenth of the quota
ROOM_PAGES: Final = 64  # beyond all else
_MIN_PAGES: Final = 32  # below, there would be no room for the tables themselves
_LOG_FRAMES: Final = 128  # of a disk that is full at the start: giving up one batch takes fewer
_OPENING: Final = 4 * STEP
_FRAME: Final = 24  # bytes beside the page
_EASE: Final = 2  # so many times the ballast's size must be free, or space would be short again at once
NOTES, LEADS, ROOM = "notes", "leads", "room"


def max_pages(limits: JournalLimits) -> int:
    """The quota in pages."""
    return max(_MIN_PAGES, limits.quota_bytes // limits.page_size)


def beyond(limits: JournalLimits, part: str) -> int:
    """Pages beyond the quota that ``part`` (NOTES, LEADS or ROOM) may go."""
    pages = max_pages(limits)
    notes = min(NOTE_PAGES, pages // 32)
    leads = notes + min(LEAD_PAGES, pages // 16)
    return {NOTES: notes, LEADS: leads, ROOM: leads + ROOM_PAGES}[part]


@contextlib.contextmanager
def reserve(db: sqlite3.Connection, limits: JournalLimits, part: str = ROOM, pages: int = 0) -> Iterator[None]:
    """Let the file grow into a reserve meanwhile, beyond ``pages`` (the quota unless given)."""
    pages = pages or max_pages(limits)
    db.execute(f"pragma max_page_count = {pages + beyond(limits, part)}").fetchall()
    try:
        yield
    finally:
        db.execute(f"pragma max_page_count = {pages}").fetchall()


def admit(ballast: Ballast) -> None:
    """Before the file is opened on a disk that is full: SQLite needs a piece for its index of the log, and for it."""
    if ballast.free() < _OPENING:
        ballast.give(_OPENING)


class Room:
    """The room of the journal at ``path`` that ``db`` writes. ``tight``: law 1 holds now."""

    def __init__(self, db: sqlite3.Connection, path: Path, limits: JournalLimits, ballast: Ballast) -> None:
        self._db, self._path, self._limits, self._ballast = db, path, limits, ballast
        self._log = path.with_name(path.name + "-wal")
        self._pages = max_pages(limits)
        self.tight = False
        ballast.restore()
        self._set_log_aside()
        self.watch()

    @property
    def batch_rows(self) -> int:
        """Rows that one transaction of retention may change: few while the log must not grow."""
        return self._limits.drop_rows if self.tight else self._limits.batch_rows

    def watch(self) -> bool:
        """Before a write: is the disk short of space? True if it is since now, and another try makes sense."""
        if self.tight or self._ballast.free() >= self._ballast.size:
            return False
        self.tight = True
        self._db.execute("pragma wal_autocheckpoint = 1").fetchall()
        self.fold()
        self._pages = min(max_pages(self._limits), self._one("page_count"))
        self._db.execute(f"pragma max_page_count = {self._pages}").fetchall()
        return True

    def relax(self) -> None:
        """If the ballast is back and as much is free beside, the file may grow again."""
        if not self.tight:
            return
        self._ballast.save()
        if self._ballast.left >= self._ballast.size and self._ballast.free() >= _EASE * self._ballast.size:
            self.tight, self._pages = False, max_pages(self._limits)
            self._db.execute(f"pragma wal_autocheckpoint = {self._limits.wal_pages}").fetchall()
            self._db.execute(f"pragma max_page_count = {self._pages}").fetchall()
            self._set_log_aside()

    def part(self, name: str) -> contextlib.AbstractContextManager[None]:
        """Let the file grow into the reserve of NOTES, LEADS or ROOM meanwhile."""
        return reserve(self._db, self._limits, name, self._pages)

    def give(self, name: str) -> bool:
        """For what may go into that reserve, and was refused: a piece of the ballast; True if there was one."""
        keep = {NOTES: self._ballast.size // 4 * 3, LEADS: min(4 * STEP, self._ballast.size // 4), ROOM: 0}[name]
        given = self.tight and self._ballast.give(keep=keep)
        if given:
            self.fold()
        return given

    def fold(self) -> None:
        """Put what was committed into its place, while space is short; the ballast gives what the file grows by."""
        if not self.tight:
            return
        with contextlib.suppress(sqlite3.Error, OSError):
            grows = self._one("page_count") * self._limits.page_size - self._path.stat().st_size
            if grows > 0 and self._ballast.free() < grows:
                self._ballast.give(grows + STEP)
            self._db.execute("pragma wal_checkpoint(passive)").fetchall()
            self._ballast.save()

    def clear_log(self) -> None:
        """Fold in, and leave nothing of deleted content in the log; while space is short it keeps its bytes."""
        self.fold()
        if not self.tight:
            self._db.execute("pragma wal_checkpoint(truncate)").fetchall()
            self._set_log_aside()

    def finish(self) -> None:
        """At the end: fold in. SQLite takes the log away as it closes; ``after`` keeps its space for the next start."""
        self.fold()
        self._db.execute("pragma wal_checkpoint(truncate)").fetchall()

    def after(self) -> None:
        """Once the database is closed: hold on to what was ours of a disk that is full."""
        if self.tight:
            self._ballast.save()

    def _set_log_aside(self) -> None:
        """Give the log its space before it is needed; SQLite reads nothing but what its frames vouch for."""
        if not self._ballast.size:
            return
        frame = self._limits.page_size + _FRAME
        sizes = [min(2 * self._limits.wal_pages * frame, self._limits.wal_bytes), _LOG_FRAMES * frame]
        if self._ballast.free() < sizes[0]:
            del sizes[0]
            self._ballast.give(max(0, sizes[0] - self._ballast.free()))
        with contextlib.suppress(OSError):
            handle = os.open(self._log, os.O_WRONLY | os.O_CLOEXEC)
            try:
                os.posix_fallocate(handle, 0, sizes[0])
            finally:
                os.close(handle)

    def _one(self, pragma: str) -> int:
        return int(self._db.execute(f"pragma {pragma}").fetchone()[0])
