"""The life of a reader as a table, and the three things that move by time: back-off, error budget, news of a loss.

Pure: monotonic seconds and randomness come in as arguments. ``edge.readers`` walks the table.

Laws:
1. TRANSITIONS answers a happening, CANNOT declares it impossible; together they name every pair of state and
   happening once. What is impossible and happens all the same is a bug, and raises.
2. A device that is plugged in is tried at least once a minute, and at most once a second.
3. A loss is logged once, with reason and advice, and its end once. It ends when the reader has stayed open for a
   while, and for longer each time it was lost again soon: one that comes and goes is lost until it stays.
   Headquarters hears of a loss that has lasted a minute, once, and of losses of one reader every ten minutes at most.
4. A noisy line never keeps a reader closed: the error budget asks for off and on again only after silence (or
   half a minute of unbroken babble), at most once a minute, so that a frame that begins after the noise is read.
5. A fault is logged once until a good read comes. Headquarters hears of it, once until then, when the reader is at
   fault again although it was switched off and on three times.
"""

from __future__ import annotations

import enum
from collections import deque
from collections.abc import Mapping

BACKOFF_MIN_S = 1.0
BACKOFF_MAX_S = 60.0
STEADY_S = 5.0        # a device lost sooner than this after its opening is not opened again at once
BUDGET_FRAMES = 10    # so many garbled frames without one good read...
BUDGET_S = 60.0       # ...within this time: the device is to be switched off and on
QUIET_S = 2.0         # silence before that is done; an officer who tries again does so within a second or two
BABBLE_S = 30.0       # or so long without such a silence and without one good read
CYCLE_PAUSE_S = 60.0  # between two of them
HEAL_MIN_S = STEADY_S  # a loss ends when the reader has stayed open for so long...
HEAL_MAX_S = 300.0     # ...and for twice as long, up to this, after each loss...
RELAPSE_S = 300.0      # ...that comes within this time of the end of the last
ALARM_AFTER_S = 60.0   # so long lost: headquarters is told
ALARM_PAUSE_S = 600.0  # between two alarms about losses of one reader, and between two about its faults
CYCLES_IN_VAIN = 3     # so often switched off and on without a good read: headquarters is told of the next fault


class ReaderState(enum.StrEnum):
    """Where a reader stands."""

    ABSENT = "absent"    # nothing is plugged in at its port
    OPENING = "opening"
    READY = "ready"
    READING = "reading"  # a frame has begun and not ended
    FAULT = "fault"      # it misbehaves: to be switched off and on
    BACKOFF = "backoff"  # plugged in, or who knows, and not to be opened: busy, forbidden, refused


class Happening(enum.Enum):
    """What moves a reader from one state to another."""

    SEEN = enum.auto()      # something is plugged in, or only opening tells
    NOT_SEEN = enum.auto()  # nothing is
    OPENED = enum.auto()
    REFUSED = enum.auto()   # it could not be opened
    BEGUN = enum.auto()     # a frame
    ENDED = enum.auto()     # a frame, well or not
    LOST = enum.auto()      # it disappeared while open
    FLAPPED = enum.auto()   # the same, soon after it was opened
    FAULTED = enum.auto()   # it takes no bytes, or its error budget is spent
    CYCLED = enum.auto()    # it was switched off and on
    SPARED = enum.auto()    # it was so only just now: it is let alone for a while
    WAITED = enum.auto()    # the pause is over


S, H = ReaderState, Happening
TRANSITIONS: Mapping[tuple[ReaderState, Happening], ReaderState] = {
    (S.ABSENT, H.SEEN): S.OPENING,
    (S.ABSENT, H.NOT_SEEN): S.ABSENT,
    (S.OPENING, H.OPENED): S.READY,
    (S.OPENING, H.REFUSED): S.BACKOFF,
    (S.READY, H.BEGUN): S.READING,
    (S.READY, H.LOST): S.ABSENT,
    (S.READY, H.FLAPPED): S.BACKOFF,
    (S.READY, H.FAULTED): S.FAULT,
    (S.READING, H.ENDED): S.READY,
    (S.READING, H.LOST): S.ABSENT,
    (S.READING, H.FLAPPED): S.BACKOFF,
    (S.READING, H.FAULTED): S.FAULT,
    (S.FAULT, H.CYCLED): S.OPENING,
    (S.FAULT, H.SPARED): S.BACKOFF,
    (S.BACKOFF, H.SEEN): S.BACKOFF,
    (S.BACKOFF, H.NOT_SEEN): S.ABSENT,
    (S.BACKOFF, H.WAITED): S.OPENING,
}

