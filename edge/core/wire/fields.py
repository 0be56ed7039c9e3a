"""Field types that several messages share, with their limits."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from msgspec import Meta

from edge.core.trusted import ClockState

__all__ = ["ClockState", "Device", "Digest", "Ranges", "Seq", "Timestamp", "Token", "in_order"]

MAX_SEQ = 2**53 - 1  # the largest integer that every JSON reader keeps exact
MAX_RANGES = 2000  # ranges in one ack

# ``(?!\n)``: in Python ``$`` also matches before a trailing newline, in ECMAScript it does not.
Device = Annotated[
    str, Meta(pattern=r"^[a-z0-9-]{3,40}$(?!\n)", description="device id, the certificate's name")
]
Token = Annotated[str, Meta(pattern=r"^[A-Za-z0-9_-]{4,64}$(?!\n)", description="a random token")]
Seq = Annotated[int, Meta(ge=1, le=MAX_SEQ, description="place in the box's journal, from 1 without gaps")]
Timestamp = Annotated[datetime, Meta(tz=True, description="RFC 3339, UTC")]
Digest = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}$(?!\n)", description="SHA-256, hexadecimal")]
Ranges = Annotated[
    list[tuple[Seq, Seq]], Meta(max_length=MAX_RANGES, description="closed, ascending, disjoint")
]


def in_order(ranges: list[tuple[int, int]]) -> bool:
    """True if every range is closed from low to high and they ascend without touching twice."""
    previous = 0
    for low, high in ranges:
        if low <= previous or high < low:
            return False
        previous = high
    return True
