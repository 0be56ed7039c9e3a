"""How a time is written for a person or a program outside: RFC 3339, UTC, to the second."""

from __future__ import annotations

from datetime import UTC, datetime


def rfc3339(at: datetime) -> str:
    """``2026-03-01T12:00:00Z`` of an aware time."""
    return at.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
