"""Which keys a log line of headquarters may carry (ARCHITECTURE law 9: none of them personal)."""

from __future__ import annotations

from common import logs

ALLOWED = frozenset(
    {"event", "level", "timestamp", "reason", "advice", "error", "place", "store", "session", "count"}
)

redact = logs.redactor(ALLOWED)


def set_up(level: str) -> None:
    """Write events of ``level`` (debug, info, warning, error) and above."""
    logs.set_up(redact, level=level)
