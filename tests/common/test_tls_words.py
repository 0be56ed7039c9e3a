"""What is said of a connection that ended: whether this side's certificate was the reason."""

from __future__ import annotations

import ssl

import pytest

from common.line import CertificateError, Closed, LineError, lost
from common.tls import REFUSALS, refusal


@pytest.mark.parametrize("reason", sorted(REFUSALS))
def test_an_alert_on_the_certificate_has_its_own_words(reason: str) -> None:
    assert reason in ssl._ssl.err_names_to_codes  # type: ignore[attr-defined]
    error = lost(Closed("Unspecified error", refusal(reason), early=True))
    assert isinstance(error, CertificateError)
    assert error.sure
    assert refusal(reason) in error.message
    assert "revoked" in error.advice


def test_a_broker_that_hangs_up_at_once_may_have_refused_it() -> None:
    error = lost(Closed("Unspecified error", early=True))
    assert isinstance(error, CertificateError)
    assert not error.sure
    assert "may have refused this certificate" in error.advice


def test_a_connection_that_ended_later_is_no_refusal() -> None:
    assert type(lost(Closed("Unspecified error"))) is LineError
    assert refusal("WRONG_VERSION_NUMBER") == refusal(None) == ""
