"""EER, FNMR at an FMR, and their intervals, against figures worked by hand and by brute force."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.fingers.rates import design_effect, eer, point, rates, threshold_at, wilson

SCORES = st.lists(st.integers(0, 12).map(float), min_size=1, max_size=60).map(np.array)


def test_fnmr_is_taken_at_the_lowest_threshold_that_lets_no_more_impostors_through() -> None:
    impostor = np.arange(1000, dtype=float)
    assert threshold_at(impostor, 0.01) == 989  # 990 to 999 match: ten of a thousand
    found = point(np.array([989.0, 989.5, 990.0, 2000.0]), impostor, np.arange(4), 0.01)
    assert found is not None
    assert found.fnmr == 0.25


def test_ties_of_impostors_do_not_slip_through() -> None:
    impostor = np.array([0.0] * 990 + [7.0] * 20)
    assert threshold_at(impostor, 0.01) == 7.0
    assert point(np.array([7.0, 7.1]), impostor, np.arange(2), 0.01).fnmr == 0.5  # type: ignore[union-attr]


@pytest.mark.parametrize(("count", "said"), [(1999, False), (2000, True), (2880, True)])
def test_a_rate_that_one_pair_would_decide_is_not_stated(count: int, said: bool) -> None:
    assert (threshold_at(np.zeros(count), 0.001) is not None) is said


@given(SCORES, SCORES)
def test_eer_lies_between_the_rates_where_they_cross(genuine: np.ndarray, impostor: np.ndarray) -> None:  # type: ignore[type-arg]
    found = eer(genuine, impostor)
    at = np.concatenate([[-1.0], np.unique(np.concatenate([genuine, impostor]))])
    fmr = np.array([(impostor > t).mean() for t in at])
    fnmr = np.array([(genuine <= t).mean() for t in at])
    assert np.minimum(fmr, fnmr).max() - 1e-9 <= found <= np.maximum(fmr, fnmr).min() + 1e-9


def test_eer_of_known_distributions() -> None:
    assert eer(np.array([5.0, 6.0]), np.array([1.0, 2.0])) == 0
    assert eer(np.array([1.0, 2.0]), np.array([5.0, 6.0])) == 1
    assert eer(np.array([1.0, 3.0, 3.0, 3.0]), np.array([0.0, 0.0, 0.0, 2.0])) == 0.25


@given(SCORES, SCORES, st.sampled_from([0.5, 0.2, 0.1]))
def test_no_more_impostors_match_than_the_fmr_allows(genuine: np.ndarray, impostor: np.ndarray, fmr: float) -> None:  # type: ignore[type-arg]
    threshold = threshold_at(impostor, fmr)
    if threshold is None:
        assert fmr * len(impostor) < 2
        return
    assert (impostor > threshold).mean() <= fmr + 1e-9
    lower = impostor[impostor < threshold]
    if len(lower):  # the next lower one would let too many through
        assert (impostor > lower.max()).mean() > fmr - 1e-9
    found = point(genuine, impostor, np.arange(len(genuine)), fmr)
    assert found is not None
    assert 0 <= found.low <= found.fnmr <= found.high <= 1


@pytest.mark.parametrize(
    ("share", "count", "low", "high"),
    [(0.5, 10, 0.2366, 0.7634), (0.0, 50, 0.0, 0.0713), (0.1, 100, 0.0552, 0.1744), (1.0, 20, 0.8389, 1.0)],
)
def test_wilson_against_published_values(share: float, count: int, low: float, high: float) -> None:
    assert wilson(share, count) == pytest.approx((low, high), abs=2e-4)


def test_pairs_that_miss_together_say_less() -> None:
    fingers = np.repeat(np.arange(10), 28)
    together = fingers == 3
    scattered = np.arange(280) % 10 == 0
    assert design_effect(together, fingers) > 20
    assert design_effect(scattered, fingers) == 1
    assert design_effect(np.zeros(280, bool), fingers) == 1
    assert design_effect(together, np.zeros(280, int)) == 1


def test_all_rates_of_one_experiment() -> None:
    genuine, impostor = np.linspace(4, 9, 100), np.linspace(0, 5, 5000)
    found = rates(genuine, impostor, np.arange(100) // 10)
    assert (found.genuine, found.impostor) == (100, 5000)
    assert found.points["0.01%"] is None
    one, tenth = found.points["1%"], found.points["0.1%"]
    assert one is not None
    assert tenth is not None
    assert one.threshold < tenth.threshold
    assert one.fnmr <= tenth.fnmr
    with pytest.raises(ValueError, match="genuine and impostor"):
        rates(genuine, np.zeros(0), np.arange(100))
