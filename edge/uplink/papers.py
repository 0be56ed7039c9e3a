"""Papers over the link: the box's request for a new certificate goes out, envelopes for it come in.

Laws:
1. Nothing here is verified or opened: an envelope's bytes go the way that a stick's go (edge.core.provisioning.inbox).
2. A request is sent once a day while one is due, and once an hour until the broker has confirmed it.
3. What the other side of a callable raises ends neither the link nor the screening.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import structlog

from edge.core.errors import BorderpostError
from edge.core.wire import MAX_CARRIED, MAX_MESSAGE, Topic, topic
from edge.uplink.sides import Publish

AGAIN_S = 24 * 3600.0  # after a request that the broker took
RETRY_S = 3600.0  # after one that it did not take
REFUSED = 0x80  # reason codes from here on are refusals (MQTT 5 section 2.4)

T = TypeVar("T")

log = structlog.get_logger("uplink")


@dataclass(frozen=True, slots=True)
class Papers:
    """``request``: JSON of a ``papers.Request`` if a renewal is due, else None. ``envelope`` takes one's bytes.

    Both are called in the uplink's thread and must not block for longer than a disk does.
    """

    request: Callable[[], bytes | None]
    envelope: Callable[[bytes], None]


class Courier:
    """Lives as long as the uplink, over all its connections. ``now``: monotonic seconds."""

    def __init__(self, papers: Papers, device: str) -> None:
        self._papers = papers
        self._up, self._down = topic(Topic.REQUEST, device), topic(Topic.ENVELOPE, device)
        self._due = float("-inf")
        self._mid: int | None = None  # of the request under way

    @property
    def topics(self) -> tuple[str, ...]:
        """What to subscribe to."""
        return (self._down,)

    def begin(self) -> None:
        """A new connection: numbers of the one before mean nothing any more."""
        self._mid = None

    def tick(self, publish: Publish, now: float) -> int | None:
        """Send the request if one is due; the number of its PUBACK, else None."""
        if now < self._due:
            return None
        self._due = now + RETRY_S
        data = _guarded(self._papers.request, "request_not_made")
        if data is not None and len(data) <= MAX_MESSAGE:
            self._mid = publish(self._up, data, qos=1)
        return self._mid

    def on_taken(self, mid: int, code: int, now: float) -> None:
        """The broker's word on a message."""
        if mid != self._mid:
            return
        self._mid = None
        if code < REFUSED:
            self._due = now + AGAIN_S
            log.info("request_sent")
        else:
            log.warning("request_refused", advice="let the box write its up/#")

    def on_message(self, where: str, payload: bytes) -> bool:
        """True if the message was an envelope, which is handed on; an empty one says that it was taken back."""
        if where != self._down:
            return False
        if len(payload) > MAX_CARRIED:
            log.warning("envelope_too_large", bytes=len(payload), advice="send it by stick")
        elif payload:
            _guarded(lambda: self._papers.envelope(payload), "envelope_not_kept")
        return True


def _guarded(call: Callable[[], T], code: str) -> T | None:
    """What the call gives; None if it raised (law 3)."""
    try:
        return call()
    except BorderpostError as error:
        log.error(code, reason=error.message, advice=error.advice)
    except Exception as error:  # its text may hold data
        log.error(code, reason=type(error).__name__, advice="report it with the log; a stick works all the same")
    return None
