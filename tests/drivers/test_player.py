"""The player: a recording's device side, without a port and without waiting."""

from __future__ import annotations

import pytest

from drivers.virtual.player import LONGEST_S, MISSES, PATIENCE_S, Player, cut_pauses, entries_of


class Line:
    """A port that takes everything, or nothing."""

    def __init__(self, room: int = 1 << 20) -> None:
        self.got, self.room = b"", room

    def write(self, data: bytes) -> int:
        taken = data[: self.room]
        self.got += taken
        return len(taken)

    def read(self) -> bytes:
        return b""


def player(*entries: tuple[float, str, bytes], speed: float = 1.0) -> tuple[Player, Line]:
    line = Line()
    return Player(list(entries), line, speed), line


def test_chunks_go_out_when_they_came_divided_by_the_speed():
    made, line = player((1.0, "<", b"a"), (3.0, "<", b"b"), speed=2.0)
    made.begin(100.0)
    made.step(100.0)
    assert line.got == b"a"  # the clock begins with the first chunk
    assert made.wait_s(100.0) == pytest.approx(1.0)
    made.step(100.9)
    assert line.got == b"a"
    made.step(101.0)
    assert line.got == b"ab"
    assert made.over


def test_an_answer_waits_for_its_question():
    made, line = player((0.0, ">", b"??"), (0.1, "<", b"!"))
    assert made.waits_for_host
    made.heard(1)
    made.begin(0.0)
    made.step(5.0)
    assert line.got == b""
    made.heard(1)
    made.step(5.1)
    assert line.got == b"!"
    assert made.report()["unanswered"] == 0


@pytest.mark.parametrize("speed", [1.0, 1000.0])
def test_a_host_that_writes_less_is_waited_for_and_then_told(speed):
    made, line = player((0.0, ">", b"??"), (0.0, "<", b"!"), (0.0, "<", b"!"), speed=speed)
    made.heard(1)
    made.begin(0.0)
    made.step(1.0)
    made.step(1.0 + PATIENCE_S - 0.1)
    assert line.got == b""
    made.step(1.0 + PATIENCE_S)
    assert line.got == b"!!"
    assert made.report() == {
        "sent": 2, "lost": 0, "unanswered": 1, "host_bytes": 1, "recorded_host_bytes": 2
    }


def test_a_host_with_a_clock_of_its_own_is_waited_for_as_long_as_the_recorded_one_took():
    recorded = [(0.0, "<", b"a"), (30.0, ">", b"?"), (30.0, "<", b"!")]
    line = Line()
    made = Player(list(cut_pauses(recorded, 0.25)), line, 1.0, recorded)
    made.begin(0.0)
    made.step(0.0)
    made.step(LONGEST_S)
    made.step(30.0 + PATIENCE_S - 0.1)
    assert line.got == b"a"
    made.step(30.0 + PATIENCE_S)
    assert line.got == b"a!"


def test_a_host_that_never_writes_holds_up_nothing_for_ever():
    made, line = player((0.0, ">", b"??"), (0.0, "<", b"a"), (0.0, ">", b"?"), (0.0, "<", b"b"))
    made.play(0.0)
    made.step(PATIENCE_S - 0.1)
    assert line.got == b""
    made.step(PATIENCE_S)
    assert line.got == b"ab"
    assert made.over
    assert made.report()["unanswered"] == 2


def test_after_some_waits_in_vain_no_more_is_waited_for():
    made, _ = player(*[(0.0, way, b"x") for _ in range(20) for way in (">", "<")])
    made.heard(1)
    made.play(0.0)
    now = 0.0
    while not made.over:
        made.step(now)
        now += 0.5
    assert now < (MISSES + 1) * PATIENCE_S
    assert made.report()["unanswered"] > MISSES


def test_what_a_line_does_not_take_is_lost_and_counted(monkeypatch):
    monkeypatch.setattr("drivers.virtual.player.STALL_S", 0.01)
    made, line = player((0.0, "<", b"abc"))
    line.room = 0
    made.begin(0.0)
    made.step(0.0)
    assert made.over
    assert made.report()["lost"] == 3


def test_at_full_speed_short_pauses_go_and_long_ones_are_cut():
    entries = [(5.0, "<", b"a"), (5.1, "<", b"b"), (5.6, "<", b"c"), (65.6, "<", b"d")]
    cut = list(cut_pauses(entries, 0.25))
    assert [at for at, _, _ in cut] == pytest.approx([0.0, 0.0, 0.5, 0.5 + LONGEST_S])
    assert [data for _, _, data in cut] == [b"a", b"b", b"c", b"d"]
    assert list(cut_pauses([], 0.25)) == []


def test_what_is_no_recording_is_refused(tmp_path):
    path = tmp_path / "a.trace"
    path.write_text("# Device: x\n1.0 < 00\n\n2.0 > 01\n")
    assert entries_of(path) == [(1.0, "<", b"\0"), (2.0, ">", b"\1")]
    path.write_text("1.0 00\n")
    with pytest.raises(ValueError, match="expected 3"):
        entries_of(path)
