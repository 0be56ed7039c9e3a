"""Thresholds of a search from an impostor tail: exact in arithmetic, true for scores drawn from such a tail."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.core.fingerprints import thresholds as t
from edge.core.fingerprints.thresholds import Fallback

LEADER = Fallback(4.71, 3.2)
tails = st.builds(Fallback, st.floats(0.5, 20), st.floats(0.2, 20))
shares = st.floats(1e-6, 0.5)
counts = st.integers(1, 4_000_000)


def test_a_hundred_thousand_templates_at_one_traveller_in_a_hundred() -> None:
    """The facts: 1e-7 is what N = 100,000 costs; LEADER's 7.29 there was extrapolated by a slightly flatter tail."""
    assert t.threshold(LEADER, 100_000, 0.01) == pytest.approx(4.71 + math.log(1e-3 / 1.005e-7) / 3.2, abs=1e-3)
    assert t.expected(LEADER, 100_000, t.threshold(LEADER, 100_000, 0.01)) == pytest.approx(0.01005, rel=1e-3)


@given(tails, counts, shares)
def test_at_the_threshold_as_many_are_expected_as_are_allowed_or_fewer(
    tail: Fallback, templates: int, share: float
) -> None:
    least = t.threshold(tail, templates, share)
    assert least >= tail.score
    allowed = -math.log1p(-share)
    reached = t.expected(tail, templates, least)
    assert reached == pytest.approx(allowed, rel=1e-6) or (least == tail.score and reached <= allowed)


@given(tails, counts, shares)
def test_more_templates_and_smaller_shares_ask_for_more(tail: Fallback, templates: int, share: float) -> None:
    assert t.threshold(tail, templates + 1, share) >= t.threshold(tail, templates, share)
    assert t.threshold(tail, templates, share / 2) >= t.threshold(tail, templates, share)
    assert t.threshold_of_two(tail, templates + 1, share) >= t.threshold_of_two(tail, templates, share)


@given(tails, counts, shares)
def test_two_fingers_have_a_threshold_of_their_own(tail: Fallback, templates: int, share: float) -> None:
    one, two = t.score_at(tail, t.allowed(share) / templates), t.threshold_of_two(tail, templates, share)
    assert two >= one - 1e-9  # no score is below 0
    assert two >= 2 * t.origin(tail)
    assert t.expected_of_two(tail, templates, two) <= t.allowed(share) * (1 + 1e-6)


def test_false_candidates_come_as_often_as_stated() -> None:
    """Strangers drawn from the tail itself: the share of searches with one or more, for one finger and for two."""
    drawn = np.random.default_rng(7)
    templates, searches, share = 2_000, 4_000, 0.05
    least = t.threshold(LEADER, templates, share)
    least_two = t.threshold_of_two(LEADER, templates, share)
    one = two = 0
    for _ in range(searches // 100):
        first, second = t.origin(LEADER) + drawn.exponential(1 / LEADER.rate, (2, 100, templates))
        one += int((first >= least).any(1).sum())
        two += int((first + second >= least_two).any(1).sum())
    assert one / searches == pytest.approx(share, abs=0.015)
    assert two / searches == pytest.approx(share, abs=0.015)


def test_a_share_lies_between_nothing_and_all() -> None:
    for share in (0.0, 1.0, -0.1, 2.0):
        with pytest.raises(ValueError, match="between 0 and 1"):
            t.allowed(share)
    assert t.threshold(LEADER, 0, 0.01) == LEADER.score


@given(tails, counts, shares, st.integers(1, 20), st.floats(0, 100))
def test_two_fingers_agree_by_the_second_too(
    tail: Fallback, templates: int, share: float, references: int, beyond: float
) -> None:
    def agree(first: float, second: float) -> bool:
        return t.both_agree(
            tail, first, second, templates=templates, references=references, false_candidates=share
        )

    alone = t.score_at(tail, t.DIFFERENT_AT / references)
    both = t.threshold_of_two(tail, templates * references, share)
    assert not agree(both + beyond, np.nextafter(alone, -math.inf))
    assert agree(both + beyond + max(0.0, -alone), max(alone, 0.0))
    assert not agree(both - max(alone, 0.0) - 1e-6 - beyond, max(alone, 0.0))


def test_a_dozen_minutiae_are_the_least() -> None:
    assert t.enough(t.LEAST_MINUTIAE, t.LEAST_DESCRIBED)
    assert not t.enough(t.LEAST_MINUTIAE - 1, 32)
    assert not t.enough(32, t.LEAST_DESCRIBED - 1)
