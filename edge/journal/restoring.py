"""From damaged journals that were set aside into the new one: their un-acked rows, under their old ids.

Laws:
1. The new journal begins its seqs above the highest that the damaged ones know of, so no seq stands for two rows.
2. It can be broken off at any moment and goes on at the next start: the new file names the old ones until they are
   done; a row that is there already is not put again. A mark beside an old one says that it is done with (``asides``),
   for a new file that is itself damaged meanwhile.
3. The rows may take ``1 - SPARE`` of the quota, and leave the disk ``FREE_BYTES``: what happens from now on has room
   too. What stays behind stays in the file that was set aside, is told as a number, and is tried again at every start.
4. A file is done with only when the notice of it is on disk.
5. A former version began every file at seq 1, so files of it have numbers that are another row's here. Those rows are
   ``taken``: told with what is left, and they stay in their file for ``borderpost rescue``, which nothing takes away.
6. One seq is one row here. A row whose epoch the damaged file no longer tells for certain goes in under the likeliest
   one, counts once, as ``salvaged``, and is ``doubtful`` besides: its file is kept like one of law 5, since
   ``borderpost rescue`` gives it out under the others too.
"""

from __future__ import annotations

import itertools
import os
import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from operator import attrgetter
from pathlib import Path
from typing import Final, TypeVar

from edge.journal import asides
from edge.journal.entries import stamp
from edge.journal.epochs import FORMER, begin, load
from edge.journal.model import JournalLimits, JournalUnavailableError, Notice
from edge.journal.salvage import Lost, Salvage, Saved, salvage

SPARE: Final = 0.25  # of the quota
FREE_BYTES: Final = 32 << 20  # of the disk
BATCH: Final = 200  # rows of one transaction
MAX_TOLD: Final = 400  # characters of the ranges in a notice; the rest is a number
CODE: Final = "journal_set_aside"
_UNDER_WAY: Final = "restoring"
_LEFT: Final = "left:"  # before the name of a file: how many of its rows had no room, as told
_KEPT: Final = "kept:"  # before the name of a file: nothing is left of it that could still find a place here
_UNREADABLE: Final = -2  # in place of how many rows had no room
_FULL: Final = (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR)

T = TypeVar("T")
Call = Callable[[Callable[[sqlite3.Connection], T]], T]  # runs an action where the journal may be written
Row = list[Saved]  # one row, under each epoch that it may be of


@dataclass(frozen=True, slots=True)
class _Put:
    """Of so many rows: ``here`` now, ``doubtful`` of these (law 6), ``taken`` (law 5), ``full``: no room."""

    here: int = 0
    doubtful: int = 0
    taken: int = 0
    full: int = 0

    def __add__(self, more: _Put) -> _Put:
        return _Put(self.here + more.here, self.doubtful + more.doubtful, self.taken + more.taken,
                    self.full + more.full)  # fmt: skip


def adopt(db: sqlite3.Connection, olds: Sequence[tuple[str, Salvage]], epoch: str) -> None:
    """Make the new file continue the old ones, oldest first: their epochs, their seqs, and ``epoch`` after them.

    One transaction. A file that could not be opened is not among ``olds`` and keeps its mark.
    """
    newest = max((old.newest for _, old in olds), default=0)
    starts = _starts([old for _, old in olds])
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


def _starts(olds: Sequence[Salvage]) -> dict[int, str]:
    """Where the epochs of all of them begin. Of two that use the same numbers for rows of their own, the later's."""
    starts: dict[int, str] = {}
    top = 0
    for old in reversed(olds):
        own = dict(old.epochs.starts)
        apart = not starts or not own or old.newest < min(starts) or min(own) > top
        if apart or set(own.values()) & set(starts.values()):
            starts = {**own, **starts}
            top = max(top, old.newest)
    return starts


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
    found = [restored(lambda action: action(db), path, limits, name) for name in under_way(db)]
    return tuple(notice for notice in found if fresh(db, notice))


def fresh(db: sqlite3.Connection, notice: Notice) -> bool:
    """False if just this was told of the file before."""
    return _told(db, str(notice.detail["file"])) != _mark(notice)


def _told(db: sqlite3.Connection, name: str) -> str:
    row = db.execute("select value from meta where name = ?", (f"{_LEFT}{name}",)).fetchone()
    return str(row[0]) if row else ""


def waiting(db: sqlite3.Connection, path: Path) -> list[str]:
    """The files that are not done with, and neither under way nor known to have nothing for this journal."""
    known = {*under_way(db), *(str(r[0])[len(_KEPT) :] for r in db.execute(
        "select name from meta where name glob ?", (f"{_KEPT}*",)
    ))}  # fmt: skip
    names = [file.name for file in asides.unfinished(path) if file.name not in known]
    return sorted(names, key=lambda name: bool(_told(db, name)))  # those that were tried before come last


