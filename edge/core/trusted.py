"""Trusted time as a value.

Laws (ARCHITECTURE law 10):
1. The clock is a suspect. ``time`` may judge how old something is, ``expiry`` may end something.
2. Untrusted time expires nothing: then both are None.
3. Where the two differ (state ``held``), expiring uses the earlier, signed one.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from datetime import datetime


class ClockState(enum.StrEnum):
    """Where the present time comes from."""

    SIGNED = "signed"  # headquarters' signed word in this boot, carried on by the monotonic clock
    HELD = "held"  # no word in this boot; the system clock lies near the last signed time
    SYSTEM = "system"  # the configuration says that the system clock is disciplined
    UNTRUSTED = "untrusted"  # nobody can say what time it is


@dataclass(frozen=True, slots=True)
class Trusted:
    """The present time as far as it can be believed; both times are aware UTC datetimes or None.

    ``time`` is for ages, ``expiry`` for expiring records and erasing data.
    """

    state: ClockState
    time: datetime | None
    expiry: datetime | None
