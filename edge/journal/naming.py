"""Whose rows a journal holds: the device id stands in every message id, and a box may get another one.

Laws:
1. A row keeps the id that it was sealed under, device id and all: under another one nobody could open it.
2. A box that has another device id than the journal was written under begins a new epoch. The earlier epochs keep the
   id that they had; their rows go to headquarters by stick or by ``borderpost rescue``, never over a link that is
   another box's by its certificate.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Callable
from datetime import datetime

from edge.journal.entries import newest_seq, stamp
from edge.journal.epochs import FORMER, begin, load
from edge.journal.model import JournalLimits, JournalUnavailableError, Notice
from edge.journal.room import reserve


def name_device(
    db: sqlite3.Connection, limits: JournalLimits, device: str, token: Callable[[], str], wall: Callable[[], datetime]
) -> Notice | None:
    """Write into the file whose it is, for whoever finds it on the disk of a dead box; not now if there is no room.

    Where it was another's, a new epoch begins; the notice says so if rows of the earlier one wait. Raises
    JournalUnavailableError if that cannot be written: rows would go out under ids that do not open.
    """
    row = db.execute("select value from meta where name = 'device'").fetchone()
    if row is None:
        with contextlib.suppress(sqlite3.OperationalError):
            db.execute("insert or replace into meta values ('device', ?)", (device,))
        return None
    if row[0] == device:
        return None
    try:
        with reserve(db, limits):
            return _renamed(db, str(row[0]), device, token(), stamp(wall()))
    except sqlite3.Error as error:
        if db.in_transaction:
            db.execute("rollback")
        raise JournalUnavailableError(
            f"the journal cannot be written on under another device id: {error}",
            advice="free space on the disk, and start again",
        ) from error


def _renamed(db: sqlite3.Connection, before: str, device: str, epoch: str, at: str) -> Notice | None:
    db.execute("begin immediate")
    for _, earlier in load(db).starts:
        db.execute("insert or ignore into meta values (?, ?)", (FORMER + earlier, before))
    db.execute("insert or replace into meta values ('device', ?)", (device,))
    begin(db, epoch, newest_seq(db) + 1, at, "device_renamed")
    waiting = db.execute("select count(*) from outbox where acked_at is null and gone is null").fetchone()[0]
    db.execute("commit")
    if not waiting:  # a box that was enrolled: nothing is to be expected, and the notice would be a row to be acked
        return None
    return Notice("device_renamed", {"before": before, "device": device, "epoch": epoch, "pending": int(waiting)})
