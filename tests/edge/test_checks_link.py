"""The doctor's look at TLS: files that cannot be used are named before the uplink stumbles over them."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from common.settings import TlsConfig
from edge import checks_link
from edge.checks import Check, Grade
from edge.config import UplinkConfig

DEVICE = "post-7"


class Papers:
    """A certificate authority of its own, and what it gives out, as PEM files in one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Specimen CA")])
        self.give("ca", "Specimen CA", authority=True)

    def give(
        self, file: str, name: str, *, days: float = 365, since: float = -1, authority: bool = False
    ) -> ec.EllipticCurvePrivateKey:
        key = self.key if authority else ec.generate_private_key(ec.SECP256R1())
        now = datetime.now(UTC)
        made = (
            x509.CertificateBuilder()
            .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
            .issuer_name(self.name).public_key(key.public_key()).serial_number(x509.random_serial_number())
            .not_valid_before(now + timedelta(days=since) - timedelta(days=400 if days < 0 else 0))
            .not_valid_after(now + timedelta(days=days))
            .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
            .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
            .sign(self.key, hashes.SHA256())
        )  # fmt: skip
        (self.folder / f"{file}.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
        (self.folder / f"{file}.key").write_bytes(key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ))  # fmt: skip
        return key

    def config(self, cert: str = "box", key: str = "box") -> TlsConfig:
        ca = str(self.folder / "ca.pem")
        return TlsConfig(ca=ca, cert=str(self.folder / f"{cert}.pem"), key=str(self.folder / f"{key}.key"))

    def find(self, tls: TlsConfig | None = None) -> dict[str, list[Check]]:
        by_name: dict[str, list[Check]] = {}
        for check in checks_link.tls_files(tls or self.config(), DEVICE):
            by_name.setdefault(check.name, []).append(check)
            assert check.grade is Grade.OK or check.advice
        return by_name


@pytest.fixture
def papers(tmp_path: Path) -> Papers:
    made = Papers(tmp_path)
    made.give("box", DEVICE)
    return made


def test_sound_files_are_said_with_their_last_day(papers: Papers) -> None:
    found = papers.find()
    assert [c.grade for checks in found.values() for c in checks] == [Grade.OK] * 3
    assert "valid until" in found["tls.cert"][0].found


@pytest.mark.parametrize("name", ["tls.ca", "tls.cert", "tls.key"])
@pytest.mark.parametrize("content", [b"", b"no PEM", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"])
def test_a_file_that_is_no_pem_is_an_error(papers: Papers, name: str, content: bytes) -> None:
    Path(getattr(papers.config(), name.removeprefix("tls."))).write_bytes(content)
    (check,) = papers.find()[name]
    assert check.grade is Grade.ERROR
    assert "is no PEM" in check.found


def test_a_key_of_another_certificate_is_an_error(papers: Papers) -> None:
    papers.give("other", DEVICE)
    (check,) = papers.find(papers.config(key="other"))["tls.key"]
    assert (check.grade, "does not belong" in check.found) == (Grade.ERROR, True)


def test_a_locked_key_is_an_error(papers: Papers) -> None:
    key = papers.give("box", DEVICE)
    (papers.folder / "box.key").write_bytes(key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.BestAvailableEncryption(b"x")
    ))  # fmt: skip
    (check,) = papers.find()["tls.key"]
    assert "locked" in check.found


@pytest.mark.parametrize(
    ("days", "since", "grade", "word"),
    [(-1, -1, Grade.ERROR, "ended on"), (20, -1, Grade.WARNING, "ends on"), (60, 30, Grade.ERROR, "valid from"),
     (40, -1, Grade.OK, "valid until")],
)  # fmt: skip
def test_dates_are_looked_at(papers: Papers, days: int, since: int, grade: Grade, word: str) -> None:
    papers.give("box", DEVICE, days=days, since=since)
    (check,) = papers.find()["tls.cert"]
    assert (check.grade, word in check.found) == (grade, True)


def test_a_certificate_of_another_box_is_an_error(papers: Papers) -> None:
    papers.give("box", "post-8")
    assert [c.grade for c in papers.find()["tls.cert"]] == [Grade.OK, Grade.ERROR]


@pytest.fixture
def broker(papers: Papers) -> Iterator[int]:
    """A port that asks for a certificate of the same authority, and then waits for a CONNECT."""
    papers.give("broker", "broker")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(papers.folder / "broker.pem", papers.folder / "broker.key")
    context.load_verify_locations(papers.folder / "ca.pem")
    context.verify_mode = ssl.CERT_REQUIRED
    listener = socket.create_server(("127.0.0.1", 0))
    port: int = listener.getsockname()[1]

    def serve() -> None:
        try:
            raw, _ = listener.accept()
            with raw, context.wrap_socket(raw, server_side=True) as line:
                line.settimeout(10)
                line.recv(1)
        except OSError:
            pass

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    yield port
    listener.close()
    thread.join(10)


def ask(port: int, tls: TlsConfig, host: str = "localhost") -> Check:
    (check,) = checks_link.broker(UplinkConfig(host=host, port=port, tls=tls), greet=True)
    return check


def test_a_broker_that_accepts_us_is_ok(papers: Papers, broker: int) -> None:
    check = ask(broker, papers.config())
    assert (check.grade, "accepts the other" in check.found) == (Grade.OK, True)


def test_a_broker_that_refuses_our_certificate_is_an_error(papers: Papers, broker: int, tmp_path: Path) -> None:
    (tmp_path / "strange").mkdir()
    stranger = Papers(tmp_path / "strange")
    stranger.give("box", DEVICE)
    tls = TlsConfig(ca=papers.config().ca, cert=stranger.config().cert, key=stranger.config().key)
    check = ask(broker, tls)
    assert (check.grade, "TLS: " in check.found) == (Grade.ERROR, True)


def test_a_broker_of_another_name_or_authority_is_an_error(papers: Papers, broker: int) -> None:
    check = ask(broker, papers.config(), host="127.0.0.1")
    assert (check.grade, "TLS: " in check.found) == (Grade.ERROR, True)
