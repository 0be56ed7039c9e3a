"""Recordings of what passed between a driver and a device, and their replay without one.

A recording is text, so that a person can read it and a review can show it: provenance lines
``# Key: value``, then one line per chunk: seconds since the first, ``<`` from the device or ``>`` to it,
bytes in hexadecimal.

Laws:
1. No recording without provenance: device, date, who made it, and which documents lay on the glass.
   Those are specimens or invented; a recording of a real person's document is masked or deleted, never kept.
2. Replay keeps time and order: a chunk comes when it came, and never before the driver has written as
   much as had been written before it in the recording.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TextIO

from drivers.api import Clock, DeviceGone, DriverMisuse
from drivers.transport import Transport

PROVENANCE = ("Device", "Date", "Submitter", "Documents")
FROM_DEVICE, TO_DEVICE = "<", ">"
MAX_ENTRIES = 100_000  # per recording; a day of documents at one a second fits
MAX_BYTES = 16 * 1024 * 1024  # per recording, both ways; some 100,000 documents
MAX_LINE = 16 * 1024  # characters
MAX_S = 7 * 86_400.0  # seconds of one recording
TAIL_S = 2.0  # silence after the last chunk, so that timeouts run out before the device is gone
STUCK_S = 60.0  # how long a replay waits for a driver that writes less than was recorded


class BadTrace(DriverMisuse):
    """A recording that cannot be read, or was begun without provenance."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One chunk: seconds since the recording began, ``<`` or ``>``, 1 to 8,000 bytes."""

    at: float
    direction: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Trace:
    """A whole recording."""

    provenance: Mapping[str, str]
    entries: tuple[Entry, ...]


class TraceWriter:
    """Writes one recording; beyond the limit it stops and says so in the file."""

    def __init__(self, out: TextIO, provenance: Mapping[str, str], clock: Clock) -> None:
        absent = [key for key in PROVENANCE if not provenance.get(key, "").strip()]
        if absent:
            raise BadTrace(
                f"a recording needs provenance; missing: {', '.join(absent)}",
                advice="say which device, when, by whom, and which specimen documents",
            )
        self._out, self._clock, self._began, self._count = out, clock, clock(), 0
        self._ended = False
        self.bytes = 0  # noted so far
        _write_header(out, provenance)

    @property
    def full(self) -> bool:
        """True when nothing more is noted: the recording has reached its limit."""
        return self._count >= MAX_ENTRIES or self.bytes >= MAX_BYTES or self._clock() - self._began > MAX_S

    def note(self, direction: str, data: bytes) -> None:
        """One chunk, now; an empty one is none."""
        at = self._clock() - self._began
        if self._ended or not data:
            return
        if at <= MAX_S:
            self._count += 1
            self.bytes += len(data)
            _write_entry(self._out, Entry(at, direction, data))
        if self.full:
            self._ended = True
            self._out.write("# Ended: the recording has reached its limit\n")


def write_trace(out: TextIO, trace: Trace) -> None:
    """A whole recording as text; ``read_trace`` gives it back."""
    _write_header(out, trace.provenance)
    for entry in trace.entries:
        _write_entry(out, entry)


def _write_header(out: TextIO, provenance: Mapping[str, str]) -> None:
    for key, value in provenance.items():
        out.write(f"# {key}: {' '.join(value.split())}\n")


def _write_entry(out: TextIO, entry: Entry) -> None:
    out.write(f"{entry.at:.6f} {entry.direction} {entry.data.hex()}\n")


def read_trace(lines: Iterable[str]) -> Trace:
    """A recording from its lines. Raises BadTrace with the line's number."""
    provenance: dict[str, str] = {}
    entries: list[Entry] = []
    for number, line in enumerate(lines, start=1):
        if len(line) > MAX_LINE or len(entries) >= MAX_ENTRIES:
            raise BadTrace(f"line {number}: over the limit of a recording", advice="cut the recording")
        if line.startswith("#"):
            key, _, value = line[1:].partition(":")
            provenance[key.strip()] = value.strip()
        elif line.strip():
            entries.append(_entry(number, line))
    return Trace(provenance, tuple(entries))


def _entry(number: int, line: str) -> Entry:
    try:
        at, direction, data = line.split()
        entry = Entry(float(at), direction, bytes.fromhex(data))
    except ValueError:
        entry = None
    if entry is None or entry.direction not in (FROM_DEVICE, TO_DEVICE) or not 0 <= entry.at <= MAX_S:
        raise BadTrace(
            f"line {number}: not 'seconds < hex' or 'seconds > hex' within {MAX_S:.0f} seconds",
            advice="restore the recording",
        )
    return entry


class RecordingTransport:
    """Passes everything through and notes it."""

    def __init__(self, inner: Transport, writer: TraceWriter) -> None:
        self._inner, self._writer = inner, writer

    def read(self, size: int, wait_s: float) -> bytes:
        """See Transport."""
        data = self._inner.read(size, wait_s)
        self._writer.note(FROM_DEVICE, data)
        return data

    def write(self, data: bytes) -> None:
        """See Transport."""
        self._inner.write(data)
        self._writer.note(TO_DEVICE, data)

    def rest(self, seconds: float) -> None:
        """See Transport."""
        self._inner.rest(seconds)

    def wake(self) -> None:
        """See Transport."""
        self._inner.wake()

    def reset(self) -> None:
        """See Transport."""
        self._inner.reset()

    def close(self) -> None:
        """See Transport."""
        self._inner.close()


class ReplayTransport:
    """A recording that plays the device; ``clock`` is its own time, which waiting moves at once."""

    def __init__(self, trace: Trace) -> None:
        self._entries = deque(trace.entries)
        self._end = trace.entries[-1].at if trace.entries else 0.0
        self._now = 0.0
        self._to_be_written = 0  # bytes that the recording has seen written so far
        self.written = bytearray()

    def clock(self) -> float:
        """Seconds since the recording began."""
        return self._now

    def read(self, size: int, wait_s: float) -> bytes:
        """See Transport. Raises DeviceGone some time after the last chunk."""
        while self._entries and self._entries[0].direction == TO_DEVICE:
            self._to_be_written += len(self._entries.popleft().data)
        until = self._now + max(0.0, wait_s)
        entry = self._entries[0] if self._entries else None
        if entry is None or entry.at > until or len(self.written) < self._to_be_written:
            self._now = until
            if until > self._end + (TAIL_S if entry is None else STUCK_S):
                raise DeviceGone("the recording has ended", advice="replay another one")
            return b""
        self._now = max(self._now, entry.at)
        self._entries.popleft()
        if len(entry.data) > size:
            self._entries.appendleft(Entry(entry.at, FROM_DEVICE, entry.data[size:]))
        return entry.data[:size]

    def write(self, data: bytes) -> None:
        """See Transport; kept in ``written``."""
        self.written += data

    def rest(self, seconds: float) -> None:
        """See Transport."""
        self._now += seconds

    def wake(self) -> None:
        """See Transport; a replay never waits."""

    def reset(self) -> None:
        """See Transport; a recording has no power to cut."""

    def close(self) -> None:
        """See Transport."""
