"""Trusted time: forward on signed word alone, and never further than one word may."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edge.clock import ANCHOR, CEILINGS, VOUCHED, ClockPolicy, Source, TrustedClock, Word
from edge.core.trusted import ClockState, Trusted
from edge.state import State

T0 = datetime(2026, 3, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)


class Box:
    """A box that can be switched off and on; its two clocks are set by hand."""

    def __init__(self, path: Path, **policy: object) -> None:
        self._path, self._policy = path, ClockPolicy(**policy)  # type: ignore[arg-type]
        self.wall, self.mono = T0, 100.0
        self.state: State | None = None
        self._boots = 0
        self.boot()

    def boot(self) -> None:
        self.mono, self._boots = 5.0, self._boots + 1
        self.restart()

    def restart(self) -> None:
        """Only the process: the kernel runs on."""
        self.close()
        self.state = State(self._path)
        self.clock = TrustedClock(
            wall=lambda: self.wall, mono=lambda: self.mono, state=self.state, policy=self._policy,
            boot=f"boot-{self._boots}",
        )

    def close(self) -> None:
        if self.state:
            self.state.close()


@pytest.fixture
def box(tmp_path: Path) -> Iterator[Box]:
    made = Box(tmp_path / "state.db")
    yield made
    made.close()


def test_a_new_box_knows_no_time_and_believes_the_first_word_whatever_it_is(box: Box) -> None:
    assert box.clock.now() == Trusted(ClockState.UNTRUSTED, None, None)
    assert box.clock.signed_word(T0 + 900 * DAY) is Word.ACCEPTED
    assert box.clock.now() == Trusted(ClockState.SIGNED, T0 + 900 * DAY, T0 + 900 * DAY)


def test_signed_time_runs_on_monotonic_seconds_and_ignores_the_system_clock(box: Box) -> None:
    box.clock.signed_word(T0)
    box.mono += 3600
    box.wall = datetime(1970, 1, 1, tzinfo=UTC)
    assert box.clock.now().time == T0 + timedelta(hours=1)


def test_after_a_boot_ages_run_by_the_system_clock_and_expiring_by_the_floor(box: Box) -> None:
    box.clock.signed_word(T0)
    box.wall = T0 + 44 * DAY
    box.boot()
    assert box.clock.now() == Trusted(ClockState.HELD, T0 + 44 * DAY, T0)
    assert box.clock.signed_word(T0 + 44 * DAY) is Word.ACCEPTED
    assert box.clock.now().state is ClockState.SIGNED


@pytest.mark.parametrize("wall", [T0 - timedelta(seconds=1), T0 + 46 * DAY, datetime(1970, 1, 1, tzinfo=UTC)])
def test_a_system_clock_far_from_the_floor_is_not_believed(box: Box, wall: datetime) -> None:
    box.clock.signed_word(T0)
    box.wall = wall
    box.boot()
    assert box.clock.now() == Trusted(ClockState.UNTRUSTED, None, None)


def test_a_disciplined_clock_is_believed_unless_it_is_before_the_floor(tmp_path: Path) -> None:
    box = Box(tmp_path / "state.db", disciplined=True)
    assert box.clock.now() == Trusted(ClockState.SYSTEM, T0, T0)
    box.clock.signed_word(T0)
    box.wall = T0 + 400 * DAY
    box.boot()
    assert box.clock.now().state is ClockState.SYSTEM
    box.wall = T0 - DAY
    assert box.clock.now().state is ClockState.UNTRUSTED
    box.close()


def test_a_leap_over_thirty_days_is_refused_and_changes_nothing(box: Box) -> None:
    box.clock.signed_word(T0)
    assert box.clock.signed_word(T0 + 31 * DAY) is Word.TOO_FAR
    assert box.clock.signed_word(datetime.max.replace(tzinfo=UTC)) is Word.TOO_FAR
    assert box.clock.now().time == T0
    assert box.clock.signed_word(T0 + 30 * DAY) is Word.ACCEPTED


def test_words_of_command_keys_do_not_add_up(box: Box) -> None:
    box.clock.signed_word(T0, Source.ENVELOPE)  # the first that a box believes
    assert box.clock.signed_word(T0 + 799 * DAY, Source.ENVELOPE) is Word.ACCEPTED
    assert box.clock.signed_word(T0 + 1598 * DAY, Source.ENVELOPE) is Word.TOO_FAR
    for _ in range(3):
        box.boot()
        assert box.clock.signed_word(T0 + 801 * DAY, Source.ENVELOPE) is Word.TOO_FAR
        assert box.clock.signed_word(T0 + 801 * DAY, Source.TIME_COMMAND) is Word.TOO_FAR
    box.restart()
    box.mono += (2 * DAY).total_seconds()  # the box lives on: what passes is no leap
    assert box.clock.signed_word(T0 + 801 * DAY, Source.ENVELOPE) is Word.ACCEPTED
    box.boot()
    assert box.clock.signed_word(T0 + 802 * DAY, Source.ENVELOPE) is Word.ACCEPTED  # those two days stay
    assert box.clock.signed_word(T0 + 803 * DAY, Source.ENVELOPE) is Word.TOO_FAR


@pytest.mark.parametrize("source", [Source.ACK, Source.UPDATE, Source.TIME_ROOT])
def test_who_holds_another_key_vouches_for_a_leap_and_the_next_one_counts_from_there(box: Box, source: Source) -> None:
    box.clock.signed_word(T0)
    box.clock.signed_word(T0 + 799 * DAY, Source.ENVELOPE)
    assert box.clock.signed_word(T0 + 799 * DAY, source) is Word.ACCEPTED
    box.boot()
    assert box.clock.signed_word(T0 + 1598 * DAY, Source.ENVELOPE) is Word.ACCEPTED
    assert box.clock.signed_word(T0 + 1600 * DAY, Source.ENVELOPE) is Word.TOO_FAR


def test_a_clock_that_the_root_set_back_counts_from_there(box: Box) -> None:
    box.clock.signed_word(T0)
    box.clock.signed_word(T0 + 700 * DAY, Source.ENVELOPE)
    box.clock.signed_word(T0, Source.TIME_ROOT, lower=True)
    box.boot()
    assert box.clock.signed_word(T0 + 801 * DAY, Source.ENVELOPE) is Word.TOO_FAR
    assert box.clock.signed_word(T0 + 700 * DAY, Source.ENVELOPE) is Word.ACCEPTED


@pytest.mark.parametrize("note", ["", "boot-1 x 1.0", "boot-1 2026-03-01T12:00:00 1.0", f"boot-1 {T0.isoformat()} nan"])
def test_where_nothing_says_what_was_vouched_for_the_floor_does(box: Box, note: str) -> None:
    box.clock.signed_word(T0)
    assert box.state is not None
    box.state.put(VOUCHED, note)
    box.restart()
    assert box.clock.signed_word(T0 + 799 * DAY, Source.ENVELOPE) is Word.ACCEPTED
    assert box.clock.signed_word(T0 + 1598 * DAY, Source.ENVELOPE) is Word.TOO_FAR


def test_a_stale_word_is_ignored_and_a_slightly_late_one_confirms(box: Box) -> None:
    box.clock.signed_word(T0)
    box.mono += 60
    assert box.clock.signed_word(T0 + timedelta(seconds=30)) is Word.ACCEPTED
    assert box.clock.signed_word(T0 - DAY) is Word.STALE
    assert box.clock.now().time == T0 + timedelta(seconds=60)


def test_the_first_word_of_a_boot_may_lie_a_little_behind_the_floor(box: Box) -> None:
    box.clock.signed_word(T0)
    box.boot()
    assert box.clock.signed_word(T0 - DAY) is Word.STALE
    assert box.clock.now().state is ClockState.HELD
    assert box.clock.signed_word(T0 - timedelta(minutes=5)) is Word.ACCEPTED
    assert box.clock.now() == Trusted(ClockState.SIGNED, T0, T0)


def test_the_floor_on_disk_lags_a_minute_at_most(box: Box) -> None:
    box.clock.signed_word(T0)
    box.clock.signed_word(T0 + timedelta(seconds=59))
    assert box.state is not None
    assert box.state.floor() == T0
    box.clock.signed_word(T0 + timedelta(seconds=61))
    assert box.state.floor() == T0 + timedelta(seconds=61)


def test_a_disk_that_refuses_does_not_stop_the_time(box: Box) -> None:
    box.clock.signed_word(T0)
    box.close()
    assert box.clock.signed_word(T0 + DAY) is Word.ACCEPTED
    assert (box.clock.unsaved, box.clock.now().time) == (True, T0 + DAY)


@pytest.mark.parametrize("source", Source)
def test_each_source_has_its_ceiling_and_the_root_has_none(box: Box, source: Source) -> None:
    box.clock.signed_word(T0)
    ceiling = CEILINGS[source]
    if ceiling is None:
        assert box.clock.signed_word(T0 + 9000 * DAY, source) is Word.ACCEPTED
        return
    assert box.clock.signed_word(T0 + ceiling + timedelta(seconds=1), source) is Word.TOO_FAR
    assert box.clock.now().time == T0
    assert box.clock.signed_word(T0 + ceiling, source) is Word.ACCEPTED
    assert box.clock.now().time == T0 + ceiling


@pytest.mark.parametrize("source", Source)
def test_only_the_root_lowers_the_floor_and_only_where_it_says_so(box: Box, source: Source) -> None:
    box.clock.signed_word(T0 + 9000 * DAY)  # the wrong clock of headquarters, or a stolen key
    assert box.clock.signed_word(T0, source) is Word.STALE
    lowered = box.clock.signed_word(T0, source, lower=True)
    assert lowered is (Word.ACCEPTED if source is Source.TIME_ROOT else Word.STALE)
    root = source is Source.TIME_ROOT
    assert box.clock.now().time == (T0 if root else T0 + 9000 * DAY)
    box.boot()
    assert box.clock.now().state is (ClockState.HELD if root else ClockState.UNTRUSTED)
    assert box.clock.bounds()[0] == (T0 if root else T0 + 9000 * DAY)


def test_a_lowered_floor_goes_on_from_there_by_the_usual_rules(box: Box) -> None:
    box.clock.signed_word(T0 + 9000 * DAY)
    box.clock.signed_word(T0, Source.TIME_ROOT, lower=True)
    box.mono += 3600
    assert box.clock.now().time == T0 + timedelta(hours=1)
    assert box.clock.signed_word(T0 + 31 * DAY) is Word.TOO_FAR
    assert box.clock.signed_word(T0 + 2 * DAY) is Word.ACCEPTED
    assert box.state is not None
    assert box.state.floor() == T0 + 2 * DAY


def test_a_lowering_that_the_disk_refused_is_written_with_the_next_word(box: Box, tmp_path: Path) -> None:
    box.clock.signed_word(T0 + 9000 * DAY)
    assert box.state is not None
    box.close()
    assert box.clock.signed_word(T0, Source.TIME_ROOT, lower=True) is Word.ACCEPTED
    assert (box.clock.unsaved, box.clock.now().time) == (True, T0)
    box.state._db = State(tmp_path / "state.db")._db  # the disk is there again
    assert box.clock.signed_word(T0 + timedelta(seconds=1)) is Word.ACCEPTED
    assert (box.clock.unsaved, box.state.floor()) == (False, T0 + timedelta(seconds=1))


@pytest.mark.parametrize("source", [s for s in Source if s is not Source.ACK])
def test_a_word_from_paper_raises_the_floor_and_sets_no_clock_back(box: Box, source: Source) -> None:
    box.clock.signed_word(T0)
    box.wall = T0 + 20 * DAY
    box.boot()
    assert box.clock.signed_word(T0 + 6 * DAY, source) is Word.ACCEPTED  # signed two weeks before the stick came
    assert box.clock.now() == Trusted(ClockState.HELD, T0 + 20 * DAY, T0 + 6 * DAY)
    assert box.clock.bounds() == (T0 + 6 * DAY, T0 + 20 * DAY)


@pytest.mark.parametrize("year", [1970, 2151])
@pytest.mark.parametrize("source", [s for s in Source if s is not Source.ACK])
def test_a_word_from_paper_is_the_time_where_the_system_clock_cannot_be(box: Box, source: Source, year: int) -> None:
    box.wall = datetime(year, 1, 1, tzinfo=UTC)
    assert box.clock.bounds() == (None, None)
    assert box.clock.signed_word(T0, source) is Word.ACCEPTED
    assert box.clock.now() == Trusted(ClockState.SIGNED, T0, T0)
    assert box.clock.bounds() == (T0, T0)


def test_untrusted_time_is_not_before_the_floor(box: Box) -> None:
    box.clock.signed_word(T0)
    box.wall = datetime(1970, 1, 1, tzinfo=UTC)
    box.boot()
    assert box.clock.bounds() == (T0, None)


@pytest.mark.parametrize("source", Source)
def test_a_new_process_of_the_same_boot_still_knows_the_time_and_a_new_boot_does_not(
    box: Box, source: Source
) -> None:
    box.wall = datetime(1970, 1, 1, tzinfo=UTC)
    box.clock.signed_word(T0, source)
    box.mono += 100
    box.restart()
    now = T0 + timedelta(seconds=100)
    assert box.clock.now() == Trusted(ClockState.SIGNED, now, now)
    assert box.clock.signed_word(T0 - DAY, source) is Word.STALE
    box.boot()
    assert box.clock.now().state is ClockState.UNTRUSTED


def test_a_time_that_the_root_lowered_is_not_raised_again_by_a_restart(box: Box) -> None:
    box.clock.signed_word(T0 + 9000 * DAY)
    box.clock.signed_word(T0, Source.TIME_ROOT, lower=True)
    box.restart()
    assert box.clock.now() == Trusted(ClockState.SIGNED, T0, T0)


def test_a_lowering_that_was_cut_between_its_two_writes_leaves_the_old_floor(box: Box) -> None:
    box.clock.signed_word(T0 + 9000 * DAY)
    assert box.state is not None
    box.state.put(ANCHOR, f"boot-1 {T0.isoformat()} 5.0")
    box.restart()
    assert box.clock.now().state is ClockState.UNTRUSTED
    assert box.clock.bounds() == (T0 + 9000 * DAY, None)


@pytest.mark.parametrize("note", [
    "", "boot-1", "boot-1 x 5.0", f"boot-1 {T0.isoformat()} x", f"boot-1 {T0.isoformat()} nan",
    f"boot-1 {T0.isoformat()} 1e300", f"boot-1 {T0.isoformat()} -1e300", f"boot-2 {T0.isoformat()} 1.0",
    "boot-1 2026-03-01T12:00:00 1.0", "boot-1 9999-12-31T23:59:59+00:00 1.0",
])  # fmt: skip
def test_a_note_of_another_boot_or_of_nonsense_is_no_time(box: Box, note: str) -> None:
    box.clock.signed_word(T0)
    assert box.state is not None
    box.state.put(ANCHOR, note)
    box.wall = datetime(1970, 1, 1, tzinfo=UTC)
    box.restart()
    assert box.clock.now().state is ClockState.UNTRUSTED


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(
    st.tuples(st.sampled_from(["word", "boot", "wait", "wall", "restart"]), st.integers(-50, 50)), max_size=25
))  # fmt: skip
def test_expiring_time_never_goes_back_whatever_happens(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, int]]
) -> None:
    box = Box(tmp_path_factory.mktemp("c") / "state.db", save_step=timedelta(0))
    words: list[datetime] = []
    for what, days in steps:
        if what == "word" and box.clock.signed_word(T0 + days * DAY) is Word.ACCEPTED:
            words.append(T0 + days * DAY)
        elif what == "boot":
            box.boot()
        elif what == "restart":
            box.restart()
        elif what == "wait":
            box.mono += abs(days)
        else:
            box.wall = T0 + days * DAY
        now = box.clock.now()
        if now.expiry is not None:
            assert now.expiry >= max(words)
            if now.state is ClockState.HELD:
                assert now.expiry == max(words)
        assert (now.time is None) == (now.expiry is None) == (now.state is ClockState.UNTRUSTED)
    box.close()
