"""Reading the journal: plain queries over a connection that cannot write."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Collection, Iterator, Mapping
from datetime import datetime

import msgspec

from edge.core import audit
from edge.core.trusted import ClockState
from edge.core.verdicts import Outcome
from edge.journal.deliveries import known_store
from edge.journal.entries import audit_base, newest_seq, unstamp
from edge.journal.epochs import load
from edge.journal.model import AWAITING, Counts, JournalLimits, OutboxItem, PassageRow

MAX_ROWS = 10_000  # rows of any one answer
_PASSAGES = (
    "select p.passage, p.seq, p.at, p.clock, p.counter, p.direction, p.shown, p.state, p.code, p.closed_at,"
    " p.summary, p.late, o.acked_at is not null or o.seq is null"
    " from passages p left join outbox o on o.seq = p.seq"
)


def pending(db: sqlite3.Connection, after: int, limit: int) -> list[OutboxItem]:
    """Sealed bodies that headquarters has not acked, with seq > ``after``, ascending, at most ``limit``."""
    rows = db.execute(
        "select o.seq, o.at, o.clock, o.boot, o.mono_ms, b.body from outbox o join bodies b on b.seq = o.seq"
        " where o.acked_at is null and o.gone is null and o.seq > ? order by o.seq limit ?",
        (after, min(limit, MAX_ROWS)),
    )
    known = load(db)
    return [
        OutboxItem(s, unstamp(at), ClockState(c), boot, mono, body, epoch := known.of(s), known.device_of(epoch))
        for s, at, c, boot, mono, body in rows
    ]


def passages(db: sqlite3.Connection, limit: int, *, awaiting: bool = False) -> list[PassageRow]:
    """The latest passages, newest first, at most ``limit``; only those awaiting a code if asked."""
    where = f" where p.state = '{AWAITING}'" if awaiting else ""
    rows = db.execute(f"{_PASSAGES}{where} order by p.seq desc limit ?", (min(limit, MAX_ROWS),))
    return [_passage(row) for row in rows]


def passage(db: sqlite3.Connection, passage_id: str) -> PassageRow | None:
    """One passage, or None."""
    row = db.execute(f"{_PASSAGES} where p.passage = ?", (passage_id,)).fetchone()
    return _passage(row) if row else None


def epoch(db: sqlite3.Connection) -> str:
    """The token of the present epoch."""
    return str(db.execute("select value from meta where name = 'epoch'").fetchone()[0])


def device(db: sqlite3.Connection) -> str:
    """The box that writes the file; '' in one that a former version wrote."""
    row = db.execute("select value from meta where name = 'device'").fetchone()
    return str(row[0]) if row else ""


def counts(db: sqlite3.Connection, limits: JournalLimits, in_memory: Mapping[str, int]) -> Counts:
    """The journal in figures; ``in_memory`` fills retrying, forgotten and failures."""
    newest = newest_seq(db)
    first = load(db).starts[-1][0]
    oldest = db.execute("select min(seq) from outbox where gone is null and seq >= ?", (first,)).fetchone()[0] or 0
    waiting = db.execute("select count(*), min(seq) from outbox where acked_at is null and gone is null").fetchone()
    acked = db.execute("select count(*) from outbox where acked_at is not null and gone is null").fetchone()[0]
    shown = dict(db.execute("select shown, count(*) from passages group by shown").fetchall())
    base, base_hash = audit_base(db)
    head = db.execute("select number, hash from audit order by number desc limit 1").fetchone() or (
        base,
        base_hash,
    )
    return Counts(
        epoch=epoch(db),
        store=known_store(db),
        oldest=oldest,
        newest=newest if newest >= first else 0,
        pending=waiting[0],
        pending_since=_written(db, waiting[1]),
        acked=acked,
        dropped=int((db.execute("select value from meta where name = 'dropped'").fetchone() or (0,))[0]),
        passages=sum(shown.values()),
        awaiting=db.execute(f"select count(*) from passages where state = '{AWAITING}'").fetchone()[0],
        used_bytes=_used(db),
        quota_bytes=limits.quota_bytes,
        audit_rows=head[0] - base,
        audit_head=head[1],
        audit_number=head[0],
        by_shown=shown,
        **in_memory,
    )


def verify_audit(
    db: sqlite3.Connection,
    believe: Callable[[audit.Checkpoint], bool] | None = None,
    heads: Collection[str] = (),
) -> audit.AuditCheck:
    """Walk the whole chain in one snapshot; ``believe`` and ``heads`` as in ``audit.verify``."""
    db.execute("begin")
    try:
        after, previous = audit_base(db)
        return audit.verify(audit_rows(db), after=after, previous=previous, believe=believe, heads=heads)
    finally:
        db.execute("rollback")


def audit_rows(db: sqlite3.Connection) -> Iterator[audit.AuditRow]:
    """The rows of the chain in order."""
    for row in db.execute("select number, at, kind, body, body_hash, previous, hash from audit order by number"):
        yield audit.AuditRow(*row)


def _written(db: sqlite3.Connection, seq: int | None) -> datetime | None:
    row = db.execute("select at from outbox where seq = ?", (seq,)).fetchone()
    return unstamp(row[0]) if row else None


def _used(db: sqlite3.Connection) -> int:
    pages, free, size = (db.execute(f"pragma {p}").fetchone()[0] for p in ("page_count", "freelist_count", "page_size"))
    return int((pages - free) * size)


_LEADS = frozenset({Outcome.HIT, Outcome.POSSIBLE})


def _passage(row: tuple[object, ...]) -> PassageRow:
    name, seq, at, clock, counter, direction, shown, state, code, closed_at, summary, late, delivered = row
    return PassageRow(
        passage=str(name),
        seq=int(str(seq)),
        at=unstamp(str(at)),
        clock=ClockState(str(clock)),
        counter=str(counter),
        direction=str(direction),
        shown=Outcome(str(shown)),
        state=str(state),
        code=str(code),
        closed_at=unstamp(str(closed_at)) if closed_at else None,
        summary=tuple(msgspec.json.decode(str(summary))),
        late=bool(late),
        # Of the others only what had to be kept survives a full disk: to tell would tell silent hits.
        delivered=bool(delivered) if str(shown) in _LEADS else None,
    )
