"""ELYCTIS ID BOX readers (ID BOX One and kin), USB CDC or UART.

Source: "Scanner Command Set v1.7" (14 Sep 2020) and the vendor's own host code.
Laws:
1. A frame is command, length (two bytes, high first), payload, both ways; no checksum, no terminator.
   So a frame is believed only when its length fits its command and its payload is what that command
   sends; a payload byte that is no text proves the frame false at once. Every true header holds such a
   byte (its high length byte, 00-03), therefore a false start never swallows a true frame. (While a
   question about the device is open, a false answer could take the first byte of a frame behind it.)
2. The dialogue is the table TRANSITIONS and nothing else; every trigger is answered in every state.
3. Continuous reading switches itself off after one good read: it is armed again after each, and again
   after a quiet while, because a reader on a UART may lose its power without our port noticing.
4. Whatever is lost on the way, be it one byte, may have been a document, and the device believes that it has sent
   it. So it is asked for, once the line is quiet, and ever more rarely under noise: ``drivers.elyctis_doubt``.
5. One 00 flushes a command that the device has half received; it goes before the first and each repeat.
6. No command for a light or a beeper is known, and an unknown one might change the mode of the device: so signs are
   not given, and there are no settings for orders of the vendor's.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Mapping
from math import inf
from typing import Annotated

import msgspec

from drivers.api import Clock, Feedback, Tier
from drivers.elyctis_doubt import Doubt
from drivers.framing import (
    GAP_S,
    Broken,
    CardAbsent,
    Echo,
    Event,
    Framer,
    Garbled,
    Info,
    Known,
    More,
    Noise,
    RowsRead,
    Skip,
    Whole,
)
from drivers.reader import FramedReader
from drivers.settings import Port, read_settings
from drivers.transport import Through, directly, wrapped

MRZ, CONTINUOUS = 0x49, 0x43
FIRMWARE, NNA, SERIAL, PRODUCT = 0x56, 0x57, 0x52, 0x54
LONGEST = {MRZ: 1000, CONTINUOUS: 1, FIRMWARE: 64, NNA: 64, SERIAL: 64, PRODUCT: 64}  # payload bytes
FACTS = {FIRMWARE: "firmware", NNA: "nna", SERIAL: "serial", PRODUCT: "product"}
COMMAND = re.compile(b"[" + re.escape(bytes(LONGEST)) + b"]")
NO_TEXT = re.compile(rb"[^\r\n -~]")
NO_SWITCH = re.compile(rb"[^\x00\x01]")
MAX_ROWS = 3


class State(enum.Enum):
    """Named by what is awaited."""

    CLOSED = enum.auto()
    FIRMWARE = enum.auto()
    NNA = enum.auto()
    SERIAL = enum.auto()
    PRODUCT = enum.auto()
    LOOK = enum.auto()  # the answer to "is a document lying there already?"
    ECHO = enum.auto()  # the echo of the order to read continuously
    ECHO_AGAIN = enum.auto()  # the same, after a flush
    DOCUMENT = enum.auto()


class Trigger(enum.Enum):
    """What can happen to the dialogue."""

    OPENED = enum.auto()
    INFO = enum.auto()  # the answer to the question of this state; others are noise
    ROWS = enum.auto()
    ABSENT = enum.auto()
    ECHO_ON = enum.auto()
    ECHO_OFF = enum.auto()
    LOSS = enum.auto()  # what was lost may have been a document, and is due to be asked for (law 4)
    SILENCE = enum.auto()  # the patience of this state is over


S, T = State, Trigger
FRAMES = (T.ROWS, T.ABSENT, T.ECHO_ON, T.ECHO_OFF, T.LOSS)


def _asking(state: State, following: State) -> dict[Trigger, State]:
    """A question about the device: its answer or silence leads on, frames of an earlier session do not."""
    return {T.OPENED: S.FIRMWARE, T.INFO: following, T.SILENCE: following, **dict.fromkeys(FRAMES, state)}


TRANSITIONS: dict[State, dict[Trigger, State]] = {
    S.CLOSED: {T.OPENED: S.FIRMWARE, **dict.fromkeys((T.INFO, T.SILENCE, *FRAMES), S.CLOSED)},
    S.FIRMWARE: _asking(S.FIRMWARE, S.NNA),
    S.NNA: _asking(S.NNA, S.SERIAL),
    S.SERIAL: _asking(S.SERIAL, S.PRODUCT),
    S.PRODUCT: _asking(S.PRODUCT, S.LOOK),
    S.LOOK: {
        T.OPENED: S.FIRMWARE, T.INFO: S.LOOK, T.ROWS: S.ECHO, T.ABSENT: S.ECHO,
        T.ECHO_ON: S.LOOK, T.ECHO_OFF: S.LOOK, T.LOSS: S.LOOK, T.SILENCE: S.ECHO_AGAIN,
    },
    S.ECHO: {
        T.OPENED: S.FIRMWARE, T.INFO: S.ECHO, T.ROWS: S.ECHO, T.ABSENT: S.ECHO,
        T.ECHO_ON: S.DOCUMENT, T.ECHO_OFF: S.ECHO_AGAIN, T.LOSS: S.LOOK, T.SILENCE: S.ECHO_AGAIN,
    },
    S.ECHO_AGAIN: {
        T.OPENED: S.FIRMWARE, T.INFO: S.ECHO_AGAIN, T.ROWS: S.ECHO, T.ABSENT: S.ECHO_AGAIN,
        T.ECHO_ON: S.DOCUMENT, T.ECHO_OFF: S.ECHO_AGAIN, T.LOSS: S.LOOK, T.SILENCE: S.ECHO_AGAIN,
    },
    S.DOCUMENT: {
        T.OPENED: S.FIRMWARE, T.INFO: S.DOCUMENT, T.ROWS: S.ECHO, T.ABSENT: S.DOCUMENT,
        T.ECHO_ON: S.DOCUMENT, T.ECHO_OFF: S.ECHO_AGAIN, T.LOSS: S.LOOK, T.SILENCE: S.ECHO_AGAIN,
    },
}

FLUSH = b"\x00"
ARM = bytes((CONTINUOUS, 0, 1, 1))
ON_ENTRY: dict[State, bytes] = {
    S.CLOSED: b"",
    S.FIRMWARE: FLUSH + bytes((FIRMWARE, 0, 0)),
    S.NNA: bytes((NNA, 0, 0)),
    S.SERIAL: bytes((SERIAL, 0, 0)),
    S.PRODUCT: bytes((PRODUCT, 0, 0)),
    S.LOOK: bytes((MRZ, 0, 0)),
    S.ECHO: ARM,
    S.ECHO_AGAIN: FLUSH + ARM,
    S.DOCUMENT: b"",
}
QUESTION = {S.FIRMWARE: FIRMWARE, S.NNA: NNA, S.SERIAL: SERIAL, S.PRODUCT: PRODUCT}
# A trigger that leads back to its own state does not enter it anew, but for these: a read disarms the
# device also before its echo was seen, silence repeats the order, and an answer that was lost is asked for again.
ENTERS_ANEW = {(S.ECHO, T.ROWS), (S.ECHO_AGAIN, T.SILENCE), (S.ECHO_AGAIN, T.ECHO_OFF), (S.LOOK, T.LOSS)}
GREETED = {S.LOOK, S.ECHO, S.ECHO_AGAIN, S.DOCUMENT}  # before, LOOK is still to come


class ElyctisCodec:
    """The dialogue with one reader, without its port."""

    def __init__(self, *, gap_s: float = GAP_S, reply_s: float = 1.0, rearm_s: float = 30.0) -> None:
        self.state = State.CLOSED
        self.facts: dict[str, str] = {}
        self.framer = Framer(self._cut, gap_s=gap_s)
        self._gap_s, self._reply_s, self._rearm_s = gap_s, reply_s, rearm_s
        self._doubt = Doubt(gap_s, reply_s)
        self._due: float | None = None
        self._outgoing = b""

    @property
    def next_timeout(self) -> float | None:
        """See framing.Codec."""
        return min((t for t in (self._due, self._ask_at, self.framer.next_timeout) if t is not None), default=None)

    @property
    def reading(self) -> bool:
        """See framing.Codec: a document, not an echo or an answer about the device."""
        return self.framer.reading and self.framer.buffer.content.startswith(bytes((MRZ,)))

    def start(self, now: float) -> None:
        """See framing.Codec."""
        self._doubt = Doubt(self._gap_s, self._reply_s)
        self._step(Trigger.OPENED, now)

    def feed(self, data: bytes, now: float) -> list[Event]:
        """See framing.Codec."""
        return [self._interpret(event, now) for event in self.framer.feed(data, now)]

    def tick(self, now: float) -> list[Event]:
        """See framing.Codec."""
        events = [self._interpret(event, now, quiet=True) for event in self.framer.tick(now)]
        if self._ask_at is not None and now >= self._ask_at:
            self._step(Trigger.LOSS, now)
        if self._due is not None and now >= self._due:
            self._step(Trigger.SILENCE, now)
        return events

    def bytes_to_send(self) -> bytes:
        """See framing.Codec."""
        out, self._outgoing = self._outgoing, b""
        return out

    def signal(self, feedback: Feedback) -> None:
        """See framing.Codec; law 6."""

    @property
    def _ask_at(self) -> float | None:
        """Law 4; not while something is coming in, which may be what would be asked for."""
        return self._doubt.due if self.framer.next_timeout is None else None

    def _interpret(self, event: Event, now: float, *, quiet: bool = False) -> Event:
        """Move the dialogue on; the event as it is to be told."""
        if isinstance(event, RowsRead):
            unasked = self.state is State.DOCUMENT
            known = self._doubt.known(event.rows, now, unasked=unasked)
            self._step(Trigger.ROWS, now)
            if known:
                return Known(event.rows, event.raw, answer=not unasked)
        elif isinstance(event, CardAbsent):
            self._doubt.none_lies_there()
            self._step(Trigger.ABSENT, now)
        elif isinstance(event, Echo):
            self._step(Trigger.ECHO_ON if event.armed else Trigger.ECHO_OFF, now)
        elif isinstance(event, Info):
            self.facts[FACTS[event.command]] = event.text
            self._step(Trigger.INFO, now)
        elif isinstance(event, Noise | Garbled) and self.state in GREETED:
            self._doubt.lost(now, quiet=quiet)
            if self.state is State.DOCUMENT:  # the device may have disarmed itself, and asking may have to wait
                self._due = min(now + self._reply_s, self._due if self._due is not None else inf)
        return event

    def _step(self, trigger: Trigger, now: float) -> None:
        before, after = self.state, TRANSITIONS[self.state][trigger]
        if after is before and (before, trigger) not in ENTERS_ANEW:
            return
        self.state = after
        if after is State.LOOK:
            if trigger is Trigger.LOSS:
                self._doubt.asked(now)
            else:
                self._doubt.looked(now)
        self._outgoing += ON_ENTRY[after]
        if after is State.DOCUMENT:
            self._doubt.armed()
            self._due = now + self._rearm_s if self._rearm_s else None
        else:
            self._due = now + self._reply_s

    def _cut(self, buffer: bytearray, looked: int) -> More | Skip | Broken | Whole:
        """Law 1. Looks at each byte at most three times."""
        command = buffer[0]
        if command not in LONGEST:
            return Skip(_distance_to_start(buffer))
        if len(buffer) < 3:
            return More()
        length = buffer[1] << 8 | buffer[2]
        if not 0 < length <= LONGEST[command] or not self._expected(command):
            return Skip(1)
        end = 3 + length
        wrong = (NO_SWITCH if command == CONTINUOUS else NO_TEXT).search(buffer, max(3, looked), end)
        if wrong:
            # A true header puts its high length byte here, one behind its command byte.
            count = wrong.start() - (buffer[wrong.start() - 1] in LONGEST)
            return Broken(count, "a byte that is no text") if wrong.start() > 3 else Skip(count)
        if len(buffer) < end:
            return More(looked=len(buffer), begun=True)
        return self._whole(command, bytes(buffer[:end]))

    def _expected(self, command: int) -> bool:
        """Answers to questions nobody asked are noise."""
        return command not in FACTS or QUESTION.get(self.state) == command

    def _whole(self, command: int, frame: bytes) -> Broken | Whole:
        payload = frame[3:]
        if command == CONTINUOUS:
            return Whole(len(frame), Echo(armed=payload == b"\x01"))
        if command != MRZ:
            return Whole(len(frame), Info(command, payload.decode("ascii").strip()))
        rows = tuple(row for row in re.split(r"[\r\n]+", payload.decode("ascii")) if row)
        if not payload.endswith(b"\r") or len(rows) > MAX_ROWS:
            kept = frame[-1] in LONGEST  # the last byte may be the first of the true frame
            return Broken(len(frame) - kept, "no rows ended by CR")
        return Whole(len(frame), RowsRead(rows, frame) if rows else CardAbsent())


def _distance_to_start(buffer: bytearray) -> int:
    """How many bytes lie before the next one that could begin a frame (all, if none could)."""
    start = COMMAND.search(buffer)
    return start.start() if start else len(buffer)


class Settings(Port, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """``[[counter.reader]]`` settings of this driver; times in seconds."""

    baud: Annotated[int, msgspec.Meta(ge=300, le=4_000_000)] = 115_200  # UART models; USB CDC ignores it
    reply_s: Annotated[float, msgspec.Meta(ge=0.1, le=10)] = 1.0
    rearm_s: Annotated[float, msgspec.Meta(ge=0, le=3600)] = 30.0  # 0: never


def build(
    device_name: str, settings: Mapping[str, object], clock: Clock, tier: Tier, through: Through = directly,
    profile: str = "",
) -> FramedReader:
    """A reader by its settings, not yet open. Raises BadSetting."""
    chosen = read_settings(Settings, settings, device_name)
    return FramedReader(
        name=device_name, driver="elyctis", tier=tier, port=chosen.port, clock=clock,
        codec=lambda: ElyctisCodec(gap_s=chosen.gap_s, reply_s=chosen.reply_s, rearm_s=chosen.rearm_s),
        connect=lambda: wrapped(chosen.connect(), through), profile=profile,
    )
