"""From what an extractor found to a template: rounding, order, limits; LEADER's tensor."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from edge.core.fingerprints.foreground import Box
from edge.core.fingerprints.leader_minutiae import NEAR, THRESHOLD, template_from_output
from edge.core.fingerprints.minutiae import template_of
from edge.core.fingerprints.model import MAX_MINUTIAE, Kind, Position, Template

SIZE = (300, 200)


def made(*rows: tuple[float, float, float, float]) -> Template:
    """x, y, turn, quality each."""
    columns = np.array(rows, dtype=np.float64).reshape(-1, 4).T
    kind = np.full(len(rows), Kind.ENDING, np.uint8)
    return template_of(
        "some-1", Position.LEFT_THUMB, SIZE, x=columns[0], y=columns[1], turn=columns[2], kind=kind, quality=columns[3]
    )


def test_the_best_comes_first_and_ties_go_by_place() -> None:
    found = made((50, 9, 0, 0.5), (7, 9, 0, 0.5), (1, 2, 0, 0.9), (3, 1, 0, 0.5))
    assert list(zip(found.x, found.y, found.quality, strict=True)) == [
        (1, 2, 90), (3, 1, 50), (7, 9, 50), (50, 9, 50)
    ]  # fmt: skip


def test_turns_become_256ths_and_wrap() -> None:
    found = made((1, 1, 0.25, 0.9), (1, 2, -0.25, 0.8), (1, 3, 0.999, 0.7), (1, 4, 1.5, 0.6))
    assert list(found.angle) == [64, 192, 0, 128]


def test_what_lies_outside_falls_out_and_quality_is_said() -> None:
    found = made((-0.6, 5, 0, 1), (299.6, 5, 0, 1), (5, 199.6, 0, 1), (-0.4, 199.4, 0, 0.0))
    assert list(zip(found.x, found.y, found.quality, strict=True)) == [(0, 199, 1)]


def test_the_best_255_are_kept() -> None:
    found = made(*((k % 300, k // 300, 0, (k % 100 + 1) / 100) for k in range(1000)))
    assert len(found) == MAX_MINUTIAE
    assert found.quality.min() == 75


def tensor(*peaks: tuple[int, int, float, float, float]) -> np.ndarray[tuple[int, int, int], np.dtype[np.float32]]:
    """x, y, radians, ending, height."""
    output = np.zeros((64, 96, 4), np.float32)
    for x, y, turn, ending, height in peaks:
        output[y, x] = (height, turn, ending, height)
    return output


def test_peaks_become_minutiae_in_the_frame_of_the_image() -> None:
    output = tensor((10, 20, np.pi / 2, 0.9, 0.8), (40, 5, -np.pi / 2, 0.1, 0.6), (80, 60, 0, 0.9, THRESHOLD - 0.01))
    found = template_from_output(output, Box(100, 50, 196, 114), SIZE, "leader-x", Position.RIGHT_INDEX)
    assert list(zip(found.x, found.y, found.angle, found.kind, found.quality, strict=True)) == [
        (110, 70, 64, Kind.ENDING, 80), (140, 55, 192, Kind.BIFURCATION, 60)
    ]  # fmt: skip
    assert (found.extractor_id, found.position, found.width, found.height) == ("leader-x", Position.RIGHT_INDEX, *SIZE)


def test_of_two_that_are_near_the_better_is_kept_and_what_it_hides_hides_nothing() -> None:
    output = tensor((10, 10, 0, 0.9, 0.9), (12, 10, 0, 0.9, 0.8), (15, 10, 0, 0.9, 0.7))
    found = template_from_output(output, Box(0, 0, 96, 64), SIZE, "leader-x", Position.UNKNOWN)
    assert list(found.x) == [10, 15]


def test_what_was_added_around_the_image_falls_out() -> None:
    output = tensor((2, 2, 0, 0.9, 0.9), (20, 20, 0, 0.9, 0.9))
    found = template_from_output(output, Box(-10, -10, 86, 54), SIZE, "leader-x", Position.UNKNOWN)
    assert list(zip(found.x, found.y, strict=True)) == [(10, 10)]


@given(arrays(np.float32, (32, 32, 4), elements=st.floats(-4, 4, width=32)))
def test_any_tensor_becomes_a_template_within_its_limits(output: np.ndarray) -> None:  # type: ignore[type-arg]
    found = template_from_output(output, Box(0, 0, 32, 32), (32, 32), "leader-x", Position.UNKNOWN)
    assert len(found) <= MAX_MINUTIAE
    assert len(found) == len(found.y) == len(found.angle) == len(found.kind) == len(found.quality)
    x, y = found.x.astype(int), found.y.astype(int)
    away = (x[:, None] - x) ** 2 + (y[:, None] - y) ** 2
    np.fill_diagonal(away, NEAR * NEAR)
    assert (away >= NEAR * NEAR).all()
