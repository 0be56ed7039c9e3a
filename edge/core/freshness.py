"""How old a list may be: when an officer is told, when a verdict is INCOMPLETE, when the list is erased.

Laws (ARCHITECTURE laws 7 and 10):
1. Of two limits, the box's and the list's own, the stricter holds: who owns the list knows how fast it grows wrong, the
   post knows what it can answer for, and neither can waive the other's care.
2. Age runs from the date of the sources and is judged by ``Trusted.time``. Where there is none, or the source date lies
   ahead of it, the age is not known, and no number is given for it.
3. A list is erased only where its own policy demands it, and only by a time that somebody vouches for now: not by an
   untrusted clock, and not by the floor of a ``held`` one.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from edge.core.trusted import ClockState, Trusted
from edge.core.verdicts import Freshness

FUTURE_TOLERANCE = timedelta(days=1)  # a source date further ahead than this means that a clock is wrong
_SURE = frozenset({ClockState.SIGNED, ClockState.SYSTEM})


@dataclass(frozen=True, slots=True)
class Limits:
    """Ages in seconds, None for no limit: from ``warn_s`` on it is said, from ``incomplete_s`` on nothing is CLEAR."""

    warn_s: float | None = None
    incomplete_s: float | None = None

    @classmethod
    def of(cls, box: Limits, own: Limits) -> Limits:
        """The stricter of both (law 1); where nobody says when to warn, half of what makes a verdict INCOMPLETE."""
        incomplete = stricter(box.incomplete_s, own.incomplete_s)
        warn = stricter(box.warn_s, own.warn_s)
        if warn is None and incomplete is not None:
            warn = incomplete / 2
        return cls(warn, incomplete)


def stricter(one: float | None, other: float | None) -> float | None:
    """The smaller limit; None is no limit."""
    return min((limit for limit in (one, other) if limit is not None), default=None)


def age_seconds(source_date: datetime, now: Trusted) -> float | None:
    """Seconds from the date of the sources (aware) to now, 0 or more; None where nobody can say (law 2)."""
    if now.time is None or source_date > now.time + FUTURE_TOLERANCE:
        return None
    return max(0.0, (now.time - source_date).total_seconds())


def judge(age_s: float | None, limits: Limits) -> Freshness:
    """What is to be said of an age."""
    if age_s is None:
        return Freshness.UNKNOWN
    if limits.incomplete_s is not None and age_s > limits.incomplete_s:
        return Freshness.TOO_OLD
    if limits.warn_s is not None and age_s > limits.warn_s:
        return Freshness.OLD
    return Freshness.FRESH


def past_erasure(source_date: datetime, erase_after_s: float | None, now: Trusted) -> bool:
    """True if a list of this policy must be erased now (law 3). No policy, or no sure time: False, however old."""
    if erase_after_s is None or now.expiry is None or now.state not in _SURE:
        return False
    return (now.expiry - source_date).total_seconds() > erase_after_s
