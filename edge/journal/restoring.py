"""From damaged journals that were set aside into the new one: their un-acked rows, under their old ids.

Laws:
1. The new journal begins its seqs above the highest that the damaged ones know of, so no seq stands for two rows.
2. It can be broken off at any moment and goes on at the next start: the new file names the old ones until they are
   done; a row that is there already is not put again. A mark beside an old one says so too (``asides``), for a new file
   that is itself damaged meanwhile.
3. The rows may take ``1 - SPARE`` of the quota, and leave the disk ``FREE_BYTES``: what happens from now on has room
   too. What stays behind stays in the file that was set aside, is told as a number, and is tried again at every start.
4. A file is done with only when the notice of it is on disk.
"""

from __future__ import annotations

import itertools
import os
import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from edge.journal.entries import stamp
from edge.journal.epochs import FORMER, begin
from edge.journal.model import JournalLimits, JournalUnavailableError, Notice
from edge.journal.salvage import Lost, Salvage, Saved, salvage

SPARE: Final = 0.25  # of the quota
FREE_BYTES: Final = 32 << 20  # of the disk
BATCH: Final = 200  # rows of one transaction
MAX_TOLD: Final = 400  # characters of the ranges in a notice; the rest is a number
CODE: Final = "journal_set_aside"
_UNDER_WAY: Final = "restoring"
_LEFT: Final = "left:"  # before the name of a file: how many of its rows had no room, as told
_FULL: Final = (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR)


def adopt(db: sqlite3.Connection, olds: Sequence[tuple[str, Salvage]], epoch: str) -> None:
    """Make the new file continue the old ones, oldest first: their epochs, their seqs, and ``epoch`` after them.

    One transaction. A file that could not be opened is not among ``olds`` and keeps its mark.
    """
    newest = max((old.newest for _, old in olds), default=0)
    starts = {first: known for _, old in olds for first, known in old.epochs.starts}
    store = next((old.store for _, old in reversed(olds) if old.store), "")
    db.execute("begin immediate")
    for first, known in sorted(starts.items()):
        begin(db, known, first, "", "journal_set_aside")
    if newest:
        db.execute("insert into sqlite_sequence (name, seq) values ('outbox', ?)", (newest,))
    if store:
        db.execute("insert into meta values ('store', ?)", (store,))
    for _, old in olds:
        devices = [(FORMER + known, device) for known, device in old.devices.items() if device]
        db.executemany("insert or replace into meta values (?, ?)", devices)
    begin(db, epoch, newest + 1, "", "journal_set_aside")
    _keep(db, [name for name, _ in olds])
    db.execute("commit")


def under_way(db: sqlite3.Connection) -> list[str]:
    """The names of the files whose rows are to be put here, oldest first."""
    row = db.execute("select value from meta where name = ?", (_UNDER_WAY,)).fetchone()
    return str(row[0]).split("\n") if row and row[0] else []


def done(db: sqlite3.Connection, names: Sequence[str]) -> None:
    """The rows of these files are here, and the notices of it are on disk: forget them. In the caller's transaction."""
    _keep(db, [name for name in under_way(db) if name not in names])


def restore(db: sqlite3.Connection, path: Path, limits: JournalLimits) -> tuple[Notice, ...]:
    """Put the un-acked rows of the files that ``under_way`` names beside the new ones; what came of each.

    A file of which rows were left for want of room is told once, and tried again at every start until none is.
    """
    names = under_way(db)
    found = [(name, _restored(db, path, limits, name)) for name in names]
    return tuple(notice for name, notice in found if notice.detail.get("left", 0) != _told_left(db, name))


def settle(db: sqlite3.Connection, notice: Notice) -> str:
    """The notice is on disk: forget its file, or note what it still holds. Inside the caller's transaction.

    The name of the file if nothing of it is wanted any more, else ''.
    """
    if notice.code != CODE:
        return ""
    name, left = str(notice.detail["file"]), int(notice.detail.get("left", 0))
    if left:
        db.execute("insert or replace into meta values (?, ?)", (f"{_LEFT}{name}", str(left)))
        return ""
    db.execute("delete from meta where name = ?", (f"{_LEFT}{name}",))
    done(db, [name])
    return "" if "unreadable" in notice.detail else name


