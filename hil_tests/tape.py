"""A recording as the device, without waiting: its own time, and what a recording can be made to do.

The recording's greeting (what passed before the first long pause) is played on each opening; what follows is the
document. It can come in pieces, behind noise, or break off, because its bytes are known; a hand it has not.
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from drivers.api import DeviceGone, DocumentRead, PassportReader
from drivers.replays import device_of, over, play
from drivers.trace import FROM_DEVICE, TO_DEVICE, Entry, Trace
from hil_tests.capabilities import Can
from hil_tests.frames import bar_code, whole
from hil_tests.rigs import SLICE_S, Rig

PAUSE_S = 0.6  # between the greeting and the first document
CHUNK = 4096
NO_PORT = "a recording has no port"


class Tape:
    """A transport whose bytes are put on it; see drivers.trace.ReplayTransport for the order of things."""

    def __init__(self, greeting: Sequence[Entry]) -> None:
        self._greeting = greeting
        self._coming: deque[Entry] = deque()
        self._now = 0.0
        self._due = self._written = 0
        self.plugged = True

    def clock(self) -> float:
        """Its own seconds."""
        return self._now

    def connect(self) -> Tape:
        """Open it: the greeting comes. Raises DeviceGone while it is unplugged."""
        if not self.plugged:
            raise DeviceGone("the recording is unplugged", advice="plug it in")
        self._coming.clear()
        self._due = self._written = 0
        self.put(self._greeting)
        return self

    def put(self, entries: Sequence[Entry]) -> None:
        """These come from now on, with the pauses that they had."""
        before = entries[0].at if entries else 0.0
        self._coming += [replace(entry, at=self._now + entry.at - before) for entry in entries]

    def read(self, size: int, wait_s: float) -> bytes:
        """See Transport."""
        while self._coming and self._coming[0].direction == TO_DEVICE:
            self._due += len(self._coming.popleft().data)
        until = self._now + max(0.0, wait_s)
        entry = self._coming[0] if self._coming else None
        if entry is None and not self.plugged:
            raise DeviceGone("the recording was unplugged", advice="plug it in")
        if entry is None or entry.at > until or self._written < self._due:
            self._now = until
            return b""
        self._now = max(self._now, entry.at)
        self._coming.popleft()
        if len(entry.data) > size:
            self._coming.appendleft(replace(entry, data=entry.data[size:]))
        return entry.data[:size]

    def write(self, data: bytes) -> None:
        """See Transport."""
        self._written += len(data)

    def rest(self, seconds: float) -> None:
        """See Transport."""
        self._now += seconds

    def wake(self) -> None:
        """See Transport."""

    def reset(self) -> None:
        """See Transport."""

    def close(self) -> None:
        """See Transport."""

    @property
    def empty(self) -> bool:
        """True when all of it has come."""
        return not self._coming


class TapeRig(Rig):
    """One recording of one family."""

    quiet_s = 35.0  # of its own time: a recording answers no question, so none may be open when a document comes again

    def __init__(self, path: Path, trace: Trace) -> None:
        super().__init__(f"recordings:{path.parent.name}", device_of(trace.provenance), 30.0)
        at = next(i for i, entry in enumerate(trace.entries) if _document_begins(trace.entries, i))
        self.tape = Tape(trace.entries[:at])
        self._document = trace.entries[at:]
        self.rows = tuple(row for read in play(trace).reads if isinstance(read, DocumentRead) for row in read.lines)
        self.usb = self.driver == "hid_keyboard"
        self.grain = 1
        self.cannot = {
            Can.OWN: NO_PORT, Can.ELSEWHERE: NO_PORT, Can.IN_WAITING: NO_PORT, Can.MODEM_LINES: NO_PORT,
            Can.POWER: NO_PORT, Can.LIVE: "a recording has its own time",
            Can.LIFT: "the device on a recording does what it did, once",
        }
        if not bar_code(self.driver):
            self.cannot[Can.BLOCK] = "this device reads nothing but zones"
        if not self.usb:
            self.cannot[Can.SPLIT_REPORTS] = "a serial line has no reports"

    def reader(self, name: str = "hil") -> PassportReader:
        """See Rig."""
        return over(self.device.reader(name, self.tape.clock), self.tape.connect, self.tape.clock)

    def clock(self) -> float:
        """See Rig."""
        return self.tape.clock()

    def lay(self, reader: PassportReader) -> list[DocumentRead]:
        """See Rig: what was recorded comes."""
        self._settle(reader)
        self.tape.put(self._document)
        return self.document(reader)

    def frame(self) -> bytes:
        """See Rig: the recorded bytes of the document, without what the dialogue adds."""
        data = b"".join(entry.data for entry in self._document if entry.direction == FROM_DEVICE)
        return whole(self.driver, self.rows) if self.driver == "elyctis" else data

    def send(self, data: bytes) -> None:
        """See Rig."""
        self.tape.put([Entry(0.0, FROM_DEVICE, data[at : at + CHUNK]) for at in range(0, len(data), CHUNK)])

    def flood(self, reader: PassportReader, size: int) -> int:
        """See Rig."""
        source = random.Random(7)
        for _ in range(0, size, 16 * CHUNK):
            self.send(source.randbytes(16 * CHUNK))
            self._settle(reader)
        return size

    def block(self) -> None:
        """See Rig: a bar code as a virtual device sends it."""
        self.send(bar_code(self.driver))

    def pull(self) -> None:
        """See Rig: what has been put still comes, then nothing more ever."""
        self.tape.plugged = False

    def plug(self, *, elsewhere: bool = False) -> None:
        """See Rig."""
        self.tape.plugged = True

    def _settle(self, reader: PassportReader) -> None:
        while not self.tape.empty:
            reader.read(SLICE_S)


def _document_begins(entries: Sequence[Entry], at: int) -> bool:
    before = entries[at - 1].at if at else 0.0
    return entries[at].direction == FROM_DEVICE and entries[at].at - before >= PAUSE_S


