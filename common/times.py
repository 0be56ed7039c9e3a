"""How a time is written for a person or a program outside: RFC 3339, UTC, to the second; and how an age is."""

from __future__ import annotations

from datetime import UTC, datetime


def rfc3339(at: datetime) -> str:
    """``2026-03-01T12:00:00Z`` of an aware time."""
    return at.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def told_age(seconds: float) -> str:
    """``26.4 h``, and from two days on ``2.0 days``: one age is the same words wherever it is told."""
    return f"{seconds / 3600:.1f} h" if seconds < 2 * 86_400 else f"{seconds / 86_400:.1f} days"
