"""Trusted time: the clock is a suspect.

Laws (ARCHITECTURE law 10, after Uptane's findings on time attacks; ADR 0011 and 0027):
1. Trusted time moves forward on headquarters' signed word alone; back on the root's alone.
2. The highest signed time is kept on disk (the floor). It survives reboots and a wrong system clock.
3. One signed word may not leap further past the present trusted time than the ceiling of its source allows,
   unless nothing was ever believed. All words of command keys together (envelopes, time papers) lead no further than
   ``COMMAND_REACH`` past the latest time that somebody else vouched for (an ack, an update, the root, a disciplined
   clock) and the monotonic time since, over all boots. The root's word has no ceiling, and is the only one that may
   lower the floor.
4. The system clock is believed for ages within ``hold`` after the floor; for expiring, only where the
   configuration says that it is disciplined.
5. Only a word that was made for the present connection (an ack) says what time it *is*. Any other says that it is
   not earlier: it raises the floor, and is taken as the time only where the system clock cannot be believed.
6. Within a boot the time outlives the process: the monotonic clock runs on while systemd starts the box anew.
"""

from __future__ import annotations

import enum
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Final

from edge.boot import UNKNOWN
from edge.core.trusted import ClockState, Trusted
from edge.state import State, StateError


class Source(enum.Enum):
    """Where a signed word stood."""

    ACK = "ack"  # headquarters' answer in this very connection
    UPDATE = "update"  # the timestamp of the repository of lists and software
    ENVELOPE = "envelope"  # bound to this box and its sequence of envelopes
    TIME_COMMAND = "time_command"  # a time paper signed by one command key
    TIME_ROOT = "time_root"  # a time paper signed by the root's threshold


CEILINGS: Final[Mapping[Source, timedelta | None]] = MappingProxyType({
    Source.ACK: timedelta(days=30),
    Source.UPDATE: timedelta(days=30),
    Source.ENVELOPE: timedelta(days=800),  # a box that lay on a shelf for its certificate's whole life
    Source.TIME_COMMAND: timedelta(days=30),
    Source.TIME_ROOT: None,
})  # fmt: skip

COMMAND: Final = frozenset({Source.ENVELOPE, Source.TIME_COMMAND})  # signed by a command key
COMMAND_REACH: Final = timedelta(days=800)
VOUCH_STEP: Final = timedelta(days=1)  # so much of what was vouched for can be lost with the power


@dataclass(frozen=True, slots=True)
class ClockPolicy:
    """How far each source is believed."""

    disciplined: bool = False  # the system clock is kept by NTP, GPS or a good RTC
    hold: timedelta = timedelta(days=45)  # the system clock may lie this far after the floor
    tolerance: timedelta = timedelta(minutes=10)  # a word this little behind still confirms the time
    save_step: timedelta = timedelta(seconds=60)  # the floor on disk may lag this far behind the last word


class Word(enum.StrEnum):
    """What became of a signed word."""

    ACCEPTED = "accepted"  # time moved forward, or was confirmed; the root's word may have moved it back
    STALE = "stale"  # earlier than what is trusted already: ignored
    TOO_FAR = "too_far"  # leaps further than a word from this source may: refused


VOUCHED: Final = "clock.vouched"  # the same three: the time that others than command keys vouched for, boot and seconds
ANCHOR: Final = "clock.anchor"  # in the state file: boot id, the best word of that boot, monotonic seconds


