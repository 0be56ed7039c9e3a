"""What can still be had of a journal that SQLite refuses, or that lies on the disk of a dead box.

Laws:
1. It only reads: no lock, no file beside, no recovery; any file at all may be given.
2. A row is given out if its body is whole: its SHA-256 is the one that was written down, or, where the row of the
   outbox is lost, it has the shape of a sealed body. A body that cannot be tried is sent rather than lost:
   headquarters refuses what does not open, and has every true row once.
3. What headquarters has acked by the journal's own word is not given out; what is unknown is.
4. Every seq between the lowest and the highest that the file knows is given out, known as done, or named as lost.
5. A row is sealed to its epoch. Where that is not certain (``placing``) it is given out under every epoch that it may
   be of, so that the true one is among them: headquarters opens that one alone.
"""

from __future__ import annotations

import bisect
import hashlib
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

import msgspec

from edge.core.padding import SIZES
from edge.core.sealing import MAX_RECIPIENTS, sealed_size
from edge.core.trusted import ClockState
from edge.journal.entries import unstamp
from edge.journal.epochs import FORMER, MAX_SEQ, Epochs
from edge.journal.model import JournalUnavailableError, OutboxItem
from edge.journal.pages import INDEX_LEAF, TABLE_LEAF, BrokenCellError, Pages, Record
from edge.journal.placing import place

MAX_ROWS = 4_000_000  # bodies of one file; some 9 GB
MAX_WAL = 256 << 20  # bytes of a write-ahead log; beyond it is not looked at
UNKNOWN_TIME = datetime(1970, 1, 1, tzinfo=UTC)  # of a row whose neighbours are lost too
_BODY_SIZES = frozenset(sealed_size(count, size) for count in range(1, MAX_RECIPIENTS + 1) for size in SIZES)
_STAMPS = (0, 27)  # characters of a time in the table of epochs
_CLOCKS = frozenset(str(state) for state in ClockState)


@dataclass(frozen=True, slots=True)
class Lost:
    """Rows ``first..last`` of an epoch ('' if unknown) that were there and cannot be had."""

    epoch: str
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class Saved:
    """A row as it stood in the journal; ``keep`` is its sealed flag, empty where it is lost."""

    item: OutboxItem
    sha256: bytes
    keep: bytes


@dataclass(frozen=True, slots=True)
class _Row:
    at: str
    clock: str
    boot: str
    mono_ms: int
    sha256: bytes
    keep: bytes
    done: bool  # acked, or given up
    epoch: str


class _Renewed(msgspec.Struct):
    """What the audit chain says of a new epoch (``Writer.renew_epoch``)."""

    before: str
    epoch: str
    first: int


@dataclass(slots=True)
class _Found:
    rows: dict[int, _Row] = field(default_factory=dict)
    bodies: dict[int, tuple[int, int]] = field(default_factory=dict)  # seq -> page and offset of its cell
    epochs: dict[int, str] = field(default_factory=dict)
    renewed: dict[int, str] = field(default_factory=dict)  # the same by the audit chain
    before: set[str] = field(default_factory=set)  # epochs that ended, by the audit chain
    meta: dict[str, str] = field(default_factory=dict)
    newest: int = 0
    audit: tuple[int, str] = (0, "")


class Salvage:
    """What a file holds. ``newest`` is the highest seq that it knows of, 0 for none; ``audit`` number and hash of the
    last audit row found; ``device`` the box that wrote it, '' where that is lost, ``devices`` the same of each epoch.
    ``close()`` at the end."""

    def __init__(self, pages: Pages, handle: int) -> None:
        self._pages, self._handle = pages, handle
        self._found = found = _search(pages)
        seqs = sorted({*found.rows, *found.bodies})
        self._known = sorted(found.rows)
        self._first = seqs[0] if seqs else 0
        self._placed = place(
            [(seq, found.rows[seq].epoch) for seq in self._known], {**found.epochs, **found.renewed},
            current=found.meta.get("epoch", ""), lowest=self._first,
            named=[*(key.removeprefix(FORMER) for key in found.meta if key.startswith(FORMER)), *sorted(found.before)],
        )  # fmt: skip
        self.epochs = Epochs(self._placed.starts)
        self.newest = max([found.newest, *seqs[-1:]])
        self.device = found.meta.get("device", "")
        self.devices = {epoch: found.meta.get(FORMER + epoch, self.device) for _, epoch in self.epochs.starts}
        self.store = found.meta.get("store", "")
        self.audit = found.audit
        self._good: set[int] | None = None

    def rows(self) -> Iterator[OutboxItem]:
        """Every row that headquarters has not acked, with its old epoch and seq, ascending by seq.

        One after another under each epoch that it may be of, where that is not certain (law 5).
        """
        return (saved.item for saved in self.saved())

    def saved(self) -> Iterator[Saved]:
        """The same with what else the journal knew of the row."""
        good: set[int] = set()
        for seq in sorted(self._found.bodies):
            row = self._found.rows.get(seq)
            if row and row.done:
                continue
            epochs = self._placed.of(seq)
            body = self._body(seq, row) if epochs else b""
            if body:
                good.add(seq)
                for epoch in epochs:
                    yield self._told(seq, row, epoch, body)
        self._good = good

    def lost(self) -> tuple[Lost, ...]:
        """What was there and can neither be given out nor is known to be done with."""
        if self._good is None:
            for _ in self.saved():
                pass
        done = {seq for seq, row in self._found.rows.items() if row.done}
        have = sorted(done | (self._good or set()))
        if not self._first:
            return ()
        gone = ((low + 1, high - 1) for low, high in pairwise([self._first - 1, *have, self.newest + 1]))
        return tuple(
            Lost(*part) for low, high in gone if low <= high for part in self._placed.spans(low, high)
        )  # fmt: skip

    def close(self) -> None:
        """Let go of the file."""
        os.close(self._handle)

    def __enter__(self) -> Salvage:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _body(self, seq: int, row: _Row | None) -> bytes:
        try:
            body = self._pages.record(*self._found.bodies[seq]).values[1]
        except BrokenCellError:
            return b""
        if not isinstance(body, bytes) or (row and hashlib.sha256(body).digest() != row.sha256):
            return b""
        return body

    def _told(self, seq: int, row: _Row | None, epoch: str, body: bytes) -> Saved:
        if row is None:  # its own time stands inside, sealed; the envelope takes the one before it
            place = bisect.bisect_left(self._known, seq)
            near = self._found.rows[self._known[max(0, place - 1)]].at if self._known else ""
            row = _Row(near, str(ClockState.UNTRUSTED), "", 0, hashlib.sha256(body).digest(), b"", False, epoch)
        former = self._found.meta.get(FORMER + epoch, self.device)
        former = "" if former == self.device else former
        item = OutboxItem(seq, _time(row.at), ClockState(row.clock), row.boot, row.mono_ms, body, epoch, former)
        return Saved(item, row.sha256, row.keep)


