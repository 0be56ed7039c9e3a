"""One EF01 module on an open port: orders and answers, packets of an image. No wait here is without a limit.

Laws:
1. What went wrong has a name: nothing came (TIMEOUT), something that is no frame (RESYNC), a frame with a wrong sum
   (CHECKSUM), too much or too little (LENGTH), the caller gave up (CANCELLED). A refusal is an answer: ``Reply.code``.
2. An answer names no order, and a late one would be taken for the next: "done" of a light for "image taken", and the
   image of the person before is fetched. So after every fault the line is drained until QUIET_S pass without a byte,
   and where an answer is still owed, ReadSysPara is asked first: only its answer has its length, what comes before it
   is old.
3. How long an answer is says its own header, never the order.
4. Data packets that nobody asked for are the rest of an image that was given up: passed over.
"""

from __future__ import annotations

import enum
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from drivers.api import Clock
from drivers.transport import Transport
from drivers.zfm_codec import BROADCAST, BadSum, Code, Event, Order, Packet, PacketParser, Pid, command

CHUNK = 4096         # bytes a read
QUIET_S = 0.05       # silence that ends what went before
ANSWER_S = 1.0       # for a module to answer; GenImg exposes first
GAP_S = 0.5          # silence inside an image that ends it
COLLECT_S = 0.2      # for answers that are owed
SLICE_S = 0.25       # how long a wait goes on without looking whether the caller gave up
PARAMETERS_ANSWER = 17  # bytes: its code and 16
SETTLE_S = 8.0       # the rest of an image at 57600 baud is out by then


class Fault(enum.StrEnum):
    """Law 1."""

    TIMEOUT = "no answer"
    RESYNC = "noise instead of an answer"
    CHECKSUM = "wrong checksum"
    LENGTH = "wrong length"
    CANCELLED = "given up"


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer (``fault`` None, ``code`` the confirmation code, ``payload`` what follows it) or what went wrong."""

    fault: Fault | None = None
    code: int = -1
    payload: bytes = field(default=b"", repr=False)

    @property
    def ok(self) -> bool:
        """Answered, and done."""
        return self.fault is None and self.code == Code.OK


class Link:
    """Orders to one module and what it says. Raises DeviceError from the port alone."""

    def __init__(
        self, transport: Transport, clock: Clock, given_up: Callable[[], bool], address: int = BROADCAST
    ) -> None:
        self.transport = transport
        self._clock = clock
        self._given_up = given_up
        self._address = address
        self._parser = PacketParser(address)
        self._ahead: deque[Event] = deque()  # at most a chunk's worth: what came right behind an answer
        self._unsettled = True
        self._owed = False  # an answer may still come
        self.settle_s = SETTLE_S
        self.checksums = 0  # frames with a wrong sum

    @property
    def noise(self) -> int:
        """Bytes that were in no frame."""
        return self._parser.noise

    def ask(self, order: int, arguments: bytes = b"", wait_s: float = ANSWER_S) -> Reply:
        """Send an order and wait up to ``wait_s`` for its answer; before it, up to ``settle_s`` for quiet."""
        self._hush()
        if not self._quiet() or (self._owed and not self._collected()):
            return Reply(Fault.CANCELLED if self._given_up() else Fault.RESYNC)
        self.transport.write(command(order, arguments, self._address))
        noise, deadline = self._parser.noise, self._clock() + wait_s
        fault = Fault.TIMEOUT
        while (event := self._next(deadline)) is not None:
            if isinstance(event, BadSum):  # noise before an answer may look like one: it follows at once, or never
                fault, deadline = Fault.CHECKSUM, min(deadline, self._clock() + QUIET_S)
            elif event.pid == Pid.ACK:
                return Reply(None, event.payload[0], event.payload[1:])
        self._owed = True
        if fault is Fault.TIMEOUT and (self._parser.begun or self._parser.noise > noise):
            fault = Fault.RESYNC
        return Reply(self._broken(fault))

    def data(self, most: int, limit_s: float) -> bytes | Fault:
        """The packets that follow an answer, put together, at most ``most`` bytes within ``limit_s``."""
        out, until = bytearray(), self._clock() + limit_s
        while len(out) <= most:
            now = self._clock()
            event = self._next(min(until, now + GAP_S), stop=True)
            if event is None:
                return self._broken(Fault.CANCELLED if self._given_up() else Fault.TIMEOUT)
            if isinstance(event, BadSum):
                return self._broken(Fault.CHECKSUM)
            if event.pid in (Pid.DATA, Pid.LAST):
                out += event.payload
            if event.pid == Pid.LAST and len(out) <= most:
                return bytes(out)
        return self._broken(Fault.LENGTH)

    def settle(self, limit_s: float | None = None) -> bool:
        """Law 2; True when it became quiet within ``limit_s`` (``settle_s`` if not given)."""
        until = self._clock() + (self.settle_s if limit_s is None else limit_s)
        while self.transport.read(CHUNK, QUIET_S):
            if self._clock() >= until or self._given_up():
                return False
        if self._given_up():  # a read that ``wake`` ended heard no silence
            return False
        self._unsettled = False
        return True

    def unsettle(self) -> None:
        """Drain before the next order: more may come than was asked for."""
        self._unsettled = self._owed = True

    def pause(self, seconds: float) -> None:
        """Wait; ``wake`` of the port ends it. What comes meanwhile nobody asked for."""
        if self.transport.read(CHUNK, seconds):
            self._unsettled = True

    def _hush(self) -> None:
        """What waits now answers nothing that will be asked."""
        self._ahead.clear()
        self._parser.clear()
        if self.transport.read(CHUNK, 0):
            self._unsettled = True

    def _quiet(self) -> bool:
        return not self._unsettled or self.settle()

    def _collected(self) -> bool:
        """Law 2: what is owed has come, or does not come within COLLECT_S; and the line is quiet."""
        self._owed = False
        self.transport.write(command(Order.READ_PARAMETERS, address=self._address))
        deadline = self._clock() + COLLECT_S
        while (event := self._next(deadline)) is not None:
            if isinstance(event, Packet) and event.pid == Pid.ACK and len(event.payload) == PARAMETERS_ANSWER:
                return True
        self._unsettled = True
        return self._quiet()

    def _broken(self, fault: Fault) -> Fault:
        """Law 2."""
        self._unsettled = True
        return fault

    def _next(self, deadline: float, *, stop: bool = False) -> Event | None:
        """The next event, None at the deadline; with ``stop`` also when the caller gave up."""
        while not self._ahead:
            now = self._clock()
            if now >= deadline or (stop and self._given_up()):
                return None
            self._ahead.extend(self._parser.feed(self.transport.read(CHUNK, min(SLICE_S, deadline - now))))
        event = self._ahead.popleft()
        self.checksums += isinstance(event, BadSum)
        return event

