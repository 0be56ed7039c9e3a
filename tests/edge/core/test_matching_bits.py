"""Sets of names as bits say the same as sets of numbers."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from edge.core.matching.bits import Window, gathered, inside, members, merged, spread, words_of

SIZE = 700
IDS = st.lists(st.integers(0, SIZE - 1), unique=True, max_size=200).map(lambda x: np.array(sorted(x), dtype=np.int64))
RANGES = st.lists(st.tuples(st.integers(0, SIZE), st.integers(0, SIZE)), max_size=8)


@given(IDS)
def test_a_set_gives_back_its_names(ids: np.ndarray) -> None:
    assert members(gathered(ids, words_of(SIZE))).tolist() == ids.tolist()


@given(IDS, RANGES)
def test_a_window_shows_the_names_of_its_ranges(ids: np.ndarray, ranges: list[tuple[int, int]]) -> None:
    words, apart = gathered(ids, words_of(SIZE)), merged(ranges)
    window = Window(apart)
    expected = {n for first, last in ranges for n in range(first, last)}
    assert spread(apart).tolist() == sorted(expected)
    assert window.names(window.of(words)).tolist() == [n for n in ids.tolist() if n in expected]
    assert [n for n, held in zip(ids.tolist(), inside(apart, ids), strict=True) if held] == [
        n for n in ids.tolist() if n in expected
    ]