_WHILE_OPEN = (H.BEGUN, H.ENDED, H.LOST, H.FLAPPED, H.FAULTED)
CANNOT: Mapping[ReaderState, frozenset[Happening]] = {
    # what is not open neither reads nor gets lost
    S.ABSENT: frozenset({*_WHILE_OPEN, H.OPENED, H.REFUSED, H.CYCLED, H.SPARED, H.WAITED}),
    # opening is one call with one end
    S.OPENING: frozenset({*_WHILE_OPEN, H.SEEN, H.NOT_SEEN, H.CYCLED, H.SPARED, H.WAITED}),
    # a port that is gone while it is open is a loss, whoever saw it
    S.READY: frozenset({H.SEEN, H.NOT_SEEN, H.OPENED, H.REFUSED, H.ENDED, H.CYCLED, H.SPARED, H.WAITED}),
    S.READING: frozenset({H.SEEN, H.NOT_SEEN, H.OPENED, H.REFUSED, H.BEGUN, H.CYCLED, H.SPARED, H.WAITED}),
    # left by the very next step
    S.FAULT: frozenset({*_WHILE_OPEN, H.SEEN, H.NOT_SEEN, H.OPENED, H.REFUSED, H.WAITED}),
    S.BACKOFF: frozenset({*_WHILE_OPEN, H.OPENED, H.REFUSED, H.CYCLED, H.SPARED}),
}
OPEN = frozenset({S.READY, S.READING})


def after(state: ReaderState, happening: Happening) -> ReaderState:
    """The state that follows; KeyError for what cannot happen there (law 1)."""
    return TRANSITIONS[state, happening]


class Backoff:
    """The ladder of pauses: 1, 2, 4 ... 60 seconds, each spread by jitter over half to one and a half of its step,
    and never outside 1-60 seconds (law 2)."""

    def __init__(self) -> None:
        self._step = BACKOFF_MIN_S

    def next(self, jitter: float) -> float:
        """The pause to make now, in seconds; ``jitter`` in 0..1. The next one is twice as long."""
        pause = self._step * (0.5 + jitter)
        self._step = min(self._step * 2, BACKOFF_MAX_S)
        return min(max(pause, BACKOFF_MIN_S), BACKOFF_MAX_S)

    def reset(self) -> None:
        """Begin at the bottom again."""
        self._step = BACKOFF_MIN_S


class ErrorBudget:
    """Counts garbled frames against good reads (law 4)."""

    def __init__(self, now: float) -> None:
        self._garbled: deque[float] = deque(maxlen=BUDGET_FRAMES)
        self._noise_at = now      # when something that was no read came last
        self._quiet_at = now      # the end of the last silence of QUIET_S
        self._cycled_at: float | None = None

    def good(self, now: float) -> None:
        """A block came whole: the device is well."""
        self._garbled.clear()
        self._quiet_at = self._noise_at = now

    def bad(self, now: float, garbled: int) -> None:
        """Something came that was none; ``garbled`` frames among it had begun and not ended well."""
        if now - self._noise_at >= QUIET_S:
            self._quiet_at = now
        self._noise_at = now
        self._garbled.extend([now] * min(garbled, BUDGET_FRAMES))

    def spent(self, now: float, reading: bool) -> bool:
        """True if the device is to be switched off and on now, and may be; ``reading``: a frame has begun."""
        many = len(self._garbled) == BUDGET_FRAMES and now - self._garbled[0] <= BUDGET_S + QUIET_S
        silent = now - self._noise_at >= QUIET_S and not reading
        babbling = now - self._quiet_at >= BABBLE_S
        return many and (silent or babbling) and self.may_cycle(now)

    def may_cycle(self, now: float) -> bool:
        """False within a minute of the last time."""
        return self._cycled_at is None or now - self._cycled_at >= CYCLE_PAUSE_S

    def cycled(self, now: float) -> None:
        """It was switched off and on: a fresh budget."""
        self._cycled_at = now
        self.good(now)


