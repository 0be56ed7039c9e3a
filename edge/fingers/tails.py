"""Impostor tails of the extractors: for a gallery that is too small for one of its own, and for 1:1 verification.

Law: a gallery's own tail comes first (``edge.core.watch.manifest.Tail``); these were fitted to strangers of FVC2002
DB1-4 set B (docs/fingerprints.md), which are images of other scanners than the post's.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from edge.core.fingerprints.thresholds import Fallback, score_at

VERIFY_FMR: Final = 1e-4  # of a 1:1 verification: one stranger in 10,000 passes for the same finger

TAILS: Final[Mapping[str, Fallback]] = MappingProxyType({
    "leader": Fallback(score=4.71, rate=3.20),
    "mindtct": Fallback(score=4.52, rate=2.59),
})
OTHER: Final = Fallback(score=6.0, rate=1.5)  # of an extractor that nobody measured: high on purpose


def fallback(extractor_id: str) -> Fallback:
    """The tail of an extractor, by the first word of its id."""
    return TAILS.get(extractor_id.partition("-")[0], OTHER)


def verify_threshold(extractor_id: str) -> float:
    """The least comparison score of "same finger"."""
    return score_at(fallback(extractor_id), VERIFY_FMR)
