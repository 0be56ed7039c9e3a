"""When a box builds upon what it has, and when it takes a list whole; and how low that may lead."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from edge.core.distribution import Offer, OfferedFile, Part, Step, Way, plan

AT = datetime(2026, 3, 1, tzinfo=UTC)


def step(start: int, to: int) -> Step:
    name, size = ("delta.sdd", 10) if start else ("base.sdl", 1000)
    return Step("sltd", start, to, AT, 1, f"{to:064x}", (OfferedFile(name, size, (Part("data", size, "d" * 64),)),))


def offer(*steps: tuple[int, int]) -> Offer:
    return Offer("sltd", tuple(step(*pair) for pair in steps))


CHAIN = offer((0, 3), (3, 4), (4, 5), (5, 6))


@pytest.mark.parametrize(
    ("have", "digest", "whole", "way"),
    [
        (4, f"{4:064x}", False, ((4, 5), (5, 6))),
        (4, "", False, ((4, 5), (5, 6))),  # not known: the delta itself finds out
        (4, "f" * 64, False, ((0, 3), (3, 4), (4, 5), (5, 6))),  # another set under the same number
        (4, f"{4:064x}", True, ((0, 3), (3, 4), (4, 5), (5, 6))),  # damaged
        (6, f"{6:064x}", True, ((0, 3), (3, 4), (4, 5), (5, 6))),
        (6, "f" * 64, False, ((0, 3), (3, 4), (4, 5), (5, 6))),
        (6, f"{6:064x}", False, ()),
    ],
)
def test_a_set_that_is_not_headquarters_is_not_built_upon(
    have: int, digest: str, whole: bool, way: tuple[tuple[int, int], ...]
) -> None:
    found = plan(CHAIN, have, have_digest=digest, whole=whole, floor=have)
    assert tuple((s.start, s.to) for s in found.steps) == way
    assert found.way is (Way.FORWARD if way else Way.CURRENT)


@pytest.mark.parametrize("have", [0, 5])
def test_a_way_that_ends_below_what_was_taken_is_no_way(have: int) -> None:
    torn = offer((0, 3), (3, 4), (5, 6))
    found = plan(torn, have, whole=True, floor=5)
    assert (found.way, found.steps) == (Way.NO_WAY, ())
    assert plan(torn, 0, floor=4).steps[-1].to == 4
    assert plan(torn, 9, reset=True, floor=9).steps[-1].to == 4  # the keys were replaced: the mark falls
