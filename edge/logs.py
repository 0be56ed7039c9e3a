"""Which keys a log line of the box may carry (ARCHITECTURE law 9: none of them personal)."""

from __future__ import annotations

from common import logs
from edge.config import LogConfig

ALLOWED = frozenset({
    "event", "level", "logger", "timestamp", "thread", "error", "place", "reason", "pause_s", "reader", "driver",
    "counter", "passage", "shown", "elapsed_ms", "list", "generation", "records", "problem", "state", "count",
    "seq", "upto", "store", "code", "advice", "path", "port", "host", "age_s", "clock", "device", "dropped",
    "pending", "signal", "names", "bytes", "free_mb", "attempt", "session", "outcome_code", "first", "last",
    "version", "late", "span", "resent", "acked", "rc", "times", "days", "seconds",
    "before", "files", "key_ids", "purpose", "starts",
})

redact = logs.redactor(ALLOWED)


def set_up(config: LogConfig) -> None:
    """Write the box's events as its configuration says."""
    logs.set_up(redact, level=config.level, form=config.format)
