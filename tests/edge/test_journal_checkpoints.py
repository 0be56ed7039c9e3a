"""Signed checkpoints of the chain: when they come, what they vouch for, and that nothing waits for them."""

from __future__ import annotations

import base64
import sqlite3
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import journal_kit as kit
import msgspec
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import NameOID

from common.settings import ConfigError
from edge import audit_keys
from edge.core import audit, audit_file
from edge.core.trusted import ClockState, Trusted
from edge.core.verdicts import Outcome
from edge.journal import Journal, Signer, read_only
from edge.journal.checkpoints import EVERY_ROWS, EVERY_S

KEY = ec.generate_private_key(ec.SECP256R1())


def sign(data: bytes) -> bytes:
    return KEY.sign(data, ec.ECDSA(hashes.SHA256()))


def _journal(path: Path, signing: Callable[[bytes], bytes] = sign, clock: list[float] | None = None) -> Journal:
    journal = kit.journal(path, retry_seconds=0.02)
    journal._signer = Signer("a" * 64, signing)
    if clock is not None:
        journal._named = replace(journal._named, mono=lambda: clock[0])
    journal.start()
    return journal


def _points(path: Path) -> list[tuple[int, audit.Checkpoint]]:
    with sqlite3.connect(path) as db:
        rows = db.execute("select number, body from audit where kind = 'checkpoint' order by number").fetchall()
    return [(number, msgspec.json.decode(body, type=audit.Checkpoint)) for number, body in rows]


def test_a_checkpoint_comes_after_every_hundred_rows(tmp_path: Path) -> None:
    journal = _journal(tmp_path / "journal.db", clock=[5.0])
    kit.record(journal, range(350))
    journal.close()
    points = _points(tmp_path / "journal.db")
    assert [number for number, _ in points] == [101, 202, 303]
    for number, point in points:
        assert (point.device, point.number, point.key) == (kit.DEVICE, number - 1, "a" * 64)
        KEY.public_key().verify(base64.b64decode(point.signature), point.signed(), ec.ECDSA(hashes.SHA256()))
    believe = audit_keys.believer([KEY.public_key()])
    with read_only(tmp_path / "journal.db") as view:
        check = view.verify_audit(believe, heads=[points[1][1].head])
        assert (check.sound, check.signed_until, check.checkpoints) == (True, 302, 3)
        assert check.found == {points[1][1].head: 201}
        stranger = audit_keys.believer([ed25519.Ed25519PrivateKey.generate().public_key()])
        assert view.verify_audit(stranger).first_bad == 101


def test_and_after_five_minutes_with_anything_new(tmp_path: Path) -> None:
    clock = [5.0]
    journal = _journal(tmp_path / "journal.db", clock=clock)
    kit.record(journal, range(3))
    clock[0] += EVERY_S - 1
    kit.record(journal, [3])
    assert _points(tmp_path / "journal.db") == []
    clock[0] += 1
    kit.record(journal, [4])
    journal.close()  # the turn of row 4 or a quiet moment made one, and nothing new came since
    (first,) = _points(tmp_path / "journal.db")
    assert first[1].number in (4, 5)
    clock[0] += 10 * EVERY_S
    journal = _journal(tmp_path / "journal.db", clock=clock)
    clock[0] += EVERY_S
    kit.record(journal, [5])
    clock[0] += EVERY_S
    kit.record(journal, [6])
    journal.close()
    points = _points(tmp_path / "journal.db")
    assert 2 <= len(points) <= 3
    assert all(audit_keys.believer([KEY.public_key()])(point) for _, point in points)


def test_a_key_that_cannot_sign_stops_nothing_and_is_not_asked_at_every_row(tmp_path: Path) -> None:
    clock, asked = [5.0], []

    def failing(_data: bytes) -> bytes:
        asked.append(1)
        raise OSError("the token is away")

    journal = _journal(tmp_path / "journal.db", failing, clock)
    kit.record(journal, range(3 * EVERY_ROWS))
    assert (len(asked), journal.alive) == (1, True)
    clock[0] += EVERY_S
    kit.record(journal, range(1000, 1002))
    journal.close()
    assert len(asked) == 2
    assert _points(tmp_path / "journal.db") == []
    with read_only(tmp_path / "journal.db") as view:
        assert view.verify_audit().sound
        check = view.verify_audit(audit_keys.believer([KEY.public_key()]))
        assert (check.first_bad, check.problem) == (1, "the last 302 rows are signed by nobody")


def test_the_number_of_rows_alone_says_when(tmp_path: Path) -> None:
    """A silent hit and a CLEAR bring the next checkpoint equally near (ARCHITECTURE law 8)."""
    numbers = []
    for name, outcome in (("clear", Outcome.CLEAR), ("silent", Outcome.HIT)):
        (tmp_path / name).mkdir()
        journal = _journal(tmp_path / name / "journal.db", clock=[5.0])
        kit.record(journal, range(150), outcome, shown=Outcome.CLEAR)
        journal.close()
        numbers.append([number for number, _ in _points(tmp_path / name / "journal.db")])
    assert numbers[0] == numbers[1] == [101]


def test_retention_takes_bodies_and_leaves_checkpoints(tmp_path: Path) -> None:
    journal = _journal(tmp_path / "journal.db", clock=[5.0])
    kit.record(journal, range(250))
    for days in (0, 366):
        now = kit.START + kit.days(days)
        while journal.expire(Trusted(ClockState.SIGNED, now, now)).more:
            pass
    believe = audit_keys.believer([KEY.public_key()])
    with sqlite3.connect(tmp_path / "journal.db") as db:
        kept = db.execute("select kind, count(*) from audit where body is not null group by kind").fetchall()
    assert dict(kept)["checkpoint"] == 3  # the last one at once, for what retention states
    assert dict(kept).get("passage", 0) == 0
    check = journal.verify_audit(believe)
    assert (check.sound, check.signed_until) == (True, 253)
    journal.close()
    with read_only(tmp_path / "journal.db") as view:
        data = b"".join(view.export_audit("2026-03-01T12:00:00Z"))
    opening, check = audit_file.check([data], believe=believe)
    assert (opening.device, check.sound, check.signed_until) == (kit.DEVICE, True, 253)


def test_keys_are_read_from_certificates_and_key_files(tmp_path: Path) -> None:
    pem = serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "post-7")])
    now = datetime(2026, 3, 1, tzinfo=UTC)
    certificate = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(KEY.public_key())
        .serial_number(1).not_valid_before(now).not_valid_after(now + timedelta(days=1)).sign(KEY, hashes.SHA256())
    )  # fmt: skip
    (tmp_path / "device.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    (tmp_path / "key.pem").write_bytes(KEY.public_key().public_bytes(*pem))
    (tmp_path / "rsa.pem").write_bytes(rsa.generate_private_key(65537, 2048).public_key().public_bytes(*pem))
    (tmp_path / "text.pem").write_text("no key", encoding="utf-8")
    for good in ("device.pem", "key.pem"):
        assert audit_keys.load(tmp_path / good) == KEY.public_key()
    for bad in ("rsa.pem", "text.pem", "none.pem"):
        with pytest.raises(ConfigError) as caught:
            audit_keys.load(tmp_path / bad)
        assert caught.value.advice
    point = audit.Checkpoint(device="post-7", number=1, head="0" * 64, at="", key="", signature="no Base64!")
    assert audit_keys.believer([KEY.public_key()])(point) is False
