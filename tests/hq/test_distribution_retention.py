"""From any generation of the last six months to the newest with at most fifteen files."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from edge.core.distribution import MAX_FILES, Offer, OfferedFile, Part, Step, Way, plan
from hq.distribution.retention import REACH, Generation, wanted

T0 = datetime(2026, 1, 1, 6, tzinfo=UTC)


def offer(steps: frozenset[tuple[int, int]]) -> Offer:
    def step(start: int, to: int) -> Step:
        file = OfferedFile("delta", to - start, (Part(f"{start}-{to}", to - start, "0" * 64),))
        return Step("un", start, to, T0, 0, "", (file,))

    return Offer("un", tuple(step(*numbers) for numbers in sorted(steps)))


def editions(hours: list[int]) -> list[Generation]:
    made, at = [], T0
    for number, gap in enumerate(hours, 1):
        at += timedelta(hours=gap)
        made.append(Generation(number, at))
    return made


def furthest(made: list[Generation]) -> int:
    """The most files that any generation within reach needs."""
    newest = made[-1]
    offered = offer(wanted(made))
    most = 0
    for generation in made[:-1]:
        if (newest.as_of.date() - generation.as_of.date()).days <= REACH:
            found = plan(offered, generation.number)
            assert found.way is Way.FORWARD
            assert found.to == newest.number
            most = max(most, found.files)
    return most


@pytest.mark.parametrize("phase", range(28))
def test_daily_editions_of_a_year_at_every_phase_of_week_and_month(phase: int) -> None:
    assert furthest(editions([24 * (phase + 1)] + [24] * 365)) <= MAX_FILES


gaps = st.one_of(st.just(24), st.integers(-30, 60), st.integers(0, 24 * 40))


@settings(max_examples=150)
@given(st.lists(gaps, min_size=2, max_size=260))
@example([0] * 30 + [24] * 200)
@example([1] * 250)
@example([12, 12] * 130)
def test_editions_at_any_times(hours: list[int]) -> None:
    assert furthest(editions(hours)) <= MAX_FILES


def test_what_is_kept_stays_few() -> None:
    made = editions([24] * 400)
    steps = wanted(made)
    assert len(steps) <= REACH + REACH // 7 + REACH // 28 + 3
    assert all(made[-1].number - start <= REACH for start, _ in steps)
    assert wanted([]) == frozenset()
    assert wanted(made[:1]) == frozenset()


def test_one_more_edition_asks_for_few_new_deltas() -> None:
    made = editions([24] * 300)
    for count in range(250, 300):
        assert len(wanted(made[: count + 1]) - wanted(made[:count])) <= 3
