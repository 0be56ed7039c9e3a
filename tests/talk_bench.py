"""A real journal, a real talk and a real headquarters' intake, on a wire that a test bends as it likes.

No socket and no clock: time is a number, messages lie in lists.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
from link_world import passage, token

from edge.config import UplinkConfig
from edge.core import sealing
from edge.core.wire import (
    BODY_TYPE,
    PassageEnvelope,
    decode,
)
from edge.journal import Journal
from edge.uplink.sides import Ears, Tally
from edge.uplink.states import Happening, State, after
from edge.uplink.talk import Talk
from hq.collector.answers import Speaker
from hq.collector.intake import Intake
from hq.config import CollectorConfig
from hq.store import Store

DEVICE = "box-one"
SEAL, ACK = sealing.generate_seal_key(), sealing.generate_sign_key()
START = datetime(2026, 5, 17, 8, tzinfo=UTC)
CONFIG = msgspec.convert(
    {"host": "none", "in_flight": 4, "await_ack": 8, "ack_timeout_s": 10, "sync_retry_s": 10}, UplinkConfig
)


@dataclass(frozen=True, slots=True)
class Sent:
    mid: int
    topic: str
    payload: bytes
    qos: int


class Bench:
    """A journal, a talk, a headquarters; ``out`` and ``back`` are what lies on the wire."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.now = 0.0
        self.open_journal()
        self.out: list[Sent] = []
        self.back: list[tuple[str, bytes]] = []
        self.alarms: list[str] = []
        self.signed: list[datetime] = []
        self.tally = Tally()
        self.state = State.SYNCING
        self.mids = 0
        self.number = 0
        self.store: Store | None = None
        self.open_store()
        self.connect()

    def wall(self) -> datetime:
        return START + timedelta(seconds=self.now)

    def open_journal(self) -> None:
        self.journal = Journal(
            self.folder / "journal.sqlite",
            device=DEVICE,
            sealer=sealing.make_sealer([sealing.Recipient.of(SEAL.public_key())], type=BODY_TYPE),
            box_key=b"k" * 32,
            token=token,
            wall=self.wall,
            mono=lambda: self.now,
            boot="boot-1",
        )
        self.journal.start()

    def open_store(self) -> None:
        if self.store:
            self.store.close()
        self.store = Store(
            self.folder / "hq.sqlite", new_id=lambda: secrets.token_hex(8), conflict_rows=10, quarantine_rows=10
        )
        speaker = Speaker(self.store.id, ACK, self.wall, self.store.newest)
        keys = {sealing.key_id(SEAL.public_key()): SEAL}
        self.intake = Intake(self.store, keys, speaker, CollectorConfig(), self.wall)

    def connect(self) -> None:
        self.out.clear()
        self.back.clear()
        self.state = State.SYNCING
        self.talk = Talk(
            CONFIG,
            device=DEVICE,
            outbox=self.journal,
            ack_keys={sealing.key_id(ACK.public_key()): ACK.public_key()},
            publish=self._publish,
            token=token,
            move=self._move,
            ears=Ears(self.signed.append, self._alarm),
            tally=self.tally,
        )
        self.talk.begin(self.now)

    def _move(self, happening: Happening) -> State:
        self.state = after(self.state, happening)
        return self.state

    def _alarm(self, code: str, _detail: Mapping[str, str | int]) -> None:
        self.alarms.append(code)

    def _publish(self, topic: str, payload: bytes, *, qos: int, retain: bool = False, expiry_s: int = 0) -> int:
        self.mids += 1
        self.out.append(Sent(self.mids, topic, payload, qos))
        return self.mids

    def record(self, count: int = 1) -> None:
        for _ in range(count):
            self.number += 1
            self.journal.record(passage(self.number)).result(5)

    def passages(self) -> list[int]:
        return [decode(m.payload, PassageEnvelope).seq for m in self.out if m.topic.endswith("/up/passage")]

    def to_headquarters(self, messages: list[Sent]) -> None:
        outcome = self.intake.take([(m.topic, m.payload) for m in messages])
        self.back += [(a.topic, a.payload) for a in outcome.answers]
        self.back += [(a.topic, a.payload) for rest in outcome.holdings.values() for a in rest]

    def turn(self, *, confirm: bool = True, deliver: bool = True, answer: bool = True) -> None:
        """Everything under way arrives (or does not), then a second passes."""
        out, self.out[:] = list(self.out), []
        if confirm:
            for message in out:
                self.talk.on_taken(message.mid, 0, self.now)
        if deliver:
            self.to_headquarters(out)
        back, self.back[:] = list(self.back), []
        if answer:
            for where, payload in back:
                self.talk.on_message(where, payload, False, self.now)
        self.now += 1.0
        self.talk.tick(self.now)

    def pending(self) -> int:
        return self.journal.counts().pending

    def close(self) -> None:
        self.journal.close()
        if self.store:
            self.store.close()
