"""Certificates at a time that is known within bounds."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st

from common.standing import Verdict, standing

T0 = datetime(2026, 3, 1, tzinfo=UTC)
DAY = timedelta(days=1)
KEY = Ed25519PrivateKey.generate()


def certificate(first: int, last: int) -> bytes:
    """One that holds from T0 + first days to T0 + last days, as DER."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "broker")])
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(KEY.public_key())
    builder = builder.serial_number(1).not_valid_before(T0 + first * DAY).not_valid_after(T0 + last * DAY)
    return builder.sign(KEY, None).public_bytes(Encoding.DER)


LEAF, CA = certificate(0, 10), certificate(-100, 5)


@pytest.mark.parametrize(("bounds", "verdict"), [
    ((T0, T0 + 5 * DAY), Verdict.GOOD),
    ((T0 + 6 * DAY, T0 + 6 * DAY), Verdict.BAD),  # the authority ended, the certificate did not
    ((T0 + 4 * DAY, T0 + 6 * DAY), Verdict.DOUBTFUL),
    ((T0 - 2 * DAY, T0 - DAY), Verdict.BAD),
    ((T0 - DAY, T0 + DAY), Verdict.DOUBTFUL),
    ((None, None), Verdict.DOUBTFUL),
    ((T0 + DAY, None), Verdict.DOUBTFUL),
    ((T0 + 11 * DAY, None), Verdict.BAD),
    ((None, T0 - DAY), Verdict.BAD),
])  # fmt: skip
def test_the_worst_of_the_chain_counts(bounds: tuple[datetime | None, datetime | None], verdict: Verdict) -> None:
    found = standing([LEAF, CA], bounds)
    assert found.verdict is verdict
    assert bool(found.why) is (verdict is not Verdict.GOOD)


def test_bytes_that_are_no_certificate_are_bad() -> None:
    assert standing([b"\x30\x03abc"], (T0, T0)).verdict is Verdict.BAD


DAYS = st.integers(-30, 30)


@given(DAYS, DAYS, DAYS, DAYS)
def test_the_verdict_is_what_every_moment_within_the_bounds_says(first: int, last: int, low: int, high: int) -> None:
    first, last, low, high = *sorted((first, last)), *sorted((low, high))
    der = certificate(first, last)
    points = [standing([der], (T0 + d * DAY, T0 + d * DAY)).verdict for d in range(low, high + 1)]
    assert points == [Verdict.GOOD if first <= d <= last else Verdict.BAD for d in range(low, high + 1)]
    expected = points[0] if len(set(points)) == 1 else Verdict.DOUBTFUL
    found = standing([der], (T0 + low * DAY, T0 + high * DAY)).verdict
    # A certificate that begins after the earliest and ends before the latest never covers both ends.
    assert found is expected


def test_dates_are_read_to_the_second() -> None:
    edge = T0 + 10 * DAY
    assert standing([LEAF], (edge, edge)).verdict is Verdict.GOOD
    assert standing([LEAF], (edge + timedelta(seconds=1), edge + timedelta(seconds=1))).verdict is Verdict.BAD
