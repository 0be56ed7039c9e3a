"""What journal tests share: keys, invented passages, a journal whose clocks are plain arguments."""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import sqlite3
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal

from edge.core import sealing, wire
from edge.core.padding import IMAGE_SIZE
from edge.core.trusted import ClockState
from edge.core.verdicts import Outcome
from edge.journal import AWAITING, CLOSED, Journal, JournalLimits, NewFinger, NewPassage
from edge.journal.pages import TABLE_LEAF, Pages

DEVICE = "post-7"
SESSION = "session-0001"
STORE = "store-aaaa"
START = datetime(2026, 3, 1, 12, tzinfo=UTC)
BOX_KEY = bytes(range(32))
HQ_KEY = sealing.SealPrivate.from_private_bytes(bytes(range(1, 33)))
HQ = sealing.Recipient.of(HQ_KEY.public_key())
SEALER = sealing.make_sealer([HQ], type=wire.BODY_TYPE)
NAME, NUMBER = "ERIKSSON<<ANNA<MARIA", "L898902C3"  # the specimen of Doc 9303-4


def root_page(data: bytes, table: str) -> int:
    """The number, from 1, of the first page of a table in a journal's file."""
    with contextlib.closing(sqlite3.connect(":memory:")) as db:
        db.deserialize(data[:18] + b"\1\1" + data[20:])  # what lies in memory has no log beside it
        return int(db.execute("select rootpage from sqlite_master where name = ?", (table,)).fetchone()[0])


def outbox_leaf(data: bytes, seq: int) -> int:
    """The number, from 1, of the page on which the outbox row ``seq`` stands."""
    pages = Pages(lambda at, size: data[at : at + size], len(data))
    leaves = (n for n in range(1, pages.count + 1) if pages.kind(n) == TABLE_LEAF)
    return next(n for n in leaves if any(r.rowid == seq and len(r.values) == 10 for r in pages.records(n)))


def tokens() -> Callable[[], str]:
    """Epoch tokens in order: epoch-1, epoch-2, …"""
    numbers = itertools.count(1)
    return lambda: f"epoch-{next(numbers)}"


def journal(path: Path, *, sealer: Callable[[bytes, str], bytes] = SEALER, **limits: object) -> Journal:
    """A journal that is not started, with a wall clock that stands at START."""
    chosen = JournalLimits(**{"ballast_bytes": 0, "retry_seconds": 0.05, **limits})  # type: ignore[arg-type]
    ticks = itertools.count(1)
    return Journal(
        path,
        device=DEVICE,
        sealer=sealer,
        box_key=BOX_KEY,
        token=_file_token(path),
        wall=lambda: START,
        mono=lambda: next(ticks) / 1000,
        limits=chosen,
        boot="boot-1",
    )


def new_passage(
    number: int, outcome: Outcome = Outcome.CLEAR, shown: Outcome | None = None, at: datetime = START
) -> NewPassage:
    """An invented passage; a silent hit is ``outcome=HIT, shown=CLEAR``."""
    shown = shown or outcome
    clear = outcome is Outcome.CLEAR
    body = wire.PassageBody(
        passage=f"passage-{number:06}",
        counter="entry-1",
        direction="entry",
        at=at,
        clock=ClockState.SIGNED,
        outcome=outcome,
        shown=shown,
        number_hash=sealing.keyed_hash(BOX_KEY, f"{number}"),
        lines=() if clear else (f"P<UTO{NAME}<<<<<<<<<<<<<<<<<<<", f"{NUMBER}6UTO7408122F1204159ZE184226B<<<<<10"),
        document=None if clear else wire.BodyDocument(number=NUMBER, surname="ERIKSSON", given_names="ANNA MARIA"),
    )
    asks = shown in (Outcome.HIT, Outcome.POSSIBLE)
    summary = ({"list": "demo-docs", "record": f"D-{number}", "kind": "document", "score": 1.0},) if asks else ()
    return NewPassage(
        passage=body.passage,
        at=at,
        clock=ClockState.SIGNED,
        counter="entry-1",
        direction="entry",
        shown=shown,
        truth_clear=clear,
        state=AWAITING if asks else CLOSED,
        summary=summary,
        body=body,
        number_hash=body.number_hash,
    )


def new_finger(number: int, *, opens: bool = False, silent: bool = False, image: bytes = b"") -> NewFinger:
    """What came of a finger of the invented passage ``number``; ``opens`` with a shown candidate."""
    shown = Outcome.POSSIBLE if opens else Outcome.CLEAR
    reason = wire.BodyReason(
        list="prints", record=f"F-{number}", kind="finger", outcome="POSSIBLE", score=0.99, silent=not opens
    )
    body = wire.FingersBody(
        passage=f"passage-{number:06}", counter="entry-1", at=START, clock=ClockState.SIGNED, purpose="search",
        positions=(2,), outcome=Outcome.POSSIBLE if opens or silent else Outcome.CLEAR, shown=shown,
        reasons=(reason,) if opens or silent else (), image=image,
    )
    summary = ({"list": "prints", "record": f"F-{number}", "kind": "finger", "score": 0.99},) if opens else ()
    return NewFinger(
        passage=body.passage, at=START, clock=ClockState.SIGNED, counter="entry-1", purpose="search",
        position="right-index", shown=shown, opens=opens, truth_clear=not (opens or silent), summary=summary,
        body=body, block=wire.fit_block(body, IMAGE_SIZE),
    )


def record(target: Journal, numbers: Iterable[int], outcome: Outcome = Outcome.CLEAR, **more: object) -> list[int]:
    """Record invented passages and wait for them; their seqs."""
    futures = [target.record(new_passage(n, outcome, **more)) for n in numbers]  # type: ignore[arg-type]
    return [f.result(10).seq for f in futures]


def hashes(target: Journal) -> dict[int, bytes]:
    """seq -> SHA-256 of the sealed body, of everything pending: what headquarters would hold."""
    return {i.seq: hashlib.sha256(i.body).digest() for i in target.pending(limit=10_000)}


def word(
    target: Journal,
    held: dict[int, bytes],
    *,
    kind: Literal["ack", "holdings"] = "ack",
    span: tuple[int, int] | None = None,
    store: str = STORE,
    at: datetime = START,
) -> wire.AckPayload:
    """Headquarters' word that it holds these bodies."""
    ranges = wire.ranges_of(sorted(held))
    return wire.AckPayload(
        kind=kind,
        device=DEVICE,
        epoch=target.epoch,
        store=store,
        session=SESSION,
        server_time=at,
        span=span or (ranges[0][0], ranges[-1][1]),
        ranges=ranges,
        digest=wire.digest_of(sorted(held.items())),
    )


def open_body(target: Journal, seq: int, body: bytes) -> wire.Body:
    """What headquarters reads in a sealed body."""
    message = wire.message_id(DEVICE, target.epoch, seq)
    plain = sealing.open_sealed(body, message_id=message, type=wire.BODY_TYPE, keys={HQ.key_id: HQ_KEY})
    return wire.decode_body(plain)


def days(number: float) -> timedelta:
    """A span of days."""
    return timedelta(days=number)


def _file_token(path: Path) -> Callable[[], str]:
    """A token that differs for every file made in one folder, without randomness."""
    return lambda: f"epoch-{len(list(path.parent.glob('*.corrupt-*')))}"