def _told_left(db: sqlite3.Connection, name: str) -> int:
    row = db.execute("select value from meta where name = ?", (f"{_LEFT}{name}",)).fetchone()
    return int(row[0]) if row else -1


def _keep(db: sqlite3.Connection, names: Sequence[str]) -> None:
    if names:
        db.execute("insert or replace into meta values (?, ?)", (_UNDER_WAY, "\n".join(names)))
    else:
        db.execute("delete from meta where name = ?", (_UNDER_WAY,))


def _restored(db: sqlite3.Connection, path: Path, limits: JournalLimits, name: str) -> Notice:
    detail: dict[str, str | int] = {"file": name}
    try:
        old = salvage(path.with_name(name))
    except JournalUnavailableError:  # the disk does not give it, or somebody took it away
        return Notice(CODE, {**detail, "unreadable": 1})
    with old:
        saved, left = _put_all(db, old, limits, path.parent)
        lost = old.lost()
        detail |= {
            "salvaged": saved,
            "left": left,
            "lost": sum(part.last - part.first + 1 for part in lost),
            "ranges": told(lost),
            "audit_rows": old.audit[0],
            "audit_head": old.audit[1],
        }
    return Notice(CODE, detail)


def told(lost: tuple[Lost, ...]) -> str:
    """Ranges as people read them, ``EPOCH 3-9 12, EPOCH 4``, cut at ``MAX_TOLD`` characters with an ellipsis."""
    parts = []
    for epoch, group in itertools.groupby(lost, key=lambda part: part.epoch):
        spans = (str(p.first) if p.first == p.last else f"{p.first}-{p.last}" for p in group)
        parts.append(" ".join([epoch or "?", *spans]))
    text = ", ".join(parts)
    return text if len(text) <= MAX_TOLD else text[: MAX_TOLD - 1] + "\u2026"


def _put_all(db: sqlite3.Connection, old: Salvage, limits: JournalLimits, folder: Path) -> tuple[int, int]:
    """How many rows are here now, and how many had no room."""
    rows, put, left = old.saved(), 0, 0
    pages = max(32, int(limits.quota_bytes / limits.page_size * (1 - SPARE)))
    db.execute(f"pragma max_page_count = {pages}").fetchall()
    try:
        while batch := list(itertools.islice(rows, BATCH)):
            if left or not _roomy(folder) or not _put(db, batch):
                left += len(batch)
            else:
                put += len(batch)
    finally:
        db.execute(f"pragma max_page_count = {max(32, limits.quota_bytes // limits.page_size)}").fetchall()
    return put, left


def _put(db: sqlite3.Connection, batch: list[Saved]) -> bool:
    db.execute("begin immediate")
    try:
        for saved in batch:
            item = saved.item
            fresh = db.execute(
                "insert or ignore into outbox (seq, at, clock, boot, mono_ms, sha256, keep, epoch)"
                " values (?, ?, ?, ?, ?, ?, ?, ?)",
                (item.seq, stamp(item.at), str(item.clock), item.boot, item.mono_ms, saved.sha256, saved.keep,
                 item.epoch),
            ).rowcount  # fmt: skip
            if fresh:
                db.execute("insert into bodies (seq, body) values (?, ?)", (item.seq, item.body))
        db.execute("commit")
    except sqlite3.Error as error:
        if db.in_transaction:
            db.execute("rollback")
        if getattr(error, "sqlite_errorcode", 0) & 0xFF in _FULL:
            return False
        raise
    return True


def _roomy(folder: Path) -> bool:
    space = os.statvfs(folder)
    return space.f_bavail * space.f_frsize >= FREE_BYTES
