"""Which cards of a keyed list a box fetches: no list stands without one, and none is fetched twice."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from edge.core.distribution.offers import OfferedFile, Part, Step
from edge.core.distribution.plan import Plan, Way

AT = datetime(2026, 3, 1, tzinfo=UTC)


def step(start: int, to: int, card: str) -> Step:
    data = OfferedFile("delta.sdd" if start else "base.sdl", 10, (Part("data", 10, "d" * 64),))
    return Step("sltd", start, to, AT, 1, "a" * 64, (OfferedFile("card.json", 5, (Part("card", 5, card),)), data))


@pytest.mark.parametrize(
    ("start", "have", "cards"),
    [
        (0, "", [True, False, True]),  # the first, so that the base does not stand without, and the newest
        (0, "1", [False, False, True]),
        (0, "3", [False, False, False]),
        (4, "1", [False, False, True]),
        (4, "3", [False, False, False]),
    ],
)
def test_a_list_never_stands_without_its_card(start: int, have: str, cards: list[bool]) -> None:
    steps = (step(start, 5, "1"), step(5, 6, "2"), step(6, 7, "3"))
    thin = Plan("sltd", Way.FORWARD, start, 7, steps).without_cards(have)
    assert [any(file.name == "card.json" for file in s.files) for s in thin.steps] == cards
    assert all(any(file.name != "card.json" for file in s.files) for s in thin.steps)
