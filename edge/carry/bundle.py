"""Writes ``rows.sealed`` and ``logs.sealed``: sealed to headquarters and escrow, signed by the box's device key.

Laws:
1. Rows go oldest first, the earlier epochs' before the present one's; what does not fit goes with the next stick.
   Nothing is marked as sent: only headquarters' acks do that.
2. Memory stays flat: rows are read, sealed and written in pieces, whatever the backlog.
3. Whoever holds the stick reads nothing: no device, site or number stands outside of the seal.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol

import msgspec

from edge.carry.logs import LOG_BYTES, log_tail
from edge.carry.sink import Target, write_out
from edge.core.carrying import FRAME_HEAD, MAX_FRAME, MAX_SITE, CarriedShelf, CarryHeader, Sign, pack
from edge.core.provisioning.stream import seal_stream
from edge.core.sealing import Recipient
from edge.core.trusted import ClockState
from edge.core.wire import encode, envelope
from edge.journal.model import Counts, OutboxItem, Shelf

MAX_BUNDLE = 256 << 20  # bytes of one rows.sealed; a stick of 1 GB holds it beside the lists
MAX_ROWS = 100_000  # rows of one
MAX_EPOCHS = 64  # named in the header
MARGIN = 256 << 10  # bytes kept free for header, marks and seals


class Unacked(Protocol):
    """What is needed of the journal."""

    @property
    def device(self) -> str:
        """The device id in every message id."""

    def counts(self) -> Counts:
        """The journal in figures."""

    def shelves(self) -> Sequence[Shelf]:
        """What there is of each epoch, earliest first."""

    def pending_all(self) -> Iterator[OutboxItem]:
        """Every row that headquarters has not acked, of every epoch, ascending."""


@dataclass(frozen=True, slots=True)
class Sender:
    """Who signs: ``certificate`` is PEM with its chain ('' while unprovisioned), ``sign`` the device key's signature
    (ECDSA P-256, SHA-256, DER) of what it is given."""

    device: str
    serial: str
    site: str
    certificate: str
    sign: Sign
    software: str = ""
    sequence: int = 0


@dataclass(frozen=True, slots=True)
class RowsWritten:
    """``count`` rows in ``bytes`` bytes; ``left`` more wait for the next stick."""

    count: int
    bytes: int
    left: int


def write_rows(
    target: Target,
    journal: Unacked,
    *,
    sender: Sender,
    recipients: Sequence[Recipient],
    session: str,
    created: datetime,
    clock: ClockState = ClockState.UNTRUSTED,
    max_bytes: int = MAX_BUNDLE,
    max_rows: int = MAX_ROWS,
) -> RowsWritten:
    """Write what headquarters has not acked, at most ``max_bytes`` and ``max_rows`` of it; also for no row at all,
    because the audit head goes with it.

    ``session`` (a random token, kept by the box) must stand in the acks that come back. Raises ProvisioningError for
    the disk, JournalError's kin for the journal.
    """
    counts = journal.counts()
    shelves = journal.shelves()[-MAX_EPOCHS:]
    header = msgspec.structs.replace(
        header_of("rows", sender, session, created, clock), epochs=tuple(one.epoch for one in shelves),
        shelves=tuple(shelf_of(one) for one in shelves if one.newest), pending=counts.pending,
        audit_head=counts.audit_head, audit_rows=counts.audit_rows, audit_number=counts.audit_number,
    )  # fmt: skip
    items = (message(journal.device, item, session) for item in journal.pending_all())
    rows = Limited(items, max_bytes=max_bytes - MARGIN, max_items=max_rows)
    size = write_out(target, seal_stream(recipients, pack(header, rows, sender.sign), header.purpose))
    return RowsWritten(rows.count, size, max(0, counts.pending - rows.count))


def write_logs(
    target: Target,
    *,
    sender: Sender,
    recipients: Sequence[Recipient],
    session: str,
    created: datetime,
    clock: ClockState = ClockState.UNTRUSTED,
    tail: Callable[[int], bytes] = log_tail,
) -> int:
    """Write the last ``LOG_BYTES`` of the log; how many bytes the file has. ``tail`` gives at most that many bytes.

    Logs hold nothing personal (ARCHITECTURE law 9); they are sealed all the same. Raises ProvisioningError.
    """
    header = header_of("logs", sender, session, created, clock)
    pieces = cut(tail(LOG_BYTES)[-LOG_BYTES:])
    return write_out(target, seal_stream(recipients, pack(header, pieces, sender.sign), header.purpose))


def header_of(
    kind: Literal["rows", "logs"], sender: Sender, session: str, created: datetime, clock: ClockState
) -> CarryHeader:
    """The header of a bundle of this box."""
    return CarryHeader(
        kind=kind, device=sender.device, serial=sender.serial, site=sender.site[:MAX_SITE], session=session,
        software=sender.software[:MAX_SITE], sequence=sender.sequence, created=created, clock=clock,
        certificate=sender.certificate,
    )  # fmt: skip


def shelf_of(shelf: Shelf) -> CarriedShelf:
    """As the header says it."""
    return CarriedShelf(epoch=shelf.epoch, oldest=max(1, shelf.oldest), newest=shelf.newest, device=shelf.device)


def cut(text: bytes) -> Iterator[bytes]:
    """``text`` in pieces that fit a frame."""
    for at in range(0, len(text), MAX_FRAME):
        yield text[at : at + MAX_FRAME]


def message(device: str, item: OutboxItem, session: str) -> bytes:
    """One row as MQTT would carry it, under the device id that it was written under (``device`` if none is named)."""
    return encode(envelope(
        device=item.device or device, epoch=item.epoch, seq=item.seq, body=item.body, at=item.at, clock=item.clock,
        boot=item.boot, mono_ms=item.mono_ms, session=session,
    ))  # fmt: skip


class Limited:
    """``items`` until the next one would pass a limit; ``count`` says afterwards how many went."""

    def __init__(self, items: Iterable[bytes], *, max_bytes: int, max_items: int) -> None:
        self._items, self._bytes, self._max_items = items, max_bytes, max_items
        self.count = 0

    def __iter__(self) -> Iterator[bytes]:
        if self._max_items < 1:
            return
        for item in self._items:
            self._bytes -= len(item) + FRAME_HEAD
            if self._bytes < 0:
                return
            self.count += 1
            yield item
            if self.count >= self._max_items:
                return
