"""From a damaged journal that was set aside into the new one: its un-acked rows, under their old ids.

Laws:
1. The new journal begins its seqs above the highest that the damaged one knows of, so no seq stands for two rows.
2. It can be broken off at any moment and goes on at the next start: the new file names the old one until it is done;
   a row that is there already is not put again.
3. The rows may take ``1 - SPARE`` of the quota, and leave the disk ``FREE_BYTES``: what happens from now on has room
   too. What stays behind stays in the file that was set aside, and is told as a number.
"""

from __future__ import annotations

import itertools
import os
import sqlite3
from pathlib import Path
from typing import Final

from edge.journal.entries import stamp
from edge.journal.epochs import begin
from edge.journal.model import JournalLimits, JournalUnavailableError, Notice
from edge.journal.salvage import Lost, Salvage, Saved, salvage

SPARE: Final = 0.25  # of the quota
FREE_BYTES: Final = 32 << 20  # of the disk
BATCH: Final = 200  # rows of one transaction
MAX_TOLD: Final = 400  # characters of the ranges in a notice; the rest is a number
_UNDER_WAY: Final = "restoring"
_FULL: Final = (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR)


def adopt(db: sqlite3.Connection, old: Salvage, name: str, epoch: str) -> None:
    """Make the new file continue the old one: its epochs, its seqs, and ``epoch`` after them. One transaction."""
    db.execute("begin immediate")
    for first, known in old.epochs.starts:
        begin(db, known, first, "", "journal_set_aside")
    if old.newest:
        db.execute("insert into sqlite_sequence (name, seq) values ('outbox', ?)", (old.newest,))
    if old.store:
        db.execute("insert into meta values ('store', ?)", (old.store,))
    begin(db, epoch, old.newest + 1, "", "journal_set_aside")
    db.execute("insert into meta values (?, ?)", (_UNDER_WAY, name))
    db.execute("commit")


def under_way(db: sqlite3.Connection) -> str:
    """The name of the file whose rows are to be put here; '' for none."""
    row = db.execute("select value from meta where name = ?", (_UNDER_WAY,)).fetchone()
    return str(row[0]) if row else ""


def done(db: sqlite3.Connection) -> None:
    """The rows are here, and the notice of it is on disk: forget the old file. Inside the caller's transaction."""
    db.execute("delete from meta where name = ?", (_UNDER_WAY,))


def restore(db: sqlite3.Connection, path: Path, limits: JournalLimits) -> Notice:
    """Put the un-acked rows of the file that ``under_way`` names beside the new ones; what came of it."""
    name = under_way(db)
    detail: dict[str, str | int] = {"file": name}
    try:
        old = salvage(path.with_name(name))
    except JournalUnavailableError:  # the disk does not give it, or somebody took it away
        return Notice("journal_set_aside", {**detail, "unreadable": 1})
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
    return Notice("journal_set_aside", detail)


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
