"""A document with a misread character reaches the parser; a bar code does not."""

from __future__ import annotations

import pytest

from drivers.rows import is_zone

UPPER = "P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<"
LOWER = "L898902C36UTO7408122F1204159ZE184226B<<<<<10"


@pytest.mark.parametrize("odd", ["*", " ", "_", "o", "\xe9", "\x00"])
@pytest.mark.parametrize("place", [0, 5, 20, 43])
def test_one_odd_character_is_a_finding_and_no_reason_to_lose_the_document(odd: str, place: int) -> None:
    assert is_zone((UPPER[:place] + odd + UPPER[place + 1 :], LOWER))
    assert is_zone((UPPER, LOWER[:place] + odd + LOWER[place + 1 :]))


@pytest.mark.parametrize(
    "rows",
    [
        (UPPER + "<", LOWER),                                  # a character doubled
        (UPPER[:-1], LOWER),                                   # one lost
        (UPPER, LOWER, "*"),                                   # a stray short row
        (UPPER.replace("<", " "), LOWER.replace("<", " ")),    # spaces for fillers
    ],
)
def test_rows_that_look_like_a_zone_are_one(rows: tuple[str, ...]) -> None:
    assert is_zone(rows)


@pytest.mark.parametrize(
    "rows",
    [
        ("5901234123457",),
        ("https://example.test/boarding?pass=1",),
        ("%B4000001234567899^SPECIMEN/ANY^3101?", ";4000001234567899=3101?"),
        (),
    ],
)
def test_bar_codes_and_stripes_are_not(rows: tuple[str, ...]) -> None:
    assert not is_zone(rows)
