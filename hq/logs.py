"""Headquarters' log lines: JSON on standard error, without personal data.

Law (ARCHITECTURE law 9): an event carries only the keys named in ``ALLOWED``; the value of any other key
is replaced before it is written. A new key is added here, after thinking about what it may hold.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Mapping, MutableMapping
from typing import Any

import structlog

ALLOWED = frozenset(
    {"event", "level", "timestamp", "reason", "advice", "error", "place", "store", "session", "count"}
)
MAX_VALUE_CHARS = 300


def redact(_logger: object, _method: str, event: MutableMapping[str, Any]) -> Mapping[str, Any]:
    """Replace what is not allowed and cut what is too long."""
    for key, value in event.items():
        if key not in ALLOWED:
            event[key] = "[not logged]"
        elif isinstance(value, str) and len(value) > MAX_VALUE_CHARS:
            event[key] = value[:MAX_VALUE_CHARS] + "…"
    return event


def set_up(level: str) -> None:
    """Write events of ``level`` (debug, info, warning, error) and above."""
    json = structlog.processors.JSONRenderer(ensure_ascii=False)
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            redact,
            structlog.dev.ConsoleRenderer() if sys.stderr.isatty() else json,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, level.upper())),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
