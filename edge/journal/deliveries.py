"""What headquarters' word does to the rows. The decision is ``edge.core.acks``; here are the rows.

Laws:
1. Only APPLIED marks rows as acked; everything else can at most make rows pending again, which costs a second sending
   and nothing more. A word about one epoch touches the rows of that epoch alone.
2. A word over the link is an answer to a question of this minute. One that came by stick (``carried``) may be weeks
   old: it counts by the time that stands in it. It cannot bring back another store than the one that spoke last, undo
   what later holdings asked for, or tell what is held now once something newer was said.
3. Each call is one transaction of the owner thread.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from edge.core.acks import AckOutcome, compare
from edge.core.wire import AckPayload
from edge.journal.entries import Pen, add_audit, newest_seq, stamp
from edge.journal.epochs import load

# Names in meta: headquarters' time in the newest word that was believed, and in the newest that made rows pending again
WORD_AT, RESET_AT = "word_at", "reset_at"


def apply_ack(db: sqlite3.Connection, pen: Pen, payload: AckPayload, *, carried: bool = False) -> AckOutcome:
    """Mark the named rows as delivered if the digest is the box's own; else change nothing."""
    place = _place(db, pen, payload, "ack", carried=carried)
    if isinstance(place, AckOutcome):
        return place
    outcome = compare(payload, _own(db, payload, place), min(newest_seq(db), place[1]))
    if outcome is AckOutcome.APPLIED:
        _adopt_store(db, pen, payload)
        _mark(db, payload)
        _note_time(db, WORD_AT, payload, afresh=not carried)
    return outcome


def apply_holdings(db: sqlite3.Connection, pen: Pen, payload: AckPayload, *, carried: bool = False) -> AckOutcome:
    """Make the rows of the span agree with what headquarters holds.

    Rows that it lacks are pending again. If its digest is not the box's own, the whole span is
    pending again; but not where it came by stick and names rows that have left the shelf since: then only what it lacks
    is. ``silent`` seqs stay as they are. A store id that the box does not know makes the whole
    shelf pending first.
    """
    place = _place(db, pen, payload, "holdings", carried=carried)
    if isinstance(place, AckOutcome):
        return place
    _adopt_store(db, pen, payload)
    outcome = compare(payload, _own(db, payload, place), min(newest_seq(db), place[1]))
    low, high = max(payload.span[0], place[0]), min(payload.span[1], place[1])
    _note_time(db, WORD_AT, payload, afresh=not carried)
    if outcome is AckOutcome.APPLIED:
        _mark(db, payload)
    elif not (carried and _left_the_shelf(db, payload)):
        _pend_between(db, pen, payload, (low, high), payload.silent, str(outcome))
        return outcome
    _pend_between(db, pen, payload, (low, high), sorted([*payload.ranges, *payload.silent]), "not_held")
    return outcome


def known_store(db: sqlite3.Connection) -> str:
    """The store id of the last word that was believed; '' before the first."""
    row = db.execute("select value from meta where name = 'store'").fetchone()
    return row[0] if row else ""


def _place(
    db: sqlite3.Connection, pen: Pen, payload: AckPayload, kind: str, *, carried: bool
) -> tuple[int, int] | AckOutcome:
    """The seqs that the word may speak of: those of its epoch; or why it is refused."""
    if payload.kind != kind:
        return AckOutcome.MALFORMED
    if carried and _is_overtaken(db, payload):
        return AckOutcome.OVERTAKEN
    return (payload.device == pen.device and load(db).span(payload.epoch)) or AckOutcome.FOREIGN


def _is_overtaken(db: sqlite3.Connection, payload: AckPayload) -> bool:
    """Law 2. An ack says that rows were held, which only a later question can take back; holdings say all of it."""
    said = stamp(payload.server_time)
    if payload.store != known_store(db):
        return said <= _time(db, WORD_AT)
    return said < _time(db, WORD_AT if payload.kind == "holdings" else RESET_AT)


def _left_the_shelf(db: sqlite3.Connection, payload: AckPayload) -> bool:
    """True if rows that the word names lie below the shelf: its digest cannot be compared any more."""
    first = db.execute("select min(seq) from outbox").fetchone()[0]
    return bool(payload.ranges) and payload.ranges[0][0] < (first or newest_seq(db) + 1)


def _time(db: sqlite3.Connection, name: str) -> str:
    row = db.execute("select value from meta where name = ?", (name,)).fetchone()
    return str(row[0]) if row else ""


def _note_time(db: sqlite3.Connection, name: str, payload: AckPayload, *, afresh: bool = False) -> None:
    """``afresh``: the word is of this minute, whatever the clock of headquarters said before."""
    said = stamp(payload.server_time)
    if afresh or said > _time(db, name):
        db.execute("insert or replace into meta values (?, ?)", (name, said))


def _own(db: sqlite3.Connection, payload: AckPayload, place: tuple[int, int]) -> dict[int, bytes]:
    span = max(payload.span[0], place[0]), min(payload.span[1], place[1])
    return dict(db.execute("select seq, sha256 from outbox where seq between ? and ?", span).fetchall())


def _mark(db: sqlite3.Connection, payload: AckPayload) -> None:
    at = stamp(payload.server_time)
    db.executemany(
        "update outbox set acked_at = ? where seq between ? and ? and acked_at is null",
        [(at, low, high) for low, high in payload.ranges],
    )


def _adopt_store(db: sqlite3.Connection, pen: Pen, payload: AckPayload) -> None:
    known, store = known_store(db), payload.store
    if store == known:
        return
    db.execute("delete from meta where name in (?, ?)", (WORD_AT, RESET_AT))  # of the clock of the one before
    if known:
        _pend_again(db, pen, payload, (1, newest_seq(db)), "unknown_store")
    db.execute("insert or replace into meta values ('store', ?)", (store,))
    add_audit(db, pen, "store_adopted", {"store": store, "before": known})


def _pend_between(
    db: sqlite3.Connection, pen: Pen, payload: AckPayload, span: tuple[int, int], kept: Sequence[tuple[int, int]],
    why: str,
) -> None:  # fmt: skip
    edge = span[0]
    for first, last in [*kept, (span[1] + 1, span[1] + 1)]:
        if edge < first:
            _pend_again(db, pen, payload, (edge, min(first - 1, span[1])), why)
        edge = max(edge, last + 1)


def _pend_again(db: sqlite3.Connection, pen: Pen, payload: AckPayload, span: tuple[int, int], why: str) -> None:
    low, high = span
    rows = db.execute(
        "update outbox set acked_at = null where seq between ? and ? and acked_at is not null and gone is null",
        (low, high),
    ).rowcount
    if rows:
        _note_time(db, RESET_AT, payload)
        add_audit(db, pen, "ack_reset", {"first": low, "last": high, "rows": rows, "why": why})
