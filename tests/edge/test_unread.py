"""A frame that broke: the officer is told, unless it comes all the same, and not without end."""

from __future__ import annotations

import pytest
from keeper_kit import GONE, OTHER, READ, Rig

from drivers.api import Feedback, Noise, NothingLost
from edge.lifecycle import BUDGET_FRAMES
from edge.reader_news import UNREAD
from edge.unread import PAUSE_S, SPARE_S, TIMES, Unread
from edge.verbs.counter import show

BROKEN = Noise(20, garbled=1)


def told(rig: Rig) -> int:
    return rig.announced.count(UNREAD)


def test_a_document_that_broke_is_told_and_the_device_gives_the_sign() -> None:
    rig = Rig(reads=[BROKEN])
    rig.run(SPARE_S)
    assert told(rig) == 0
    rig.run(1.0)
    assert told(rig) == 1
    assert rig.device.signs == [Feedback.RETRY]
    rig.run(600)
    assert told(rig) == 1
    assert "unread" not in str(rig.lines)  # the log is for the technician


@pytest.mark.parametrize("read", [READ, OTHER])
def test_what_comes_all_the_same_is_not_told(read: object) -> None:
    rig = Rig(reads=[BROKEN, None, read])
    rig.run(60)
    assert told(rig) == 0
    assert rig.device.signs == []


def test_noise_on_the_line_is_no_document() -> None:
    rig = Rig(reads=[Noise(500)] * 50)
    rig.run(60)
    assert told(rig) == 0


def test_a_reader_that_is_gone_is_shown_as_gone_alone() -> None:
    rig = Rig(reads=[BROKEN, GONE])
    rig.device.plugged = True
    rig.run(60)
    assert told(rig) == 0


def test_the_next_document_is_waited_for() -> None:
    rig = Rig(reads=[BROKEN])
    rig.run(1.0)
    rig.device.reading = True
    rig.run(10.0)
    assert told(rig) == 0
    rig.device.reading = False
    rig.run(1.0)
    assert told(rig) == 1


def test_a_dirty_line_is_told_three_times_and_then_is_the_technicians_affair() -> None:
    rig = Rig()
    for _ in range(20):
        rig.device.reads += [BROKEN, None, None, None, None]
        rig.run(3 + PAUSE_S)
    assert told(rig) == TIMES
    rig.device.reads += [READ, BROKEN]
    rig.run(10)
    assert told(rig) == TIMES + 1  # a good read: all begins anew


def test_it_is_told_at_most_every_ten_seconds() -> None:
    unread = Unread()
    at = [now for now in range(0, 60, 2) if (unread.broken(now) or unread.due(now + SPARE_S, reading=False))]
    assert at == [0, 10, 20]


@pytest.mark.parametrize("every_s", [0.5, 1.0, 1.4, 1.6, 5.0])
def test_a_line_that_breaks_frame_after_frame_is_told_of(every_s: float) -> None:
    unread, told_at = Unread(), []
    for step in range(int(600 / every_s)):
        now = step * every_s
        unread.broken(now)
        if unread.due(now + 0.3, reading=False):
            told_at.append(now)
    assert len(told_at) == TIMES
    assert told_at[0] <= max(2.0, every_s)


def test_a_word_that_nothing_is_lost_settles_it() -> None:
    rig = Rig(reads=[BROKEN, NothingLost()])
    rig.run(60)
    assert told(rig) == 0
    assert rig.delivered == rig.tapped == []


def test_a_storm_is_a_fault_and_still_told() -> None:
    rig = Rig(reads=[BROKEN] * BUDGET_FRAMES)
    assert "reader_fault" in rig.run(60)
    assert told(rig) == 1


def test_the_screen_says_what_to_do(capsys: pytest.CaptureFixture[str]) -> None:
    show({"type": "reader", "reader": "page-1", "state": UNREAD})
    assert capsys.readouterr().out == "  page-1: a document did not come through: present it again\n"
