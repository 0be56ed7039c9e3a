"""Local similarity and comparison score: against plain loops, mates above strangers, and what stays the same."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.finger_gallery import EXTRACTOR, fingers, impression
from edge.core.fingerprints import rigid as rigids
from edge.core.fingerprints.compare import compare, compare_described
from edge.core.fingerprints.cylinders import Described, describe, describe_many
from edge.core.fingerprints.model import FingerError, Template
from edge.core.fingerprints.rigid import rigid
from edge.core.fingerprints.scan import BEST, WINDOW, best_of, scan
from edge.core.fingerprints.shard import Shard, check_shard, shard_of

FINGERS = list(fingers(150, 11))
AGAIN = [impression(of, seed) for seed, of in enumerate(FINGERS[:30])]
SHARD = shard_of(EXTRACTOR, describe_many(FINGERS))


def slow_local(a: Described, b: Described) -> float:
    """The definition, pair by pair."""
    similar = []
    for i in range(len(a)):
        near = 1.0
        for j in range(len(b)):
            turned = (int(a.angle[i]) - int(b.angle[j]) + 128) % 256 - 128
            if abs(turned) <= WINDOW:
                one, two = (int(np.bitwise_count(d.bits[k]).sum()) for d, k in ((a, i), (b, j)))
                differ = int(np.bitwise_count(a.bits[i] ^ b.bits[j]).sum())
                near = min(near, differ / max(1.0, (math.sqrt(one) + math.sqrt(two)) ** 2))
        similar.append(1 - math.sqrt(near))
    return sum(sorted(similar, reverse=True)[:BEST]) / BEST


def test_the_scan_is_what_its_definition_says() -> None:
    for probe in AGAIN[:3]:
        mine = describe(probe)
        found = scan(mine, SHARD)
        for place in (0, 1, 2, 77):
            assert found[place] == pytest.approx(slow_local(mine, SHARD.one(place)), abs=1e-5)
    assert scan(SHARD.one(5), SHARD)[5] == pytest.approx(1)


def test_mates_score_above_strangers() -> None:
    """What is drawn here is easier than real fingers: no stranger comes near."""
    mates, strangers, places = [], [], []
    for place, probe in enumerate(AGAIN):
        mine = describe(probe)
        scores = rigid(mine, SHARD)
        mates.append(scores[place])
        strangers.append(np.delete(scores, place).max())
        places.append(int((scan(mine, SHARD) > scan(mine, SHARD)[place]).sum()))
    assert np.mean(np.array(mates) > max(strangers)) > 0.9
    assert np.median(mates) > 2 * np.median(strangers)
    assert sum(place == 0 for place in places) >= 27


def test_compare_is_what_a_search_ends_with() -> None:
    for place, probe in enumerate(AGAIN[:8]):
        assert compare(probe, FINGERS[place]) == pytest.approx(float(rigid(describe(probe), SHARD)[place]), abs=1e-6)
        assert compare_described(describe(probe), SHARD.one(place)) == compare(probe, FINGERS[place])


def test_it_hardly_matters_which_is_the_probe() -> None:
    for place, probe in enumerate(AGAIN):
        for reference in (FINGERS[place], FINGERS[place + 1]):
            assert compare(probe, reference) == pytest.approx(compare(reference, probe), abs=0.3)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 29), st.integers(-50, 50), st.integers(-50, 50), st.sampled_from([0, 64, 128, 192]))
def test_moving_the_reference_changes_nothing(place: int, right: int, down: int, turn: int) -> None:
    """Within the window of rotation the score stays; beyond it, it is a stranger's."""
    of, probe = FINGERS[place], AGAIN[place]
    x, y = of.x.astype(int) + right, of.y.astype(int) + down
    for _ in range(turn // 64):
        x, y = y, -x
    moved = replace(of, x=x.astype(np.int16), y=y.astype(np.int16), angle=of.angle + np.uint8(turn))
    if turn == 0:
        assert compare(probe, moved) == pytest.approx(compare(probe, of), abs=1e-5)
    else:
        assert compare(probe, moved) < 3.5
        x2, y2 = probe.x.astype(int), probe.y.astype(int)
        for _ in range(turn // 64):
            x2, y2 = y2, -x2
        both = replace(probe, x=x2.astype(np.int16), y=y2.astype(np.int16), angle=probe.angle + np.uint8(turn))
        assert compare(both, moved) == pytest.approx(compare(probe, of), abs=0.35)  # ties fall otherwise


def empty() -> Template:
    of = FINGERS[0]
    none = slice(0, 0)
    return replace(of, x=of.x[none], y=of.y[none], angle=of.angle[none], kind=of.kind[none], quality=of.quality[none])


def test_nothing_scores_nothing() -> None:
    assert compare(empty(), empty()) == compare(empty(), FINGERS[0]) == compare(FINGERS[0], empty()) == 0
    mixed = shard_of(EXTRACTOR, describe_many([empty(), FINGERS[0], empty(), FINGERS[1], empty()]))
    mine = describe(AGAIN[0])
    assert np.array_equal(scan(mine, mixed)[[1, 3]], scan(mine, SHARD)[:2])
    assert scan(mine, mixed)[[0, 2, 4]].tolist() == rigid(mine, mixed)[[0, 2, 4]].tolist() == [0, 0, 0]
    assert len(scan(mine, mixed.part(2, 2))) == len(rigid(mine, mixed.part(2, 2))) == 0


def test_two_extractors_are_never_compared() -> None:
    other = replace(FINGERS[0], extractor_id="other-1")
    for act in (
        lambda: compare(FINGERS[0], other), lambda: scan(describe(other), SHARD), lambda: rigid(describe(other), SHARD),
        lambda: shard_of(EXTRACTOR, [describe(other)]),
    ):  # fmt: skip
        with pytest.raises(FingerError, match="cannot be compared"):
            act()


def test_a_score_counts_the_minutiae_that_fit() -> None:
    """The same finger in itself: all described minutiae, but what PAIRS leaves."""
    for of in FINGERS[:10]:
        mine = describe(of)
        assert len(mine) * 0.6 < compare(of, of) <= rigids.PAIRS
        assert compare(of, of) > compare(of, impression(of, 3))


@given(st.lists(st.sampled_from([0.0, 0.25, 0.5, 0.75, 1.0]), max_size=60), st.integers(0, 70))
def test_the_best_in_order_of_score_and_place(values: list[float], count: int) -> None:
    scores = np.array(values, np.float32)
    wanted = sorted(range(len(values)), key=lambda place: (-values[place], place))[:count]
    assert best_of(scores, count).tolist() == wanted


def test_parts_of_a_shard() -> None:
    some = np.array([7, 3, 3, 149], np.int64)
    taken = SHARD.take(some)
    for at, place in enumerate(some.tolist()):
        assert np.array_equal(taken.one(at).bits, SHARD.one(place).bits)
        assert np.array_equal(SHARD.part(3, 150).one(place - 3).x, SHARD.one(place).x)
    assert SHARD.nbytes == 54 * 0 + sum(a.nbytes for a in (SHARD.bits, SHARD.x, SHARD.y, SHARD.angle, SHARD.offsets))


def broken(shard: Shard) -> list[Shard]:
    up, down = shard.offsets.copy(), shard.angle.copy()
    up[3] = up[5] + 1
    down[1], down[2] = 200, 10
    return [
        replace(shard, offsets=up), replace(shard, angle=down), replace(shard, offsets=shard.offsets[1:]),
        replace(shard, offsets=shard.offsets[:-1]), replace(shard, x=shard.x[:-1]),
        replace(shard, bits=shard.bits[:, :5]), replace(shard, y=shard.y.astype(np.int32)),
        replace(shard, offsets=shard.offsets[:0]), replace(shard, offsets=shard.offsets[[0, -1]]),
        replace(shard, offsets=shard.offsets.astype(np.int32)),
    ]  # fmt: skip


@pytest.mark.parametrize("which", range(10))
def test_arrays_that_do_not_fit_together(which: int) -> None:
    check_shard(SHARD)
    with pytest.raises(FingerError, match="do not fit together"):
        check_shard(broken(SHARD)[which])
