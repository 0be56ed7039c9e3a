"""Descriptors: the same wherever the finger lies, the same in batches, nothing for nothing."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.finger_gallery import fingers
from edge.core.fingerprints.cylinders import BATCH, LIMIT, MOST, WORDS, Described, describe, describe_many
from edge.core.fingerprints.model import MAX_MINUTIAE, Position, Template

FINGERS = list(fingers(12, 5))


def template(count: int, seed: int = 0, side: int = 400) -> Template:
    drawn = np.random.default_rng(seed)
    x, y = drawn.integers(0, side, count), drawn.integers(0, side, count)
    return Template(
        "x", Position.UNKNOWN, side, side, x.astype(np.int16), y.astype(np.int16),
        drawn.integers(0, 256, count).astype(np.uint8), np.ones(count, np.uint8),
        drawn.integers(0, 101, count).astype(np.uint8),
    )  # fmt: skip


def same(one: Described, other: Described) -> bool:
    return all(
        np.array_equal(getattr(one, name), getattr(other, name)) for name in ("bits", "x", "y", "angle")
    ) and one.extractor_id == other.extractor_id


def test_what_comes_out() -> None:
    found = describe(FINGERS[0])
    assert len(found) == LIMIT == found.bits.shape[0]
    assert (found.bits.shape[1], found.bits.dtype, found.x.dtype, found.angle.dtype) == (
        WORDS, np.dtype(np.uint64), np.dtype(np.int16), np.dtype(np.uint8)
    )  # fmt: skip
    assert np.all(np.diff(found.angle.astype(int)) >= 0)
    ones = np.bitwise_count(found.bits).sum(1)
    assert 10 < ones.mean() < 100
    assert "bits" not in repr(found)
    places = {(int(x), int(y)) for x, y in zip(FINGERS[0].x, FINGERS[0].y, strict=True)}
    assert {(int(x), int(y)) for x, y in zip(found.x, found.y, strict=True)} <= places


def test_the_best_minutiae_are_described() -> None:
    of = FINGERS[1]
    best = np.sort(of.quality)[::-1][:10]
    found = describe(of, 10)
    by_place = {(int(x), int(y)): int(q) for x, y, q in zip(of.x, of.y, of.quality, strict=True)}
    got = [by_place[int(x), int(y)] for x, y in zip(found.x, found.y, strict=True)]
    assert sorted(got, reverse=True) == best.tolist()


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(0, 120), min_size=1, max_size=2 * BATCH + 3), st.integers(1, MOST))
def test_one_by_one_is_the_same_as_in_batches(counts: list[int], limit: int) -> None:
    templates = [template(count, seed) for seed, count in enumerate(counts)]
    assert all(
        same(describe(one, limit), many) for one, many in zip(templates, describe_many(templates, limit), strict=True)
    )


def test_shifted_it_is_the_same() -> None:
    for of in FINGERS:
        moved = replace(of, x=of.x + np.int16(1000), y=of.y - np.int16(300))
        one, other = describe(of), describe(moved)
        assert np.array_equal(one.bits, other.bits)
        assert np.array_equal(one.x + 1000, other.x)


@pytest.mark.parametrize("turn", [64, 128, 192])
def test_turned_by_a_quarter_it_is_the_same(turn: int) -> None:
    """Angles wrap at 256; whole quarters need no rounding of places."""
    for of in FINGERS:
        x, y = of.x.astype(int), of.y.astype(int)
        for _ in range(turn // 64):
            x, y = y, -x
        moved = replace(of, x=x.astype(np.int16), y=y.astype(np.int16), angle=of.angle + np.uint8(turn))
        one = {row.tobytes() for row in describe(of).bits}
        assert one == {row.tobytes() for row in describe(moved).bits}


def test_turned_by_anything_few_bits_differ() -> None:
    for of in FINGERS[:4]:
        for turn in (9, 31, 77, 200):
            way = -turn * np.pi / 128
            x = np.rint(of.x * np.cos(way) - of.y * np.sin(way)).astype(np.int16)
            y = np.rint(of.x * np.sin(way) + of.y * np.cos(way)).astype(np.int16)
            moved = describe(replace(of, x=x, y=y, angle=of.angle + np.uint8(turn)))
            one = describe(of)
            at = np.argsort((one.angle + np.uint8(turn)) & 255, kind="stable")
            differ = np.bitwise_count(one.bits[at] ^ moved.bits).sum(1)
            assert np.median(differ) <= 6
            assert np.median(np.bitwise_count(one.bits[:, None] ^ one.bits[None]).sum(2)) > 25


@pytest.mark.parametrize("count", [0, 1, 2, 3, MAX_MINUTIAE])
def test_few_and_many_minutiae(count: int) -> None:
    found = describe(template(count, 3))
    assert len(found) <= min(count, LIMIT)
    if count < 3:
        assert len(found) == 0
    if count == MAX_MINUTIAE:
        assert len(found) == LIMIT


def test_lonely_minutiae_say_nothing() -> None:
    wide = template(5, 1)
    far = replace(wide, x=np.array([0, 10, 20, 4000, 0], np.int16), y=np.array([0, 10, 0, 4000, 4000], np.int16))
    assert sorted(describe(far).x.tolist()) == [0, 10, 20]


@pytest.mark.parametrize("limit", [0, MOST + 1])
def test_a_limit_out_of_range(limit: int) -> None:
    with pytest.raises(ValueError, match="1 to 64"):
        describe(FINGERS[0], limit)
