"""A process beside ours for native work on fingers: extraction, search. It may crash, hang or be killed.

Laws:
1. ``call`` ends: with an answer, with what the service refused (FingerError), or with ChildFailedError. Nothing that
   happens to the child raises anything else, and every wait has a limit.
2. After ChildFailedError the process is gone (SIGKILL, reaped) and another one is loading already; law 6 is the
   exception. A child that died between two calls costs the next one only the time to load again; one that refused to
   load meanwhile has the next call told so.
3. Pipes and process belong to one ``Child``; ``close`` leaves neither zombie nor descriptor.
4. The thread that starts the process outlives it: the kernel ends a child with the thread that made it. Who starts is
   whoever calls ``start``, or ``call`` after a failure. One request at a time; others wait within their own time.
5. Of a request and its answer nothing stays here but what the caller holds (``frames``, law 3).
6. A slow box gets there. Who waits for a process that loads fails after its own time, and the process loads on. It is
   killed when its limit is over; the next one has twice the limit, up to ``LONGEST_S``. What a box was found to need
   stays its limit: the next start of the process is as slow.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from types import TracebackType
from typing import Any, Final, TypeVar

import msgspec

from common.fingers.frames import Fault, Ready, Reply, Request, Setup, framed, packed, raw, wipe
from common.fingers.pipes import LostError, Pipe
from common.freed import NO_CACHES
from edge.core.fingerprints.model import FingerError

MODULE: Final = "common.fingers.child_main"
START_S: Final = 30.0  # to load everything, and as long a caller waits for that (law 6)
LONGEST_S: Final = 240.0  # to load everything, at most
GOODBYE_S: Final = 1.0  # to end by itself once its input is closed
REAP_S: Final = 5.0  # from SIGKILL to the end: longer only in the kernel's own hands
MEMORY_MIB: Final = 1536  # LEADER on a rolled finger takes 1.1 GiB
AGAIN: Final = "try again; if it happens every time, look at the journal and the box's memory"
_SETTLE_S: Final = 0.1  # for a process that has closed its pipes to be seen to end

T = TypeVar("T")


class ChildFailedError(FingerError):
    """The child did not answer; ``fault`` says why. A fresh one is on its way: the finger can be captured again."""

    def __init__(self, fault: Fault, detail: str = "") -> None:
        told = f": {detail}" if detail else ""
        super().__init__(f"capture failed: the process for fingers {fault.value}{told}", advice=AGAIN)
        self.fault = fault


class Child:
    """See the module. ``services`` maps the name of a service to the options of its factory (msgpack can write them).

    ``module`` is started with ``python -m``; ``memory_mib`` limits its private memory (0: not at all);
    ``no_new_code`` asks for what MemoryDenyWriteExecute gives. ``start_s``: the first limit of a process to load
    (law 6), and how long a ``call`` waits for that.
    """

    def __init__(
        self, services: Mapping[str, Any], *, module: str = MODULE, memory_mib: int = MEMORY_MIB,
        no_new_code: bool = False, start_s: float = START_S, mono: Callable[[], float] = time.monotonic,
    ) -> None:  # fmt: skip
        self._services = {name: raw(options) for name, options in services.items()}
        self._module, self._memory_mib, self._no_new_code = module, memory_mib, no_new_code
        self._start_s, self._mono = start_s, mono
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._given: Pipe  # with a process
        self._heard: Pipe
        self._ready: Ready | None = None
        self._number = 0
        self._closed = False
        self._load_until = 0.0
        self.load_s = start_s  # what the next process has to load, or the one that loads now
        self.starts = 0  # processes begun so far

    @property
    def pid(self) -> int | None:
        """Of the process, None without one."""
        return self._process.pid if self._process is not None else None

    @property
    def busy(self) -> bool:
        """Is a request under way?"""
        return self._lock.locked()

    def start(self) -> None:
        """Begin loading, if it has not begun; waits for nothing.

        Raises ChildFailedError, and FingerError for what a service refused when nobody waited.
        """
        with self._lock:
            self._start()

    def ready(self, timeout_s: float = START_S) -> Ready:
        """Wait until everything is loaded, ``timeout_s`` at most (and REAP_S, where a process is ended).

        Raises FingerError (what a service refused), ChildFailedError: NOT_STARTED also while it still loads (law 6).
        """
        until = self._mono() + timeout_s
        with self._held(until):
            return self._loaded(until)

    def call(self, service: str, body: object, reply: type[T], timeout_s: float) -> T:
        """One request, and its answer as ``reply``.

        It waits for its turn (``timeout_s + start_s`` at most), then for a child that is loaded (``start_s`` at most,
        whatever the limit of law 6), then ``timeout_s`` for the answer, and REAP_S where a process is ended.
        Raises FingerError for what the service refuses, ChildFailedError for everything else: NOT_STARTED where no
        child was loaded in time.
        """
        with self._held(self._mono() + timeout_s + self._start_s):
            self._start()  # before its wait is counted: its own process comes to its limit within that
            self._loaded(self._mono() + self._start_s)
            until = self._mono() + timeout_s
            self._number += 1
            answer = bytearray()
            order = packed(body)
            request = framed(Request(self._number, service, msgspec.Raw(order)))
            try:
                answer = self._exchange(request, until)
                return self._understood(answer, reply)
            finally:
                for used in (order, request, answer):
                    wipe(used)

    def close(self) -> None:
        """End the process: its input is closed, then it is killed. Harmless when repeated.

        A call that runs in another thread has GOODBYE_S to end; then it fails as if the child had been killed.
        """
        self._closed = True
        if not self._lock.acquire(timeout=GOODBYE_S):
            process = self._process
            if process is not None:
                process.kill()
            self._lock.acquire()
        try:
            self._end(GOODBYE_S)
        finally:
            self._lock.release()

    def __enter__(self) -> Child:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    # -- with the lock held ------------------------------------------------------------------------------------------

    @contextlib.contextmanager
    def _held(self, until: float) -> Iterator[None]:
        if not self._lock.acquire(timeout=max(0.0, until - self._mono())):
            raise ChildFailedError(Fault.HUNG, "another request holds it")
        try:
            yield
        finally:
            self._lock.release()

    def _start(self) -> None:
        if self._closed:
            raise ChildFailedError(Fault.NOT_STARTED, "it was closed")
        if self._process is not None and self._process.poll() is None:
            return
        self._hear_last()
        self._end(0)
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-m", self._module], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL, start_new_session=True, env=_environment(), bufsize=0,
            )  # fmt: skip
        except OSError as error:
            raise ChildFailedError(Fault.NOT_STARTED, error.strerror or "") from error
        if self._closed:  # while it was begun: ``close`` may have seen no process yet
            self._process.kill()
        self.starts += 1
        self._load_until = self._mono() + self.load_s
        self._given, self._heard = Pipe(self._process.stdin, self._mono), Pipe(self._process.stdout, self._mono)
        setup = Setup(os.getpid(), self._memory_mib, self._no_new_code, self._services)
        try:
            self._given.write(framed(setup), self._mono() + self._start_s)
        except LostError as lost:
            raise self._failed(lost.fault) from None

    def _loaded(self, until: float) -> Ready:
        self._start()
        if self._ready is not None:
            return self._ready
        try:
            self._wait_loaded(until)
            ready = self._heard.read_as(Ready, max(until, self._mono() + GOODBYE_S))
        except LostError as lost:
            raise self._failed(lost.fault) from None
        return self._accepted(ready)

    def _wait_loaded(self, until: float) -> None:
        """Until the child says anything; law 6. What it says after its limit, and before anybody looked, counts."""
        try:
            self._heard.wait(min(until, self._load_until))
        except LostError:
            if self._mono() < self._load_until:
                raise ChildFailedError(Fault.NOT_STARTED, "it is still loading") from None
            late = f"it was still loading after {self.load_s:.0f} s"
            self.load_s = max(self.load_s, min(2 * self.load_s, LONGEST_S))
            self._end(0)
            self._start()
            raise ChildFailedError(Fault.NOT_STARTED, late) from None

    def _accepted(self, ready: Ready) -> Ready:
        if ready.fault:
            self._end(0)  # and no other: it would say the same
        self._told(ready.fault, ready.message, ready.advice)
        self._ready = ready
        return ready

    def _hear_last(self) -> None:
        """What a process refused that has ended since, with nobody waiting for it. Raises FingerError."""
        if self._process is None or self._ready is not None:
            return
        with contextlib.suppress(LostError):
            self._accepted(self._heard.read_as(Ready, self._mono()))

    def _exchange(self, request: bytearray, until: float) -> bytearray:
        try:
            self._given.write(request, until)
            return self._heard.read(until)
        except LostError as lost:
            raise self._failed(lost.fault) from None

    def _understood(self, answer: bytearray, reply: type[T]) -> T:
        try:
            found = msgspec.msgpack.decode(answer, type=Reply)
            if found.number != self._number:
                raise self._failed(Fault.GARBAGE)
            self._told(found.fault, found.message, found.advice)
            return msgspec.msgpack.decode(found.body, type=reply)
        except msgspec.MsgspecError:
            raise self._failed(Fault.GARBAGE) from None

    def _told(self, fault: str, message: str, advice: str) -> None:
        if fault == Fault.REFUSED:
            raise FingerError(message, advice=advice)
        if fault:
            raise self._failed(Fault.MEMORY if fault == Fault.MEMORY else Fault.BUG, message)

    def _failed(self, fault: Fault, detail: str = "") -> ChildFailedError:
        """End what is there, begin another (if this one had ever loaded), and say why."""
        had_loaded = self._ready is not None
        code = self._end(0)
        if fault is Fault.KILLED and code is not None:
            detail = f"signal {-code}" if code < 0 else f"exit code {code}"
        if not had_loaded:
            return ChildFailedError(Fault.NOT_STARTED, detail or fault.value)
        with contextlib.suppress(ChildFailedError):
            self._start()
        return ChildFailedError(fault, detail)

    def _end(self, patience_s: float) -> int | None:
        """Close the pipes, wait ``patience_s``, kill, reap; how it had ended by itself, None if it was killed here."""
        process, self._process, self._ready = self._process, None, None
        if process is None:
            return None
        self._given.close()
        self._heard.close()
        try:
            return process.wait(patience_s or _SETTLE_S)
        except subprocess.TimeoutExpired:
            process.kill()
        with contextlib.suppress(subprocess.TimeoutExpired):  # in the kernel's hands: Popen reaps it later
            process.wait(REAP_S)
        return None


def _environment() -> dict[str, str]:
    """Ours; it finds our modules where we found them, the libraries below start no threads of their own accord, and
    small memory that is given back is overwritten at once."""
    path = os.pathsep.join(part for part in sys.path if part)
    return {**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1", "MALLOC_ARENA_MAX": "2", **NO_CACHES}
