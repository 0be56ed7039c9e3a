"""Whom the talk speaks to: the journal, the broker, and those who are told; and the tally it keeps."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from edge.core.acks import AckOutcome
from edge.core.wire import AckPayload, Topic
from edge.journal.model import Counts, OutboxItem, Shelf


class Outbox(Protocol):
    """What the uplink needs of the journal. Every call may block for the journal's own limit."""

    def counts(self) -> Counts:
        """The journal in figures."""

    def shelves(self) -> Sequence[Shelf]:
        """What there is of each epoch, earliest first; the present one is always there, and last."""

    def pending(self, after: int, limit: int) -> Sequence[OutboxItem]:
        """Rows of any epoch not yet acked with a seq above ``after``, ascending, at most ``limit``."""

    def apply_ack(self, payload: AckPayload) -> AckOutcome:
        """Mark rows as delivered if the digest fits."""

    def renew_epoch(self, reason: str) -> str:
        """Begin a new epoch; its token. Rows that wait keep their old ids."""

    def apply_holdings(self, payload: AckPayload) -> AckOutcome:
        """Compare the span with the shelf: rows that headquarters lacks become pending."""


class Publish(Protocol):
    """Hands one message to the broker; gives the number that its PUBACK will carry."""

    def __call__(self, topic: str, payload: bytes, *, qos: int, retain: bool = False, expiry_s: int = 0) -> int:
        """Queue it."""


@dataclass(slots=True)
class Tally:
    """What happened on this box's uplink since the start. Never tells one outcome from another."""

    sent: int = 0  # passage messages handed to the broker, resent ones included
    taken: int = 0  # confirmed by the broker
    refused: int = 0  # refused by the broker (PUBACK reason >= 0x80)
    believed: int = 0  # acks and holdings that were believed
    disbelieved: dict[str, int] = field(default_factory=dict)  # by AckOutcome
    syncs: int = 0
    late: int = 0  # times that an ack stayed out and a new sync was made
    connections: int = 0


@dataclass(frozen=True, slots=True)
class Ears:
    """Who is told: signed time (aware datetime), alarms by code with figures, never with data, and news of lists."""

    signed_time: Callable[[datetime], None]
    alarm: Callable[[str, Mapping[str, str | int]], None]
    news: Callable[[Topic, bytes], None] = lambda _topic, _payload: None  # of lists: hints and parcels, not verified


