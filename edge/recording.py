"""One recording of a device at a post, from the first byte to a whole file.

Laws:
1. A recording is written to ``FILE.part`` line by line as the bytes come, is synced every ``SYNC_S`` seconds, and
   gets its name when it is whole; who finds a ``.part`` finds what came before the process was killed, and all but
   the last seconds before the power went.
2. With masking nothing that was read reaches the disk: the recording stays in memory until it is masked.
3. What was read is never shown or logged; documents and bytes are counted.
4. An existing file is not written over unless told to, nor the ``.part`` that a kill left; what is no regular file
   (a device, a link) never is.
"""

from __future__ import annotations

import io
import json
import os
import stat
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import TextIO

from drivers.api import Clock, DeviceBusy, DocumentRead, DriverError, PassportReader, ReaderEvent, ReaderStatus
from drivers.named import NamedDevice
from drivers.trace import BadTrace, RecordingTransport, Trace, TraceWriter, read_trace, write_trace
from edge.core.errors import BorderpostError

SLICE_S = 0.25     # how often progress is told and the end is looked for
ROW_WAIT_S = 1.5   # rows that come one at a time within it are one document
SYNC_S = 2.0       # between two syncs of what came: milliseconds on most disks, and the port's buffer waits
TAIL_S = 2.0       # after the last document that was asked for: its further rows, the device's last words
BUSY_ADVICE = "stop the box: systemctl stop borderpost; start it again when the recording is made"
REFUSED_ADVICE = (  # a network does not tell which of the two it is
    "nobody listens there, or somebody has that port already: check address and TCP port, and that the server is on; "
    "if this box itself reads from it, stop the box for as long as you record"
)


class RecordingError(BorderpostError):
    """The recording cannot be made or kept."""


@dataclass(frozen=True, slots=True)
class Progress:
    """So far: whole documents, blocks of other kinds, garbled frames, bytes both ways, seconds; the driver's remark."""

    documents: int = 0
    others: int = 0
    garbled: int = 0
    bytes: int = 0
    seconds: float = 0.0
    remark: str = ""


@dataclass(frozen=True, slots=True)
class Until:
    """What ends a recording besides the person: so many documents, so many seconds; 0: neither."""

    documents: int = 0
    seconds: float = 0.0


def provenance(device: NamedDevice, model: str, submitter: str, documents: str) -> dict[str, str]:
    """The header of a recording."""
    settings = {key: value for key, value in device.settings.items() if key != "port"}
    return {
        "Device": model,
        "Driver": device.driver,
        **({"Profile": device.profile} if device.profile else {}),
        "Settings": json.dumps(settings, sort_keys=True, default=str),
        "Port": device.port,
        "Date": datetime.now(UTC).date().isoformat(),
        "Submitter": submitter,
        "Documents": documents,
        "Software": f"borderpost {version('borderpost')}",
    }


