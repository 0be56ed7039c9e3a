"""Whether the broker may be talked to: its certificates are judged by trusted time, not by the system clock.

Laws (ADR 0027):
1. A broker whose certificates cannot hold at any time that it can be now is left, before a byte of MQTT is sent.
2. One of which time alone decides is asked for headquarters' signed time, and for nothing else; then law 1 again.
3. The authority, the signatures, the purpose and the name in the certificate are checked whatever the time is.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from common.line import LineError
from common.standing import Bounds, Standing, Verdict, standing

ADVICE = "have headquarters renew the broker's certificate; if trusted time is wrong, bring a time paper by stick"


class Trust:
    """The judgement over one connection. ``bounds`` tells between which times it can be now (``TrustedClock``)."""

    def __init__(self, bounds: Callable[[], Bounds]) -> None:
        self._bounds = bounds
        self._chain: Sequence[bytes] = ()
        self.standing = Standing(Verdict.GOOD)

    def check(self, chain: Sequence[bytes]) -> None:
        """Judge the broker's verified chain (DER, leaf first). Raises LineError for one that is bad."""
        self._chain, self.standing = chain, standing(chain, self._bounds())
        if self.standing.verdict is Verdict.BAD:
            raise LineError(f"the broker is not believed: {self.standing.why}", advice=ADVICE)

    @property
    def doubtful(self) -> bool:
        """True if only the time may be asked for (law 2)."""
        return self.standing.verdict is Verdict.DOUBTFUL

    def settle(self) -> None:
        """Judge again after headquarters' word on the time. Raises LineError if it is bad now, or no clearer."""
        self.check(self._chain)
        if self.doubtful:
            raise LineError("headquarters' word on the time was not believed: it leaps too far",
                            advice="compare both clocks; a time paper signed by the root sets this box right")
