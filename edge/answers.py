"""What the box answers at its desk: the greeting, how it is, that a lead was closed, that a finger is being taken.

Laws:
1. A question never harms the box: while the journal cannot be read, the answer says so with advice, and the
   desk goes on showing verdicts (ARCHITECTURE law 3).
2. Nothing here changes a passage: a closing, and a finger to take, go to its counter's inbox (law 6).
"""

from __future__ import annotations

import queue
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

import structlog

from common.times import rfc3339
from edge.core.errors import BorderpostError
from edge.core.fingerprints.model import Position
from edge.core.screening.by_finger import position_word
from edge.counter import CloseRequest, Counter, FingerRequest
from edge.desk import Reply
from edge.journal import CLOSED, Journal, PassageRow

MAX_LEADS = 20      # open leads in the greeting
MAX_PASSAGES = 500  # in one answer: it must fit into what the desk keeps for a client
POSITIONS = {position_word(position): position for position in Position if position is not Position.UNKNOWN}

log = structlog.get_logger("answers")


class Answers:
    """The desk's questions and their answers; called on the desk's thread. ``counters`` go by name, one at least."""

    def __init__(
        self, device: str, journal: Journal, counters: Mapping[str, Counter], status: Callable[[], Mapping[str, Any]],
        *, readers: Callable[[], Sequence[Mapping[str, str]]],
    ) -> None:
        self._device = device
        self._journal = journal
        self._counters = counters
        self._status = status
        self._readers = readers

    def hello(self) -> Mapping[str, Any]:
        """Who this box is, its counters, the newest leads that await a decision, and the readers that are not open."""
        try:
            rows = self._journal.open_passages(MAX_LEADS)
        except BorderpostError as error:
            log.error("journal_unreadable", reason=type(error).__name__, advice=error.advice)
            rows = []
        leads = [
            {"passage": p.passage, "shown": str(p.shown), "counter": p.counter, "at": rfc3339(p.at)} for p in rows
        ]
        return {"device": self._device, "counters": list(self._counters), "open": leads, "readers": self._readers()}

    def handle(self, request: Mapping[str, Any], uid: int, reply: Reply) -> None:
        """Answer one request of user ``uid``.

        ``{"do": "status"}``, ``{"do": "passages", "open": bool, "limit": n}``, ``{"do": "close", "passage": …,
        "outcome": …}``, ``{"do": "finger", "passage": …, "position": …}`` or ``{"do": "verify", "passage": …,
        "counter": …, "position": …}`` (``position`` may be left out; ``counter`` is where the finger is taken).
        ``{"do": "finger", "passage": …, "cancel": true}`` ends one that is being taken.
        """
        try:
            match request.get("do"):
                case "status":
                    reply({"ok": True, "status": self._status()})
                case "passages":
                    reply({"ok": True, "passages": self._passages(request.get("open"), request.get("limit"))})
                case "close":
                    self._close(str(request.get("passage", "")), str(request.get("outcome", "")), uid, reply)
                case "finger":
                    self._finger(request, "cancel" if request.get("cancel") is True else "search", uid, reply)
                case "verify":
                    self._finger(request, "verify", uid, reply)
                case _:
                    reply({"ok": False, "error": "unknown request",
                           "advice": "ask for status, passages, close, finger or verify"})
        except BorderpostError as error:
            reply({"ok": False, "error": error.message, "advice": error.advice})

    def _passages(self, only_open: object, limit: object) -> list[dict[str, Any]]:
        most = min(max(limit, 1), MAX_PASSAGES) if isinstance(limit, int) else MAX_PASSAGES
        rows = self._journal.open_passages(most) if only_open else self._journal.passages(most)
        return [row.values() for row in rows]

    def _close(self, passage: str, code: str, uid: int, reply: Reply) -> None:
        row = self._journal.passage(passage)
        if row and row.state == CLOSED:
            how = f"is closed already (code {row.code})" if row.code else f"was {row.shown}, no lead to close"
            reply({"ok": False, "error": f"{passage} {how}", "advice": "borderpost passages --open lists what is open"})
            return
        self._hand(row, CloseRequest(passage, code, uid, reply))

    def _finger(
        self, request: Mapping[str, Any], purpose: Literal["search", "verify", "cancel"], uid: int, reply: Reply
    ) -> None:
        passage, word, scanner = (str(request.get(key) or "") for key in ("passage", "position", "counter"))
        if word and word not in POSITIONS:
            reply({"ok": False, "error": f"no finger is called {word[:40]!r}", "advice": ", ".join(POSITIONS)})
            return
        if scanner and scanner not in self._counters:
            reply({"ok": False, "error": f"this box has no counter {scanner[:40]!r}",
                   "advice": f"give one of: {', '.join(self._counters)}"})
            return
        row = self._journal.passage(passage)
        asked = FingerRequest(passage, purpose, POSITIONS.get(word), scanner, uid, reply, known=row is not None)
        self._hand(row, asked)

    def _hand(self, row: PassageRow | None, request: CloseRequest | FingerRequest) -> None:
        counter = self._counters.get(row.counter) if row else None
        # A passage of a counter that the configuration no longer has is closed by the first one.
        counter = counter or next(iter(self._counters.values()))
        try:
            counter.inbox.put_nowait(request)
        except queue.Full:
            request.reply({"ok": False, "error": "the counter is busy", "advice": "try again in a moment"})
