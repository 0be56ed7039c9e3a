"""The journal: the one SQLite database of what happened, and the one thread that writes it.

Laws:
1. Only the owner thread writes (ARCHITECTURE law 6). Others hand it requests through a queue with a
   limit and get Futures; reading goes over a connection that cannot write.
2. A Future that succeeded means: on disk, power cut or not (law 3).
3. What the disk refuses stays in memory, up to a limit, and is tried again with every later write and
   on a timer; then it is recorded as late. Its own Future has failed by then.
4. A damaged file ends the thread, and with it the process; the next start sets the file aside.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import queue
import sqlite3
import threading
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

from edge.core.acks import AckOutcome
from edge.core.audit import AuditCheck
from edge.core.trusted import ClockState, Trusted
from edge.core.wire import AckPayload
from edge.journal import deliveries, entries, retention, schema, views
from edge.journal.ballast import Ballast
from edge.journal.entries import Closing, Entry, NoticeEntry, Pen
from edge.journal.model import (
    Counts,
    Expired,
    JournalBusyError,
    JournalError,
    JournalLimits,
    JournalUnavailableError,
    NewPassage,
    Notice,
    OutboxItem,
    PassageRow,
    Recorded,
)

T = TypeVar("T")
_ROOM_TRIES = 8  # batches given up for one write
_FREE_IN_ADVICE = "free space on the disk or raise the journal's quota; entries wait in memory meanwhile"


@dataclass(frozen=True, slots=True)
class _Request:
    """Something for the owner thread: an entry to write, or an action on its connection."""

    future: Future[Any]
    entry: Entry | None = None
    action: Callable[[sqlite3.Connection], Any] | None = None


class Journal:
    """Owns the database at ``path``. ``start()`` before anything else, ``close()`` at the end.

    ``sealer`` is (plaintext, message id) -> sealed body, see ``sealing.make_sealer``; ``box_key`` are
    32 bytes; ``token`` gives a random token of 4..64 characters ``[A-Za-z0-9_-]`` for the epoch;
    ``wall`` the system clock (aware), ``mono`` monotonic seconds since the boot named ``boot``.
    """

    def __init__(
        self,
        path: Path,
        *,
        device: str,
        sealer: Callable[[bytes, str], bytes],
        box_key: bytes,
        token: Callable[[], str],
        wall: Callable[[], datetime],
        mono: Callable[[], float],
        limits: JournalLimits | None = None,
        boot: str = "",
    ) -> None:
        self._path = path
        self._limits = limits or JournalLimits()
        self._token = token
        self._pen_parts = (device, boot, sealer, box_key, wall, mono)
        self._queue: queue.Queue[_Request | None] = queue.Queue(self._limits.queue_entries)
        self._retry: deque[Entry] = deque()
        self._in_memory = {"retrying": 0, "forgotten": 0, "failures": 0}
        self._listeners: list[Callable[[], None]] = []
        self._reading_lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._closing = False
        self._ballast = Ballast(path.with_name(path.name + ".ballast"), self._limits.ballast_bytes)
        self.failure: BaseException | None = None
        self.notices: tuple[Notice, ...] = ()

    # -- life ------------------------------------------------------------------------------------

    def start(self) -> None:
        """Open, check and if need be renew the database, then start the owner thread.

        Raises JournalBusyError when another process owns it, JournalUnavailableError when it will not open.
        ``notices`` says afterwards what befell it.
        """
        self._lock_file = _take_lock(self._path)
        self._db, notice = schema.open_journal(self._path, self._limits, self._token)
        self._reading = schema.connect_reading(self._path)
        device, boot, sealer, box_key, wall, mono = self._pen_parts
        self._pen = Pen(device, views.epoch(self._db), boot, sealer, box_key, wall, mono)
        self._ballast.restore()
        if notice:
            self.notices = (notice,)
            self._retry.append(NoticeEntry(notice.code, notice.detail))
        self._thread = threading.Thread(target=self._run, name="journal", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Write what is queued, try once more what the disk refused, fold in the WAL, stop."""
        if self._thread is None:
            return
        self._closing = True
        self._queue.put(None)
        self._thread.join(self._limits.call_seconds)
        self._thread = None
        with self._reading_lock:
            self._reading.close()
        os.close(self._lock_file)

    @property
    def alive(self) -> bool:
        """True while the owner thread runs."""
        return self._thread is not None and self._thread.is_alive()

    @property
    def epoch(self) -> str:
        """The token of this database, part of every message id."""
        return self._pen.epoch

    @property
    def device(self) -> str:
        """The device id in every message id."""
        return self._pen.device

    def add_listener(self, listener: Callable[[], None]) -> None:
        """Call ``listener`` on the owner thread after every commit of a new entry; it must not block."""
        self._listeners.append(listener)

    # -- writing ---------------------------------------------------------------------------------

    def record(self, new: NewPassage) -> Future[Recorded]:
        """Write a passage, its outbox row and its audit row in one transaction.

        The Future fails with JournalUnavailableError when the disk refuses (the entry is then kept in
        memory and tried again) and with JournalError when the entry itself is wrong.
        """
        return self._submit(_Request(Future(), entry=new))

    def close_passage(
        self, passage: str, *, code: str, at: datetime, clock: ClockState, note: str = ""
    ) -> Future[Recorded]:
        """End a passage that awaits an outcome code; NoSuchPassageError if none with this id does."""
        return self._submit(_Request(Future(), entry=Closing(passage, code, at, clock, note)))

    def apply_ack(self, payload: AckPayload) -> AckOutcome:
        """Mark rows as delivered. The payload must have passed ``edge.core.acks.judge``. Blocks."""
        return self._transaction(lambda db: deliveries.apply_ack(db, self._pen, payload))

    def apply_holdings(self, payload: AckPayload) -> AckOutcome:
        """Make the span's rows agree with headquarters. The payload must have passed ``judge``. Blocks."""
        return self._transaction(lambda db: deliveries.apply_holdings(db, self._pen, payload))

    def expire(self, now: Trusted) -> Expired:
        """One batch of retention by trusted time; call again while ``more``. Blocks."""
        done = self._transaction(lambda db: retention.expire(db, now, self._limits))
        if not done.more and (done.bodies or done.passages or done.audit_bodies):
            self._call(lambda db: db.execute("pragma wal_checkpoint(truncate)").fetchall())
        return done

    # -- reading ---------------------------------------------------------------------------------

    def pending(self, after: int = 0, limit: int = 100) -> list[OutboxItem]:
        """Sealed bodies that headquarters has not acked, seq > ``after``, ascending."""
        with self._reader() as db:
            return views.pending(db, after, limit)

    def passages(self, limit: int = 100) -> list[PassageRow]:
        """The latest passages as shown, newest first."""
        with self._reader() as db:
            return views.passages(db, limit)

    def open_passages(self, limit: int = 100) -> list[PassageRow]:
        """Passages that await an outcome code, newest first."""
        with self._reader() as db:
            return views.passages(db, limit, awaiting=True)

    def passage(self, passage_id: str) -> PassageRow | None:
        """One passage as shown, or None."""
        with self._reader() as db:
            return views.passage(db, passage_id)

    def counts(self) -> Counts:
        """The journal in figures."""
        with self._reader() as db:
            return views.counts(db, self._limits, self._in_memory)

    def verify_audit(self) -> AuditCheck:
        """Walk the audit chain; names the first bad row."""
        with self._reader() as db:
            return views.verify_audit(db)

    # -- the owner thread ------------------------------------------------------------------------

    def _run(self) -> None:
        try:
            self._write_again()
            while (request := self._next()) is not None:
                self._serve(request)
            self._write_again()
            self._in_memory["forgotten"] += len(self._retry)
            self._db.execute("pragma wal_checkpoint(truncate)").fetchall()
        except BaseException as error:
            self.failure = error
            raise
        finally:
            self._closing = True
            self._fail_queued()
            self._db.close()

    def _next(self) -> _Request | None:
        """The next request; on every quiet interval the entries in memory are tried again."""
        while True:
            try:
                return self._queue.get(timeout=self._limits.retry_seconds)
            except queue.Empty:
                self._write_again()
                self._ballast.restore()

    def _serve(self, request: _Request) -> None:
        future = request.future
        if not future.set_running_or_notify_cancel():
            return
        try:
            if request.entry is not None:
                result: Any = self._write_first_time(request.entry)
            elif request.action is not None:
                result = request.action(self._db)
            else:
                result = None
        except sqlite3.Error as error:
            future.set_exception(_refused(error))
            if schema.is_damage(error):
                schema.mark_suspect(self._path)
                raise
        except Exception as error:
            future.set_exception(error)
        else:
            future.set_result(result)

    def _write_first_time(self, entry: Entry) -> Recorded:
        self._write_again()
        if isinstance(entry, Closing) and self._waits_in_memory(entry.passage):
            self._keep_for_later(entry)
            raise _refused(None)
        try:
            return self._write(entry, late=False)
        except sqlite3.IntegrityError as error:
            raise JournalError(
                "an entry contradicts the journal", advice="report this as a fault of the program"
            ) from error
        except (sqlite3.Error, OSError) as error:
            self._keep_for_later(entry)
            raise (_refused(error) if isinstance(error, OSError) else error) from error

    def _write_again(self) -> None:
        """Try the entries in memory in their order; stop at the first that the disk still refuses."""
        while self._retry:
            entry = self._retry[0]
            try:
                self._write(entry, late=not isinstance(entry, NoticeEntry))
            except (sqlite3.IntegrityError, JournalError):
                self._in_memory["forgotten"] += 1  # it can never be written; do not block the others
            except (sqlite3.Error, OSError):
                return
            self._retry.popleft()
            self._in_memory["retrying"] = len(self._retry)

    def _write(self, entry: Entry, *, late: bool) -> Recorded:
        """Write one entry, giving up what may go when there is no room."""
        for _ in range(_ROOM_TRIES):
            try:
                seq = self._in_transaction(lambda db: entries.write_entry(db, self._pen, entry, late=late))
            except sqlite3.Error as error:
                self._in_memory["failures"] += 1
                if not schema.is_full(error) or not self._make_room():
                    raise
                continue
            recorded = Recorded(seq, self._pen.id_of(seq), self._pen.mono())
            for listener in self._listeners:
                listener()
            return recorded
        raise _refused(None)

    def _make_room(self) -> bool:
        released = self._ballast.release()
        try:
            return (
                bool(self._in_transaction(lambda db: retention.make_room(db, self._pen, self._limits)))
                or released
            )
        except sqlite3.Error:
            return released

    def _keep_for_later(self, entry: Entry) -> None:
        """Keep it in memory; when that is full, a CLEAR passage is forgotten before any other."""
        if len(self._retry) >= self._limits.retry_entries:
            victim = next(
                (e for e in self._retry if isinstance(e, NewPassage) and e.truth_clear), self._retry[0]
            )
            self._retry.remove(victim)
            self._in_memory["forgotten"] += 1
        self._retry.append(entry)
        self._in_memory["retrying"] = len(self._retry)

    def _waits_in_memory(self, passage: str) -> bool:
        return any(isinstance(e, NewPassage) and e.passage == passage for e in self._retry)

    def _in_transaction(self, action: Callable[[sqlite3.Connection], T]) -> T:
        db = self._db
        db.execute("begin immediate")
        try:
            result = action(db)
            db.execute("commit")
        except BaseException:
            if db.in_transaction:
                db.execute("rollback")
            raise
        return result

    def _fail_queued(self) -> None:
        with contextlib.suppress(queue.Empty):
            while True:
                request = self._queue.get_nowait()
                if request is not None and request.future.set_running_or_notify_cancel():
                    request.future.set_exception(_stopped())

    # -- handing over ----------------------------------------------------------------------------

    def _submit(self, request: _Request) -> Future[Any]:
        if self._closing or not self.alive:
            request.future.set_exception(_stopped())
            return request.future
        try:
            self._queue.put_nowait(request)
        except queue.Full:
            request.future.set_exception(_refused(None))
        return request.future

    def _call(self, action: Callable[[sqlite3.Connection], T]) -> T:
        future: Future[T] = self._submit(_Request(Future(), action=action))
        try:
            return future.result(self._limits.call_seconds)
        except FutureTimeout as error:
            raise _refused(None) from error

    def _transaction(self, action: Callable[[sqlite3.Connection], T]) -> T:
        return self._call(lambda _db: self._in_transaction(action))

    @contextlib.contextmanager
    def _reader(self) -> Iterator[sqlite3.Connection]:
        if self._thread is None:
            raise _stopped()
        with self._reading_lock:
            try:
                yield self._reading
            except sqlite3.Error as error:
                raise _refused(error) from error


def _take_lock(path: Path) -> int:
    try:
        handle = os.open(path.with_name(path.name + ".lock"), os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise JournalUnavailableError(
            f"the folder of the journal {path.name} cannot be written: {error.strerror}",
            advice="create the folder and give it to the service's user",
        ) from error
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(handle)
        raise JournalBusyError(
            f"the journal {path.name} is open in another process",
            advice="stop the other 'borderpost run', or give this one its own state folder",
        ) from error
    return handle


def _refused(error: Exception | None) -> JournalUnavailableError:
    what = f": {error}" if error else ""
    return JournalUnavailableError(f"the journal cannot be written just now{what}", advice=_FREE_IN_ADVICE)


def _stopped() -> JournalUnavailableError:
    return JournalUnavailableError(
        "the journal is not running", advice="see the log for why it stopped; restart the service"
    )
