"""The thin driver that all families share: a codec, a port, counters.

Laws:
1. Noise costs counters, never memory, log lines or a processor: after a buffer's worth of bytes without
   a frame of use the driver rests before each further read, and what gathers is read at one go.
2. ``at`` of a document is the clock right after the read that brought its last byte.
3. A document is never held back by what came with it: those in one chunk are given out one per call.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from drivers.api import Clock, DeviceError, DocumentRead, DriverMisuse, Noise, ReaderEvent, ReaderStatus, Tier
from drivers.framing import BUFFER_CAP, Codec, Event, Garbled, OtherBlock, RowsRead
from drivers.framing import Noise as NoiseBytes
from drivers.transport import Transport

CHUNK = 4096  # bytes per read: what the kernel's line discipline holds
REST_S = 0.02  # at 115200 baud 230 bytes gather: 50 wake-ups a second instead of 11,500
MAX_WAITING = 64  # documents given out later; a chunk cannot hold more real ones


@dataclass(slots=True)
class Counters:
    """Since the reader was made."""

    reads: int = 0
    garbled: int = 0
    others: int = 0
    noise_bytes: int = 0
    last_read_at: float | None = None

    def note(self, event: Event) -> None:
        """Count one event that is no document."""
        if isinstance(event, NoiseBytes):
            self.noise_bytes += event.count
        elif isinstance(event, Garbled):
            self.garbled += 1
            self.noise_bytes += event.count
        elif isinstance(event, OtherBlock):
            self.others += 1


class FramedReader:
    """A PassportReader over any codec and any transport; each open() begins with a fresh codec."""

    def __init__(
        self, *, name: str, driver: str, tier: Tier, port: str, clock: Clock,
        codec: Callable[[], Codec], connect: Callable[[], Transport],
    ) -> None:
        self._name, self._driver, self._tier, self._port = name, driver, tier, port
        self._clock = clock
        self._make_codec, self._connect = codec, connect
        self._codec = codec()
        self._transport: Transport | None = None
        self._counters = Counters()
        self._waiting: deque[DocumentRead] = deque(maxlen=MAX_WAITING)
        self._barren = 0  # bytes since the device last made sense or was silent

    @property
    def name(self) -> str:
        """See PassportReader."""
        return self._name

    def open(self) -> None:
        """See PassportReader."""
        if self._transport is not None:
            raise DriverMisuse(f"reader {self._name!r} is open already", advice="close it first")
        transport = self._connect()
        self._codec = self._make_codec()
        self._barren = 0
        self._codec.start(self._clock())
        try:
            transport.write(self._codec.bytes_to_send())
        except DeviceError:
            transport.close()
            raise
        self._transport = transport

    def read(self, timeout_s: float) -> ReaderEvent | None:
        """See PassportReader."""
        if self._transport is None:
            raise DriverMisuse(f"reader {self._name!r} is not open", advice="call open() before read()")
        before = (self._counters.noise_bytes, self._counters.garbled, self._counters.others)
        deadline = self._clock() + timeout_s
        while not self._waiting:
            self._listen(self._transport, deadline)
            if not self._waiting and self._clock() >= deadline:
                return self._summary(before)
        return self._waiting.popleft()

    def status(self) -> ReaderStatus:
        """See PassportReader."""
        counters, facts = self._counters, self._codec.facts
        last = counters.last_read_at
        return ReaderStatus(
            name=self._name, driver=self._driver, tier=self._tier, port=self._port,
            open=self._transport is not None, reads=counters.reads, garbled=counters.garbled,
            others=counters.others, noise_bytes=counters.noise_bytes, last_read_at=last,
            last_read_age_s=None if last is None else max(0.0, self._clock() - last),
            firmware=facts.get("firmware", ""), serial=facts.get("serial", ""),
            product=facts.get("product", ""),
        )

    def close(self) -> None:
        """See PassportReader."""
        transport, self._transport = self._transport, None
        if transport is not None:
            transport.close()

    def _listen(self, transport: Transport, deadline: float) -> None:
        """Wait for one chunk, at the latest until the deadline or the codec's own timeout."""
        if self._barren > BUFFER_CAP:
            transport.rest(REST_S)
        now = self._clock()
        due = self._codec.next_timeout
        until = deadline if due is None else min(deadline, due)
        data = transport.read(CHUNK, max(0.0, until - now))
        now = self._clock()
        self._barren = self._barren + len(data) if data else 0
        for event in self._codec.feed(data, now) + self._codec.tick(now):
            self._take(event, now)
        out = self._codec.bytes_to_send()
        try:
            if out:
                transport.write(out)
        except DeviceError:
            if not self._waiting:  # law 3: the document first, the next read meets the fault again
                raise

    def _take(self, event: Event, now: float) -> None:
        if isinstance(event, RowsRead):
            self._counters.reads += 1
            self._counters.last_read_at = now
            self._waiting.append(DocumentRead(self._name, event.rows, event.raw, now))
        self._counters.note(event)
        if not isinstance(event, NoiseBytes | Garbled | OtherBlock):
            self._barren = 0

    def _summary(self, before: tuple[int, int, int]) -> Noise | None:
        now = (self._counters.noise_bytes, self._counters.garbled, self._counters.others)
        if now == before:
            return None
        return Noise(now[0] - before[0], garbled=now[1] - before[1], others=now[2] - before[2])
