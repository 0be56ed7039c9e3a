"""What tests of headquarters' intake share: an intake with its store, sealed bodies, and the topics they come on."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from edge.core import sealing
from edge.core.acks import ACK_DOMAIN
from edge.core.trusted import ClockState
from edge.core.verdicts import Outcome
from edge.core.wire import (
    BODY_TYPE,
    AckPayload,
    BodyReason,
    PassageBody,
    PassageEnvelope,
    Signed,
    Topic,
    decode,
    encode,
    envelope,
    fit,
    message_id,
    topic,
)
from edge.core.wire.bodies import Body
from hq.collector.answers import Answer, Speaker
from hq.collector.intake import Intake
from hq.collector.intake import Outcome as Taken
from hq.config import CollectorConfig
from hq.store import Store, View

NOW = datetime(2026, 5, 17, 8, tzinfo=UTC)
SEAL, ACK = sealing.generate_seal_key(), sealing.generate_sign_key()
BOX, EPOCH, SESSION = "box-one", "epoch-a", "session-a"


class Desk:
    """An intake with its store, and the short words of these tests."""

    def __init__(self, folder: Path, **limits: int) -> None:
        self.path = folder / "hq.sqlite"
        self.store = Store(self.path, new_id=lambda: "store-one", conflict_rows=10, quarantine_rows=10)
        self.intake = Intake(
            self.store,
            {sealing.key_id(SEAL.public_key()): SEAL},
            Speaker(self.store.id, ACK, lambda: NOW),
            CollectorConfig(**limits),
            lambda: NOW,
        )

    def take(self, *messages: tuple[str, bytes]) -> Taken:
        taken = self.intake.take(messages)
        self.intake.look_into(100)  # as the loop does once the acks are out
        return taken

    def view(self) -> View:
        return View(self.path)

    def alarms(self) -> set[tuple[str, str]]:
        with self.view() as view:
            return {(a.device, a.code) for a in view.alarms()}


def sealed(body: Body, seq: int, *, to: sealing.SealPublic | None = None) -> bytes:
    recipient = sealing.Recipient.of(to or SEAL.public_key())
    return sealing.seal(fit(body), message_id=message_id(BOX, EPOCH, seq), type=BODY_TYPE, recipients=[recipient])


def wrapped(body: bytes, seq: int, *, session: str = SESSION, epoch: str = EPOCH) -> PassageEnvelope:
    return envelope(
        device=BOX, epoch=epoch, seq=seq, body=body, at=NOW, clock=ClockState.SIGNED, boot="boot", mono_ms=5,
        session=session,
    )  # fmt: skip


def on(kind: Topic, message: object, device: str = BOX) -> tuple[str, bytes]:
    return topic(kind, device), encode(message)


def clear(name: str = "p-1", outcome: Outcome = Outcome.CLEAR, shown: Outcome | None = None) -> PassageBody:
    reasons = () if outcome is Outcome.CLEAR else (
        BodyReason(list="national", record="R1", kind="person", outcome=str(outcome), score=0.9, name="ERIKSSON ANNA"),
    )  # fmt: skip
    return PassageBody(
        passage=name, counter="lane-1", direction="entry", at=NOW, clock=ClockState.SIGNED, outcome=outcome,
        shown=shown or outcome, reasons=reasons,
    )  # fmt: skip


def heard(answer: Answer) -> AckPayload:
    signed = decode(answer.payload, Signed)
    data, signature = signed.parts()
    assert sealing.verify(ACK_DOMAIN, data, signature, ACK.public_key())
    return decode(data, AckPayload)
