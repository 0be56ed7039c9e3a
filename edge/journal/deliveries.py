"""What headquarters' word does to the rows. The decision is ``edge.core.acks``; here are the rows.

Laws: only APPLIED marks rows as acked; everything else can at most make rows pending again, which
costs a second sending and nothing more. A word about one epoch touches the rows of that epoch alone.
Each call is one transaction of the owner thread.
"""

from __future__ import annotations

import sqlite3

from edge.core.acks import AckOutcome, compare
from edge.core.wire import AckPayload
from edge.journal.entries import Pen, add_audit, newest_seq, stamp
from edge.journal.epochs import load


def apply_ack(db: sqlite3.Connection, pen: Pen, payload: AckPayload) -> AckOutcome:
    """Mark the named rows as delivered if the digest is the box's own; else change nothing."""
    place = _place(db, pen, payload, "ack")
    if isinstance(place, AckOutcome):
        return place
    outcome = compare(payload, _own(db, payload, place), min(newest_seq(db), place[1]))
    if outcome is AckOutcome.APPLIED:
        _adopt_store(db, pen, payload.store)
        _mark(db, payload)
    return outcome


def apply_holdings(db: sqlite3.Connection, pen: Pen, payload: AckPayload) -> AckOutcome:
    """Make the rows of the span agree with what headquarters holds.

    Rows that it lacks are pending again. If its digest is not the box's own, the whole span is
    pending again. A store id that the box does not know makes the whole shelf pending first.
    """
    place = _place(db, pen, payload, "holdings")
    if isinstance(place, AckOutcome):
        return place
    _adopt_store(db, pen, payload.store)
    outcome = compare(payload, _own(db, payload, place), min(newest_seq(db), place[1]))
    low, high = max(payload.span[0], place[0]), min(payload.span[1], place[1])
    if outcome is not AckOutcome.APPLIED:
        _pend_again(db, pen, low, high, str(outcome))
        return outcome
    _mark(db, payload)
    edge = low
    for first, last in [*payload.ranges, (high + 1, high + 1)]:
        if edge < first:
            _pend_again(db, pen, edge, first - 1, "not_held")
        edge = last + 1
    return outcome


def known_store(db: sqlite3.Connection) -> str:
    """The store id of the last word that was believed; '' before the first."""
    row = db.execute("select value from meta where name = 'store'").fetchone()
    return row[0] if row else ""


def _place(db: sqlite3.Connection, pen: Pen, payload: AckPayload, kind: str) -> tuple[int, int] | AckOutcome:
    """The seqs that the word may speak of: those of its epoch; or why it is refused."""
    if payload.kind != kind:
        return AckOutcome.MALFORMED
    return (payload.device == pen.device and load(db).span(payload.epoch)) or AckOutcome.FOREIGN


def _own(db: sqlite3.Connection, payload: AckPayload, place: tuple[int, int]) -> dict[int, bytes]:
    span = max(payload.span[0], place[0]), min(payload.span[1], place[1])
    return dict(db.execute("select seq, sha256 from outbox where seq between ? and ?", span).fetchall())


def _mark(db: sqlite3.Connection, payload: AckPayload) -> None:
    at = stamp(payload.server_time)
    db.executemany(
        "update outbox set acked_at = ? where seq between ? and ? and acked_at is null",
        [(at, low, high) for low, high in payload.ranges],
    )


def _adopt_store(db: sqlite3.Connection, pen: Pen, store: str) -> None:
    known = known_store(db)
    if store == known:
        return
    if known:
        _pend_again(db, pen, 1, newest_seq(db), "unknown_store")
    db.execute("insert or replace into meta values ('store', ?)", (store,))
    add_audit(db, pen, "store_adopted", {"store": store, "before": known})


def _pend_again(db: sqlite3.Connection, pen: Pen, low: int, high: int, why: str) -> None:
    rows = db.execute(
        "update outbox set acked_at = null where seq between ? and ? and acked_at is not null and gone is null",
        (low, high),
    ).rowcount
    if rows:
        add_audit(db, pen, "ack_reset", {"first": low, "last": high, "rows": rows, "why": why})
