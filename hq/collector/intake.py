"""From messages to rows: every kind of message, what is stored of it, and what it is answered with.

``take`` is one transaction for a batch. It returns when the batch is on the disk; only then are the acks
made. ``look_into`` opens bodies afterwards. A message that cannot be handled is put aside alone; a database that
does not take a batch raises StoreError, and then nothing of the batch is acked.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial

import msgspec

from edge.core.provisioning.papers import Request
from edge.core.sealing import SealError, SealPrivate, open_sealed
from edge.core.wire import (
    BODY_TYPE,
    ClosingBody,
    DroppedBody,
    Event,
    FingersBody,
    Health,
    NoticeBody,
    PassageBody,
    PassageEnvelope,
    Presence,
    SyncRequest,
    Topic,
    WireError,
    decode,
    decode_body,
    message_id,
    parse_topic,
)
from hq.collector.answers import Answer, Speaker, Talk
from hq.config import CollectorConfig
from hq.store import Arrived, Fault, Index, Put, Store, Unread
from hq.store.writing import stamp

TEXT_CHARS = 400  # of an alarm's text that a box wrote


@dataclass(slots=True)
class Counts:
    """What came since the start; for logs and tests."""

    messages: int = 0
    stored: int = 0
    duplicates: int = 0
    conflicts: int = 0
    unopened: int = 0
    quarantined: int = 0
    acks: int = 0
    syncs: int = 0


@dataclass(frozen=True, slots=True)
class Outcome:
    """What to say after a batch: ``answers`` now, ``holdings`` by device, span by span as the line allows.

    ``rows``: what the answers are about, by talk: (seq, SHA-256 of the sealed body) of every row that is held now.
    """

    answers: tuple[Answer, ...]
    holdings: Mapping[str, Iterator[Answer]]
    rows: Mapping[Talk, list[tuple[int, bytes]]] = field(default_factory=dict)


@dataclass(slots=True)
class _Batch:
    rows: dict[Talk, dict[int, bytes]] = field(default_factory=dict)
    syncs: dict[str, tuple[Talk, int, int]] = field(default_factory=dict)


class UnwantedError(Exception):
    """A message that is put aside. ``code`` names the alarm, ``device`` whom it concerns ('' for nobody)."""

    def __init__(self, code: str, text: str, device: str = "") -> None:
        super().__init__(code)
        self.code, self.text, self.device = code, text, device


class Intake:
    """Takes batches of (topic, payload) into the store.

    ``refuses`` says of a device whether it was revoked: nothing of it is taken then. ``carried``: what is taken came
    by stick, from a box that stood at the site of that name: it has not been heard, and nobody waits for the acks.
    """

    def __init__(
        self,
        store: Store,
        seal_keys: Mapping[str, SealPrivate],
        speaker: Speaker,
        limits: CollectorConfig,
        clock: Callable[[], datetime],
        *,
        refuses: Callable[[str], bool] = lambda _device: False,
        carried: str | None = None,
    ) -> None:
        self._store, self._keys, self._speaker, self._limits = store, seal_keys, speaker, limits
        self._clock, self._refuses, self._carried = clock, refuses, carried
        self.counts = Counts()
        self.unread = True  # what an earlier process left, and what comes
        self._kinds: dict[Topic, Callable[[str, bytes, _Batch], None]] = {
            Topic.PASSAGE: self._passage,
            Topic.SYNC: self._sync,
            Topic.STATE: self._state,
            Topic.HEALTH: self._health,
            Topic.EVENT: self._event,
            Topic.REQUEST: self._request,
        }

    def take(self, messages: Iterable[tuple[str, bytes]]) -> Outcome:
        """Store a batch; when this returns it is on the disk. Raises StoreError, having stored nothing."""
        batch = _Batch()
        with self._store.batch(self._clock()):
            for topic, payload in messages:
                self.counts.messages += 1
                self._one(topic, payload, batch)
        held = {talk: list(rows.items()) for talk, rows in batch.rows.items()}
        if self._carried is not None:
            return Outcome((), {}, held)
        answers = tuple(a for talk, rows in held.items() for a in self._speaker.acks(talk, rows))
        self.counts.acks += len(answers)
        return Outcome(answers, {device: self._holdings(*sync) for device, sync in batch.syncs.items()}, held)

    def _holdings(self, talk: Talk, oldest: int, newest: int) -> Iterator[Answer]:
        def held(first: int, last: int) -> list[tuple[int, bytes]]:
            return self._store.held(talk.device, talk.epoch, first, last)

        silent = partial(self._store.disputed, talk.device, talk.epoch)
        return self._speaker.holdings(talk, oldest, newest, held, silent)

    def _one(self, topic: str, payload: bytes, batch: _Batch) -> None:
        try:
            self._handle(topic, payload, batch)
        except UnwantedError as reason:
            self._put_aside(topic, payload, reason)
        except Fault:
            raise  # the database, not the message
        except Exception as error:
            # A fault of this program must not make one message stop all others; its text may hold data.
            self._put_aside(
                topic, payload, UnwantedError("collector_fault", f"{type(error).__name__} in the collector")
            )

    def _handle(self, topic: str, payload: bytes, batch: _Batch) -> None:
        try:
            kind, device = parse_topic(topic)
        except WireError:
            raise UnwantedError("strange_topic", "a message on a topic that is not of this contract") from None
        handler = self._kinds.get(kind)
        if handler is None:
            raise UnwantedError("strange_topic", "a message on a topic that the posts do not send on")
        if len(payload) > self._limits.message_bytes:
            raise UnwantedError("too_long", f"a message of {len(payload)} bytes", device)
        if self._refuses(device):
            raise UnwantedError("revoked", f"{kind.rpartition('/')[2]}: this box was revoked", device)
        heard = self._store.seen if self._carried is None else self._store.known
        if not heard(device, limit=self._limits.devices):
            raise UnwantedError("too_many_posts", f"a further post while {self._limits.devices} are known")
        try:
            handler(device, payload, batch)
        except WireError as error:
            raise UnwantedError("not_understood", f"{kind.rpartition('/')[2]}: {error.message}", device) from None

    def _put_aside(self, topic: str, payload: bytes, reason: UnwantedError) -> None:
        self.counts.quarantined += 1
        if reason.code != "revoked":  # a stolen box must not push out what others left there
            self._store.quarantine(topic[:200], reason.code, payload[: self._limits.message_bytes])
        self._store.alarm(reason.device, reason.code, reason.text)

    def _epoch(self, device: str, epoch: str) -> None:
        if self._store.epoch(device, epoch):
            self._store.alarm(
                device,
                "new_epoch",
                "the box writes under a new epoch: its disk was made anew, or a second box uses its name",
                subject=epoch,
            )

    def _passage(self, device: str, payload: bytes, batch: _Batch) -> None:
        envelope = decode(payload, PassageEnvelope)
        sealed = envelope.body()
        if envelope.device != device:
            raise UnwantedError(
                "foreign_source", "a passage on this post's topic names another box as its source", device
            )
        self._epoch(device, envelope.epoch)
        arrived = Arrived(
            device=device,
            epoch=envelope.epoch,
            seq=envelope.seq,
            time=stamp(envelope.time),
            clock=str(envelope.clock),
            boot=envelope.boot,
            mono=int(envelope.mono),
            digest=hashlib.sha256(sealed).digest(),
            sealed=sealed,
            site=self._store.site_of(device) if self._carried is None else self._carried,
        )
        put = self._store.put(arrived)
        if put in (Put.CONFLICT, Put.NO_ROOM):
            self.counts.conflicts += 1
            kept = "" if put is Put.CONFLICT else "; there is no room to keep it beside, and it is not acknowledged"
            self._store.alarm(
                device,
                "conflict",
                f"a number that was used already came with another body{kept}",
                subject=envelope.epoch,
            )
            if put is Put.NO_ROOM:
                return
            self.unread = True
        if put is Put.DUPLICATE:
            self.counts.duplicates += 1
        if put is Put.NEW:
            self.counts.stored += 1
            self.unread = True
        talk = Talk(device, envelope.epoch, envelope.session)
        batch.rows.setdefault(talk, {}).setdefault(arrived.seq, arrived.digest)  # of two bodies an ack can name one

    def look_into(self, limit: int) -> None:
        """Open held bodies that nobody has looked into, oldest first, in one transaction. Raises StoreError.

        This comes after the acks: how long it takes depends on what is inside, and the line must not show it.
        """
        with self._store.batch(self._clock()):
            waiting = self._store.unread(limit)
            for one in waiting:
                self._store.read(one, self._safely(one))
        self.unread = len(waiting) == limit

    def _safely(self, one: Unread) -> Index:
        try:
            return self._open(one)
        except Fault:
            raise  # the database, not the message
        except Exception as error:
            # A fault of this program must not make one message stop all others; its text may hold data.
            self._store.alarm(one.device, "collector_fault", f"{type(error).__name__} in the collector")
            return Index("unopened")

    def _open(self, one: Unread) -> Index:
        """What may stand in clear beside a body, noting what it reports."""
        device, epoch = one.device, one.epoch
        try:
            name = message_id(device, epoch, one.seq)
            body = decode_body(open_sealed(one.sealed, message_id=name, type=BODY_TYPE, keys=self._keys))
        except (SealError, WireError) as error:
            self.counts.unopened += 1
            self._store.alarm(device, "unopened", f"a body stays closed: {error.message}", subject=epoch)
            return Index("unopened")
        if isinstance(body, PassageBody | FingersBody):
            lists = tuple(dict.fromkeys(r.list for r in body.reasons))
            kind = "passage" if isinstance(body, PassageBody) else "fingers"
            return Index(kind, body.passage, str(body.outcome), str(body.shown), lists)
        if isinstance(body, ClosingBody):
            return Index("closing", body.passage)
        if isinstance(body, DroppedBody):
            for first, last in body.ranges:
                self._store.dropped(device, body.epoch or epoch, first, last)
            self._store.alarm(
                device, "dropped", f"{body.count} CLEAR passages given up for want of space", subject=epoch
            )
            return Index("dropped")
        assert isinstance(body, NoticeBody)
        self._store.alarm(device, body.code[:48], "the box's journal reports it", subject=epoch)
        return Index("notice")

    def _sync(self, device: str, payload: bytes, batch: _Batch) -> None:
        sync = decode(payload, SyncRequest)
        self.counts.syncs += 1
        self._epoch(device, sync.epoch)
        if sync.oldest:
            self._store.offered(device, sync.epoch, sync.oldest)
        if sync.audit_head and sync.audit_number:
            self._store.head(device, sync.audit_number, sync.audit_head)
        batch.syncs[device] = (Talk(device, sync.epoch, sync.session), sync.oldest, sync.newest)

    def _state(self, device: str, payload: bytes, _batch: _Batch) -> None:
        presence = decode(payload, Presence)
        if presence.epoch:
            self._epoch(device, presence.epoch)
        if presence.site:
            self._store.site(device, presence.site)
        if presence.sequence:
            self._store.took(device, presence.sequence)
        self._store.presence(
            device, online=presence.online, session=presence.session, body=msgspec.to_builtins(presence)
        )

    def _request(self, device: str, payload: bytes, _batch: _Batch) -> None:
        request = decode(payload, Request)
        if request.device != device:
            raise UnwantedError("foreign_source", "a request on this post's topic names another box", device)
        self._store.request(device, request.serial, payload)

    def _health(self, device: str, payload: bytes, _batch: _Batch) -> None:
        health = decode(payload, Health)
        self._store.health(device, msgspec.to_builtins(health))
        if health.audit_head and health.audit_number:
            self._store.head(device, health.audit_number, health.audit_head)

    def _event(self, device: str, payload: bytes, _batch: _Batch) -> None:
        event = decode(payload, Event)
        detail = ", ".join(f"{key} {value}" for key, value in event.detail.items())
        self._store.alarm(device, event.code, detail[:TEXT_CHARS] or "the box reports it")
