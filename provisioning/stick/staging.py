"""The inbox from the stick's side: numbers, staging, the wait for an answer, and what earlier visits left.

Laws:
1. An offer is staged below ``.staging-N``, every file and folder synced, and appears under its number by one rename:
   whole or not at all. What a kill left half staged is removed by the next visit.
2. A number is used once, also after its folder was removed (``.number``).
3. What the daemon has answered, and no stick has taken yet, stays: small as it is, at most ``kept`` of them. Rows and
   logs are not kept for another stick, the daemon writes them anew; but the rows of a box that was reset, which are the
   only copy, stay until a stick took them, however many answers there are.
4. One visit at a time holds the lock; a dead process holds none.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import re
import shutil
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Final

import msgspec

from common.files import open_regular
from edge.core.provisioning.codes import Code, ProvisioningError
from edge.core.provisioning.inbox import LOGS, OFFER, OUT, OUTCOME, ROWS, BoxFacts, Offer, StickOutcome, has_reset
from provisioning.stick.layer import FOLDER, NEW, Layer, opened, write_all
from provisioning.stick.limits import Limits

LOCK: Final = ".lock"
NUMBER: Final = ".number"
STAGING: Final = ".staging-"
SCRATCH: Final = ".scratch"
MAX_OUTCOME: Final = 256 * 1024  # bytes of an outcome, and of the facts
_OUT_NAME: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,40}(\.[a-z0-9-]{1,20}){0,2}")
_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT})

Nap = Callable[[float], object]
"""Wait so many seconds."""


class Inbox:
    """The folder between this process and the daemon. ``now`` gives monotonic seconds, ``nap`` waits."""

    def __init__(self, folder: Path, layer: Layer, limits: Limits, now: Callable[[], float], nap: Nap) -> None:
        self.folder, self._layer, self._limits, self._now, self._nap = folder, layer, limits, now, nap
        self._lock = -1

    # -- one at a time -----------------------------------------------------------------------------------------------

    @contextlib.contextmanager
    def locked(self, waiting: Callable[[], object]) -> Iterator[None]:
        """Hold the lock (law 4); ``waiting`` is called at every look while another stick has it.

        Raises OTHER_STICK_AT_WORK after ``lock_s``, DISK_ERROR.
        """
        with disk():
            self._lock = os.open(self.folder / LOCK, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW, 0o660)
        try:
            deadline = self._now() + self._limits.lock_s
            while not self._try_lock():
                if self._now() >= deadline:
                    raise ProvisioningError(Code.OTHER_STICK_AT_WORK, f"for {self._limits.lock_s:.0f} s")
                waiting()
                self._nap(0.5)
            yield
        finally:
            os.close(self._lock)

    def _try_lock(self) -> bool:
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    # -- what is there -----------------------------------------------------------------------------------------------

    def numbers(self) -> list[int]:
        """Visits whose folder is there, ascending."""
        with disk():
            return sorted(int(name) for name in self._names() if re.fullmatch(r"[1-9][0-9]{0,14}", name))

    def tidy(self) -> None:
        """Remove what a kill left, and the oldest answers beyond ``kept``; BUSY if the daemon is far behind."""
        with disk():
            for name in self._names():
                if name.startswith((STAGING, SCRATCH)):
                    shutil.rmtree(self.folder / name)
        numbers = self.numbers()
        answered = [number for number in numbers if (self.folder / str(number) / OUTCOME).exists()]
        for number in answered[: max(0, len(answered) - self._limits.kept)]:
            if not self.holds_only_copy(number):
                self.remove(number)
        if len(numbers) - len(answered) >= self._limits.waiting:
            raise ProvisioningError(Code.BUSY, f"{len(numbers) - len(answered)} visits are not answered")

    def _names(self) -> list[str]:
        return [path.name for path in self.folder.iterdir()]

    def offered(self, number: int) -> Offer | None:
        """What was offered under a number; None if that cannot be told."""
        try:
            return msgspec.json.decode(self._read(number, OFFER), type=Offer)
        except (OSError, msgspec.MsgspecError, ValueError):
            return None

    # -- an offer ----------------------------------------------------------------------------------------------------

    def begin(self) -> Staged:
        """A new number and its staging folder. Raises DISK_FULL or DISK_ERROR."""
        layer, beside = self._layer, f"{NUMBER}.new"
        with disk(), self.top() as top:
            number = max([self._last(), *self.numbers()]) + 1
            with contextlib.suppress(FileNotFoundError):
                layer.remove(beside, top)
            with opened(layer, beside, NEW, top) as file:
                write_all(layer, file, str(number).encode("ascii"))
                layer.sync(file)
            layer.rename(beside, NUMBER, top)
            layer.make(f"{STAGING}{number}", top)
            layer.sync(top)
        return Staged(self, number, layer)

    @contextlib.contextmanager
    def top(self) -> Iterator[int]:
        """The inbox itself, open."""
        top = self._layer.top(self.folder)
        try:
            yield top
        finally:
            self._layer.close(top)

    def emptied(self, staged: Staged) -> Staged:
        """The same number with nothing in it. Raises DISK_FULL or DISK_ERROR."""
        with disk(), self.top() as top:
            shutil.rmtree(staged.folder)
            self._layer.make(staged.folder.name, top)
        return Staged(self, staged.number, self._layer)

    def room(self) -> int:
        """Bytes that an offer may take."""
        with disk():
            found = os.statvfs(self.folder)
        return found.f_bavail * found.f_frsize - self._limits.spare

    def scratch(self) -> Path:
        """An empty folder for what is only looked at; ``tidy`` and ``drop_scratch`` remove it."""
        with disk():
            self.drop_scratch()
            (self.folder / SCRATCH).mkdir(mode=0o700)
        return self.folder / SCRATCH

    def drop_scratch(self) -> None:
        """Remove what was looked at."""
        shutil.rmtree(self.folder / SCRATCH, ignore_errors=True)

    def _last(self) -> int:
        try:
            return min(int((self.folder / NUMBER).read_text(encoding="ascii")[:15]), 10**15)
        except (OSError, ValueError):
            return 0

    # -- the answer --------------------------------------------------------------------------------------------------

    def await_outcome(self, number: int, waiting: Callable[[float], object]) -> StickOutcome:
        """The daemon's answer; ``waiting(seconds so far)`` is called at every look. BOX_SILENT after ``outcome_s``."""
        begun = self._now()
        while (outcome := self.outcome(number)) is None:
            passed = self._now() - begun
            if passed >= self._limits.outcome_s:
                raise ProvisioningError(Code.BOX_SILENT, f"no answer within {self._limits.outcome_s:.0f} s")
            waiting(passed)
            self._nap(0.2)
        return outcome

    def outcome(self, number: int) -> StickOutcome | None:
        """The answer if it is there. Raises FAULT if it is none of this number."""
        try:
            outcome = msgspec.json.decode(self._read(number, OUTCOME), type=StickOutcome)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise ProvisioningError(Code.DISK_ERROR, error.strerror or "") from error
        except (msgspec.MsgspecError, ValueError) as error:
            raise ProvisioningError(Code.FAULT, "the daemon's answer cannot be read") from error
        if outcome.number != number:
            raise ProvisioningError(Code.FAULT, f"the answer to {number} is one to {outcome.number}")
        return outcome

    def outgoing(self, number: int) -> list[Path]:
        """The files that go back to the stick, smallest first; at most ``out_files`` of plain names."""
        try:
            found = [path for path in (self.folder / str(number) / OUT).iterdir()
                     if _OUT_NAME.fullmatch(path.name) and path.is_file() and not path.is_symlink()]
        except OSError:
            return []
        return sorted(found, key=lambda path: (path.stat().st_size, path.name))[: self._limits.out_files]

    def holds_only_copy(self, number: int) -> bool:
        """True if there are rows of a box that was reset, or if that cannot be told (law 3)."""
        if not (self.folder / str(number) / OUT / ROWS).exists():
            return False
        try:
            outcome = self.outcome(number)
        except ProvisioningError as error:
            return error.code is Code.DISK_ERROR
        return outcome is not None and has_reset(outcome)

    def remove(self, number: int) -> None:
        """The visit is over. What cannot be removed is removed another time."""
        shutil.rmtree(self.folder / str(number), ignore_errors=True)

    def shrink(self, number: int) -> None:
        """No stick took it: keep the answer, not what the daemon writes anew for the next stick (law 3)."""
        for name in (LOGS,) if self.holds_only_copy(number) else (ROWS, LOGS):
            with contextlib.suppress(OSError):
                (self.folder / str(number) / OUT / name).unlink()
        with contextlib.suppress(OSError):
            for path in (self.folder / str(number)).iterdir():
                if path.name not in (OFFER, OUTCOME, OUT):
                    shutil.rmtree(path) if path.is_dir() else path.unlink()

    def _read(self, number: int, name: str) -> bytes:
        with open_regular(self.folder / str(number) / name) as file:
            data = file.read(MAX_OUTCOME + 1)
        if len(data) > MAX_OUTCOME:
            raise ValueError(f"{name} is larger than {MAX_OUTCOME} bytes")
        return data


