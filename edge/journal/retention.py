"""What leaves the journal, when, and in which order when there is no room.

Laws:
1. Rows expire by trusted time only; untrusted time expires nothing (ARCHITECTURE law 10). How old a
   row is follows from marks: at a moment of trusted time, every row up to this seq was there already.
2. For want of space, bodies that headquarters has acked go first, oldest first; then pending bodies
   whose truth is CLEAR, each batch reported in a sealed body of its own; nothing else ever (law 3).
3. A body that went leaves its hash while an older body is still on the shelf, so that digests over
   the shelf can always be formed.
4. Audit bodies go from the front of the chain, of every kind but checkpoints, and later whole rows from the front; a
   row of the chain states in the same transaction how far, so that nothing else can pass for retention.
"""

from __future__ import annotations

import sqlite3
from datetime import timedelta

from edge.core.audit import CHECKPOINT, RETENTION
from edge.core.sealing import SealError
from edge.core.trusted import ClockState, Trusted
from edge.core.wire import DroppedBody, ranges_of
from edge.journal.entries import Pen, add_audit, audit_base, may_drop, newest_seq, put_outbox, stamp
from edge.journal.epochs import load
from edge.journal.model import AWAITING, Expired, JournalLimits

_MARK_EVERY = timedelta(hours=1)


def expire(db: sqlite3.Connection, pen: Pen, now: Trusted, limits: JournalLimits, batch: int) -> Expired:
    """Take away at most ``batch`` rows of each kind of what is too old; nothing when ``now.expiry`` is None."""
    if now.expiry is None:
        return Expired(0, 0, 0, 0, more=False)
    if now.state in (ClockState.SIGNED, ClockState.SYSTEM):
        _mark(db, now, limits)
    bodies = _expire_bodies(db, stamp(now.expiry - limits.shelf), batch)
    clear, _ = _mark_before(db, now, limits.clear_passages)
    other, redact = _mark_before(db, now, limits.other_passages)
    _, remove = _mark_before(db, now, limits.audit_rows)
    passages = _delete_passages(db, "shown = 'CLEAR'", clear, batch)
    db.execute("delete from outbox where gone = 'dropped' and seq <= ? and seq < ?", (clear, _first_live(db)))
    passages += _delete_passages(db, f"shown <> 'CLEAR' and state <> '{AWAITING}'", other, batch)
    redacted = _redact_audit(db, redact, batch)
    removed = _remove_audit(db, remove, batch)
    _state_taken(db, pen)
    return Expired(bodies, passages, redacted, removed, more=max(bodies, passages, redacted, removed) >= batch)


def make_room(db: sqlite3.Connection, pen: Pen, limits: JournalLimits) -> int:
    """Give up one batch of bodies as law 2 allows; how many. 0 when nothing may go."""
    seqs = [
        row[0]
        for row in db.execute(
            "select seq from outbox where acked_at is not null and gone is null order by seq limit ?",
            (limits.drop_rows,),
        )
    ]
    if seqs:
        _forget_bodies(db, seqs, "space")
        return len(seqs)
    seqs, epoch = ([], "") if pen.blank else _droppable(db, pen, limits.drop_rows)  # a blank box could not report it
    if seqs:
        _forget_bodies(db, seqs, "dropped")
        db.execute(
            "insert into meta values ('dropped', ?) on conflict (name) do update set value = value + excluded.value",
            (len(seqs),),
        )
        now = pen.wall()
        report = DroppedBody(
            ranges=ranges_of(seqs), count=len(seqs), at=now, clock=ClockState.UNTRUSTED,
            epoch="" if epoch == pen.epoch else epoch,
        )
        seq, digest = put_outbox(db, pen, report, now, ClockState.UNTRUSTED, clear=False)
        add_audit(db, pen, "dropped", {"rows": len(seqs), "seq": seq, "sha256": digest})
    return len(seqs)


def _expire_bodies(db: sqlite3.Connection, before: str, batch: int) -> int:
    old = "select seq from outbox where acked_at < ? and gone is null order by acked_at limit ?"
    seqs = [row[0] for row in db.execute(old, (before, batch))]
    _forget_bodies(db, seqs, "expired")
    return len(seqs)


def _forget_bodies(db: sqlite3.Connection, seqs: list[int], why: str) -> None:
    db.executemany("delete from bodies where seq = ?", [(seq,) for seq in seqs])
    db.executemany("update outbox set gone = ? where seq = ?", [(why, seq) for seq in seqs])
    db.execute("delete from outbox where gone is not null and gone <> 'dropped' and seq < ?", (_first_live(db),))


