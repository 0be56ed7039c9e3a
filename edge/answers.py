"""What the box answers at its desk: the greeting, how it is, and that a lead was closed.

Laws:
1. A question never harms the box: while the journal cannot be read, the answer says so with advice, and the
   desk goes on showing verdicts (ARCHITECTURE law 3).
2. Nothing here changes a passage: a closing goes to its counter's inbox (law 6).
"""

from __future__ import annotations

import queue
from collections.abc import Callable, Mapping
from typing import Any

import structlog

from edge.core.errors import BorderpostError
from edge.counter import CloseRequest, Counter
from edge.desk import Reply
from edge.journal import Journal

MAX_LEADS = 20  # open leads in the greeting

log = structlog.get_logger("answers")


class Answers:
    """The desk's questions and their answers; called on the desk's thread. ``counters`` go by name, one at least."""

    def __init__(
        self, device: str, journal: Journal, counters: Mapping[str, Counter], status: Callable[[], Mapping[str, Any]]
    ) -> None:
        self._device = device
        self._journal = journal
        self._counters = counters
        self._status = status

    def hello(self) -> Mapping[str, Any]:
        """Who this box is, its counters, and the newest leads that await a decision."""
        try:
            rows = self._journal.open_passages(MAX_LEADS)
        except BorderpostError as error:
            log.error("journal_unreadable", reason=type(error).__name__, advice=error.advice)
            rows = []
        leads = [
            {"passage": p.passage, "shown": str(p.shown), "counter": p.counter, "at": p.at.isoformat()} for p in rows
        ]
        return {"device": self._device, "counters": list(self._counters), "open": leads}

    def handle(self, request: Mapping[str, Any], uid: int, reply: Reply) -> None:
        """Answer ``{"do": "status"}`` or ``{"do": "close", "passage": …, "outcome": …}`` from user ``uid``."""
        try:
            match request.get("do"):
                case "status":
                    reply({"ok": True, "status": self._status()})
                case "close":
                    self._close(str(request.get("passage", "")), str(request.get("outcome", "")), uid, reply)
                case _:
                    reply({"ok": False, "error": "unknown request", "advice": "ask for status or close"})
        except BorderpostError as error:
            reply({"ok": False, "error": error.message, "advice": error.advice})

    def _close(self, passage: str, code: str, uid: int, reply: Reply) -> None:
        row = self._journal.passage(passage)
        counter = self._counters.get(row.counter) if row else None
        # A passage of a counter that the configuration no longer has is closed by the first one.
        counter = counter or next(iter(self._counters.values()))
        try:
            counter.inbox.put_nowait(CloseRequest(passage, code, uid, reply))
        except queue.Full:
            reply({"ok": False, "error": "the counter is busy", "advice": "try again in a moment"})