class Staged:
    """One offer on its way. Every method raises DISK_FULL or DISK_ERROR for the box's own disk."""

    def __init__(self, inbox: Inbox, number: int, layer: Layer) -> None:
        self.number, self.names = number, 0
        self._inbox, self._layer = inbox, layer
        self.folder = inbox.folder / f"{STAGING}{number}"

    def put(self, name: str, blocks: Iterable[bytes]) -> None:
        """A file of those bytes at a relative path; if ``blocks`` raises it is gone again."""
        *folders, last = name.split("/")
        with contextlib.ExitStack() as held, disk():
            at = self._layer.top(self.folder)
            held.callback(self._layer.close, at)
            for folder in folders:
                with contextlib.suppress(FileExistsError):
                    self._layer.make(folder, at)
                at = held.enter_context(opened(self._layer, folder, FOLDER, at))
            try:
                with opened(self._layer, last, NEW, at) as out:
                    for block in blocks:
                        write_all(self._layer, out, block)
                    self._layer.sync(out)
            except BaseException:
                with contextlib.suppress(OSError):
                    self._layer.remove(last, at)
                raise
        self.names += 1

    def offer(self, offer: Offer) -> None:
        """Write ``offer.json`` last, sync every folder from below, and let the whole appear under its number."""
        self.put(OFFER, (msgspec.json.encode(offer),))
        with disk():
            for folder, _, _ in os.walk(self.folder, topdown=False):
                self._sync(Path(folder))
            with self._inbox.top() as top:
                self._layer.rename(self.folder.name, str(self.number), top)
                self._layer.sync(top)

    def _sync(self, folder: Path) -> None:
        handle = self._layer.top(folder)
        try:
            self._layer.sync(handle)
        finally:
            self._layer.close(handle)


def read_facts(path: Path) -> BoxFacts | None:
    """What the daemon says of itself; None while it says nothing."""
    try:
        with open_regular(path) as file:
            return msgspec.json.decode(file.read(MAX_OUTCOME), type=BoxFacts)
    except (OSError, msgspec.MsgspecError, ValueError):
        return None


def await_facts(path: Path, limits: Limits, now: Callable[[], float], nap: Nap) -> BoxFacts:
    """The same, for at most ``facts_s``: a stick that was there at power-on is seen before the daemon is up."""
    deadline = now() + limits.facts_s
    while (facts := read_facts(path)) is None:
        if now() >= deadline:
            raise ProvisioningError(Code.BOX_SILENT, f"it says nothing of itself within {limits.facts_s:.0f} s")
        nap(0.5)
    return facts


@contextlib.contextmanager
def disk() -> Iterator[None]:
    """What the box's own disk refuses, as ProvisioningError."""
    try:
        yield
    except OSError as error:
        code = Code.DISK_FULL if error.errno in _FULL else Code.DISK_ERROR
        raise ProvisioningError(code, error.strerror or "") from error


