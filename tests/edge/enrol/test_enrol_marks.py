"""High-water marks: what outlives a reset and a lost state file, and what the root's word takes back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from enrol_kit import NOW, Headquarters, Post, codes

from edge.core.provisioning import inbox
from edge.core.trusted import ClockState
from edge.enrol import kept
from edge.state import State

LATER = NOW + timedelta(days=20)


@pytest.fixture
def enrolled(tmp_path: Path) -> Post:
    post = Post(tmp_path, Headquarters())
    post.enrol()
    return post


def reset(post: Post, sequence: int) -> None:
    with post.process() as life:
        token = post.hq.reset_paper(life.box, sequence, expires=NOW + timedelta(days=300))
    assert "BP-106" in codes(post.plug({inbox.RESET: token}))


def lose_state(post: Post) -> None:
    for path in post.places.state.glob("state.sqlite*"):
        path.unlink()


def floor(post: Post) -> datetime | None:
    with post.process() as life:
        return life.daemon.state.floor()


def test_a_floor_that_the_root_lowered_after_a_reset_stays_where_it_put_it(enrolled: Post) -> None:
    enrolled.plug({inbox.TIME: enrolled.hq.time_paper(1, LATER)})
    reset(enrolled, 5)
    assert floor(enrolled) == LATER
    word = enrolled.hq.time_paper(2, NOW, by_root=True, lower=True)
    assert codes(enrolled.plug({inbox.TIME: word}))[0] == "BP-107"
    for _ in range(2):
        assert floor(enrolled) == NOW
    assert kept.load(enrolled.places).floor == NOW
    lose_state(enrolled)
    assert floor(enrolled) == NOW


def test_a_recalled_floor_says_not_earlier_and_never_what_time_it_is(enrolled: Post) -> None:
    enrolled.plug({inbox.TIME: enrolled.hq.time_paper(1, NOW + timedelta(hours=2))})
    reset(enrolled, 5)
    enrolled.wall = datetime(1970, 1, 1, tzinfo=UTC)  # a dead battery
    for boot in ("boot-7", "boot-8"):
        enrolled.boot = boot
        with enrolled.process() as life:
            assert life.clock.now().state is ClockState.UNTRUSTED
            assert life.clock.bounds() == (NOW + timedelta(hours=2), None)


def test_a_lost_state_file_takes_no_expired_envelope_and_no_older_list(enrolled: Post) -> None:
    with enrolled.process() as life:
        old = enrolled.hq.envelope(life.box, 2, {"acks.json": b"[]"}, not_after=NOW + timedelta(days=2))
        life.daemon.state.raise_high_water("sltd", 7)
        life.daemon.state.put("updates.timestamp", "12")
        life.box.follow(life.daemon.state)
    enrolled.wall = LATER
    assert codes(enrolled.plug({inbox.TIME: enrolled.hq.time_paper(1, LATER)}))[0] == "BP-107"
    lose_state(enrolled)
    with enrolled.process() as life:
        assert life.daemon.state.floor() == LATER
        assert life.daemon.state.high_water() == {"sltd": 7}
        assert life.daemon.state.get("updates.timestamp") == "12"
    assert "BP-306" in codes(enrolled.plug({inbox.ENVELOPE: old}))


def test_marks_are_there_before_the_clock_and_the_lists_ask(enrolled: Post) -> None:
    from edge.enrol.aboard import state_of

    with enrolled.process() as life:
        life.daemon.state.raise_high_water("sltd", 7)
        life.box.follow(life.daemon.state)
        lost = enrolled.places.state / "another.sqlite"
        state = state_of(lost, life.box)
        assert (state.high_water(), state.floor()) == ({"sltd": 7}, NOW)
        state.close()


def test_a_mark_that_fell_with_a_list_s_keys_is_not_raised_again(enrolled: Post) -> None:
    with enrolled.process() as life:
        life.daemon.state.raise_high_water("sltd", 7)
        life.box.follow(life.daemon.state)
        life.daemon.state.reset_high_water("sltd", 2)  # and the power goes before anything is copied
    with enrolled.process() as life:
        assert life.daemon.state.high_water() == {"sltd": 2}
    assert kept.load(enrolled.places).lists == {"sltd": 2}


def test_the_floor_is_copied_in_steps_and_nothing_is_written_in_between(enrolled: Post) -> None:
    with enrolled.process() as life:
        state = life.daemon.state
        life.box.follow(state)
        before = enrolled.places.kept.stat().st_ino
        for minutes in range(0, 60, 5):
            state.raise_floor(NOW + timedelta(minutes=minutes))
            life.box.follow(state)
        assert enrolled.places.kept.stat().st_ino == before
        state.raise_floor(NOW + timedelta(minutes=60))
        life.box.follow(state)
    assert kept.load(enrolled.places).floor == NOW + timedelta(minutes=60)


def test_a_state_file_that_could_not_be_filled_is_not_copied_over_the_marks(enrolled: Post) -> None:
    with enrolled.process() as life:
        life.daemon.state.raise_high_water("sltd", 7)
        life.box.follow(life.daemon.state)
        empty = State(enrolled.places.state / "empty.sqlite")
        life.box.follow(empty)
        empty.close()
    assert kept.load(enrolled.places).lists == {"sltd": 7}


def test_a_box_that_lost_both_files_is_no_blank_one(enrolled: Post) -> None:
    word = enrolled.hq.time_paper(7, NOW + timedelta(days=3))
    enrolled.plug({inbox.TIME: word})
    for name in ("kept.json", "kept.copy.json"):
        (enrolled.places.state / name).unlink()
    with enrolled.process() as life:
        assert "gone" in life.box.fault
        assert life.config is not None  # it screens on
        assert life.box.facts({}, "").serial == life.box.identity.serial  # and answers sticks
    outcome = enrolled.plug({inbox.TIME: word})
    assert "BP-107" not in codes(outcome)
    assert "BP-505" in codes(outcome)
    assert not enrolled.places.kept.exists()


def test_a_blank_box_has_the_file_before_it_has_keys(tmp_path: Path) -> None:
    post = Post(tmp_path, Headquarters())
    with post.process() as life:
        assert life.box.fault == ""
        assert enrolment_files(post) >= {"kept.json", "kept.copy.json", "identity"}


def enrolment_files(post: Post) -> set[str]:
    return {path.name for path in post.places.state.iterdir()}