class TrustedClock:
    """``wall`` is the system clock (aware), ``mono`` monotonic seconds of the boot that ``boot`` names (the kernel's
    boot id; empty or UNKNOWN: law 6 does not hold); the floor lives in ``state``.
    """

    def __init__(
        self,
        *,
        wall: Callable[[], datetime],
        mono: Callable[[], float],
        state: State,
        policy: ClockPolicy | None = None,
        boot: str = "",
    ) -> None:
        self._wall, self._mono, self._state = wall, mono, state
        self._boot = "" if boot == UNKNOWN else boot
        self._policy = policy or ClockPolicy()
        self._lock = threading.Lock()
        self._floor = state.floor()
        self._saved = self._floor
        self._lowering = False  # the disk still has a floor that the root's word has lowered
        # The best word of this boot, and when it came.
        self._anchor = resumed(state.get(ANCHOR), self._boot, mono(), self._floor) if self._boot else None
        # What others than command keys vouched for, and at which monotonic second; it runs on from there.
        self._vouched = vouched(state.get(VOUCHED), self._boot, mono(), self._floor)
        self._vouched_saved = self._vouched[0] if self._vouched else None
        self.unsaved = False  # True while the disk refuses the floor

    def now(self) -> Trusted:
        """The present time as far as it can be believed."""
        with self._lock:
            return self._now()

    def bounds(self) -> tuple[datetime | None, datetime | None]:
        """The earliest and the latest that it can be now, aware UTC; None where nothing says so.

        Signed and disciplined time is one point; held time lies between the floor and the system clock; untrusted
        time is not before the floor.
        """
        with self._lock:
            now = self._now()
            return (self._floor, None) if now.state is ClockState.UNTRUSTED else (now.expiry, now.time)

    def signed_word(self, time: datetime, source: Source = Source.ACK, *, lower: bool = False) -> Word:
        """Take a time (aware) whose signature the caller has verified, and whose replay he has ruled out.

        An ack: for the present connection; a paper: by its number. ``lower`` counts with ``TIME_ROOT`` alone.
        """
        time = time.astimezone(UTC)
        with self._lock:
            now = self._now()
            if self._leaps(time, now, source):
                return Word.TOO_FAR
            self._vouch(time, source, lower=lower)
            lowest = now.time if now.state is ClockState.SIGNED else self._floor
            if lowest is not None and time < lowest:
                return self._behind(time, lowest, source, lower)
            self._advance(time, source)
            return Word.ACCEPTED

    def _leaps(self, time: datetime, now: Trusted, source: Source) -> bool:
        ceiling = CEILINGS[source]
        reference = now.time if now.time is not None else self._floor
        if ceiling is None or self._floor is None or reference is None:
            return False
        return time - reference > ceiling or (source in COMMAND and self._is_out_of_reach(time, now))

    def _is_out_of_reach(self, time: datetime, now: Trusted) -> bool:
        base = self._vouched_now()
        if now.state is ClockState.SYSTEM and now.time is not None:
            base = max(base or now.time, now.time)
        return base is not None and time - base > COMMAND_REACH

    def _vouched_now(self) -> datetime | None:
        if self._vouched is None:
            return None
        time, since = self._vouched
        return time + timedelta(seconds=max(0.0, self._mono() - since))

    def _vouch(self, time: datetime, source: Source, *, lower: bool) -> None:
        """Keep a word that law 3 lets through: one of a command key vouches for nothing but the very first."""
        base = self._vouched_now()
        falls = lower and source is Source.TIME_ROOT
        if base is None or falls or (source not in COMMAND and time > base):
            self._vouched = (time, self._mono())
        elif source in COMMAND:
            self._vouched = (base, self._mono())  # what this boot has lived so far is kept with it
        vouched_now, saved = self._vouched_now(), self._vouched_saved
        if vouched_now and (saved is None or falls or vouched_now - saved >= VOUCH_STEP or source in COMMAND):
            self._save_vouched(vouched_now)

    def _save_vouched(self, time: datetime) -> None:
        try:
            self._state.put(VOUCHED, f"{self._boot or UNKNOWN} {time.isoformat()} {self._mono()}")
            self._vouched_saved = time
        except StateError:
            self.unsaved = True

    def _behind(self, time: datetime, lowest: datetime, source: Source, lower: bool) -> Word:
        if lower and source is Source.TIME_ROOT:
            self._lowering, self._floor, self._anchor = True, time, (time, self._mono())
            self._save(time)
            return Word.ACCEPTED
        if time < lowest - self._policy.tolerance:
            return Word.STALE
        if self._anchor is None and source is Source.ACK:  # the first of this boot, a little behind: on from the floor
            self._anchor = (lowest, self._mono())
        return Word.ACCEPTED

    def _advance(self, time: datetime, source: Source) -> None:
        self._floor = time
        if source is Source.ACK or self._anchor is not None or not self._plausible():  # law 5
            self._anchor = (time, self._mono())
        if self._lowering or self._saved is None or time - self._saved >= self._policy.save_step:
            self._save(time)

    def _plausible(self) -> bool:
        return believed(self._wall(), self._floor, self._policy).time is not None

    def _save(self, time: datetime) -> None:
        try:
            if self._boot and self._anchor:  # before the floor: one that lies below it is not resumed
                self._state.put(ANCHOR, f"{self._boot} {self._anchor[0].isoformat()} {self._anchor[1]}")
            if self._lowering:
                self._state.lower_floor(time)
            else:
                self._state.raise_floor(time)
        except StateError:
            self.unsaved = True  # the time itself holds; the next word tries again
            return
        self._saved, self.unsaved, self._lowering = time, False, False

    def _now(self) -> Trusted:
        if self._anchor is not None:
            since, mono = self._anchor
            time = since + timedelta(seconds=max(0.0, self._mono() - mono))
            return Trusted(ClockState.SIGNED, time, time)
        return believed(self._wall(), self._floor, self._policy)


def resumed(note: str | None, boot: str, mono: float, floor: datetime | None) -> tuple[datetime, float] | None:
    """The anchor that an earlier process of this boot left; None if there is none, or it cannot be right."""
    try:
        noted, text, since = (note or "").split(" ")
        time, at = datetime.fromisoformat(text), float(since)
        ahead = floor is not None and time + timedelta(seconds=mono - at) < floor
    except (ValueError, TypeError, OverflowError):
        return None
    return None if noted != boot or at > mono or ahead else (time, at)


def vouched(note: str | None, boot: str, mono: float, floor: datetime | None) -> tuple[datetime, float] | None:
    """What was vouched for, and since which monotonic second it runs on; the floor where nothing says more.

    An earlier boot's note runs on from the beginning of this one, where the kernel says which boot it is.
    """
    if floor is None:
        return None
    try:
        noted, text, since = (note or "").split(" ")
        time, at = datetime.fromisoformat(text), float(since)
        if time.tzinfo is None or not 0 <= at < float("inf"):
            return floor, mono
    except (ValueError, TypeError):
        return floor, mono
    if not boot:
        return time, mono
    return time, (at if noted == boot and at <= mono else 0.0)


def believed(wall: datetime, floor: datetime | None, policy: ClockPolicy) -> Trusted:
    """What the system clock (aware) is worth before the first signed word of this boot."""
    wall = wall.astimezone(UTC)
    if floor is not None and wall < floor:
        return Trusted(ClockState.UNTRUSTED, None, None)
    if policy.disciplined:
        return Trusted(ClockState.SYSTEM, wall, wall)
    if floor is not None and wall <= floor + policy.hold:
        return Trusted(ClockState.HELD, wall, floor)
    return Trusted(ClockState.UNTRUSTED, None, None)
