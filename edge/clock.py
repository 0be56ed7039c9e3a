"""Trusted time: the clock is a suspect.

Laws (ARCHITECTURE law 10, after Uptane's findings on time attacks):
1. Trusted time moves forward on headquarters' signed word alone, and never back.
2. The highest signed time is kept on disk (the floor). It survives reboots and a wrong system clock.
3. One signed word may not leap more than ``max_leap`` past the present trusted time, unless nothing was
   ever believed; a greater leap needs another kind of message.
4. The system clock is believed for ages within ``hold`` after the floor; for expiring, only where the
   configuration says that it is disciplined.
"""

from __future__ import annotations

import enum
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from edge.core.trusted import ClockState, Trusted
from edge.state import State, StateError


@dataclass(frozen=True, slots=True)
class ClockPolicy:
    """How far each source is believed."""

    disciplined: bool = False  # the system clock is kept by NTP, GPS or a good RTC
    hold: timedelta = timedelta(days=45)  # the system clock may lie this far after the floor
    max_leap: timedelta = timedelta(days=30)  # of one signed word past the present trusted time
    tolerance: timedelta = timedelta(minutes=10)  # a word this little behind still confirms the time
    save_step: timedelta = timedelta(seconds=60)  # the floor on disk may lag this far behind the last word


class Word(enum.StrEnum):
    """What became of a signed word."""

    ACCEPTED = "accepted"  # time moved forward, or was confirmed
    STALE = "stale"  # earlier than what is trusted already: ignored
    TOO_FAR = "too_far"  # leaps further than one word may: refused


class TrustedClock:
    """``wall`` is the system clock (aware), ``mono`` monotonic seconds; the floor lives in ``state``."""

    def __init__(
        self,
        *,
        wall: Callable[[], datetime],
        mono: Callable[[], float],
        state: State,
        policy: ClockPolicy | None = None,
    ) -> None:
        self._wall, self._mono, self._state = wall, mono, state
        self._policy = policy or ClockPolicy()
        self._lock = threading.Lock()
        self._floor = state.floor()
        self._saved = self._floor
        self._anchor: tuple[datetime, float] | None = None  # the best word of this boot, and when it came
        self.unsaved = False  # True while the disk refuses the floor

    def now(self) -> Trusted:
        """The present time as far as it can be believed."""
        with self._lock:
            return self._now()

    def signed_word(self, time: datetime) -> Word:
        """Take a time whose signature the caller has verified for the present connection."""
        time = time.astimezone(UTC)
        with self._lock:
            now = self._now()
            reference = now.time if now.time is not None else self._floor
            if self._floor is not None and reference is not None and time > reference + self._policy.max_leap:
                return Word.TOO_FAR
            lowest = now.time if now.state is ClockState.SIGNED else self._floor
            if lowest is not None and time < lowest:
                if time < lowest - self._policy.tolerance:
                    return Word.STALE
                if self._anchor is None:  # the first word of this boot, a little behind: go on from the floor
                    self._anchor = (lowest, self._mono())
                return Word.ACCEPTED
            self._advance(time)
            return Word.ACCEPTED

    def _advance(self, time: datetime) -> None:
        self._anchor = (time, self._mono())
        self._floor = time
        if self._saved is None or time - self._saved >= self._policy.save_step:
            try:
                self._state.raise_floor(time)
            except StateError:
                self.unsaved = True  # the time itself holds; the next word tries again
                return
            self._saved, self.unsaved = time, False

    def _now(self) -> Trusted:
        if self._anchor is not None:
            since, mono = self._anchor
            time = since + timedelta(seconds=max(0.0, self._mono() - mono))
            return Trusted(ClockState.SIGNED, time, time)
        return believed(self._wall(), self._floor, self._policy)


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
