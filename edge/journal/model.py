"""What goes into the journal and what comes out, with every limit and its unit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from typing import Any

from common.times import rfc3339
from edge.config import JournalConfig
from edge.core.errors import BorderpostError
from edge.core.trusted import ClockState
from edge.core.verdicts import Outcome
from edge.core.wire import FingersBody, PassageBody

Fact = str | int | bool  # what a note may hold under a name
AWAITING = "awaiting"
CLOSED = "closed"


class JournalError(BorderpostError):
    """The journal could not do what was asked."""


class JournalUnavailableError(JournalError):
    """Nothing can be read or written just now: disk full or failing, not started, or closed."""


class JournalForbiddenError(JournalUnavailableError):
    """This user may not read the journal."""


class JournalBusyError(JournalError):
    """Another process has this journal open for writing."""


class NoSuchPassageError(JournalError):
    """No passage with this id, or it is closed already."""


@dataclass(frozen=True, slots=True)
class JournalLimits:
    """How much the journal may take and how long it keeps things."""

    quota_bytes: int = 1024 * 1024 * 1024  # of the database file
    ballast_bytes: int = 1024 * 1024  # set aside on the disk for the moment it is full
    page_size: int = 4096  # bytes
    wal_pages: int = 256  # pages in the WAL before it is folded in
    wal_bytes: int = 4 * 1024 * 1024  # the WAL file is cut back to this
    shelf: timedelta = timedelta(days=30)  # acked bodies stay, sealed
    clear_passages: timedelta = timedelta(days=30)  # passage rows shown as CLEAR
    other_passages: timedelta = timedelta(days=365)  # all other closed passage rows, and audit bodies
    audit_rows: timedelta = timedelta(days=3 * 365)  # audit rows without body; then the chain starts later
    retry_entries: int = 256  # entries kept in memory while the disk refuses
    retry_seconds: float = 5.0  # between tries without a new write
    call_seconds: float = 30.0  # longest wait of a blocking call
    queue_entries: int = 4096  # requests waiting for the owner thread
    batch_rows: int = 500  # rows changed in one retention transaction
    drop_rows: int = 64  # rows given up in one drop report


    @classmethod
    def of(cls, config: JournalConfig) -> JournalLimits:
        """The limits that a box's configuration states; the others as above."""
        return cls(
            quota_bytes=config.max_mb * 1024 * 1024,
            shelf=timedelta(days=config.shelf_days),
            clear_passages=timedelta(days=config.clear_days),
            other_passages=timedelta(days=config.hit_days),
        )


@dataclass(frozen=True, slots=True)
class NewPassage:
    """A passage with its verdict, before it is written.

    Everything but ``truth_clear`` and ``body`` is the shown projection. ``state`` is AWAITING when
    the shown outcome is HIT or POSSIBLE, else CLOSED. ``summary`` lists the shown reasons as mappings
    of list, record, kind and score: no names, no numbers.
    """

    passage: str
    at: datetime
    clock: ClockState
    counter: str
    direction: str
    shown: Outcome
    truth_clear: bool
    state: str
    summary: tuple[Mapping[str, str | float], ...]
    body: PassageBody
    number_hash: str
    block: bytes = b""  # the body fitted and padded (``wire.fit_block``), so that writing costs every body the same


@dataclass(frozen=True, slots=True)
class NewFinger:
    """What came of a finger of a passage, before it is written.

    Everything but ``truth_clear`` and ``body`` is the shown projection, as in ``NewPassage``: ``shown`` and ``summary``
    of the whole passage with this finger. ``opens``: a candidate was shown, so the passage awaits an outcome code from
    now on, also if it was closed. ``block`` is the body padded to the size that fingers have at this box.
    """

    passage: str
    at: datetime
    clock: ClockState
    counter: str
    purpose: str
    position: str
    shown: Outcome
    opens: bool
    truth_clear: bool
    summary: tuple[Mapping[str, str | float], ...]
    body: FingersBody
    block: bytes


@dataclass(frozen=True, slots=True)
class Recorded:
    """It is on disk. ``committed_mono`` is the monotonic second at which the commit returned.

    A note is a row of the audit chain alone: seq 0, no message id.
    """

    seq: int
    message_id: str
    committed_mono: float


@dataclass(frozen=True, slots=True)
class OutboxItem:
    """One sealed body with what its envelope needs; ``mono_ms`` counts from ``boot``.

    ``epoch`` is the one that the body was written and sealed under: with it the row keeps its id. ``device`` is the
    device id that the box had then, '' for the one that it has now.
    """

    seq: int
    at: datetime
    clock: ClockState
    boot: str
    mono_ms: int
    body: bytes
    epoch: str
    device: str = ""


@dataclass(frozen=True, slots=True)
class Shelf:
    """First and last seq of one epoch that the box still has, acked or not; 0 and 0 for none. ``device`` as above."""

    epoch: str
    oldest: int
    newest: int
    device: str = ""


@dataclass(frozen=True, slots=True)
class PassageRow:
    """One passage as shown. ``delivered``: headquarters has acked it; None where a lead was not shown."""

    passage: str
    seq: int
    at: datetime
    clock: ClockState
    counter: str
    direction: str
    shown: Outcome
    state: str
    code: str
    closed_at: datetime | None
    summary: tuple[Mapping[str, str | float], ...]
    late: bool
    delivered: bool | None

    def values(self) -> dict[str, Any]:
        """The same as JSON values, times in RFC 3339."""
        ended = rfc3339(self.closed_at) if self.closed_at else None
        return {**asdict(self), "at": rfc3339(self.at), "closed_at": ended}


@dataclass(frozen=True, slots=True)
class Counts:
    """The journal in figures; nothing here tells a silent hit from a CLEAR.

    ``oldest`` and ``newest`` are the first and last seq of the present epoch on the shelf (0 when empty); ``pending``
    are rows of any epoch that headquarters has not acked, the oldest of them written at ``pending_since``.
    ``retrying`` entries wait in memory for the disk; ``forgotten`` are lost for good (memory full or
    process stopped while the disk refused); ``failures`` counts refused writes since the start. ``audit_rows`` are
    there, the last of them has the number ``audit_number``: retention takes the first ones away.
    """

    epoch: str
    store: str
    oldest: int
    newest: int
    pending: int
    pending_since: datetime | None
    acked: int
    dropped: int
    passages: int
    awaiting: int
    used_bytes: int
    quota_bytes: int
    audit_rows: int
    audit_head: str
    audit_number: int
    by_shown: Mapping[str, int] = field(default_factory=dict)
    retrying: int = 0
    forgotten: int = 0
    failures: int = 0


@dataclass(frozen=True, slots=True)
class Expired:
    """What one retention run took away, in rows; ``more`` if it stopped at its batch limit."""

    bodies: int
    passages: int
    audit_bodies: int
    audit_rows: int
    more: bool


@dataclass(frozen=True, slots=True)
class Notice:
    """Something that befell the journal at its start, by code, for the log and the status."""

    code: str
    detail: Mapping[str, str | int]
