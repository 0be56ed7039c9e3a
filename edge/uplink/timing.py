"""A connection that asks for the time and nothing else: whether the broker's certificate holds depends on it.

Laws (ADR 0027):
1. Out goes one sync request of an empty shelf; no row, no presence, no event, no health.
2. In comes headquarters' signed answer to this very request; anything else is dropped unread.
3. It lasts ``LIMIT_S`` at most.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from common.line import CertificateError, Closed, Granted, Line, LineError, Message, Opened, lost
from edge.core.acks import AckOutcome, judge
from edge.core.sealing import SignPublic
from edge.core.wire import Signed, SyncRequest, Topic, WireError, decode, encode, topic
from edge.uplink.states import Happening, State

LIMIT_S = 60.0
TURN_S = 1.0
EXPIRY_S = 60
REFUSED = 0x80  # reason codes from here on are refusals (MQTT 5 section 2.4)
# Unspecified, implementation specific, server unavailable, busy, packet too large, quota, use another server, server
# moved, rate: whatever certificate was shown (MQTT 5 table 3-1).
NOT_NOW = frozenset({0x80, 0x83, 0x88, 0x89, 0x95, 0x97, 0x9C, 0x9D, 0x9F})


@dataclass(frozen=True, slots=True)
class Asker:
    """Who asks: ``epoch`` and ``session`` tie the answer to this request; ``keys`` are headquarters' ack keys."""

    device: str
    epoch: str
    session: str
    keys: Mapping[str, SignPublic]


def ask_time(
    line: Line,
    asker: Asker,
    *,
    wake: int,
    mono: Callable[[], float],
    ended: Callable[[], bool],
    retry_s: float,
    move: Callable[[Happening], State],
    disbelieved: Callable[[AckOutcome], None],
) -> datetime | None:
    """Headquarters' signed time, or None if ``ended`` came first. ``line`` is open. Raises LineError."""
    until, again, asked = mono() + LIMIT_S, float("inf"), 0
    while not ended():
        now = mono()
        if now > until:
            raise LineError("headquarters does not say what time it is",
                            advice="check that the collector runs; until then a time paper by stick does the same")
        if now >= again:
            asked, again = _ask(line, asker), now + retry_s
        line.turn(min(TURN_S, max(0.0, again - now)), wake)
        while line.events:
            match line.events.popleft():
                case Opened(code, reason):
                    entered(code, reason)
                    move(Happening.ACCEPTED)
                    line.subscribe(topic(Topic.ACK, asker.device))
                case Granted(codes):
                    if any(code >= REFUSED for code in codes):
                        raise LineError("the broker refused a subscription", advice="let the box read its down/#")
                    move(Happening.GRANTED_TIME)
                    again = now
                case Message(where, payload) if where == topic(Topic.ACK, asker.device):
                    if (time := _heard(payload, asker, disbelieved)) is not None:
                        line.close(asked)
                        return time
                case Closed() as closed:
                    raise lost(closed)
    return None


def entered(code: int, reason: str) -> None:
    """Raises LineError if the CONNACK's code is a refusal: CertificateError unless it is no word on who this is."""
    if code in NOT_NOW:
        raise LineError(f"the broker takes nobody now: {reason}", advice="check the broker; the box tries again")
    if code >= REFUSED:
        raise CertificateError(
            f"the broker refused this box: {reason}", advice="check its certificate and the broker's ACL"
        )


def _ask(line: Line, asker: Asker) -> int:
    request = SyncRequest(epoch=asker.epoch, session=asker.session, oldest=0, newest=0, pending=0)
    return line.publish(topic(Topic.SYNC, asker.device), encode(request), qos=1, expiry_s=EXPIRY_S)


def _heard(payload: bytes, asker: Asker, disbelieved: Callable[[AckOutcome], None]) -> datetime | None:
    try:
        message = decode(payload, Signed)
    except WireError:
        disbelieved(AckOutcome.MALFORMED)
        return None
    found = judge(
        message, keys=asker.keys, device=asker.device, epochs=frozenset({asker.epoch}), session=asker.session
    )
    if isinstance(found, AckOutcome):
        disbelieved(found)
        return None
    return found.server_time