def _first_live(db: sqlite3.Connection) -> int:
    return int(db.execute("select min(seq) from outbox where gone is null").fetchone()[0] or newest_seq(db) + 1)


def _droppable(db: sqlite3.Connection, pen: Pen, limit: int) -> tuple[list[int], str]:
    """The oldest pending seqs of one epoch whose sealed flag says CLEAR; a flag that does not open means keep."""
    seqs: list[int] = []
    epochs, epoch = load(db), ""
    for seq, keep in db.execute("select seq, keep from outbox where acked_at is null and gone is null order by seq"):
        own = epochs.of(seq)
        if seqs and own != epoch:
            break
        try:
            if may_drop(pen, seq, keep, own, epochs.device_of(own)):
                seqs.append(seq)
                epoch = own
        except SealError:
            continue
        if len(seqs) == limit:
            break
    return seqs, epoch


def _mark(db: sqlite3.Connection, now: Trusted, limits: JournalLimits) -> None:
    if now.expiry is None:
        return
    at = stamp(now.expiry)
    last = db.execute("select max(at) from marks").fetchone()[0]
    if last is not None and last > stamp(now.expiry - _MARK_EVERY):
        return
    number = db.execute("select max(number) from audit").fetchone()[0] or 0
    db.execute("insert into marks (at, seq, audit) values (?, ?, ?)", (at, newest_seq(db), number))
    longest = max(limits.clear_passages, limits.other_passages, limits.audit_rows)
    useful = db.execute("select max(at) from marks where at <= ?", (stamp(now.expiry - longest),)).fetchone()[0]
    if useful is not None:
        db.execute("delete from marks where at < ?", (useful,))


def _mark_before(db: sqlite3.Connection, now: Trusted, age: timedelta) -> tuple[int, int]:
    """The last seq and audit number that are at least ``age`` old; zeros when none is known to be."""
    if now.expiry is None:
        return 0, 0
    row = db.execute(
        "select seq, audit from marks where at <= ? order by at desc limit 1", (stamp(now.expiry - age),)
    ).fetchone()
    return (row[0], row[1]) if row else (0, 0)


def _delete_passages(db: sqlite3.Connection, which: str, last: int, batch: int) -> int:
    if not last:
        return 0
    return db.execute(
        f"delete from passages where passage in (select passage from passages where seq <= ? and {which}"
        " order by seq limit ?)",
        (last, batch),
    ).rowcount


def _redact_audit(db: sqlite3.Connection, last: int, batch: int) -> int:
    """Take the bodies of rows up to ``last``; a cursor spares looking at the same rows again."""
    row = db.execute("select value from meta where name = 'audit_redacted'").fetchone()
    done = int(row[0]) if row else 0
    until = min(last, done + batch)
    if until <= done:
        return 0
    rows = db.execute(
        "update audit set body = null where number > ? and number <= ? and body is not null"
        f" and kind <> '{CHECKPOINT}'",  # its signature is what the rows before it are believed by
        (done, until),
    ).rowcount
    db.execute("insert or replace into meta values ('audit_redacted', ?)", (str(until),))
    return rows


def _state_taken(db: sqlite3.Connection, pen: Pen) -> None:
    """Say in the chain what is gone from its front, if that is not said yet."""
    meta = dict(db.execute("select name, value from meta where name in ('audit_redacted', 'audit_stated')").fetchall())
    removed, base = audit_base(db)
    taken = {"redacted": max(int(meta.get("audit_redacted", 0)), removed), "removed": removed, "base": base}
    mark = f"{taken['redacted']}:{removed}"
    if taken["redacted"] and mark != meta.get("audit_stated", "").partition("@")[0]:
        add_audit(db, pen, RETENTION, taken)
        number = db.execute("select max(number) from audit").fetchone()[0]
        db.execute("insert or replace into meta values ('audit_stated', ?)", (f"{mark}@{number}",))


def _remove_audit(db: sqlite3.Connection, last: int, batch: int) -> int:
    """Remove whole rows up to ``last``; the chain is then verified from the hash of the last one removed."""
    base, _ = audit_base(db)
    until = min(last, base + batch)
    row = db.execute("select hash from audit where number = ?", (until,)).fetchone() if until > base else None
    if row is None:
        return 0
    db.execute("insert or replace into meta values ('audit_base', ?)", (f"{until}:{row[0]}",))
    return db.execute("delete from audit where number <= ?", (until,)).rowcount
