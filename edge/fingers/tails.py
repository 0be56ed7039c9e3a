"""Impostor tails of the extractors: for a gallery that is too small for one of its own, and for 1:1 verification.

Laws:
1. A gallery's own tail comes first (``edge.core.watch.manifest.Tail``).
2. These were fitted to strangers of FVC2002 DB1-4 set B, pairs of one scanner (23,040 comparisons, 22 above FMR 1e-3):
   scores at FMR 1e-3 of 1.36 (LEADER) and 1.24 (mindtct), rates of 6.2 and 5.5. 22 pairs tell a rate to a fifth: what
   stands here is a standard error flatter, so that thresholds err to the side of fewer false candidates.
3. An extractor that nobody measured gets a tail that is too high on purpose.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from edge.core.fingerprints.thresholds import Fallback, score_at

VERIFY_FMR: Final = 1e-4  # of a 1:1 verification: one stranger in 10,000 passes for the same finger

TAILS: Final[Mapping[str, Fallback]] = MappingProxyType({
    "leader": Fallback(score=1.36, rate=4.9),
    "mindtct": Fallback(score=1.24, rate=4.4),
})
OTHER: Final = Fallback(score=2.0, rate=3.0)  # law 3


def fallback(extractor_id: str) -> Fallback:
    """The tail of an extractor, by the first word of its id."""
    return TAILS.get(extractor_id.partition("-")[0], OTHER)


def verify_threshold(extractor_id: str) -> float:
    """The least comparison score of "same finger"."""
    return score_at(fallback(extractor_id), VERIFY_FMR)
