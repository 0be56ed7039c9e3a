"""What comparison scores say about an extractor and a matcher: EER, FNMR at a given FMR, and how sure that is.

After D. Maio, D. Maltoni, R. Cappelli, J. L. Wayman and A. K. Jain, "FVC2000", IEEE TPAMI 24(3), 2002, section 4, and
ISO/IEC 19795-1 for the words.

Laws:
1. A pair matches where its score is over the threshold. FMR is the share of impostor pairs that match, FNMR the share
   of genuine pairs that do not.
2. The FNMR at an FMR is taken at the lowest threshold that lets through no more than that share of impostor pairs. It
   is not stated (None) where that share of the pairs is under FEWEST: a single pair would decide.
3. Pairs of one finger hang together. The interval takes as many pairs as would be worth as much if they were
   independent (Kish's design effect, by finger), and is Wilson's for 95 %.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

FEWEST: Final = 2  # impostor pairs that may match at a stated FMR
FMRS: Final[Mapping[str, float]] = {"1%": 1e-2, "0.1%": 1e-3, "0.01%": 1e-4}
Z: Final = 1.959964  # two-sided 95 %

Scores = NDArray[np.floating[Any]]


@dataclass(frozen=True, slots=True)
class Point:
    """One FNMR: a fraction, the threshold it is taken at, and its interval (law 3)."""

    fnmr: float
    threshold: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Rates:
    """``eer`` a fraction; ``points`` by the names of FMRS, None where there are too few impostor pairs."""

    eer: float
    points: Mapping[str, Point | None]
    genuine: int
    impostor: int


def rates(genuine: Scores, impostor: Scores, fingers: Sequence[int] | NDArray[np.integer[Any]]) -> Rates:
    """All rates of one experiment; ``fingers``: of each genuine pair, whose it is. Raises ValueError without pairs."""
    if not len(genuine) or not len(impostor):
        raise ValueError("rates need genuine and impostor pairs")
    whose = np.asarray(fingers)
    return Rates(
        eer=eer(genuine, impostor),
        points={name: point(genuine, impostor, whose, fmr) for name, fmr in FMRS.items()},
        genuine=len(genuine), impostor=len(impostor),
    )  # fmt: skip


def threshold_at(impostor: Scores, fmr: float) -> float | None:
    """The lowest score that a match must exceed at this FMR (laws 1 and 2); None where there are too few pairs."""
    allowed = fmr * len(impostor)
    if allowed < FEWEST - 1e-9:
        return None
    best_first = np.sort(impostor)[::-1]
    matching = math.floor(allowed + 1e-9)
    return float(best_first[matching]) if matching < len(best_first) else -math.inf


def point(genuine: Scores, impostor: Scores, fingers: NDArray[np.integer[Any]], fmr: float) -> Point | None:
    """The FNMR at an FMR, with its interval."""
    threshold = threshold_at(impostor, fmr)
    if threshold is None:
        return None
    missed = np.asarray(genuine <= threshold)
    low, high = interval(missed, fingers)
    return Point(float(missed.mean()), threshold, low, high)


def eer(genuine: Scores, impostor: Scores) -> float:
    """Where FMR and FNMR meet, on the straight line between the two thresholds around that place."""
    at = np.unique(np.concatenate([[-math.inf], genuine, impostor]))
    fnmr = np.searchsorted(np.sort(genuine), at, side="right") / len(genuine)
    fmr = 1 - np.searchsorted(np.sort(impostor), at, side="right") / len(impostor)
    after = int(np.argmax(fnmr >= fmr))  # the last threshold has FMR 0
    before = max(after - 1, 0)
    gap_before, gap_after = fmr[before] - fnmr[before], fnmr[after] - fmr[after]
    part = gap_before / (gap_before + gap_after) if gap_before + gap_after > 0 else 0.0
    return float(fnmr[before] + part * (fnmr[after] - fnmr[before]))


def interval(missed: NDArray[np.bool_], fingers: NDArray[np.integer[Any]]) -> tuple[float, float]:
    """The 95 % interval of a share (law 3)."""
    return wilson(float(missed.mean()), len(missed) / design_effect(missed, fingers))


def design_effect(missed: NDArray[np.bool_], fingers: NDArray[np.integer[Any]]) -> float:
    """How many times fewer independent pairs would say as much; 1 and more, 1 where a share of 0 or 1 tells nothing."""
    count, share = len(missed), float(missed.mean())
    _, whose = np.unique(fingers, return_inverse=True)
    groups = int(whose.max()) + 1
    alone = share * (1 - share) / count
    if groups < 2 or alone == 0:
        return 1.0
    off = np.bincount(whose, weights=missed - share)
    together = float((off**2).sum()) / count**2 * groups / (groups - 1)
    return max(1.0, together / alone)


def wilson(share: float, count: float) -> tuple[float, float]:
    """Wilson's score interval of ``share`` of ``count`` trials (a fraction of a trial is no fault)."""
    square = Z * Z / count
    middle = (share + square / 2) / (1 + square)
    half = Z / (1 + square) * math.sqrt(share * (1 - share) / count + square / (4 * count))
    return max(0.0, middle - half), min(1.0, middle + half)
