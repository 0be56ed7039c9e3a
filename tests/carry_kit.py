"""What tests of carrying share: an authority, boxes with certificates, a journal with rows, headquarters."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import journal_kit
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from edge.carry.bundle import MAX_BUNDLE, MAX_ROWS, RowsWritten, Sender, write_rows
from edge.core import sealing
from edge.core.provisioning.papers import NationalPackage, Revocation
from edge.core.provisioning.request import serial_of
from edge.core.provisioning.signing import sign_paper
from edge.core.trusted import ClockState
from edge.journal import Journal
from hq.carry.importing import Importer, Report
from hq.carry.sender import Senders
from hq.collector.answers import Speaker
from hq.collector.intake import Intake
from hq.config import CollectorConfig
from hq.revoked import Revoked
from hq.store import Store, View

NOW = datetime(2026, 5, 17, 8, tzinfo=UTC)
SITE, SESSION = "north-gate", "carry-session-1"
ACK, COMMAND, ROOT = (sealing.generate_sign_key() for _ in range(3))
ACK_KEYS = {sealing.key_id(ACK.public_key()): ACK.public_key()}
SEAL_KEYS = {journal_kit.HQ.key_id: journal_kit.HQ_KEY}
YEAR = timedelta(days=365)

Key = ec.EllipticCurvePrivateKey


def new_key() -> Key:
    return ec.generate_private_key(ec.SECP256R1())


def spki(key: Key) -> bytes:
    return key.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )


def certificate(
    name: str, key: Key, issuer: tuple[str, Key], *, ca: bool = False, path: int | None = None, client: bool = True,
    since: datetime = NOW - timedelta(days=1), until: datetime = NOW + 2 * YEAR,
) -> x509.Certificate:  # fmt: skip
    def named(common: str) -> x509.Name:
        return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])

    builder = (
        x509.CertificateBuilder().subject_name(named(name)).issuer_name(named(issuer[0])).public_key(key.public_key())
        .serial_number(x509.random_serial_number()).not_valid_before(since).not_valid_after(until)
        .add_extension(x509.BasicConstraints(ca, path), critical=True)
        .add_extension(x509.KeyUsage(not ca, False, False, False, False, ca, ca, False, False), critical=True)
    )  # fmt: skip
    if not ca:
        usage = ExtendedKeyUsageOID.CLIENT_AUTH if client else ExtendedKeyUsageOID.SERVER_AUTH
        builder = builder.add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
    return builder.sign(issuer[1], hashes.SHA256())


def pem(*certificates: x509.Certificate) -> str:
    return b"".join(c.public_bytes(serialization.Encoding.PEM) for c in certificates).decode()


CA_KEY = new_key()
CA = certificate("national authority", CA_KEY, ("national authority", CA_KEY), ca=True, path=1)


def sender(device: str = journal_kit.DEVICE, *, key: Key | None = None, chain: str | None = None, site: str = SITE,
           until: datetime = NOW + 2 * YEAR) -> Sender:  # fmt: skip
    """A box of the authority; ``chain`` another PEM than its own certificate."""
    own = key or new_key()
    held = chain if chain is not None else pem(certificate(device, own, ("national authority", CA_KEY), until=until))
    return Sender(device, serial_of(spki(own)), site, held, lambda data: own.sign(data, ec.ECDSA(hashes.SHA256())))


def filled(folder: Path, count: int, name: str = "journal.sqlite") -> Journal:
    """A started journal with ``count`` passages."""
    made = journal_kit.journal(folder / name)
    made.start()
    for number in range(1, count + 1):
        made.record(journal_kit.new_passage(number)).result(10)
    return made


def bundle(journal: Journal, target: Path, *, by: Sender | None = None, session: str = SESSION,
           max_bytes: int = MAX_BUNDLE, max_rows: int = MAX_ROWS) -> RowsWritten:  # fmt: skip
    return write_rows(
        target, journal, sender=by or sender(), recipients=[journal_kit.HQ], session=session, created=NOW,
        clock=ClockState.SIGNED, max_bytes=max_bytes, max_rows=max_rows,
    )  # fmt: skip


def in_memory(journal: Journal, by: Sender) -> bytes:
    out = io.BytesIO()
    write_rows(out, journal, sender=by, recipients=[journal_kit.HQ], session=SESSION, created=NOW)
    return out.getvalue()


def national() -> bytes:
    package = NationalPackage(
        country="UTO", claim_keys=(sealing.public_to_text(COMMAND.public_key()),),
        command_keys=(sealing.public_to_text(COMMAND.public_key()),),
        root_keys=(sealing.public_to_text(ROOT.public_key()),),
        seal_key=sealing.public_to_text(journal_kit.HQ_KEY.public_key()),
        ack_key=sealing.public_to_text(ACK.public_key()), created=NOW,
    )  # fmt: skip
    return sign_paper(package, ROOT)


def revocation(number: int = 1, *, devices: Sequence[str] = (), serials: Sequence[str] = (),
               key: sealing.SignPrivate = COMMAND) -> bytes:  # fmt: skip
    return sign_paper(
        Revocation(country="UTO", number=number, created=NOW, devices=tuple(devices), serials=tuple(serials)), key
    )


def revoked(folder: Path, data: bytes, mono: Callable[[], float] = lambda: 0.0) -> Revoked:
    (folder / "national.json").write_bytes(national())
    (folder / "revoked.json").write_bytes(data)
    return Revoked(str(folder / "revoked.json"), str(folder / "national.json"), 5.0, mono)


class Headquarters:
    """A store with an importer; ``pauses`` are what it slept."""

    def __init__(self, folder: Path, *, revoked: Revoked | None = None, authorities: Sequence[x509.Certificate] = (CA,)
                 ) -> None:  # fmt: skip
        self.path = folder / "hq.sqlite"
        self.folder = folder
        self.store = Store(self.path, new_id=lambda: journal_kit.STORE, conflict_rows=10, quarantine_rows=100)
        self.revoked = revoked or Revoked("", "", 5.0, lambda: 0.0)
        self.senders = Senders(authorities, self.revoked)
        self.pauses: list[float] = []
        self.now = NOW

    def importer(self, vouched: str = "") -> Importer:
        return Importer(
            self.store, SEAL_KEYS, self.speaker(), self.senders, CollectorConfig(), lambda: self.now,
            self.folder / "logs", vouched=vouched, pause=self.pauses.append,
        )  # fmt: skip

    def speaker(self) -> Speaker:
        return Speaker(self.store.id, ACK, lambda: self.now, self.store.newest)

    def intake(self) -> Intake:
        return Intake(self.store, SEAL_KEYS, self.speaker(), CollectorConfig(), lambda: self.now,
                      refuses=self.revoked.refuses)  # fmt: skip

    def take(self, path: Path, vouched: str = "") -> Report:
        return self.importer(vouched).take(path)

    def alarms(self) -> set[tuple[str, str]]:
        with View(self.path) as view:
            return {(a.device, a.code) for a in view.alarms()}

    def held(self) -> int:
        with View(self.path) as view:
            return view.counts()["messages"]


def what(report: Report) -> tuple[int, int, int, int]:
    """New, duplicate, conflicting, refused."""
    return report.new, report.duplicate, report.conflicting, report.refused
