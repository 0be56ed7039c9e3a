"""The journal: the one SQLite database of what happened, and the one thread that writes it.

Laws:
1. Only the owner thread writes (ARCHITECTURE law 6). Others hand it requests through a queue with a
   limit and get Futures; reading goes over a connection that cannot write.
2. A Future that succeeded means: on disk, power cut or not (law 3).
3. A Future that failed with JournalUnavailableError means: not on disk now; the entry waits in memory
   and is written as late as soon as the disk allows (``writer.py``).
4. A damaged file ends the thread, and with it the process; the next start sets the file aside.
"""

from __future__ import annotations

import contextlib
import os
import queue
import sqlite3
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout
from dataclasses import replace
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from edge.core.acks import AckOutcome
from edge.core.trusted import ClockState, Trusted
from edge.core.wire import AckPayload
from edge.journal import asides, deliveries, earlier, restoring, retention, schema, views
from edge.journal.ballast import Ballast
from edge.journal.checkpoints import Checkpoints, Signer
from edge.journal.entries import Closing, NoteEntry, Pen
from edge.journal.forgotten import Forgotten
from edge.journal.lock import take_lock
from edge.journal.looking import JournalView
from edge.journal.model import (
    Expired,
    Fact,
    JournalError,
    JournalLimits,
    NewFinger,
    NewPassage,
    Notice,
    Recorded,
)
from edge.journal.naming import name_device
from edge.journal.notes import checked, checked_code
from edge.journal.requests import Request, stopped, telling
from edge.journal.room import Room, admit
from edge.journal.writer import Writer, refused

T = TypeVar("T")


