"""Writing one entry: the rows of one transaction, for the owner thread only.

Laws:
1. A passage, its outbox row and its audit row are one transaction (ARCHITECTURE law 3); so is a finger of it.
2. The same statements with the same number of bytes run for a CLEAR and for a silent hit (law 8), and for a finger
   without candidates and with silent ones; only ``keep``, sealed with the box key, tells them apart.
3. seq has no gaps: the body is sealed for the seq that the same transaction then uses.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

import msgspec

from edge.core import audit
from edge.core.sealing import box_open, box_seal
from edge.core.trusted import ClockState
from edge.core.wire import Body, ClosingBody, NoticeBody, fit_block, message_id
from edge.journal.model import AWAITING, CLOSED, Fact, NewFinger, NewPassage, NoSuchPassageError

CLEAR_FLAG, KEEP_FLAG = b"\x01", b"\x00"


@dataclass(frozen=True, slots=True)
class Pen:
    """What writing needs besides the connection: identity, keys, clocks."""

    device: str
    epoch: str
    boot: str
    sealer: Callable[[bytes, str], bytes]
    box_key: bytes
    wall: Callable[[], datetime]
    mono: Callable[[], float]
    blank: bool = False  # the box has no device id yet: what befalls its journal is for the audit chain alone

    def id_of(self, seq: int, epoch: str = "", device: str = "") -> str:
        """The message id of one row; of the present epoch and device unless others are named."""
        return message_id(device or self.device, epoch or self.epoch, seq)


@dataclass(frozen=True, slots=True)
class Closing:
    """An outcome code for a passage that awaits one."""

    passage: str
    code: str
    at: datetime
    clock: ClockState
    note: str


@dataclass(frozen=True, slots=True)
class NoticeEntry:
    """Something that befell the journal itself, told to headquarters (by a box that is enrolled) and to the audit
    chain."""

    code: str
    detail: Mapping[str, str | int]


@dataclass(frozen=True, slots=True)
class NoteEntry:
    """Something that was done at the box, for the audit chain alone."""

    kind: str
    facts: Mapping[str, Fact]


Entry = NewPassage | NewFinger | Closing | NoticeEntry | NoteEntry


def write_entry(db: sqlite3.Connection, pen: Pen, entry: Entry, *, late: bool) -> int:
    """Write one entry inside the caller's transaction; its seq, 0 for a note, and for a notice of a blank box.

    NoSuchPassageError for a wrong closing.
    """
    if isinstance(entry, NewPassage):
        return _write_passage(db, pen, entry, late)
    if isinstance(entry, NewFinger):
        return _write_finger(db, pen, entry, late)
    if isinstance(entry, Closing):
        return _write_closing(db, pen, entry, late)
    if isinstance(entry, NoteEntry):
        add_audit(db, pen, entry.kind, {**entry.facts, "late": late})
        return 0
    if pen.blank:  # a row under the box's serial could never go over a link, and would wait for a stick for ever
        add_audit(db, pen, entry.code, entry.detail)
        return 0
    now = pen.wall()
    body = NoticeBody(code=entry.code, at=now, clock=ClockState.UNTRUSTED, detail=dict(entry.detail))
    seq, digest = put_outbox(db, pen, body, now, ClockState.UNTRUSTED, clear=False)
    add_audit(db, pen, entry.code, {"seq": seq, "sha256": digest, **entry.detail})
    return seq


def put_outbox(
    db: sqlite3.Connection, pen: Pen, body: Body, at: datetime, clock: ClockState, *, clear: bool, block: bytes = b""
) -> tuple[int, str]:
    """Seal a body (``block`` if it was fitted before) for the next seq; (seq, SHA-256 of it)."""
    seq = newest_seq(db) + 1
    sealed = pen.sealer(block or fit_block(body), pen.id_of(seq))
    digest = hashlib.sha256(sealed)
    keep = box_seal(pen.box_key, CLEAR_FLAG if clear else KEEP_FLAG, _keep_context(pen, seq))
    mono_ms = int(pen.mono() * 1000)
    db.execute(
        "insert into outbox (seq, at, clock, boot, mono_ms, sha256, keep, epoch) values (?, ?, ?, ?, ?, ?, ?, ?)",
        (seq, stamp(at), str(clock), pen.boot, mono_ms, digest.digest(), keep, pen.epoch),
    )
    db.execute("insert into bodies (seq, body) values (?, ?)", (seq, sealed))
    return seq, digest.hexdigest()


def may_drop(pen: Pen, seq: int, keep: bytes, epoch: str = "", device: str = "") -> bool:
    """True if the row's sealed flag says that its truth is CLEAR. SealError if the flag was altered."""
    return box_open(pen.box_key, keep, _keep_context(pen, seq, epoch, device)) == CLEAR_FLAG


