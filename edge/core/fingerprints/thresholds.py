"""From an impostor tail to thresholds: how high a score must be so that few travellers get a false candidate.

Laws:
1. Above ``Tail.score`` (FMR 1e-3) the chance that a stranger reaches s is 1e-3 exp(-rate (s - score)). Below it nothing
   is claimed by this tail, so no threshold of a search ever lies there.
2. ``false_candidates`` is the share of searches for people who are not listed that give one false candidate or more,
   among the shown references and among the silent ones, each by itself. Of N templates, E = -ln(1 - share) strangers
   may reach the threshold; each template has the same part in it, whichever gallery it stands in: FMR = E / N
   (fingerprint-matching facts, section 5).
3. Two fingers: the impostor scores of two fingers are taken for independent, and each for exponential over its whole
   range, beginning where the fit reaches FMR 1 (``origin``). Then the sum of two has the tail of a Gamma distribution
   of shape 2: FMR(sum) = e^-u (1 + u), u = rate (sum - 2 origin). Sums drawn from the impostor scores of FVC2002
   reach the threshold of FMR 1e-5 less often than that: 1.3 to 3 times (mindtct and LEADER, each fitted by itself).
   A high first score alone reaches it, whoever laid the second finger down, and every candidate has one. Two fingers
   agree only where the second by itself resembles a reference of the person too: FMR 1e-2 over those of the person.
4. A probe of too few minutiae is not compared: nobody would be found by it, and "no candidate" would mean nothing.
5. Pure arithmetic: the same numbers give the same thresholds on every machine.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final, Protocol

FITTED_AT: Final = 1e-3  # FMR where a tail begins
# Two impressions that score below this FMR are not taken for one finger. It lies in front of the tail, where the
# exponential is a guess: of the pairs of strangers of FVC2002 DB1_B to DB4_B 1.3 % (LEADER) and 3.6 % (mindtct) reach
# it, of the pairs of one finger 98 % and 96 % do.
DIFFERENT_AT: Final = 1e-2
TOO_LITTLE: Final = "too little of the finger can be read, try again"
# Of FVC2002 DB3_B by LEADER (80 impressions) no probe of fewer than 12 minutiae reached the threshold of 1,000
# templates with any other impression of its finger (best score 2.04, threshold 2.30), one of 12 did (3.03). Of 438
# impressions of FVC2002 one that passes the gate has fewer. Ridges without an ending give 0 or 1.
LEAST_MINUTIAE: Final = 12  # of a probe
LEAST_DESCRIBED: Final = 8  # of them have neighbours enough for a descriptor
_MAX_U: Final = 700.0  # e^-u is above zero until there
_STEPS: Final = 200


class Tail(Protocol):
    """A fitted tail (``edge.core.watch.manifest.Tail``, ``Fallback``)."""

    @property
    def score(self) -> float:
        """The comparison score at FMR 1e-3."""
    @property
    def rate(self) -> float:
        """How fast the logarithm of the FMR falls, per unit of score; above 0."""


@dataclass(frozen=True, slots=True)
class Fallback:
    """A tail that was fitted to no gallery: what an extractor showed elsewhere."""

    score: float
    rate: float


def allowed(false_candidates: float) -> float:
    """How many strangers may reach the threshold in one search, so that this share (0..1, open) of searches has one.

    ``ValueError`` for a share outside.
    """
    if not 0 < false_candidates < 1:
        raise ValueError("a share of travellers lies between 0 and 1")
    return -math.log1p(-false_candidates)


def fmr(tail: Tail, score: float) -> float:
    """The chance that a stranger reaches ``score``; 1e-3 at most, and for every score below the tail (law 1)."""
    return FITTED_AT * math.exp(-tail.rate * max(0.0, score - tail.score))


def score_at(tail: Tail, rate: float) -> float:
    """The score at this FMR (above 0); of one above 1e-3, which the tail does not reach, as if it did."""
    return tail.score + math.log(FITTED_AT / rate) / tail.rate


def threshold(tail: Tail, templates: int, false_candidates: float) -> float:
    """The least score of a candidate in a search over ``templates`` (of all galleries together); laws 1 and 2."""
    if templates <= 0:
        return tail.score
    return max(tail.score, score_at(tail, allowed(false_candidates) / templates))


def expected(tail: Tail, templates: int, score: float) -> float:
    """How many strangers of ``templates`` reach ``score`` by chance, in one search."""
    return templates * fmr(tail, score)


def origin(tail: Tail) -> float:
    """Where the exponential of a tail reaches FMR 1 (law 3); never below 0, as no score is."""
    return max(0.0, score_at(tail, 1.0))


def fmr_of_two(tail: Tail, total: float) -> float:
    """The chance that the scores of two fingers of a stranger add up to ``total`` (law 3)."""
    u = min(_MAX_U, max(0.0, tail.rate * (total - 2 * origin(tail))))
    return (1 + u) * math.exp(-u)


def expected_of_two(tail: Tail, templates: int, total: float) -> float:
    """How many strangers of ``templates`` reach this sum of two fingers by chance."""
    return templates * fmr_of_two(tail, total)


def threshold_of_two(tail: Tail, templates: int, false_candidates: float) -> float:
    """The least sum of two fingers that agrees, for the same share of searches (law 2)."""
    wanted = allowed(false_candidates) / max(1, templates)
    low, high = 0.0, _MAX_U
    for _ in range(_STEPS):  # (1 + u) e^-u falls from 1 at 0
        middle = (low + high) / 2
        low, high = (middle, high) if (1 + middle) * math.exp(-middle) > wanted else (low, middle)
    return 2 * origin(tail) + high / tail.rate


def both_agree(
    tail: Tail, first: float, second: float, *, templates: int, references: int, false_candidates: float
) -> bool:
    """Whether two fingers are of the person of a reference (law 3).

    ``first`` is the score of the candidate among ``templates``, ``second`` the best over ``references`` (1 or more) of
    the person that the second finger was compared with.
    """
    alone = second >= score_at(tail, DIFFERENT_AT / references)
    return alone and first + second >= threshold_of_two(tail, templates * references, false_candidates)


def enough(minutiae: int, described: int) -> bool:
    """Whether a probe can be compared (law 4); ``described`` minutiae have a descriptor."""
    return minutiae >= LEAST_MINUTIAE and described >= LEAST_DESCRIBED
