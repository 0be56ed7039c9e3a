"""The talk with headquarters over one connection: sync, send, believe acks. No socket, no clock inside.

Laws:
1. Nothing is sent before headquarters has said, signed and for this very sync, what it holds.
2. Rows go strictly in order of seq; nothing here knows an outcome; every message is like every other.
3. PUBACK frees a place in the window and nothing else. A refusal deletes nothing, is alarmed, and slows
   the sending down.
4. A row is delivered when the journal believed an ack, never by anything in this file.
5. What stays unanswered is asked for with a new sync, not sent again blindly; the wait grows.
6. Rows of earlier epochs go out under their old ids; each epoch of which the box has rows is synced, the present last.
   Those of a device id that the box has no longer go by stick: this line is another box's, and alarmed.
7. A number that headquarters has and the box never gave out ends an epoch: nothing new is written under it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping

from edge.config import UplinkConfig
from edge.core.acks import AckOutcome, judge
from edge.core.sealing import SignPublic
from edge.core.wire import (
    AckPayload,
    HqState,
    Signed,
    SyncRequest,
    Topic,
    WireError,
    decode,
    encode,
    envelope,
    topic,
)
from edge.journal.model import OutboxItem, Shelf
from edge.uplink.sides import Ears, Outbox, Publish, Tally
from edge.uplink.spans import merged
from edge.uplink.states import Happening, State

SYNC_EXPIRY_S = 60  # a sync that no collector took in this time is pointless
PAGE = 50  # rows fetched from the journal at once
REFUSED = 0x80  # reason codes from here on are refusals (MQTT 5 section 2.4)
REFUSAL_PAUSE_S = 5.0  # after the first refusal; doubles
MAX_WAIT_S = 300.0  # longest ack wait and refusal pause
PAST_SESSIONS = 8  # earlier syncs of this connection whose late answers are no alarm


class StalledError(Exception):
    """The broker holds messages and has not confirmed any for too long."""


class Talk:
    """One connection's conversation. ``now`` arguments are monotonic seconds."""

    def __init__(
        self,
        config: UplinkConfig,
        *,
        device: str,
        outbox: Outbox,
        ack_keys: Mapping[str, SignPublic],
        publish: Publish,
        token: Callable[[], str],
        move: Callable[[Happening], State],
        ears: Ears,
        tally: Tally,
    ) -> None:
        self._config, self._device, self._outbox, self._keys = config, device, outbox, ack_keys
        self._publish, self._token, self._move, self._ears = publish, token, move, ears
        self.tally = tally
        self._session = ""
        self._epochs: frozenset[str] = frozenset()  # that were asked for in this sync
        self._shelves: deque[Shelf] = deque()  # not answered yet; the first is asked for
        self._past: deque[str] = deque(maxlen=PAST_SESSIONS)
        self._hq: tuple[str, str] | None = None  # store and session that hq/state last named
        self._covered: list[tuple[int, int]] = []
        self._former: set[str] = set()  # device ids that the box had, and has rows of that wait for a stick
        self._syncing = True
        self._asked = 0.0  # when the last sync was sent or answered
        self._flying: dict[int, int] = {}  # mid -> seq, 0 for what is not a row of this sync
        self._waiting: dict[int, float] = {}  # seq -> when the broker confirmed it
        self._cursor = self._top = 0  # the last seq that was taken up, and the newest of the shelf at the last sync
        self._confirmed = 0.0  # when the broker last confirmed something
        self._ack_wait = config.ack_timeout_s
        self._pause, self._paused_until = REFUSAL_PAUSE_S, 0.0

    @property
    def in_flight(self) -> int:
        """Messages that the broker has not confirmed."""
        return len(self._flying)

    @property
    def awaiting(self) -> int:
        """Rows that the broker has and headquarters has not acked."""
        return len(self._waiting)

    def begin(self, now: float) -> None:
        """Start a sync under a new token; whatever was under way is settled by its answer."""
        if self._session:
            self._past.append(self._session)
        self._session = self._token()
        self._shelves = deque(shelf for shelf in self._outbox.shelves() if not shelf.device)
        self._epochs = frozenset(shelf.epoch for shelf in self._shelves)
        self._top = self._shelves[-1].newest
        self._covered = []
        self._syncing = True
        self._waiting.clear()
        self._flying = dict.fromkeys(self._flying, 0)
        self._cursor = 0
        self._ask(now)

    def _ask(self, now: float) -> None:
        counts, shelf = self._outbox.counts(), self._shelves[0]
        request = SyncRequest(
            epoch=shelf.epoch,
            session=self._session,
            oldest=shelf.oldest,
            newest=shelf.newest,
            pending=counts.pending,
            audit_head=counts.audit_head,
            audit_number=counts.audit_number,
        )
        self._asked = now
        self.tally.syncs += 1
        self._send(topic(Topic.SYNC, self._device), encode(request), now, expiry_s=SYNC_EXPIRY_S)

    def _send(self, where: str, payload: bytes, now: float, *, seq: int = 0, expiry_s: int = 0) -> None:
        if not self._flying:
            self._confirmed = now
        mid = self._publish(where, payload, qos=1, expiry_s=expiry_s)
        self._flying[mid] = seq

    def next_due(self, now: float) -> float:
        """Seconds until ``tick`` has something to do, at most the ack wait."""
        times = [self._asked + self._config.sync_retry_s] if self._syncing else []
        if self._waiting:
            times.append(min(self._waiting.values()) + self._ack_wait)
        if self._flying:
            times.append(self._confirmed + self._stall_s)
        if self._paused_until > now:
            times.append(self._paused_until)
        return max(0.0, min(times, default=now + self._ack_wait) - now)

    @property
    def _stall_s(self) -> float:
        return 2 * self._config.ack_timeout_s

    def tick(self, now: float) -> None:
        """Do what is due: ask again, look for late acks, send. Raises StalledError."""
        if self._flying and now - self._confirmed > self._stall_s:
            raise StalledError
        if self._syncing:
            if now - self._asked >= self._config.sync_retry_s:
                self._ask(now)
            return
        if self._waiting and now - next(iter(self._waiting.values())) >= self._ack_wait:
            self._ack_wait = min(self._ack_wait * 2, MAX_WAIT_S)
            self.tally.late += 1
            self._move(Happening.ACK_LATE)
            self.begin(now)
            return
        self._pump(now)

    def _pump(self, now: float) -> None:
        if now < self._paused_until:
            return
        busy = set(self._flying.values()) | self._waiting.keys()
        while (room := self._room()) > 0:
            page = self._outbox.pending(self._cursor, min(PAGE, room + len(busy)))
            if not page:
                return
            for item in page:
                if self._room() <= 0:
                    return
                if item.device:  # law 6
                    self._cursor = item.seq
                    self._tell_former(item.device)
                    continue
                if item.epoch not in self._epochs:  # begun since the sync: it is asked for first (law 1)
                    self._move(Happening.NEW_EPOCH)
                    self.begin(now)
                    return
                self._cursor = item.seq
                if item.seq not in busy:
                    self._send_row(item, now)

    def _tell_former(self, device: str) -> None:
        if device not in self._former:
            self._former.add(device)
            self._ears.alarm("former_rows", {"device": device})

    def _room(self) -> int:
        flying = len(self._flying)
        return min(self._config.in_flight - flying, self._config.await_ack - flying - len(self._waiting))

    def _send_row(self, item: OutboxItem, now: float) -> None:
        message = envelope(
            device=self._device,
            epoch=item.epoch,
            seq=item.seq,
            body=item.body,
            at=item.at,
            clock=item.clock,
            boot=item.boot,
            mono_ms=item.mono_ms,
            session=self._session,
        )
        self.tally.sent += 1
        self._send(topic(Topic.PASSAGE, self._device), encode(message), now, seq=item.seq)

    def on_taken(self, mid: int, code: int, now: float) -> None:
        """The broker confirmed or refused a message."""
        seq = self._flying.pop(mid, None)
        if seq is None:
            return  # presence, health, events: nothing to do
        self._confirmed = now
        if code >= REFUSED:
            self._on_refused(seq, code, now)
        elif seq:
            self.tally.taken += 1
            self._pause = REFUSAL_PAUSE_S
            self._waiting[seq] = now

    def _on_refused(self, seq: int, code: int, now: float) -> None:
        self.tally.refused += 1
        self._ears.alarm("publish_refused", {"rc": code})
        if seq:
            self._cursor = min(self._cursor, seq - 1)
        if now >= self._paused_until:
            self._paused_until = now + self._pause
            self._pause = min(self._pause * 2, MAX_WAIT_S)

    def on_message(self, where: str, payload: bytes, retained: bool, now: float) -> None:
        """Something arrived on one of the topics that the box hears."""
        try:
            if where == topic(Topic.ACK, self._device):
                if self._session:  # else nothing was asked yet, and nothing can be an answer
                    self._on_signed(decode(payload, Signed), now)
            elif where == topic(Topic.HQ_STATE):
                self._on_hq(decode(payload, HqState), retained, now)
            elif where in (Topic.BEACON, Topic.PARCEL):
                self._ears.news(Topic(where), payload)
        except WireError:
            self._disbelieve(AckOutcome.MALFORMED)

    def _on_hq(self, state: HqState, retained: bool, now: float) -> None:
        before, self._hq = self._hq, (state.store, state.session) if state.online else None
        if before == self._hq or not self._session:
            return
        if retained and before is None and self._syncing:
            return  # it stood there before our sync was sent: that one will be answered
        if self._hq is not None:
            self._ack_wait = self._config.ack_timeout_s
        self._move(Happening.HQ_CHANGED if self._hq else Happening.HQ_AWAY)
        self.begin(now)

    def _on_signed(self, message: Signed, now: float) -> None:
        payload = self._judge(message, self._session)
        if payload is AckOutcome.REPLAYED and any(
            isinstance(self._judge(message, past), AckPayload) for past in self._past
        ):
            return  # an answer that a newer sync has overtaken
        if isinstance(payload, AckOutcome):
            self._disbelieve(payload)
            return
        self._ears.signed_time(payload.server_time)
        if self._put_back(payload):
            self._begin_epoch(now)
        elif payload.kind == "holdings":
            self._on_holdings(payload, now)
        else:
            self._on_ack(payload)

    def _put_back(self, payload: AckPayload) -> bool:
        """True if headquarters holds rows of this epoch that the box never wrote: its disk was put back, or cloned."""
        if (payload.newest_held or 0) <= max(self._top, self._cursor):
            return False  # without asking the journal: this is every ack of every day
        counts = self._outbox.counts()
        return payload.epoch == counts.epoch and (payload.newest_held or 0) > counts.newest

    def _begin_epoch(self, now: float) -> None:
        self._outbox.renew_epoch("disk_restored")
        self._ears.alarm("disk_restored", {})
        self._move(Happening.NEW_EPOCH)
        self.begin(now)

    def _judge(self, message: Signed, session: str) -> AckPayload | AckOutcome:
        return judge(message, keys=self._keys, device=self._device, epochs=self._epochs, session=session)

    def _on_ack(self, payload: AckPayload) -> None:
        outcome = self._outbox.apply_ack(payload)
        if outcome is not AckOutcome.APPLIED:
            self._disbelieve(outcome)
            return
        self.tally.believed += 1
        held = set(payload.seqs())
        for seq in held:
            self._waiting.pop(seq, None)
        for mid, seq in self._flying.items():
            if seq in held:
                self._flying[mid] = 0  # the ack has overtaken the PUBACK
        if not self._waiting:
            self._ack_wait = self._config.ack_timeout_s

    def _on_holdings(self, payload: AckPayload, now: float) -> None:
        outcome = self._outbox.apply_holdings(payload)
        if outcome is AckOutcome.APPLIED:
            self.tally.believed += 1
        else:
            self._disbelieve(outcome)  # headquarters did answer: what it lacks is sent all the same
        if not self._syncing or payload.epoch != self._shelves[0].epoch:
            return
        self._asked = now
        self._covered = merged([*self._covered, payload.span])
        want = max(self._shelves[0].oldest, 1), max(self._shelves[0].newest, 1)
        if any(low <= want[0] and high >= want[1] for low, high in self._covered):
            self._shelves.popleft()
            self._covered = []
            if self._shelves:
                self._ask(now)
                return
            self._syncing = False
            self._move(Happening.SYNCED)
            self._pump(now)

    def _disbelieve(self, outcome: AckOutcome) -> None:
        self.tally.disbelieved[outcome] = self.tally.disbelieved.get(outcome, 0) + 1
        self._ears.alarm("ack_not_believed", {"reason": str(outcome)})