class LossNews:
    """When a loss and its end are logged, and when headquarters is told (law 3)."""

    def __init__(self) -> None:
        self._since: float | None = None    # the loss that stands
        self._open_at: float | None = None  # the opening that may end it
        self._ended_at: float | None = None
        self._alarmed_at: float | None = None
        self._alarmed = False
        self._heal_s = HEAL_MIN_S
        self._never_up = True

    def lost(self, now: float) -> bool:
        """The reader is not open; True if that is a new loss, to be logged."""
        self._open_at = None
        if self._since is not None:
            return False
        relapse = self._ended_at is not None and now - self._ended_at < RELAPSE_S
        self._heal_s = min(self._heal_s * 2, HEAL_MAX_S) if relapse else HEAL_MIN_S
        self._since, self._alarmed = now, False
        return True

    def opened(self, now: float) -> bool:
        """The reader is open; True at the first time, which is logged and ends a loss at once."""
        self._open_at = now
        first, self._never_up = self._never_up, False
        if first and self._since is not None:
            self._since, self._ended_at = None, now
        return first

    def ended(self, now: float) -> bool:
        """True once, when a loss has ended: to be logged."""
        if self._since is None or self._open_at is None or now - self._open_at < self._heal_s:
            return False
        self._since, self._ended_at = None, now
        return True

    def alarm_due(self, now: float) -> bool:
        """True once a loss, when headquarters is to be told: never while the reader is open."""
        if self._since is None or self._open_at is not None or self._alarmed or now - self._since < ALARM_AFTER_S:
            return False
        if self._alarmed_at is not None and now - self._alarmed_at < ALARM_PAUSE_S:
            return False
        self._alarmed, self._alarmed_at = True, now
        return True


class FaultNews:
    """When a fault is logged and when headquarters is told (law 5)."""

    def __init__(self) -> None:
        self._cycles = 0  # without a good read since
        self._logged = self._alarmed = False
        self._alarmed_at: float | None = None

    def good(self) -> None:
        """A good read came."""
        self._cycles, self._logged, self._alarmed = 0, False, False

    def cycled(self) -> None:
        """The reader was switched off and on."""
        self._cycles += 1

    def log_due(self) -> bool:
        """It is at fault; True if that is to be logged."""
        logged, self._logged = self._logged, True
        return not logged

    def alarm_due(self, now: float) -> bool:
        """It is at fault; True if headquarters is to be told."""
        if self._alarmed or self._cycles < CYCLES_IN_VAIN:
            return False
        if self._alarmed_at is not None and now - self._alarmed_at < ALARM_PAUSE_S:
            return False
        self._alarmed, self._alarmed_at = True, now
        return True


class SwapNews:
    """When it is told that another device than the one that was set up stands at the port: once, until the right one
    was there again. A device that has told its own serial number before is the right one when it has told it again,
    or has stayed open for ``STEADY_S`` without a difference: at the opening it has told nothing yet."""

    def __init__(self) -> None:
        self._told = ""
        self._tells_serial = False

    def compared(self, difference: str | None, own: str, open_s: float) -> bool:
        """``difference`` in words, "" for none, None if nobody can tell; ``own`` is the serial number that the device
        has told, ``open_s`` how long it has been open. True if the difference is to be told."""
        self._tells_serial = self._tells_serial or bool(own)
        if difference == "" and (own or not self._tells_serial or open_s >= STEADY_S):
            self._told = ""
        if not difference or difference == self._told:
            return False
        self._told = difference
        return True
