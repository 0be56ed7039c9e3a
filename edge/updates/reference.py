"""The time by which signatures run out, from the box's trusted clock.

Laws (ARCHITECTURE law 10, docs/adr/0011):
1. A signature has run out by the latest time that is certain: what may end something (``Trusted.expiry``), else the
   floor, the highest signed time that was ever believed. A clock in 1970 makes no old update young, and a clock in
   2151 that nobody vouches for makes no good update old.
2. Where neither is known, nothing has run out.
3. A clock that is said to be disciplined, and that a signature contradicts, is told to the technician.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from edge.core.trusted import ClockState, Trusted

BEGINNING: Final = datetime(1970, 1, 1, tzinfo=UTC)
SLACK: Final = timedelta(days=1)  # a disciplined clock may lie this far behind a signature
FAR: Final = timedelta(days=365)  # an update that ran out longer ago makes the clock suspect


@dataclass(frozen=True, slots=True)
class Reference:
    """``at`` judges expiry (aware UTC). ``vouched``: the configuration says that this is the true present time."""

    at: datetime
    vouched: bool


def reference(trusted: Trusted, floor: datetime | None) -> Reference:
    """The time to judge by (laws 1 and 2); ``floor`` is the clock's floor in the state file."""
    times = [time.astimezone(UTC) for time in (trusted.expiry, floor) if time is not None]
    return Reference(max(times, default=BEGINNING), trusted.state is ClockState.SYSTEM)
