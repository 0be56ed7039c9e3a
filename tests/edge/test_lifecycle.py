"""The life of a reader without a reader: the whole table, the ladder of pauses, the error budget, news of a loss."""

from __future__ import annotations

from itertools import pairwise, product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.lifecycle import (
    ALARM_AFTER_S,
    ALARM_PAUSE_S,
    BABBLE_S,
    BACKOFF_MAX_S,
    BACKOFF_MIN_S,
    BUDGET_FRAMES,
    BUDGET_S,
    CANNOT,
    CYCLE_PAUSE_S,
    CYCLES_IN_VAIN,
    HEAL_MAX_S,
    HEAL_MIN_S,
    OPEN,
    QUIET_S,
    RELAPSE_S,
    STEADY_S,
    TRANSITIONS,
    Backoff,
    ErrorBudget,
    FaultNews,
    Happening,
    LossNews,
    ReaderState,
    SwapNews,
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


# -- news of a loss ---------------------------------------------------------------------------------


def test_a_loss_is_logged_once_and_ends_once_when_the_reader_has_stayed_open() -> None:
    news = LossNews()
    assert news.opened(0)  # the first opening is news
    assert news.lost(10)
    assert not news.lost(11)
    assert not news.opened(20)
    assert not news.ended(20 + HEAL_MIN_S - 0.1)
    assert news.ended(20 + HEAL_MIN_S)
    assert not news.ended(500)


def test_the_first_opening_ends_the_wait_for_it_at_once() -> None:
    news = LossNews()
    assert news.lost(0)
    assert news.opened(30)
    assert not news.ended(1000)
    assert news.lost(1000)


def test_a_reader_that_does_not_stay_is_one_loss() -> None:
    news = LossNews()
    news.opened(0)
    assert news.lost(1)
    for second in range(2, 1000, 2):
        assert not news.opened(second)
        assert not news.ended(second + 1)
        assert not news.lost(second + 1)


def flapping(up_s: float, down_s: float, whole_s: float) -> tuple[int, int, list[float]]:
    """Logged losses, logged ends and alarms of a reader that is open and away by turns."""
    news, now, lost, back = LossNews(), 0.0, 0, 0
    alarms: list[float] = []
    news.opened(now)
    while now < whole_s:
        for opened, length in ((True, up_s), (False, down_s)):
            if opened:
                news.opened(now)
            else:
                lost += news.lost(now)
            until = now + length
            while now < until:
                back += news.ended(now)
                if news.alarm_due(now):
                    alarms.append(now)
                now += 0.5
    return lost, back, alarms


@pytest.mark.parametrize("up_s", [1, 6, 20, 61, 200])
@pytest.mark.parametrize("down_s", [1, 30, 70])
def test_however_a_reader_flaps_for_eight_hours_it_fills_no_log(up_s: float, down_s: float) -> None:
    lost, back, alarms = flapping(up_s, down_s, 8 * 3600)
    assert lost <= 8
    assert lost - back in (0, 1)
    assert 1 <= len(alarms) <= lost


@given(st.lists(st.tuples(st.floats(0.5, 500), st.floats(0.5, 500)), min_size=1, max_size=100))
def test_whatever_a_reader_does_its_alarms_lie_ten_minutes_apart(turns: list[tuple[float, float]]) -> None:
    news, now, logged = LossNews(), 0.0, 0
    alarms: list[float] = []
    for up_s, down_s in turns:
        news.opened(now)
        now += up_s
        if news.ended(now):
            logged -= 1
        logged += news.lost(now)
        assert logged in (0, 1)  # losses and ends take turns
        now += down_s
        if news.alarm_due(now):
            alarms.append(now)
    assert all(b - a >= ALARM_PAUSE_S for a, b in pairwise(alarms))


def test_after_a_quiet_time_a_loss_ends_as_soon_as_the_first() -> None:
    news, now = LossNews(), 0.0
    news.opened(now)
    for _ in range(10):  # one relapse after another
        now += 1
        news.lost(now)
        news.opened(now)
        now += HEAL_MAX_S
        assert news.ended(now)
    now += RELAPSE_S
    assert news.lost(now)
    news.opened(now)
    assert news.ended(now + HEAL_MIN_S)


def test_headquarters_hears_of_a_loss_that_lasts_a_minute_once() -> None:
    news = LossNews()
    news.lost(0)
    assert not news.alarm_due(ALARM_AFTER_S - 0.1)
    assert news.alarm_due(ALARM_AFTER_S)
    assert not news.alarm_due(ALARM_AFTER_S + 100)
    news.opened(900)
    assert not news.alarm_due(1000)
    news.lost(1000)
    assert not news.alarm_due(1001)
    assert news.alarm_due(1000 + ALARM_AFTER_S)


def test_an_open_reader_is_not_alarmed_and_a_second_loss_soon_waits_for_its_time() -> None:
    news = LossNews()
    news.lost(0)
    news.opened(ALARM_AFTER_S - 1)  # in again in time
    assert not news.alarm_due(ALARM_AFTER_S + 1)
    news.lost(1000)
    assert news.alarm_due(1000 + ALARM_AFTER_S)
    news.opened(1100)
    assert news.ended(1100 + HEAL_MIN_S)
    news.lost(1200)
    assert not news.alarm_due(1200 + ALARM_AFTER_S)
    assert news.alarm_due(1000 + ALARM_AFTER_S + ALARM_PAUSE_S)  # it still lasts: late, and not never


# -- news of a fault --------------------------------------------------------------------------------


def test_headquarters_hears_of_a_fault_that_comes_back_after_the_third_power_cycle_once() -> None:
    news = FaultNews()
    for _ in range(CYCLES_IN_VAIN):
        assert not news.alarm_due(0)
        news.cycled()
    assert news.alarm_due(200)
    news.cycled()
    assert not news.alarm_due(9000)


def test_a_good_read_begins_anew_and_alarms_lie_ten_minutes_apart() -> None:
    news = FaultNews()
    assert [news.log_due(), news.log_due()] == [True, False]
    for _ in range(CYCLES_IN_VAIN):
        news.cycled()
    assert news.alarm_due(200)
    news.good()
    assert news.log_due()
    assert not news.alarm_due(300)
    for _ in range(CYCLES_IN_VAIN):
        news.cycled()
    assert not news.alarm_due(500)
    assert news.alarm_due(200 + ALARM_PAUSE_S)


# -- news of a swap ---------------------------------------------------------------------------------


def test_a_swap_is_told_once_and_again_after_the_right_one_was_there() -> None:
    news = SwapNews()
    assert [news.compared("B", "", 0), news.compared("B", "", 0)] == [True, False]
    assert not news.compared("", "", 0)
    assert news.compared("B", "", 0)
    assert news.compared("C", "", 0)


def test_where_nobody_can_tell_the_right_one_was_not_there() -> None:
    news = SwapNews()
    assert news.compared("B", "", 0)
    assert not news.compared(None, "", 100)
    assert not news.compared("B", "", 0)


def test_a_device_that_tells_its_serial_number_is_waited_for() -> None:
    news = SwapNews()
    assert news.compared("it says B", "B", 1)
    assert not news.compared("", "", 0)  # plugged in again, it has told nothing yet
    assert not news.compared("it says B", "B", 1)
    assert not news.compared("", "", STEADY_S)  # one that tells nothing, and has been there for a while
    assert news.compared("it says B", "B", 1)
