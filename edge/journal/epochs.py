"""Under which epoch a row was written: which seqs belong to which epoch.

Laws:
1. Seqs rise without end in one file, across epochs: a seq stands for one row of this box, and an epoch is a range of
   them. So rows of an earlier epoch keep their ids, wait, go out and are acked beside those of the present one.
2. An epoch begins where the seqs stood when it was made. None is ever taken up again.
"""

from __future__ import annotations

import bisect
import itertools
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass, field

from edge.journal.model import Shelf

MAX_SEQ = 2**53 - 1  # of the wire
FORMER = "device:"  # before the token of an epoch: the name in meta of the device id that it was written under
MAX_EPOCHS = 64  # remembered in one file; the oldest that has no row left goes first


@dataclass(frozen=True, slots=True)
class Epochs:
    """``starts`` are (first seq, epoch), ascending; the last one is the present epoch. ``devices``: the device id of
    each epoch that was written under another one than the box has now."""

    starts: tuple[tuple[int, str], ...]
    devices: Mapping[str, str] = field(default_factory=dict)

    @property
    def current(self) -> str:
        """The epoch under which rows are written now."""
        return self.starts[-1][1]

    def of(self, seq: int) -> str:
        """The epoch of one row."""
        return self.starts[max(0, bisect.bisect_right(self.starts, (seq, "\uffff")) - 1)][1]

    def device_of(self, epoch: str) -> str:
        """The device id that the epoch was written under; '' for the one that the box has now."""
        return self.devices.get(epoch, "")

    def span(self, epoch: str) -> tuple[int, int] | None:
        """First and last seq that may belong to ``epoch``; None for one that is not of this file."""
        for place, (first, name) in enumerate(self.starts):
            if name == epoch:
                last = self.starts[place + 1][0] - 1 if place + 1 < len(self.starts) else MAX_SEQ
                return first, last
        return None


def load(db: sqlite3.Connection) -> Epochs:
    """The epochs of the file; of one that was written by a former version, and is only read, its only one."""
    if not db.execute("select 1 from sqlite_master where name = 'epochs'").fetchone():
        return Epochs(tuple(db.execute("select 1, value from meta where name = 'epoch'").fetchall()))
    former = db.execute(
        "select substr(name, ?), value from meta where name glob ?"
        " and value <> coalesce((select value from meta where name = 'device'), '')", (len(FORMER) + 1, f"{FORMER}*")
    )  # fmt: skip
    devices = {str(epoch): str(device) for epoch, device in former}
    return Epochs(tuple(db.execute("select first, epoch from epochs order by first").fetchall()), devices)


def begin(db: sqlite3.Connection, epoch: str, first: int, at: str, reason: str) -> None:
    """Write down that ``epoch`` holds the rows from ``first`` on, inside the caller's transaction."""
    row = first, epoch, at, reason
    db.execute("insert or replace into epochs (first, epoch, at, reason) values (?, ?, ?, ?)", row)
    db.execute("insert or replace into meta values ('epoch', ?)", (epoch,))
    _prune(db)


def shelves(db: sqlite3.Connection, newest: int) -> list[Shelf]:
    """What lies on the shelf of each epoch, earliest first; the present one is always there, and last.

    ``newest`` is the last seq ever given out.
    """
    known = load(db)
    found = []
    for first, epoch in known.starts:
        last = (known.span(epoch) or (first, MAX_SEQ))[1]
        low, high = db.execute(
            "select min(seq), max(seq) from outbox where gone is null and seq between ? and ?", (first, last)
        ).fetchone()
        if epoch == known.current:
            high = newest if newest >= first else 0
            found.append(Shelf(epoch, (low or first) if high else 0, high))
        elif low is not None:
            found.append(Shelf(epoch, low, high, known.device_of(epoch)))
    return found


def _prune(db: sqlite3.Connection) -> None:
    starts = load(db).starts
    for (first, epoch), (following, _) in itertools.pairwise(starts):
        if len(starts) > MAX_EPOCHS and not db.execute(
            "select 1 from outbox where seq between ? and ? limit 1", (first, following - 1)
        ).fetchone():
            db.execute("delete from epochs where first = ?", (first,))
            db.execute("delete from meta where name = ?", (FORMER + epoch,))
