"""Log lines without personal data.

Law (ARCHITECTURE law 9): an event carries only the keys that its program allows; the value of any other key
is replaced before it is written. A new key is allowed after thinking about what it may hold.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable, Collection, Mapping, MutableMapping
from typing import Any

import structlog

from common.journald import JournalLogger, as_line, open_journal

MAX_VALUE_CHARS = 300
NOT_LOGGED = "[not logged]"

Processor = Callable[[object, str, MutableMapping[str, Any]], Mapping[str, Any]]


def redactor(allowed: Collection[str]) -> Processor:
    """A processor that replaces what is not allowed and cuts what is too long."""

    def redact(_logger: object, _method: str, event: MutableMapping[str, Any]) -> Mapping[str, Any]:
        for key, value in event.items():
            if key not in allowed:
                event[key] = NOT_LOGGED
            elif isinstance(value, str) and len(value) > MAX_VALUE_CHARS:
                event[key] = value[:MAX_VALUE_CHARS] + "…"
        return event

    return redact


def set_up(redact: Processor, *, level: str, form: str = "auto") -> None:
    """Write events of ``level`` and above to standard error, or where that is the system's journal, to it.

    ``form`` is ``json``, ``text``, or ``auto``: text when a person is watching, else JSON lines.
    """
    text = form == "text" or (form == "auto" and sys.stderr.isatty())
    journal = None if text else open_journal(os.environ)
    render: Any = structlog.dev.ConsoleRenderer() if text else structlog.processors.JSONRenderer(ensure_ascii=False)
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            redact,
            as_line(render) if journal else render,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, level.upper())),
        logger_factory=(lambda *_: JournalLogger(journal)) if journal else structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
