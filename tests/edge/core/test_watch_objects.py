"""The check digit of vehicle identification numbers (49 CFR 565.15)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.core.watch.objects import vin_check_digit, vin_is_doubtful

LETTERS = "0123456789ABCDEFGHJKLMNPRSTUVWXYZ"


@pytest.mark.parametrize(
    ("vin", "digit"), [("1M8GDM9AXKP042788", "X"), ("11111111111111111", "1"), ("5GZCZ43D13S812715", "1")]
)
def test_published_examples(vin: str, digit: str) -> None:
    assert vin_check_digit(vin) == digit
    assert not vin_is_doubtful(vin)


@pytest.mark.parametrize(
    "vin", ["", "1M8GDM9AXKP04278", "1M8GDM9AXKP0427889", "IOQ11111111111111", "\u06611111111111111111"]
)
def test_what_is_no_vin_has_no_check_digit(vin: str) -> None:
    assert vin_check_digit(vin) == ""
    assert not vin_is_doubtful(vin)


@given(st.text(LETTERS, min_size=17, max_size=17), st.integers(0, 16), st.sampled_from(LETTERS))
def test_only_vins_of_regions_that_require_the_digit_are_doubted(vin: str, place: int, other: str) -> None:
    sound = "1" + vin[1:8] + vin_check_digit("1" + vin[1:]) + vin[9:]
    assert not vin_is_doubtful(sound)
    assert not vin_is_doubtful("W" + vin[1:])
    changed = sound[:place] + other + sound[place + 1 :]
    if place == 8 and other != sound[8]:
        assert vin_is_doubtful(changed)
