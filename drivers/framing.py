"""From a stream of bytes to events: one bounded buffer, one loop, whatever the device family.

Laws:
1. No I/O and no clock: bytes and monotonic seconds come in as arguments, events come out as values.
2. A device is noise until proven a frame. Every byte ends in exactly one event: as part of a whole
   frame, of a Garbled one, or of Noise.
3. A family is one pure function, its *cut*: it looks at the front of the buffer and says More, Skip,
   Broken or Whole. It never raises, whatever the bytes.
4. Silence is judged by ``tick`` alone, and the driver ticks after it has taken what waits. So a process
   that was held up for a second does not mistake its own delay for the device's.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol, TypeAlias

from drivers.api import Feedback

BUFFER_CAP = 1024  # bytes; the longest zone with all its delimiters is under 150
GAP_S = 0.3  # silence inside a frame that ends it; at 9600 baud a byte takes 0.001 s


# Events -----------------------------------------------------------------------------------------------

@dataclass(frozen=True, slots=True)
class RowsRead:
    """A whole frame that holds the rows of a machine-readable zone, as sent; ``raw`` is all of it, see MAX_RAW."""

    rows: tuple[str, ...] = field(repr=False)
    raw: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class CardAbsent:
    """The device was asked and says that no document lies on it."""


@dataclass(frozen=True, slots=True)
class Known:
    """The device was asked, and the document that was given already has come once more; rows and raw as in RowsRead.

    ``answer`` is False where it came while the device waits for a document: it may have been laid down anew.
    """

    rows: tuple[str, ...] = field(repr=False)
    raw: bytes = field(repr=False)
    answer: bool


@dataclass(frozen=True, slots=True)
class Echo:
    """The device repeats the order to read continuously; ``armed`` is the state it has taken."""

    armed: bool


@dataclass(frozen=True, slots=True)
class Info:
    """An answer about the device itself; ``command`` is the byte that asked."""

    command: int
    text: str


@dataclass(frozen=True, slots=True)
class OtherBlock:
    """A whole block that is no zone: a bar code, a stripe; ``raw`` and ``text`` as in drivers.api.OtherRead."""

    length: int
    raw: bytes = field(default=b"", repr=False)
    text: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Garbled:
    """A frame began and did not end well; ``count`` bytes were dropped."""

    reason: str
    count: int


@dataclass(frozen=True, slots=True)
class Noise:
    """``count`` bytes that belong to no frame."""

    count: int


Event: TypeAlias = RowsRead | CardAbsent | Known | Echo | Info | OtherBlock | Garbled | Noise


# What a cut says about the front of the buffer ----------------------------------------------------------

@dataclass(frozen=True, slots=True)
class More:
    """No decision yet. ``looked`` bytes need no second look; ``begun`` says that a frame has begun."""

    looked: int = 0
    begun: bool = False


@dataclass(frozen=True, slots=True)
class Skip:
    """The first ``count`` bytes (1 or more) are no frame."""

    count: int


@dataclass(frozen=True, slots=True)
class Broken:
    """The first ``count`` bytes (1 or more) began a frame that cannot be one any more."""

    count: int
    reason: str


@dataclass(frozen=True, slots=True)
class Whole:
    """The first ``count`` bytes (1 or more) are a frame; ``event`` is None for mere delimiters."""

    count: int
    event: Event | None


Cut: TypeAlias = Callable[[bytearray, int], More | Skip | Broken | Whole]
"""(the buffer, never empty; how many of its bytes the last More said need no second look) -> a decision."""


# Operations we need:
#   - append what arrived, in pieces of any size, down to one byte
#   - look at the front, search on from where the last search ended
#   - take or drop some bytes at the front
#   - say how many bytes were dropped, and since when the front has been waiting
# Goals:
#   - never more than the cap, whatever is sent: a reader may babble for a year
#   - worst case linear in the bytes received, also when they come one by one
# Plan:
#   - a bytearray: appending is amortised O(1), and so is deleting at the front (CPython moves the start)
#   - ``looked`` remembers how far the cut has searched, so that no byte is searched twice for the same thing
#   - append takes only what fits; the Framer cuts, then appends the rest. A full buffer in which the cut
#     still wants more is a frame longer than any zone, and is dropped whole.
# WARNING: a cut must not hold on to the buffer, and must look at each byte a bounded number of times:
# after Broken or Skip the bytes behind the count are looked at again, so the count must lie within a
# constant distance of the bytes that have been judged.
class ReceiveBuffer:
    """At most ``cap`` bytes between the line and the cut."""

    __slots__ = ("cap", "content", "highest", "looked")

    def __init__(self, cap: int = BUFFER_CAP) -> None:
        self.cap = cap
        self.content = bytearray()
        self.looked = 0
        self.highest = 0  # bytes ever held at once, for tests and status

    def __len__(self) -> int:
        return len(self.content)

    @property
    def full(self) -> bool:
        """True if not one byte more fits."""
        return len(self.content) >= self.cap

    def append(self, data: memoryview) -> int:
        """Take what fits of ``data``; returns how many bytes that was."""
        fits = min(self.cap - len(self.content), len(data))
        self.content += data[:fits]
        self.highest = max(self.highest, len(self.content))
        return fits

    def drop(self, count: int) -> int:
        """Forget ``count`` bytes at the front; returns how many were there."""
        dropped = min(count, len(self.content))
        del self.content[:dropped]
        self.looked = 0
        return dropped


class Framer:
    """Runs one cut over one buffer."""

    def __init__(self, cut: Cut, *, cap: int = BUFFER_CAP, gap_s: float = GAP_S) -> None:
        self.buffer = ReceiveBuffer(cap)
        self._cut = cut
        self._gap_s = gap_s
        self._last_byte_at = 0.0
        self._begun = False  # of what the buffer holds, if it holds anything

    def feed(self, data: bytes, now: float) -> list[Event]:
        """Bytes that arrived by ``now``; any number of them, cut anywhere. Runs of noise become one event."""
        events: list[Event] = []
        view = memoryview(data)
        while view:
            view = view[self.buffer.append(view) :]
            self._cut_all(events)
            self._last_byte_at = now
        return events

    def tick(self, now: float) -> list[Event]:
        """Nothing waits on the line at ``now``: give up what has been silent for too long."""
        due = self.next_timeout
        if due is None or now < due:
            return []
        count = self.buffer.drop(len(self.buffer))
        return [Garbled("silence within a frame", count) if self._begun else Noise(count)]

    @property
    def reading(self) -> bool:
        """True while a frame has begun and not ended."""
        return self._begun and len(self.buffer) > 0

    @property
    def next_timeout(self) -> float | None:
        """When ``tick`` will have something to do, in monotonic seconds; None while nothing is held."""
        return self._last_byte_at + self._gap_s if len(self.buffer) else None

    def _cut_all(self, events: list[Event]) -> None:
        buffer = self.buffer
        while len(buffer):
            decision = self._cut(buffer.content, buffer.looked)
            if isinstance(decision, More):
                if not buffer.full:
                    buffer.looked, self._begun = decision.looked, decision.begun
                    return
                decision = Broken(len(buffer), "longer than any zone")
            count = buffer.drop(decision.count)
            if isinstance(decision, Skip):
                note_noise(events, count)
            elif isinstance(decision, Broken):
                events.append(Garbled(decision.reason, count))
            elif decision.event is not None:
                events.append(decision.event)


def note_noise(events: list[Event], count: int) -> None:
    """Add noise to a list of events; a run of it stays one event."""
    last = events[-1] if events else None
    if isinstance(last, Noise):
        events[-1] = Noise(last.count + count)
    else:
        events.append(Noise(count))


class Codec(Protocol):
    """One device family without its port: what the thin driver drives."""

    @property
    def next_timeout(self) -> float | None:
        """When ``tick`` is due, in monotonic seconds."""

    @property
    def facts(self) -> dict[str, str]:
        """What the device has told about itself: firmware, serial, product; absent when unknown."""

    @property
    def reading(self) -> bool:
        """True while a frame has begun and not ended."""

    def start(self, now: float) -> None:
        """The port has just been opened."""

    def feed(self, data: bytes, now: float) -> list[Event]:
        """Bytes from the device."""

    def tick(self, now: float) -> list[Event]:
        """Time has passed and nothing waits on the line."""

    def bytes_to_send(self) -> bytes:
        """What is to be written to the device now; each byte is given out once."""

    def signal(self, feedback: Feedback) -> None:
        """Give the officer this sign, if the protocol knows one; its bytes come out of ``bytes_to_send``."""


class ListeningCodec:
    """What a family that only listens needs: subclasses give the cut.

    ``trailer``: bytes that the device is known to send behind each frame, and that decide nothing. They stand at the
    end of each ``raw`` at once, so that the officer's PC gets the frame to its last byte and nobody waits for them;
    what then comes of them is no noise, and no event.
    """

    trailer: bytes = b""

    def __init__(self, cut: Cut, *, gap_s: float = GAP_S, cap: int = BUFFER_CAP) -> None:
        self.facts: dict[str, str] = {}
        self.framer = Framer(cut, cap=cap, gap_s=gap_s)

    @property
    def next_timeout(self) -> float | None:
        """See Codec."""
        return self.framer.next_timeout

    @property
    def reading(self) -> bool:
        """See Codec."""
        return self.framer.reading

    def start(self, now: float) -> None:
        """See Codec."""

    def feed(self, data: bytes, now: float) -> list[Event]:
        """See Codec."""
        return self.framer.feed(data, now)

    def tick(self, now: float) -> list[Event]:
        """See Codec."""
        return self.framer.tick(now)

    def bytes_to_send(self) -> bytes:
        """See Codec."""
        return b""

    def signal(self, feedback: Feedback) -> None:
        """See Codec."""
