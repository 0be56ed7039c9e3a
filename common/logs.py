"""Log lines without personal data.

Laws:
1. (ARCHITECTURE law 9) An event carries only the keys that its program allows; the value of any other key is replaced
   before it is written. A new key is allowed after thinking about what it may hold.
2. The last ``set_up`` holds for every logger, also for one that has spoken before: none is kept as it was then.
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

    ``form`` is ``json``, ``text``, or ``auto``: text when a person is watching, else JSON lines. It may be called
    again (law 2): first for what is said before there is a configuration, then as that says.
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
        # Standard error as it is when a line is written: what it was at this call may be closed by then.
        logger_factory=lambda *_: JournalLogger(journal) if journal else structlog.PrintLogger(sys.stderr),
        cache_logger_on_first_use=False,  # law 2
    )