def add_audit(db: sqlite3.Connection, pen: Pen, kind: str, body: Mapping[str, object]) -> None:
    """Append one row to the chain."""
    last = db.execute("select number, hash from audit order by number desc limit 1").fetchone()
    number, previous = last or audit_base(db)
    row = audit.link(previous, number + 1, stamp(pen.wall()), kind, body)
    db.execute(
        "insert into audit (number, at, kind, body, body_hash, previous, hash) values (?, ?, ?, ?, ?, ?, ?)",
        (row.number, row.at, row.kind, row.body, row.body_hash, row.previous, row.hash),
    )


def audit_base(db: sqlite3.Connection) -> tuple[int, str]:
    """Number and hash of the last audit row that retention took away whole; (0, GENESIS) for none."""
    row = db.execute("select value from meta where name = 'audit_base'").fetchone()
    number, _, previous = (row[0] if row else f"0:{audit.GENESIS}").partition(":")
    return int(number), previous


def newest_seq(db: sqlite3.Connection) -> int:
    """The last seq ever given out; 0 for none. Survives deletion of the row."""
    row = db.execute("select seq from sqlite_sequence where name = 'outbox'").fetchone()
    return int(row[0]) if row else 0


def stamp(at: datetime) -> str:
    """UTC with microseconds, always 27 characters, so that text order is time order."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def unstamp(text: str) -> datetime:
    """The time that ``stamp`` wrote."""
    return datetime.fromisoformat(text)


def _write_passage(db: sqlite3.Connection, pen: Pen, new: NewPassage, late: bool) -> int:
    body = msgspec.structs.replace(new.body, late=True) if late else new.body
    seq, digest = put_outbox(db, pen, body, new.at, new.clock, clear=new.truth_clear, block=b"" if late else new.block)
    summary = msgspec.json.encode(new.summary).decode()
    db.execute(
        "insert into passages (passage, seq, at, clock, counter, direction, shown, state, summary,"
        " number_hash, late) values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            new.passage,
            seq,
            stamp(new.at),
            str(new.clock),
            new.counter,
            new.direction,
            str(new.shown),
            new.state,
            summary,
            new.number_hash,
            late,
        ),
    )
    facts = {
        "passage": new.passage,
        "counter": new.counter,
        "direction": new.direction,
        "shown": str(new.shown),
        "state": new.state,
        "seq": seq,
        "sha256": digest,
        "late": late,
    }
    add_audit(db, pen, "passage", facts)
    return seq


def _write_finger(db: sqlite3.Connection, pen: Pen, new: NewFinger, late: bool) -> int:
    block = fit_block(msgspec.structs.replace(new.body, late=True), len(new.block)) if late else new.block
    seq, digest = put_outbox(db, pen, new.body, new.at, new.clock, clear=new.truth_clear, block=block)
    opens = new.opens
    db.execute(
        "update passages set shown = ?, summary = ?, state = iif(?, ?, state), code = iif(?, '', code),"
        " closed_at = iif(?, null, closed_at) where passage = ?",
        (str(new.shown), msgspec.json.encode(new.summary).decode(), opens, AWAITING, opens, opens, new.passage),
    )
    facts = {
        "passage": new.passage,
        "counter": new.counter,
        "purpose": new.purpose,
        "position": new.position,
        "shown": str(new.shown),
        "opens": opens,
        "seq": seq,
        "sha256": digest,
        "late": late,
    }
    add_audit(db, pen, "finger", facts)
    return seq


def _write_closing(db: sqlite3.Connection, pen: Pen, closing: Closing, late: bool) -> int:
    changed = db.execute(
        "update passages set state = ?, code = ?, closed_at = ? where passage = ? and state = ?",
        (CLOSED, closing.code, stamp(closing.at), closing.passage, AWAITING),
    ).rowcount
    if not changed:
        raise NoSuchPassageError(
            "no passage with this id awaits an outcome code",
            advice="list the open passages with 'borderpost passages --open' and copy the id from there",
        )
    body = ClosingBody(
        passage=closing.passage,
        code=closing.code,
        at=closing.at,
        clock=closing.clock,
        note=closing.note,
        late=late,
    )
    seq, digest = put_outbox(db, pen, body, closing.at, closing.clock, clear=False)
    add_audit(db, pen, "closing", {"passage": closing.passage, "code": closing.code, "seq": seq, "sha256": digest})
    return seq


def _keep_context(pen: Pen, seq: int, epoch: str = "", device: str = "") -> bytes:
    return b"keep|" + pen.id_of(seq, epoch, device).encode()
