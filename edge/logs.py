"""Log lines without personal data.

Law (ARCHITECTURE law 9): an event carries only the keys named in ``ALLOWED``; the value of any other
key is replaced before it is written. A new key is added here, after thinking about what it may hold.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Mapping, MutableMapping
from typing import Any

import structlog

from edge.config import LogConfig

ALLOWED = frozenset({
    "event", "level", "logger", "timestamp", "thread", "error", "place", "reason", "pause_s", "reader", "driver",
    "counter", "passage", "shown", "elapsed_ms", "list", "generation", "records", "problem", "state", "count",
    "seq", "upto", "store", "code", "advice", "path", "port", "host", "age_s", "clock", "device", "dropped",
    "pending", "signal", "names", "bytes", "free_mb", "attempt", "session", "outcome_code", "first", "last",
    "version", "late", "span", "resent", "acked", "rc",
})
MAX_VALUE_CHARS = 300


def redact(_logger: object, _method: str, event: MutableMapping[str, Any]) -> Mapping[str, Any]:
    """Replace what is not allowed and cut what is too long."""
    for key, value in event.items():
        if key not in ALLOWED:
            event[key] = "[not logged]"
        elif isinstance(value, str) and len(value) > MAX_VALUE_CHARS:
            event[key] = value[:MAX_VALUE_CHARS] + "…"
    return event


def set_up(config: LogConfig) -> None:
    """Write events to standard error: JSON lines, or text when a person is watching."""
    text = config.format == "text" or (config.format == "auto" and sys.stderr.isatty())
    renderer = structlog.dev.ConsoleRenderer() if text else structlog.processors.JSONRenderer(ensure_ascii=False)
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            redact,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, config.level.upper())),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
