"""Whether certificates hold at a time that is known only within bounds. Pure: dates in, standing out.

Laws (ADR 0027):
1. A certificate that holds at every time that it can be now is good; one that holds at none of them is bad;
   the rest is doubtful.
2. Every certificate of the chain counts, the authority's own too, as with OpenSSL (RFC 5280 section 6.1.3 (a)(2)).
"""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from cryptography import x509

Bounds = tuple[datetime | None, datetime | None]  # earliest and latest that it can be now, aware; None: unknown


class Verdict(enum.IntEnum):
    """The worst of the chain counts."""

    GOOD = 0
    DOUBTFUL = 1  # it depends on what time it is: such a peer may be asked for the time, and for nothing else
    BAD = 2


@dataclass(frozen=True, slots=True)
class Standing:
    """``why`` names certificate and date for a person; empty when good."""

    verdict: Verdict
    why: str = ""


def standing(chain: Sequence[bytes], bounds: Bounds) -> Standing:
    """The standing of certificates (DER, leaf first). One that is no certificate of X.509 is bad."""
    worst = Standing(Verdict.GOOD)
    for at, der in enumerate(chain):
        try:
            certificate = x509.load_der_x509_certificate(der)
            first, last = certificate.not_valid_before_utc, certificate.not_valid_after_utc
        except ValueError:
            return Standing(Verdict.BAD, "a certificate that cannot be read")
        found = _judge("certificate" if at == 0 else f"authority {at} above it", first, last, bounds)
        if found.verdict > worst.verdict:
            worst = found
    return worst


def _judge(what: str, first: datetime, last: datetime, bounds: Bounds) -> Standing:
    earliest, latest = bounds
    if earliest and earliest > last:
        return Standing(Verdict.BAD, f"its {what} ended on {_day(last)}, and it is {_day(earliest)} at least")
    if latest and latest < first:
        return Standing(Verdict.BAD, f"its {what} begins on {_day(first)}, and it is {_day(latest)} at most")
    if earliest and latest and first <= earliest and latest <= last:
        return Standing(Verdict.GOOD)
    return Standing(Verdict.DOUBTFUL, f"whether its {what} holds ({_day(first)} to {_day(last)}) depends on the time")


def _day(time: datetime) -> str:
    return f"{time.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
