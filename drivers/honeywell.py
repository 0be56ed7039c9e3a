"""OCR imagers with menu commands: Honeywell Xenon, Vuquest, Voyager and kin, on a serial line or USB serial.

Source: Honeywell "OCR Programming User's Guide" (1900GHD); "Xenon/Granit User Guide", chapter on serial programming
commands (syntax, the three answers, triggers). The lines that answer REVINF are known from a recording by a third
party (HenkVanAsselt/python_hon_usbhid); an imager that answers otherwise shows no firmware and no serial number.
Laws:
1. What the imager sends is cut by ``drivers.honeywell_lines``; its laws stand there.
2. A menu command is ``16 4D 0D``, tag and data, ``!`` (until power-off) or ``.`` (for good). One is out at a time;
   the next waits for its answer, at most ``reply_s``. A refused or unanswered one is noted and never fatal.
3. The dialogue is the table TRANSITIONS and nothing else; every trigger is answered in every state.
4. An imager in trigger mode looks until it has read one thing, and whatever it sends says that it has: it is started
   again by us, or stays dark. Where something is still missing (some rows of a zone, a read that broke off), as soon as
   the line is silent; after a whole zone or a bar code, and after what was noise, ``pause_s`` later, else it would read
   (and beep) what still lies there without end; quiet after ``rearm_s``, for it gives up by itself.
5. An imager that answered nothing when it was set up may have been switched off: when quiet it is set up again.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Mapping
from typing import Annotated, Literal

import msgspec

from drivers.api import Clock, Feedback, Tier
from drivers.framing import GAP_S, Event, Framer, Garbled, Info, Noise, OtherBlock, RowsRead
from drivers.honeywell_lines import ACK, COLON, ENQ, Lines
from drivers.reader import FramedReader
from drivers.settings import FixedOrders, HexBytes, Port, read_settings
from drivers.transport import Through, directly, wrapped

MENU = b"\x16M\r"
TRIGGER_ON = b"\x16T\r"
TRIGGER_OFF = b"\x16U\r"
REVISION = "REVINF."  # asks only; the full stop is part of it
FACTS = {"Product Name": "product", "Software Revision": "firmware", "Serial Number": "serial"}
KEYWORD = re.compile(r"\$ProjectRevision: *|\$ *$")  # of a version control system, around the number
LONGEST_FACT = 64  # characters


class State(enum.Enum):
    """Named by what the imager does."""

    CLOSED = enum.auto()
    SETUP = enum.auto()  # a menu command is out
    WATCH = enum.auto()  # it looks for something to read
    PAUSE = enum.auto()  # it has read something and rests


class Trigger(enum.Enum):
    """What can happen to the dialogue."""

    OPENED = enum.auto()
    ANSWERED = enum.auto()      # the command that is out is done with, and another follows
    ALL_ANSWERED = enum.auto()  # it was the last
    WHOLE = enum.auto()         # a whole zone or a bar code was read
    PART = enum.auto()          # some rows of a zone were read, or a read broke off, and the line is silent
    QUIET = enum.auto()         # the patience of this state is over
    STALE = enum.auto()         # the same, and what was set up may be lost


S, T = State, Trigger
TRANSITIONS: dict[State, dict[Trigger, State]] = {
    S.CLOSED: {
        T.OPENED: S.SETUP, T.ANSWERED: S.CLOSED, T.ALL_ANSWERED: S.CLOSED, T.WHOLE: S.CLOSED, T.PART: S.CLOSED,
        T.QUIET: S.CLOSED, T.STALE: S.CLOSED,
    },
    S.SETUP: {
        T.OPENED: S.SETUP, T.ANSWERED: S.SETUP, T.ALL_ANSWERED: S.WATCH, T.WHOLE: S.SETUP, T.PART: S.SETUP,
        T.QUIET: S.SETUP, T.STALE: S.SETUP,
    },
    S.WATCH: {
        T.OPENED: S.SETUP, T.ANSWERED: S.WATCH, T.ALL_ANSWERED: S.WATCH, T.WHOLE: S.PAUSE, T.PART: S.WATCH,
        T.QUIET: S.WATCH, T.STALE: S.SETUP,
    },
    S.PAUSE: {
        T.OPENED: S.SETUP, T.ANSWERED: S.PAUSE, T.ALL_ANSWERED: S.PAUSE, T.WHOLE: S.PAUSE, T.PART: S.WATCH,
        T.QUIET: S.WATCH, T.STALE: S.SETUP,
    },
}
# A trigger that leads back to its own state does not enter it anew, but for these.
ENTERS_ANEW = {
    (S.SETUP, T.OPENED), (S.SETUP, T.ANSWERED), (S.WATCH, T.PART), (S.WATCH, T.QUIET), (S.PAUSE, T.WHOLE),
}


class HoneywellCodec:
    """The dialogue with one imager, without its port. ``menu`` holds commands with their ``!`` or ``.``."""

    def __init__(
        self, *, menu: tuple[str, ...] = ("ocrena1!", "ocrats2!"), triggered: bool = True, revision: bool = True,
        line_end: str = "cr", code_id: str = "", gap_s: float = GAP_S, reply_s: float = 1.0, rearm_s: float = 10.0,
        pause_s: float = 2.0,
    ) -> None:
        self.state = State.CLOSED
        self.facts: dict[str, str] = {}
        self._lines = Lines(line_end, code_id)
        self.framer = Framer(self._lines.cut, gap_s=gap_s)
        self._commands = (*menu, REVISION) if revision else menu
        self._triggered = triggered
        self._reply_s, self._rearm_s, self._pause_s = reply_s, rearm_s, pause_s
        self._out = -1  # which command is out
        self._refused: list[str] = []
        self._unanswered: list[str] = []
        self._gap_s, self._heard_at = gap_s, 0.0
        self._part = False  # something is missing of what came last
        self._again_at: float | None = None  # noise was heard: when to start it anew
        self._due: float | None = None
        self._outgoing = b""

    @property
    def next_timeout(self) -> float | None:
        """See framing.Codec."""
        return min((t for t in (self._due, self._again_at, self._silent_at) if t is not None), default=None)

    @property
    def _silent_at(self) -> float | None:
        """When the line will have been silent for a gap, as far as that changes anything."""
        waiting = len(self.framer.buffer) or self._lines.too_long or self._lines.burst or self._part
        return self._heard_at + self._gap_s if waiting else None

    @property
    def reading(self) -> bool:
        """See framing.Codec."""
        return self.framer.reading

    def start(self, now: float) -> None:
        """See framing.Codec."""
        self._step(Trigger.OPENED, now)

    def feed(self, data: bytes, now: float) -> list[Event]:
        """See framing.Codec."""
        self._heard_at = now if data else self._heard_at
        events = self.framer.feed(data, now)
        for event in events:
            self._interpret(event, now)
        return events

    def tick(self, now: float) -> list[Event]:
        """See framing.Codec."""
        events: list[Event] = []
        silent = self._silent_at is not None and now >= self._silent_at
        if silent:
            buffer = self.framer.buffer
            while (held := self._lines.settle(buffer.content)) is not None:
                buffer.drop(held.count)
                events += [held.event] if held.event is not None else []
            events += self.framer.tick(now)
            for event in events:
                self._interpret(event, now)
                self._part = self._part or isinstance(event, Garbled)
            self._lines.end_burst()
        if (silent and self._part) or (self._again_at is not None and now >= self._again_at):
            self._step(Trigger.PART, now)
        if self._due is not None and now >= self._due:
            self._time_is_over(now)
        return events

    def bytes_to_send(self) -> bytes:
        """See framing.Codec."""
        out, self._outgoing = self._outgoing, b""
        return out

    def signal(self, feedback: Feedback) -> None:
        """See framing.Codec; signs are fixed orders of the settings."""

    def _interpret(self, event: Event, now: float) -> None:
        if isinstance(event, OtherBlock) or (isinstance(event, RowsRead) and self._lines.burst.whole):
            self._step(Trigger.WHOLE, now)
        elif isinstance(event, RowsRead):
            self._part = True
        elif isinstance(event, Noise | Garbled):
            self._hear_noise(now)
        elif isinstance(event, Info) and event.command == COLON:
            name, _, value = event.text.partition(":")
            if name in FACTS and FACTS[name] not in self.facts:
                self.facts[FACTS[name]] = KEYWORD.sub("", value.strip())[:LONGEST_FACT].strip()
            self._due = now + self._reply_s
        elif isinstance(event, Info):
            self._hear_answer(event, now)

    def _hear_noise(self, now: float) -> None:
        """Law 4: it may have read something that cannot be told."""
        if self.state is State.WATCH and self._again_at is None:
            self._again_at = now + self._pause_s

    def _hear_answer(self, answer: Info, now: float) -> None:
        """Law 2. An answer to a command that is not out came late and changes nothing."""
        if self.state is not State.SETUP or not answers(answer.text, self._commands[self._out]):
            return
        if answer.command != ACK:
            reason = "unknown" if answer.command == ENQ else "out of range"
            note = f"{self._commands[self._out]} ({reason})"
            self._refused += [note] if note not in self._refused else []
        if answer.text[-1] in ".!":
            self._next_command(now)

    def _next_command(self, now: float) -> None:
        last = self._out + 1 >= len(self._commands)
        self._step(Trigger.ALL_ANSWERED if last else Trigger.ANSWERED, now)

    def _time_is_over(self, now: float) -> None:
        if self.state is State.SETUP:
            self._unanswered += self._commands[self._out : self._out + 1]
            self._next_command(now)
        else:
            mute = bool(self._commands) and len(self._unanswered) == len(self._commands)
            self._step(Trigger.STALE if mute else Trigger.QUIET, now)

    def _step(self, trigger: Trigger, now: float) -> None:
        self._part, self._again_at = False, None
        before, after = self.state, TRANSITIONS[self.state][trigger]
        if after is before and (before, trigger) not in ENTERS_ANEW:
            return
        self.state = after
        if after is State.SETUP:
            self._send_command(now, first=trigger is not Trigger.ANSWERED)
        elif after is State.WATCH:
            self._outgoing += TRIGGER_ON if self._triggered else b""
            self._due = now + self._rearm_s if self._rearm_s else None
            self._lines.asked = False
            self._note()
        else:
            self._due = now + self._pause_s

    def _send_command(self, now: float, *, first: bool) -> None:
        if first:
            self._out, self._refused, self._unanswered = -1, [], []
            self._outgoing += TRIGGER_OFF if self._triggered else b""
        self._out += 1
        self._due = now + self._reply_s
        if self._out >= len(self._commands):  # there are none at all
            self._next_command(now)
            return
        self._lines.asked = self._commands[self._out] == REVISION
        self._outgoing += MENU + self._commands[self._out].encode("ascii")

    def _note(self) -> None:
        parts = []
        if self._refused:
            parts.append(f"refused: {', '.join(self._refused)}")
        if self._unanswered:
            parts.append(f"no answer to: {', '.join(self._unanswered)}")
        self.facts["remark"] = "; ".join(parts)


def answers(answer: str, command: str) -> bool:
    """Does the answer repeat this command, or a part of it between commas and semicolons? Case does not matter."""
    parts = re.split(r"[,;.!]", command)
    return any(part and answer[:-1].casefold().startswith(part.rstrip("?*^").casefold()) for part in parts)


MenuCommand = Annotated[str, msgspec.Meta(pattern=r"\A[A-Za-z0-9][ -~]{2,126}[!.]\Z")]


class Settings(Port, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """``[[reader]]`` settings of this driver; times in seconds."""

    menu: Annotated[tuple[MenuCommand, ...], msgspec.Meta(max_length=16)] = ("ocrena1!", "ocrats2!")
    mode: Literal["trigger", "presentation"] = "trigger"
    revision: bool = True  # ask for firmware and serial number
    line_end: Literal["cr", "crlf", "lf", "none"] = "cr"  # the imager's suffix
    code_id: Annotated[str, msgspec.Meta(pattern=r"\A[ -~]{0,8}\Z")] = ""  # the vendor's letter before OCR reads
    reply_s: Annotated[float, msgspec.Meta(ge=0.1, le=10)] = 1.0
    rearm_s: Annotated[float, msgspec.Meta(ge=0, le=3600)] = 10.0  # 0: never
    pause_s: Annotated[float, msgspec.Meta(ge=0, le=60)] = 2.0
    signal_good: HexBytes = ""  # the imager has beeped already when it read
    signal_lead: HexBytes = ""
    signal_retry: HexBytes = "16070D"  # one beep

    def orders(self) -> FixedOrders:
        """The signs as bytes."""
        texts = {
            Feedback.GOOD: self.signal_good, Feedback.LEAD: self.signal_lead, Feedback.RETRY: self.signal_retry
        }
        return FixedOrders(signs={feedback: bytes.fromhex(text) for feedback, text in texts.items() if text})


def build(
    device_name: str, settings: Mapping[str, object], clock: Clock, tier: Tier, through: Through = directly,
    profile: str = "",
) -> FramedReader:
    """A reader by its settings, not yet open. Raises BadSetting."""
    chosen = read_settings(Settings, settings, device_name)
    return FramedReader(
        name=device_name, driver="honeywell", tier=tier, port=chosen.port, clock=clock,
        codec=lambda: HoneywellCodec(
            menu=chosen.menu, triggered=chosen.mode == "trigger", revision=chosen.revision,
            line_end=chosen.line_end, code_id=chosen.code_id, gap_s=chosen.gap_s, reply_s=chosen.reply_s,
            rearm_s=chosen.rearm_s, pause_s=chosen.pause_s,
        ),
        connect=lambda: wrapped(chosen.connect(), through), orders=chosen.orders(), profile=profile,
    )
