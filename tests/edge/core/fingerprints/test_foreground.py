"""Where the finger is on an image, and the box that is cut out around it."""

from __future__ import annotations

import numpy as np
from finger_kit import finger, one_minutia
from hypothesis import given
from hypothesis import strategies as st

from edge.core.fingerprints.foreground import (
    BLOCK,
    Box,
    block_statistics,
    cut,
    foreground_blocks,
    foreground_box,
    grown,
)
from edge.core.fingerprints.model import Pixels


def box_of(pixels: Pixels) -> Box | None:
    shape = (pixels.shape[0], pixels.shape[1])
    return foreground_box(foreground_blocks(block_statistics(pixels)[1]), shape)


def on_glass(top: int, left: int, height: int, width: int) -> Pixels:
    glass = np.random.default_rng(1).normal(230, 3, (400, 500)).clip(0, 255).astype(np.uint8)
    rows = np.arange(height)[:, np.newaxis]
    glass[top : top + height, left : left + width] = (128 + 90 * np.sin(rows * 2 * np.pi / 9)).astype(np.uint8)
    return glass


def test_the_box_holds_the_finger_and_little_more() -> None:
    found = box_of(on_glass(100, 160, 150, 120))
    assert found is not None
    assert 100 - BLOCK < found.top <= 100 + BLOCK // 2
    assert 250 - BLOCK // 2 <= found.bottom < 250 + BLOCK
    assert 160 - BLOCK < found.left <= 160 + BLOCK // 2
    assert 280 - BLOCK // 2 <= found.right < 280 + BLOCK


def test_empty_glass_and_dust_are_no_finger() -> None:
    glass = np.random.default_rng(2).normal(230, 3, (300, 300)).clip(0, 255).astype(np.uint8)
    assert box_of(glass) is None
    glass[20:24, 200:204] = 0
    assert box_of(glass) is None


def test_a_synthetic_print_is_found() -> None:
    found = box_of(finger(3).pixels)
    assert found is not None
    assert found.width > 250
    assert found.height > 250


def test_block_statistics_are_those_of_numpy() -> None:
    pixels = one_minutia(20).pixels
    mean, deviation = block_statistics(pixels)
    block = pixels[32:48, 64:80].astype(np.float64)
    assert abs(mean[2, 4] - block.mean()) < 0.01
    assert abs(deviation[2, 4] - block.std()) < 0.05


@given(
    height=st.integers(64, 700), width=st.integers(64, 700), multiple=st.sampled_from([16, 32]),
    margin=st.integers(0, 40), data=st.data(),
)  # fmt: skip
def test_a_grown_box_holds_the_old_one_has_its_multiples_and_leaves_the_image_only_where_it_must(
    height: int, width: int, multiple: int, margin: int, data: st.DataObject
) -> None:
    left = data.draw(st.integers(0, width - 1))
    top = data.draw(st.integers(0, height - 1))
    box = Box(left, top, data.draw(st.integers(left + 1, width)), data.draw(st.integers(top + 1, height)))
    found = grown(box, (height, width), margin, multiple)
    assert found.width % multiple == found.height % multiple == 0
    assert found.left <= box.left
    assert found.top <= box.top
    assert found.right >= box.right
    assert found.bottom >= box.bottom
    if found.width <= width:
        assert found.left >= 0
        assert found.right <= width
    image = np.arange(height * width, dtype=np.int64).reshape(height, width) % 251
    part = cut(image.astype(np.uint8), found)
    assert part.shape == (found.height, found.width)
    assert part[box.top - found.top, box.left - found.left] == image[box.top, box.left]