def salvage(path: Path) -> Salvage:
    """Look through the journal at ``path`` and its write-ahead log, whatever state they are in; reads only.

    A page that the disk does not give is a damaged page. Raises JournalUnavailableError when the file cannot be opened.
    """
    try:
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        raise JournalUnavailableError(
            f"the journal {path.name} cannot be read: {error.strerror}", advice="check the disk that it lies on"
        ) from error
    try:
        return Salvage(Pages(_reader(handle), os.fstat(handle).st_size, _log(path)), handle)
    except BaseException:
        os.close(handle)
        raise


def _reader(handle: int) -> Callable[[int, int], bytes]:
    def read(offset: int, size: int) -> bytes:
        try:
            return os.pread(handle, size, offset)
        except OSError:
            return b""

    return read


def _log(path: Path) -> bytes:
    log = path.with_name(path.name + "-wal")
    try:
        return log.read_bytes() if log.stat().st_size <= MAX_WAL else b""
    except OSError:
        return b""


def _search(pages: Pages) -> _Found:
    found = _Found()
    for number in range(1, pages.count + 1):
        kind = pages.kind(number)
        if kind == INDEX_LEAF:
            for record in pages.records(number):
                _meta(record, found)
        elif kind == TABLE_LEAF:
            _table(pages, number, found)
    return found


def _table(pages: Pages, number: int, found: _Found) -> None:
    """All cells of a page are of one table; which, its first readable cell says."""
    for offset in pages.cells(number):
        try:
            record = pages.record(number, offset)
        except BrokenCellError:
            continue
        match record.values:
            case (None, bytes() as body) if len(body) in _BODY_SIZES and body[:4] == b"BPS1":
                if 0 < record.rowid <= MAX_SEQ and len(found.bodies) < MAX_ROWS:
                    found.bodies[record.rowid] = number, offset
            case (None, str(at), str(clock), str(boot), int(mono), bytes(digest), bytes(keep), acked, gone, *more):
                if 0 < record.rowid <= MAX_SEQ and clock in _CLOCKS and len(digest) == 32:
                    epoch = more[0] if more and isinstance(more[0], str) else ""
                    done = acked is not None or gone is not None
                    found.rows[record.rowid] = _Row(at, clock, boot, mono, digest, keep, done, epoch)
            case (None, str(), str(kind), str() | None as body, str(digest), str(), str(own)) if len(own) == 64:
                found.audit = max(found.audit, (record.rowid, own))
                if kind == "epoch_renewed" and body and hashlib.sha256(body.encode()).hexdigest() == digest:
                    _renewed(body, found)
            case (None, str(epoch), str(at), str()) if len(at) in _STAMPS:
                found.epochs[record.rowid] = epoch
            case ("outbox", int(newest)) if 0 <= newest <= MAX_SEQ:
                found.newest = max(found.newest, newest)


def _renewed(body: str, found: _Found) -> None:
    try:
        said = msgspec.json.decode(body, type=_Renewed)
    except (msgspec.MsgspecError, RecursionError):
        return
    found.before.add(said.before)
    if 0 < said.first <= MAX_SEQ:
        found.renewed[said.first] = said.epoch


def _meta(record: Record, found: _Found) -> None:
    match record.values:
        case (str(name), str(value)) if name in ("epoch", "device", "store") or name.startswith(FORMER):
            found.meta[name] = value


def _time(text: str) -> datetime:
    try:
        at = unstamp(text)
    except ValueError:
        return UNKNOWN_TIME
    return at if at.tzinfo else UNKNOWN_TIME
