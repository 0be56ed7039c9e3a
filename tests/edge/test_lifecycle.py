"""The life of a reader without a reader: the whole table, the ladder of pauses, the error budget, news of a loss."""

from __future__ import annotations

from itertools import pairwise, product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.lifecycle import (
    ALARM_AFTER_S,
    BABBLE_S,
    BACKOFF_MAX_S,
    BACKOFF_MIN_S,
    BUDGET_FRAMES,
    BUDGET_S,
    CANNOT,
    CYCLE_PAUSE_S,
    OPEN,
    QUIET_S,
    TELL_PAUSE_S,
    TRANSITIONS,
    Backoff,
    ErrorBudget,
    Happening,
    LossNews,
    ReaderState,
    after,
)

EVERY_PAIR = list(product(ReaderState, Happening))


# -- the table ------------------------------------------------------------------------------------


@pytest.mark.parametrize(("state", "happening"), EVERY_PAIR, ids=str)
def test_every_pair_is_either_answered_or_declared_impossible(state: ReaderState, happening: Happening) -> None:
    assert ((state, happening) in TRANSITIONS) != (happening in CANNOT[state])


@pytest.mark.parametrize(("state", "happening"), [p for p in EVERY_PAIR if p not in TRANSITIONS], ids=str)
def test_what_is_impossible_is_a_bug(state: ReaderState, happening: Happening) -> None:
    with pytest.raises(KeyError):
        after(state, happening)


def test_from_every_state_a_way_leads_to_ready_and_to_absent() -> None:
    for goal in (ReaderState.READY, ReaderState.ABSENT):
        reaching = {goal}
        for _ in ReaderState:
            reaching |= {state for (state, _), following in TRANSITIONS.items() if following in reaching}
        assert reaching == set(ReaderState)


def test_open_are_the_states_in_which_a_device_can_be_lost() -> None:
    assert {state for state, happening in TRANSITIONS if happening is Happening.LOST} == set(OPEN)


# -- the ladder -----------------------------------------------------------------------------------


def test_the_pause_doubles_to_a_minute_and_begins_anew() -> None:
    ladder = Backoff()
    assert [ladder.next(0.5) for _ in range(9)] == [1, 2, 4, 8, 16, 32, 60, 60, 60]
    ladder.reset()
    assert ladder.next(0.5) == 1


@given(st.lists(st.floats(0, 1), min_size=1, max_size=20))
def test_no_pause_is_shorter_than_a_second_or_longer_than_a_minute(jitters: list[float]) -> None:
    ladder = Backoff()
    step = BACKOFF_MIN_S
    for jitter in jitters:
        pause = ladder.next(jitter)
        assert BACKOFF_MIN_S <= pause <= BACKOFF_MAX_S
        assert 0.5 * step <= pause <= max(1.5 * step, BACKOFF_MIN_S)
        step = min(2 * step, BACKOFF_MAX_S)


# -- the error budget ------------------------------------------------------------------------------


def noisy(start: float, frames: int = BUDGET_FRAMES, every_s: float = 1.0) -> tuple[ErrorBudget, float]:
    """A budget after so many garbled frames; the second of the last of them."""
    budget = ErrorBudget(start)
    now = start
    for _ in range(frames):
        now += every_s
        budget.bad(now, 1)
    return budget, now


def test_a_spent_budget_asks_for_a_power_cycle_only_after_silence() -> None:
    budget, now = noisy(100)
    assert not budget.spent(now, False)
    assert not budget.spent(now + QUIET_S - 0.01, False)
    assert not budget.spent(now + QUIET_S, True)  # a frame has begun: it may be the good one
    assert budget.spent(now + QUIET_S, False)


def test_one_frame_too_few_or_one_good_read_and_the_budget_is_not_spent() -> None:
    budget, now = noisy(100, BUDGET_FRAMES - 1)
    assert not budget.spent(now + QUIET_S, False)
    budget, now = noisy(100)
    budget.good(now + 0.1)
    assert not budget.spent(now + QUIET_S + 1, False)


def test_garbled_frames_over_a_long_time_are_no_fault() -> None:
    budget, now = noisy(100, 100, every_s=BUDGET_S / BUDGET_FRAMES + 1)
    assert not budget.spent(now + QUIET_S, False)


def test_noise_that_was_no_frame_spends_nothing() -> None:
    budget = ErrorBudget(0)
    for second in range(100):
        budget.bad(second, 0)
    assert not budget.spent(110, False)


def test_unbroken_babble_is_a_fault_after_half_a_minute() -> None:
    budget, now = ErrorBudget(0), 0.0
    while now < BABBLE_S:
        assert not budget.spent(now, True)
        budget.bad(now, 5)
        now += 0.5
    assert budget.spent(now, True)


def test_a_device_is_switched_off_at_most_once_a_minute() -> None:
    budget, now = ErrorBudget(0), 0.0
    cycles: list[float] = []
    while now < 600:
        now += 0.5
        budget.bad(now, 3)
        if budget.spent(now, True):
            cycles.append(now)
            budget.cycled(now)
    assert len(cycles) == 10
    assert all(b - a >= CYCLE_PAUSE_S for a, b in pairwise(cycles))


@given(st.lists(st.tuples(st.floats(0, 30), st.integers(0, 20), st.booleans()), max_size=60))
def test_whatever_comes_never_twice_within_a_minute_and_never_while_good_reads_come(
    steps: list[tuple[float, int, bool]],
) -> None:
    budget, now, last, good = ErrorBudget(0), 0.0, -1e9, -1e9
    for gap, garbled, is_good in steps:
        now += gap
        if is_good:
            budget.good(now)
            good = now
        elif garbled:
            budget.bad(now, garbled)
        if budget.spent(now, False):
            assert now - last >= CYCLE_PAUSE_S
            assert now - good >= QUIET_S
            budget.cycled(now)
            last = now


# -- news -----------------------------------------------------------------------------------------


def test_a_loss_is_logged_once_and_its_end_once() -> None:
    news = LossNews()
    assert news.back()  # the first opening is news
    assert news.lost(10)
    assert not news.lost(11)
    assert news.log_due(11)
    assert not news.log_due(500)
    assert news.back()
    assert not news.back()


def test_a_wobbling_plug_is_logged_every_ten_seconds_at_most() -> None:
    news = LossNews()
    news.back()
    logged = []
    for tenth in range(600):  # a minute: out, and in again, five times a second
        now = tenth / 10
        if tenth % 2:
            if news.back():
                logged.append("back")
        else:
            news.lost(now)
            if news.log_due(now):
                logged.append("lost")
    assert logged == ["lost", "back"] * round(60 / TELL_PAUSE_S)


def test_a_loss_soon_after_another_is_logged_when_it_lasts() -> None:
    news = LossNews()
    news.lost(0)
    assert news.log_due(0)
    news.back()
    news.lost(1)
    assert not news.log_due(1)
    assert news.log_due(TELL_PAUSE_S)


def test_headquarters_hears_of_a_loss_that_lasts_a_minute_once() -> None:
    news = LossNews()
    news.lost(0)
    assert not news.alarm_due(ALARM_AFTER_S - 0.1)
    assert news.alarm_due(ALARM_AFTER_S)
    assert not news.alarm_due(ALARM_AFTER_S + 100)
    news.back()
    assert not news.alarm_due(1000)
    news.lost(1000)
    assert not news.alarm_due(1001)
    assert news.alarm_due(1000 + ALARM_AFTER_S)