def settle(db: sqlite3.Connection, notice: Notice) -> str:
    """The notice is on disk: forget its file, or note what it still holds. Inside the caller's transaction.

    The name of the file if nothing of it is wanted any more, else ''.
    """
    if notice.code != CODE:
        return ""
    name, left = str(notice.detail["file"]), _left(notice)
    if left or "doubtful" in notice.detail:
        db.execute("insert or replace into meta values (?, ?)", (f"{_LEFT}{name}", _mark(notice)))
        settled = left == notice.detail.get("taken", 0)
        if settled:
            db.execute("insert or replace into meta values (?, '')", (f"{_KEPT}{name}",))
        if left == _UNREADABLE or settled:
            done(db, [name])
        return ""
    db.execute("delete from meta where name = ?", (f"{_LEFT}{name}",))
    done(db, [name])
    return name


def _left(notice: Notice) -> int:
    return _UNREADABLE if "unreadable" in notice.detail else int(notice.detail.get("left", 0))


def _mark(notice: Notice) -> str:
    """What is kept of a notice, so that the same is not told twice."""
    doubtful = notice.detail.get("doubtful", 0)
    return f"{_left(notice)}+{doubtful}" if doubtful else str(_left(notice))


def _keep(db: sqlite3.Connection, names: Sequence[str]) -> None:
    if names:
        db.execute("insert or replace into meta values (?, ?)", (_UNDER_WAY, "\n".join(names)))
    else:
        db.execute("delete from meta where name = ?", (_UNDER_WAY,))


def restored(call: Call[_Put], path: Path, limits: JournalLimits, name: str) -> Notice:
    """Put the un-acked rows of one file beside the new ones, ``BATCH`` of them a ``call``; what came of it."""
    detail: dict[str, str | int] = {"file": name}
    try:
        old = salvage(path.with_name(name))
    except JournalUnavailableError:  # the disk does not give it, or somebody took it away
        return Notice(CODE, {**detail, "unreadable": 1})
    with old:
        put = _put_all(call, old, limits, path.parent)
        lost = old.lost()
        detail |= {
            "salvaged": put.here,
            "left": put.taken + put.full,
            "lost": sum(part.last - part.first + 1 for part in lost),
            "ranges": told(lost),
            "audit_rows": old.audit[0],
            "audit_head": old.audit[1],
        }
        detail |= {name: count for name, count in (("taken", put.taken), ("doubtful", put.doubtful)) if count}
    return Notice(CODE, detail)


def told(lost: tuple[Lost, ...]) -> str:
    """Ranges as people read them, ``EPOCH 3-9 12, EPOCH 4``, cut at ``MAX_TOLD`` characters with an ellipsis."""
    parts = []
    for epoch, group in itertools.groupby(lost, key=lambda part: part.epoch):
        spans = (str(p.first) if p.first == p.last else f"{p.first}-{p.last}" for p in group)
        parts.append(" ".join([epoch or "?", *spans]))
    text = ", ".join(parts)
    return text if len(text) <= MAX_TOLD else text[: MAX_TOLD - 1] + "\u2026"


def _put_all(call: Call[_Put], old: Salvage, limits: JournalLimits, folder: Path) -> _Put:
    rows = (list(row) for _, row in itertools.groupby(old.saved(), key=attrgetter("item.seq")))
    found = _Put()
    while batch := list(itertools.islice(rows, BATCH)):
        if found.full or not _roomy(folder):
            found += _Put(full=len(batch))
        else:
            found += call(partial(_put_within, batch=batch, limits=limits))
    return found


def _put_within(db: sqlite3.Connection, batch: list[Row], limits: JournalLimits) -> _Put:
    """``_put`` within law 3's part of the quota."""
    before = int(db.execute("pragma max_page_count").fetchone()[0])
    pages = max(32, int(limits.quota_bytes / limits.page_size * (1 - SPARE)))
    db.execute(f"pragma max_page_count = {pages}").fetchall()
    try:
        return _put(db, batch)
    finally:
        db.execute(f"pragma max_page_count = {before}").fetchall()


def _put(db: sqlite3.Connection, batch: list[Row]) -> _Put:
    """What came of the rows of one transaction: all of them, or for want of room none."""
    epochs, here, doubtful = load(db), 0, 0
    db.execute("begin immediate")
    try:
        for row in batch:
            fits = next((s for s in row if epochs.of(s.item.seq) == s.item.epoch), None)
            if fits is None or fits.item.seq < epochs.starts[0][0]:
                continue
            _put_one(db, fits)
            here, doubtful = here + 1, doubtful + (len(row) > 1)
        db.execute("commit")
    except sqlite3.Error as error:
        if db.in_transaction:
            db.execute("rollback")
        if getattr(error, "sqlite_errorcode", 0) & 0xFF in _FULL:
            return _Put(full=len(batch))
        raise
    return _Put(here, doubtful, len(batch) - here)


def _put_one(db: sqlite3.Connection, saved: Saved) -> None:
    item = saved.item
    new = db.execute(
        "insert or ignore into outbox (seq, at, clock, boot, mono_ms, sha256, keep, epoch)"
        " values (?, ?, ?, ?, ?, ?, ?, ?)",
        (item.seq, stamp(item.at), str(item.clock), item.boot, item.mono_ms, saved.sha256, saved.keep, item.epoch),
    ).rowcount  # fmt: skip
    if new:
        db.execute("insert into bodies (seq, body) values (?, ?)", (item.seq, item.body))


def _roomy(folder: Path) -> bool:
    space = os.statvfs(folder)
    return space.f_bavail * space.f_frsize >= FREE_BYTES
