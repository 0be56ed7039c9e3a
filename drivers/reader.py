"""The thin driver that all families share: a codec, a port, counters.

Laws:
1. Noise costs counters, never memory, log lines or a processor: after a buffer's worth of bytes that came to
   nothing the driver rests before each further read, and what gathers is read at one go. A frame under way has
   not come to nothing, however long it is: a row typed with four reports a key has 1.4 KiB. Other blocks
   are all counted, but at most OTHERS_AT_ONCE at once and OTHERS_PER_S a second are given on: no hand shows
   bar codes faster, and noise holds some that look like one.
2. ``at`` of a document is the clock right after the read that brought its last byte.
3. A document is never held back by what came with it: those in one chunk are given out one per call.
4. Noise that is mostly letters of a zone, and as much as a row of one, was a frame whose head was hit: it counts as
   garbled once the line is quiet, so that a person is told.
5. Where a document's frame broke, it may have been the last document laid down anew: the device's answer that the last
   one lies there then does not mean that nothing was lost, and the same document unasked is given.
6. Orders of the settings (init, re-arm, signs) go out beside the codec's own dialogue, from the owner's thread.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from drivers.api import (
    Clock,
    DeviceError,
    DocumentRead,
    DriverMisuse,
    Feedback,
    Noise,
    NothingLost,
    OtherRead,
    ReaderEvent,
    ReaderStatus,
    Tier,
)
from drivers.framing import BUFFER_CAP, Codec, Event, Garbled, Known, OtherBlock, RowsRead
from drivers.framing import Noise as NoiseBytes
from drivers.rows import legible
from drivers.settings import FixedOrders
from drivers.transport import Transport, present

CHUNK = 4096  # bytes per read: what the kernel's line discipline holds
REST_S = 0.02  # at 115200 baud 230 bytes gather: 50 wake-ups a second instead of 11,500
MAX_WAITING = 64  # blocks given out later; a chunk cannot hold more real ones
MAX_SIGNS = 8     # signs not yet given
ROW_LETTERS = 30  # the shortest row of a zone (TD1)
NOT_OF_A_ZONE = bytes(set(range(256)) - set(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789<"))
MOSTLY = 0.8      # so much of the noise is letters of a zone; of random bytes it is a seventh
SOME_LETTERS = 8  # of a zone in a broken frame: it was a document's
OTHERS_PER_S = 4.0
OTHERS_AT_ONCE = 8.0  # a boarding pass and the three tracks of a card come together


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
        codec: Callable[[], Codec], connect: Callable[[], Transport], orders: FixedOrders | None = None,
        profile: str = "", signs: bool = False,
    ) -> None:
        self._name, self._driver, self._tier, self._port, self._profile = name, driver, tier, port, profile
        self._orders = orders or FixedOrders()
        self._has_signs = signs or bool(self._orders.signs)
        self._rearm_due: float | None = None
        self._signs: deque[Feedback] = deque(maxlen=MAX_SIGNS)
        self._clock = clock
        self._make_codec, self._connect = codec, connect
        self._codec = codec()
        self._transport: Transport | None = None
        self._counters = Counters()
        self._waiting: deque[DocumentRead | OtherRead | NothingLost] = deque(maxlen=MAX_WAITING)
        self._barren = 0  # bytes that came to nothing since the device last made sense or was silent
        self._came = self._of_a_zone = self._noise = 0  # bytes since then, letters of a zone and noise among them
        self._broke = False  # a document's frame broke since the last whole one
        self._others_left, self._others_at = OTHERS_AT_ONCE, 0.0  # how many may be given on, as of when

    def over(self, connect: Callable[[], Transport], clock: Clock) -> FramedReader:
        """The same device through another port: a recording, for one, whose clock is its own."""
        return FramedReader(
            name=self._name, driver=self._driver, tier=self._tier, port=self._port, clock=clock,
            codec=self._make_codec, connect=connect, orders=self._orders, profile=self._profile,
            signs=self._has_signs,
        )

    def fresh_codec(self) -> Codec:
        """A codec as each ``open`` begins with: for work on bytes without a port."""
        return self._make_codec()

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
        self._signs.clear()
        now = self._clock()
        self._codec.start(now)
        self._rearm_due = self._quiet_until(now)
        try:
            transport.write(self._orders.init + self._codec.bytes_to_send())
        except BaseException:  # a recorder laid over the port may fail as well: its disk is full
            transport.close()
            raise
        self._transport = transport

    def read(self, timeout_s: float) -> ReaderEvent | None:
        """See PassportReader."""
        if self._transport is None:
            raise DriverMisuse(f"reader {self._name!r} is not open", advice="call open() before read()")
        before = (self._counters.noise_bytes, self._counters.garbled)
        deadline = self._clock() + timeout_s
        while not self._waiting:
            self._listen(self._transport, deadline)
            if not self._waiting and self._clock() >= deadline:
                return self._summary(before)
        return self._waiting.popleft()

    @property
    def reading(self) -> bool:
        """See PassportReader."""
        return self._transport is not None and self._codec.reading

    def present(self) -> bool | None:
        """See PassportReader."""
        return present(self._port)

    def signal(self, feedback: Feedback) -> None:
        """See PassportReader."""
        transport = self._transport
        if self._has_signs and transport is not None:
            self._signs.append(feedback)
            transport.wake()

    def power_cycle(self) -> None:
        """See PassportReader."""
        if self._transport is not None:
            self._transport.reset()
        self.close()

    def status(self) -> ReaderStatus:
        """See PassportReader."""
        counters, facts = self._counters, self._codec.facts
        last = counters.last_read_at
        return ReaderStatus(
            name=self._name, driver=self._driver, tier=self._tier, port=self._port,
            open=self._transport is not None, profile=self._profile, signs=self._has_signs,
            reads=counters.reads, garbled=counters.garbled, others=counters.others,
            noise_bytes=counters.noise_bytes, last_read_at=last,
            last_read_age_s=None if last is None else max(0.0, self._clock() - last),
            firmware=facts.get("firmware", ""), serial=facts.get("serial", ""),
            product=facts.get("product", ""), remark=facts.get("remark", ""),
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
        until = min(t for t in (deadline, self._codec.next_timeout, self._rearm_due) if t is not None)
        data = transport.read(CHUNK, max(0.0, until - now))
        now = self._clock()
        events = self._codec.feed(data, now) + self._codec.tick(now)
        self._came += len(data)
        self._of_a_zone += len(data.translate(None, NOT_OF_A_ZONE))
        if not data:
            self._barren = 0
        elif not events and not self._codec.reading:
            self._barren += len(data)
        for event in events:
            self._take(event, now)
        if not data:
            self._judge_noise()
        out = self._what_to_send(now)
        try:
            if out:
                transport.write(out)
        except DeviceError:
            if not self._waiting:  # law 3: the document first, the next read meets the fault again
                raise

    def _judge_noise(self) -> None:
        """Law 4; the line is quiet."""
        if self._noise >= ROW_LETTERS and self._of_a_zone >= MOSTLY * self._came:
            self._counters.garbled += 1
            self._broke = True
        if not self._codec.reading:
            self._came = self._of_a_zone = self._noise = 0

    def _what_to_send(self, now: float) -> bytes:
        orders, out = self._orders, b""
        if self._rearm_due is not None and now >= self._rearm_due:
            self._rearm_due = self._quiet_until(now)
            out += orders.rearm
        while self._signs:
            feedback = self._signs.popleft()
            out += orders.signs.get(feedback, b"")
            self._codec.signal(feedback)
        return self._codec.bytes_to_send() + out

    def _quiet_until(self, now: float) -> float | None:
        return now + self._orders.rearm_s if self._orders.rearm and self._orders.rearm_s else None

    def _take(self, event: Event, now: float) -> None:
        if isinstance(event, Known) and self._broke and not event.answer:  # law 5
            event = RowsRead(event.rows, event.raw)
        if isinstance(event, RowsRead):
            self._broke = False
            self._counters.reads += 1
            self._counters.last_read_at = now
            self._waiting.append(DocumentRead(self._name, tuple(map(legible, event.rows)), event.raw, now))
            if self._orders.rearm:
                self._rearm_due = now
        elif isinstance(event, OtherBlock) and self._may_give_other(now):
            self._waiting.append(OtherRead(self._name, event.raw, now, event.text))
        elif isinstance(event, Known) and not self._broke:  # law 5
            self._waiting.append(NothingLost())
        self._counters.note(event)
        if isinstance(event, NoiseBytes):
            self._noise += event.count
        else:
            if isinstance(event, Garbled) and self._of_a_zone >= max(SOME_LETTERS, MOSTLY * self._came):
                self._broke = True
            self._came = self._of_a_zone = self._noise = 0
        if isinstance(event, NoiseBytes | Garbled):
            self._barren += event.count
        elif isinstance(event, OtherBlock):
            self._barren += event.length
        else:
            self._barren = 0

    def _may_give_other(self, now: float) -> bool:
        """Law 1."""
        gained = max(0.0, now - self._others_at) * OTHERS_PER_S
        self._others_left, self._others_at = min(OTHERS_AT_ONCE, self._others_left + gained), now
        if self._others_left < 1:
            return False
        self._others_left -= 1
        return True

    def _summary(self, before: tuple[int, int]) -> Noise | None:
        now = (self._counters.noise_bytes, self._counters.garbled)
        return None if now == before else Noise(now[0] - before[0], garbled=now[1] - before[1])