class Recorder:
    """Records one device into one file; ``mask`` turns the whole recording into one without persons."""

    def __init__(
        self, device: NamedDevice, path: Path, header: Mapping[str, str], clock: Clock, *,
        mask: Callable[[Trace], Trace] | None = None, force: bool = False,
    ) -> None:
        self._device, self._path, self._header, self._clock, self._mask = device, path, dict(header), clock, mask
        self._part = path.with_name(path.name + ".part")
        self._force = force
        _may_write(path, "give another file, or --force to write over it", force=force)
        _may_write(
            self._part, "it holds what an unfinished recording had: rename it to keep it, or --force to write over it",
            force=force,
        )
        self._documents = Documents()

    def run(self, until: Until, stopping: Callable[[], bool], tell: Callable[[Progress], None]) -> Progress:
        """Record until told to stop; the file is whole when this returns. Raises RecordingError.

        A device that disappears ends the recording as well: the file is whole then too, and the error says so.
        """
        try:
            return self._run(until, stopping, tell)
        except OSError as error:  # the disk; what the port has to say comes as a DriverError
            raise _unwritable(self._part, error) from error

    def _run(self, until: Until, stopping: Callable[[], bool], tell: Callable[[Progress], None]) -> Progress:
        out = self._open()
        with out:
            writer = TraceWriter(out, self._header, self._clock)
            lost: DriverError | None = None
            reader = self._start(writer)
            try:
                self._listen(reader, writer, _Sync(out, self._clock), until, stopping, tell)
            except DriverError as error:
                lost = error
            finally:
                facts = reader.status()
                reader.close()
            told = {"Firmware": facts.firmware, "Serial": facts.serial, "Product": facts.product}
            self._finish(out, {**self._header, **{key: text for key, text in told.items() if text}})
        if lost is not None:
            raise RecordingError(
                f"{lost.message}; what came before is in {self._path}", advice=lost.advice
            ) from lost
        return self._documents.progress(writer.bytes, facts)

    def _open(self) -> TextIO:
        if self._mask is not None:
            return io.StringIO()  # law 2
        try:
            only = os.O_TRUNC if self._force else os.O_EXCL
            descriptor = os.open(self._part, os.O_RDWR | os.O_CREAT | only | os.O_NOFOLLOW, 0o600)
        except OSError as error:
            raise _unwritable(self._part, error) from error
        return os.fdopen(descriptor, "w+", buffering=1, encoding="utf-8", errors="replace")  # line by line: law 1

    def _start(self, writer: TraceWriter) -> PassportReader:
        try:
            reader = self._device.reader("recorded", self._clock, lambda port: RecordingTransport(port, writer))
            reader.open()
        except DriverError as error:
            self._part.unlink(missing_ok=True)
            advice = error.advice
            if isinstance(error, DeviceBusy):
                advice = REFUSED_ADVICE if "://" in self._device.port else BUSY_ADVICE
            raise RecordingError(error.message, advice=advice) from error
        return reader

    def _listen(
        self, reader: PassportReader, writer: TraceWriter, sync: _Sync, until: Until, stopping: Callable[[], bool],
        tell: Callable[[Progress], None],
    ) -> None:
        began = self._clock()
        while not stopping() and not writer.full:
            self._documents.note(reader.read(SLICE_S))
            now = self._clock()
            if reader.reading:
                self._documents.under_way(now)
            sync(writer.bytes)
            tell(self._documents.progress(writer.bytes, reader.status(), now - began))
            if until.seconds and now - began >= until.seconds:
                return
            if until.documents and self._documents.count >= until.documents and now > self._documents.last + TAIL_S:
                return

    def _finish(self, out: TextIO, header: Mapping[str, str]) -> None:
        """Law 1: header, entries, masked if asked for; synced, then named."""
        out.flush()
        out.seek(0)
        trace = Trace(header, read_trace(out).entries)
        try:
            trace = self._mask(trace) if self._mask else trace
        except BadTrace as error:
            raise RecordingError(error.message, advice=error.advice) from error
        keep(trace, self._path)
        self._part.unlink(missing_ok=True)


class _Sync:
    """Has the disk keep what was written, every ``SYNC_S`` seconds and if there is something new (law 1)."""

    def __init__(self, out: TextIO, clock: Clock) -> None:
        self._file = None if isinstance(out, io.StringIO) else out.fileno()  # law 2: nothing on the disk
        self._clock, self._at, self._bytes = clock, clock(), 0

    def __call__(self, written: int) -> None:
        """``written``: bytes so far."""
        now = self._clock()
        if self._file is not None and written != self._bytes and now - self._at >= SYNC_S:
            os.fsync(self._file)
            self._at, self._bytes = now, written


def keep(trace: Trace, path: Path) -> None:
    """Write a recording so that ``path`` is never half of one. Raises RecordingError."""
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8", errors="replace") as out:
            write_trace(out, trace)
            out.flush()
            os.fsync(out.fileno())
        fresh.replace(path)
    except OSError as error:
        fresh.unlink(missing_ok=True)
        raise _unwritable(path, error) from error


def _may_write(path: Path, advice: str, *, force: bool) -> None:
    """Law 4. Raises RecordingError."""
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        return
    except OSError as error:
        raise _unwritable(path, error) from error
    if not stat.S_ISREG(mode):
        raise RecordingError(f"{path} is no regular file", advice="give another file: this one is never replaced")
    if not force:
        raise RecordingError(f"{path} is there already", advice=advice)


def _unwritable(path: Path, error: OSError) -> RecordingError:
    return RecordingError(
        f"{path}: {error.strerror or error}", advice="give a file in a folder that you may write, with room on it"
    )


class Documents:
    """Counts documents among reads: rows that come one at a time are one, from the end of a row to the next one's
    beginning; a keyboard types a row for seconds."""

    def __init__(self) -> None:
        self.count = 0
        self.last = 0.0  # monotonic second of the last read, or at which what follows it was under way
        self._single = False

    def note(self, event: ReaderEvent | None) -> None:
        """One event of the reader."""
        if not isinstance(event, DocumentRead):
            return
        single = len(event.lines) == 1
        if not (single and self._single and event.at - self.last < ROW_WAIT_S):
            self.count += 1
        self._single, self.last = single, event.at

    def under_way(self, now: float) -> None:
        """The device is sending something, now."""
        if now - self.last < ROW_WAIT_S:
            self.last = now

    def progress(self, count: int, status: ReaderStatus, seconds: float = 0.0) -> Progress:
        """With what is counted elsewhere; ``count`` in bytes."""
        return Progress(self.count, status.others, status.garbled, count, seconds, status.remark)
