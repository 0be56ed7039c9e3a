"""Which of two certificates is shown, attempt by attempt."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from broker import Authority

from common.settings import TlsConfig
from common.tls import CertificateError
from edge.uplink.certificates import Certificates, Proof, previous

SAID = CertificateError("refused", advice="ask")
DOUBT = CertificateError("hung up", advice="ask", sure=False)


class Bench:
    """Two certificates of one key; ``kept`` is what was remembered."""

    def __init__(self, folder: Path) -> None:
        authority = Authority(folder)
        new = authority.issue("box-one", file="device")
        self.tls = TlsConfig(ca=str(new.ca), cert=str(new.certificate), key=str(new.key))
        self.old = previous(new.certificate)
        self.old.write_bytes(authority.issue("box-one", file="old", key=new.key).certificate.read_bytes())
        self.kept: list[str] = []
        self.boot()

    def boot(self) -> None:
        self.certificates = Certificates(
            self.tls, Proof(lambda: self.kept[-1] if self.kept else None, self.kept.append)
        )

    @property
    def shown(self) -> str:
        tls = self.certificates.present()
        assert tls is not None
        return Path(tls.cert).name


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def test_attempts_alternate_until_the_new_one_has_worked(bench: Bench) -> None:
    seen = []
    for _ in range(4):
        seen.append(bench.shown)
        bench.certificates.failed(SAID)
    assert seen == ["device.pem", "device.previous.pem"] * 2
    bench.certificates.worked()
    assert len(bench.kept) == 1
    for _ in range(3):
        bench.certificates.failed(SAID)
        assert bench.shown == "device.pem"
    bench.boot()
    bench.certificates.failed(SAID)
    assert bench.shown == "device.pem"


def test_the_one_before_proves_nothing_and_the_new_one_is_tried_with_the_next_connection(bench: Bench) -> None:
    bench.certificates.failed(SAID)
    assert bench.shown == "device.previous.pem"
    bench.certificates.worked()
    assert (bench.kept, bench.shown) == ([], "device.pem")


def test_a_further_renewal_begins_anew(bench: Bench) -> None:
    bench.certificates.worked()
    Path(bench.tls.cert).write_bytes(Path(bench.tls.cert).read_bytes() + b"\n")
    bench.certificates.failed(SAID)
    assert bench.shown == "device.previous.pem"


def test_without_one_before_there_is_nothing_to_choose_and_nothing_to_remember(bench: Bench) -> None:
    bench.old.unlink()
    bench.certificates.failed(SAID)
    assert bench.shown == "device.pem"
    bench.certificates.worked()
    assert bench.kept == []


def test_a_link_that_is_down_is_no_refusal(bench: Bench) -> None:
    for _ in range(5):
        bench.certificates.failed()
        assert bench.shown == "device.pem"


def test_a_broker_that_hangs_up_without_a_word_is_believed_the_second_time_in_a_row(bench: Bench) -> None:
    for _ in range(3):
        bench.certificates.failed(DOUBT)
        assert bench.shown == "device.pem"
        bench.certificates.failed()  # it was away: so it was restarting
    bench.certificates.failed(DOUBT)
    bench.certificates.failed(DOUBT)
    assert bench.shown == "device.previous.pem"


def test_the_one_before_stays_while_the_link_is_down(bench: Bench) -> None:
    bench.certificates.failed(SAID)
    bench.certificates.failed()
    assert bench.shown == "device.previous.pem"
    bench.certificates.failed(SAID)
    assert bench.shown == "device.pem"


def test_a_link_without_tls_has_no_certificate() -> None:
    certificates = Certificates(None, Proof())
    certificates.failed(SAID)
    certificates.worked()
    assert certificates.present() is None
    assert certificates.trouble((None, None)) == ""


def test_trouble_is_told_only_where_the_dates_are_certain(bench: Bench) -> None:
    now = datetime.now(UTC)
    assert bench.certificates.trouble((now, now)) == ""
    assert bench.certificates.trouble((None, None)) == ""
    assert bench.certificates.trouble((now, now + timedelta(days=9))) == ""
    assert "ended on" in bench.certificates.trouble((now + timedelta(days=2), None))
    assert "begins on" in bench.certificates.trouble((None, now - timedelta(days=2)))
    Path(bench.tls.cert).write_bytes(b"no certificate")
    assert bench.certificates.trouble((now, now)) == ""
