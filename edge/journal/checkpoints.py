"""Signed checkpoints of the audit chain: who signs, and when. Runs on the owner thread, after a request is answered.

Laws:
1. A checkpoint is a row of the chain: it names the row before it and carries a signature over that row's hash.
2. One is due after ``EVERY_ROWS`` rows, or ``EVERY_S`` seconds after the last with anything new, and at once after a
   statement of retention; never in the way of an entry: the entry's Future is done before.
3. A signature that cannot be made now is tried again after ``EVERY_S``; meanwhile everything else goes on.
4. When it comes depends on the number of rows alone, so it tells no silent hit from a CLEAR (ARCHITECTURE law 8).
"""

from __future__ import annotations

import base64
import contextlib
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from edge.core.audit import CHECKPOINT, checkpoint_bytes
from edge.journal.entries import add_audit, audit_base, stamp
from edge.journal.room import LEADS

if TYPE_CHECKING:
    from edge.journal.writer import Writer

EVERY_ROWS: Final = 100
EVERY_S: Final = 300.0


@dataclass(frozen=True, slots=True)
class Signer:
    """The box's key as a callable: ``sign`` gives a signature of at most 512 bytes; ``key`` names the key."""

    key: str
    sign: Callable[[bytes], bytes]


class Checkpoints:
    """Makes the checkpoints of the journal that ``writer`` writes; none without a ``signer``."""

    def __init__(self, signer: Signer | None, writer: Writer) -> None:
        self._signer, self._writer = signer, writer
        self._last = writer.pen.mono()  # when one was made last
        self._not_before = self._last

    def tend(self) -> None:
        """Write a checkpoint if one is due. A disk that is full or failing is no concern of this."""
        if self._signer is None:
            return
        with contextlib.suppress(sqlite3.OperationalError):
            self._writer.look(self._due)

    def _due(self, db: sqlite3.Connection) -> None:
        number, head = last_row(db)
        new = number - last_checkpoint(db)
        pen, now = self._writer.pen, self._writer.pen.mono()
        due = new >= EVERY_ROWS or now - self._last >= EVERY_S or last_statement(db) > number - new
        if new <= 0 or not due or now < self._not_before:
            return
        self._not_before = now + EVERY_S
        at = stamp(pen.wall())
        signature = self._signed(checkpoint_bytes(pen.device, number, head, at))
        if signature:
            self._last = self._not_before = now
            body = {"device": pen.device, "number": number, "head": head, "at": at, "signature": signature}
            with self._writer.room.part(LEADS):
                self._writer.transaction(lambda own: self._put(own, number, body))
            self._writer.room.fold()

    def _signed(self, data: bytes) -> str:
        assert self._signer is not None
        try:
            return base64.b64encode(self._signer.sign(data)).decode()
        except Exception:  # a token that is away, a key that is gone: the chain goes on unsigned, and verify says so
            return ""

    def _put(self, db: sqlite3.Connection, number: int, body: dict[str, object]) -> None:
        assert self._signer is not None
        add_audit(db, self._writer.pen, CHECKPOINT, {**body, "key": self._signer.key})
        db.execute("insert or replace into meta values ('checkpoint', ?)", (str(number + 1),))


def last_row(db: sqlite3.Connection) -> tuple[int, str]:
    """Number and hash of the newest audit row; of the base when there is none."""
    return db.execute("select number, hash from audit order by number desc limit 1").fetchone() or audit_base(db)


def last_checkpoint(db: sqlite3.Connection) -> int:
    """The number of the newest checkpoint's row; 0 before the first."""
    row = db.execute("select value from meta where name = 'checkpoint'").fetchone()
    return int(row[0]) if row else 0


def last_statement(db: sqlite3.Connection) -> int:
    """The number of the newest statement of retention; 0 before the first."""
    row = db.execute("select value from meta where name = 'audit_stated'").fetchone()
    return int(row[0].partition("@")[2]) if row else 0