class Journal(JournalView):
    """Owns the database at ``path``. ``start()`` before anything else, ``close()`` at the end.

    ``sealer`` is (padded block, message id) -> sealed body, see ``sealing.make_sealer``; ``box_key`` are
    32 bytes; ``token`` gives a random token of 4..64 characters ``[A-Za-z0-9_-]`` for the epoch;
    ``wall`` the system clock (aware), ``mono`` monotonic seconds since the boot named ``boot``. ``signer`` signs
    checkpoints of the audit chain; without one there are none. ``blank``: ``device`` is a serial (``Pen``).
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
        signer: Signer | None = None,
        blank: bool = False,
    ) -> None:
        self._path = path
        self._limits = limits or JournalLimits()
        self._token, self._signer = token, signer
        self._named = Pen(device, "", boot, sealer, box_key, wall, mono, blank)
        self._queue: queue.Queue[Request | None] = queue.Queue(self._limits.queue_entries)
        self._listeners: list[Callable[[], None]] = []
        self._reading_lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._closing = False
        self._drained = False
        self._ballast = Ballast(path.with_name(path.name + ".ballast"), self._limits.ballast_bytes)
        self._busy_since: float | None = None
        self.failure: BaseException | None = None
        self.notices: tuple[Notice, ...] = ()

    # -- life ------------------------------------------------------------------------------------

    def start(self) -> None:
        """Open, check and if need be renew the database, then start the owner thread.

        Raises JournalBusyError when another process owns it, JournalUnavailableError when it will not open.
        ``notices`` says afterwards what befell it.
        """
        self._lock_file = take_lock(self._path)
        admit(self._ballast)
        try:
            self._db, self.notices = schema.open_journal(self._path, self._limits, self._token)
            renamed = name_device(self._db, self._limits, self._named.device, self._token, self._named.wall)
            self._reading = schema.connect_reading(self._path)
        except BaseException:
            os.close(self._lock_file)
            raise
        pen = replace(self._named, epoch=views.epoch(self._db))
        self._room = Room(self._db, self._path, self._limits, self._ballast)
        self._writer = Writer(self._db, pen, self._limits, self._room, Forgotten(self._path), self._listeners)
        self._checkpoints = Checkpoints(self._signer, self._writer)
        self.notices += (renamed,) if renamed else ()
        self._thread = threading.Thread(target=self._run, name="journal", daemon=True)
        self._thread.start()
        earlier.begin(self._path, self._limits, call=self._call, transact=self._transaction, submit=self._submit)

    def close(self) -> None:
        """Write what is queued, try once more what the disk refused, fold in the WAL, stop."""
        if self._thread is None:
            return
        self._closing = True
        with contextlib.suppress(queue.Full):  # then the thread is dead or stuck, and join says so in time
            self._queue.put(None, timeout=self._limits.call_seconds)
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
    def forgotten(self) -> int:
        """Entries lost for good since the start: the disk refused until the memory for them was full."""
        return self._writer.in_memory["forgotten"]

    @property
    def busy_s(self) -> float:
        """Seconds that the owner thread has been at its present request; 0 between requests."""
        since = self._busy_since
        return 0.0 if since is None else self._pen.mono() - since

    @property
    def _pen(self) -> Pen:
        return self._writer.pen

    @property
    def epoch(self) -> str:
        """The token of the present epoch, part of the id of every row that is written now."""
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
        return self._submit(Request(Future(), entry=new))

    def record_finger(self, new: NewFinger) -> Future[Recorded]:
        """Write what came of a finger: its outbox row, the passage as it is shown now, its audit row, in one go.

        A passage that is not in the journal any more changes nothing there; outbox and audit have the finger anyhow.
        Fails as ``record`` does.
        """
        return self._submit(Request(Future(), entry=new))

    def close_passage(
        self, passage: str, *, code: str, at: datetime, clock: ClockState, note: str = ""
    ) -> Future[Recorded]:
        """End a passage that awaits an outcome code; NoSuchPassageError if none with this id does."""
        return self._submit(Request(Future(), entry=Closing(passage, code, at, clock, note)))

    def note(self, kind: str, facts: Mapping[str, Fact]) -> Future[Recorded]:
        """Add a row to the audit chain alone: something that was done at the box.

        ``kind`` is a code (``notes.KIND``) that no row of the journal's own has; ``facts`` are at most 32 values
        under such names, texts of at most 200 characters, nothing of a person. The Future fails with JournalError
        for anything else, and as ``record`` does.
        """
        future: Future[Recorded] = Future()
        try:
            entry = NoteEntry(kind, checked(kind, facts))
        except JournalError as error:
            future.set_exception(error)
            return future
        return self._submit(Request(future, entry=entry))

    def renew_epoch(self, reason: str) -> str:
        """Begin a new epoch, and tell headquarters and the audit chain so; its token. Blocks.

        ``reason`` is a code, e.g. ``disk_restored``. Rows that are not acked stay pending under their old ids.
        """
        return self._call(lambda _db: self._writer.renew_epoch(self._token(), checked_code(reason)))

    def apply_ack(self, payload: AckPayload, *, carried: bool = False) -> AckOutcome:
        """Mark rows of any epoch of this file as delivered. The payload must have passed ``acks.judge``. Blocks.

        ``carried``: it came by stick, and counts by the time that stands in it (``deliveries``, law 2).
        """
        return self._transaction(lambda db: deliveries.apply_ack(db, self._pen, payload, carried=carried))

    def apply_holdings(self, payload: AckPayload, *, carried: bool = False) -> AckOutcome:
        """Make the span's rows agree with headquarters; ``carried`` as above. Judged before. Blocks."""
        return self._transaction(lambda db: deliveries.apply_holdings(db, self._pen, payload, carried=carried))

    def expire(self, now: Trusted) -> Expired:
        """One batch of retention by trusted time; call again while ``more``. Blocks."""
        done = self._transaction(lambda db: retention.expire(db, self._pen, now, self._limits, self._room.batch_rows))
        if not done.more and (done.bodies or done.passages or done.audit_bodies):
            self._call(lambda _db: self._room.clear_log())
        return done

    # -- the owner thread ------------------------------------------------------------------------

    def _run(self) -> None:
        try:
            self._writer.write_waiting()
            self._tell_notices()
            while (request := self._next()) is not None:
                self._busy_since = self._pen.mono()
                self._serve(request)
                self._checkpoints.tend()
                self._busy_since = None
            self._writer.finish()
        except BaseException as error:
            self.failure = error  # whoever watches the thread reports it and ends the process
        finally:
            self._closing = self._drained = True
            self._fail_queued()
            self._db.close()
            self._room.after()

    def _tell_notices(self) -> None:
        """Write down what befell the file; only what is on disk is done with (``restoring``, law 4)."""
        for notice in self.notices:
            request = telling(notice)
            self._serve(request)
            if request.future.exception() is None:
                finished = self._writer.housekeeping(partial(restoring.settle, notice=notice))
                asides.finish(self._path, finished)

    def _next(self) -> Request | None:
        while True:
            try:
                return self._queue.get(timeout=self._limits.retry_seconds)
            except queue.Empty:
                self._writer.tend()
                self._checkpoints.tend()

    def _serve(self, request: Request) -> None:
        """Answer one request; raises only when the file is damaged (law 4)."""
        future = request.future
        if not future.set_running_or_notify_cancel():
            return
        try:
            if request.entry is not None:
                future.set_result(self._writer.write(request.entry))
            elif request.action is not None:
                future.set_result(request.action(self._db))
        except sqlite3.Error as error:
            future.set_exception(refused(error))
            if schema.is_damage(error):
                schema.mark_suspect(self._path)
                raise
        except Exception as error:
            future.set_exception(error)

    def _fail_queued(self) -> None:
        with contextlib.suppress(queue.Empty):
            while True:
                request = self._queue.get_nowait()
                if request is not None and request.future.set_running_or_notify_cancel():
                    request.future.set_exception(stopped())

    # -- handing over ----------------------------------------------------------------------------

    def _submit(self, request: Request) -> Future[Any]:
        if self._closing or not self.alive:
            request.future.set_exception(stopped())
            return request.future
        try:
            self._queue.put_nowait(request)
        except queue.Full:
            request.future.set_exception(refused(None))
        if self._drained:  # the thread ended between the check and the handing over
            self._fail_queued()
        return request.future

    def _call(self, action: Callable[[sqlite3.Connection], T]) -> T:
        future: Future[T] = self._submit(Request(Future(), action=action))
        try:
            return future.result(self._limits.call_seconds)
        except FutureTimeout as error:
            raise refused(None) from error

    def _transaction(self, action: Callable[[sqlite3.Connection], T]) -> T:
        return self._call(lambda _db: self._writer.housekeeping(action))

    def _in_memory(self) -> Mapping[str, int]:
        return self._writer.in_memory

    @contextlib.contextmanager
    def _reader(self) -> Iterator[sqlite3.Connection]:
        if self._thread is None:
            raise stopped()
        with self._reading_lock:
            try:
                yield self._reading
            except sqlite3.Error as error:
                raise refused(error) from error
