"""Whole frames or none, whatever the PC's side takes."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.api import MAX_RAW, DocumentRead, OtherRead
from edge.passthrough import KEEP_S, MAX_WAITING, in_form
from edge.passthrough.lane import Lane, Tally

ROWS = ("P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<", "L898902C36UTO7408122F1204159ZE184226B<<<<<10")


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    """The least pipe there is, both ends non-blocking: one page."""
    ends = small_pipe()
    yield ends
    for fd in ends:
        os.close(fd)


def small_pipe() -> tuple[int, int]:
    reading, writing = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, 4096)
    return reading, writing


def numbered(number: int, length: int) -> bytes:
    return b"\x02" + f"{number:06d}".encode() + b"x" * length + b"\x03"


def take_all(fd: int) -> bytes:
    data = b""
    while True:
        try:
            data += os.read(fd, 65536)
        except BlockingIOError:
            return data


@given(st.lists(st.one_of(
    st.tuples(st.just("push"), st.integers(0, 1016)),
    st.tuples(st.just("read"), st.integers(1, 5000)),
    st.tuples(st.just("wait"), st.integers(1, 8)),
), max_size=120))
def test_a_pc_that_reads_as_it_likes_gets_whole_frames_in_order_and_every_one_is_counted(
    steps: list[tuple[str, int]],
) -> None:
    reading, writing = small_pipe()
    tally, now, pushed, data = Tally(), 0.0, [], b""
    lane = Lane(writing, tally)
    for what, size in steps:
        if what == "push":
            pushed.append(numbered(len(pushed), size))
            lane.push(pushed[-1], now)
        elif what == "read":
            try:
                data += os.read(reading, size)
            except BlockingIOError:
                assert data or not tally.emitted
        else:
            now += size
            lane.pump(now)
        assert len(lane) <= MAX_WAITING + 1
        assert tally.emitted + tally.dropped + len(lane) == len(pushed)
    while len(lane) or (more := take_all(reading)):
        data += take_all(reading) if len(lane) else more
        lane.pump(now)
    for fd in (reading, writing):
        os.close(fd)
    arrived = data.replace(b"\x03\x02", b"\x03\n\x02").split(b"\n") if data else []
    assert len(arrived) == tally.emitted
    assert arrived == [frame for frame in pushed if frame in set(arrived)]


def test_a_pc_that_never_reads_costs_one_queue_and_the_newest_wait(pipe: tuple[int, int]) -> None:
    tally = Tally()
    lane = Lane(pipe[1], tally)
    for number in range(1000):
        lane.push(numbered(number, 1000), 0.0)
    assert len(lane) <= MAX_WAITING + 1
    assert tally.dropped >= 1000 - MAX_WAITING - 5
    data = b""
    while len(lane):
        data += take_all(pipe[0])
        lane.pump(0.0)
    data += take_all(pipe[0])
    assert data.endswith(numbered(999, 1000))


def test_what_is_too_old_is_not_sent_but_what_has_begun_is_finished(pipe: tuple[int, int]) -> None:
    tally = Tally()
    lane = Lane(pipe[1], tally)
    begun, waits = b"B" * 5000, b"W" * 10
    lane.push(begun, 0.0)
    lane.push(waits, 0.0)
    data = take_all(pipe[0])
    lane.pump(KEEP_S + 0.1)
    data += take_all(pipe[0])
    assert data == begun
    assert (tally.emitted, tally.dropped, len(lane)) == (1, 1, 0)


def test_a_pc_that_left_leaves_nothing_to_the_next(pipe: tuple[int, int]) -> None:
    tally = Tally()
    lane = Lane(pipe[1], tally)
    lane.push(b"x" * 5000, 0.0)
    lane.push(b"y", 0.0)
    lane.clear()
    take_all(pipe[0])
    lane.pump(0.0)
    assert take_all(pipe[0]) == b""
    assert (tally.emitted, tally.dropped) == (0, 2)


def test_the_longest_frames_that_a_driver_gives_go_through_whole(pipe: tuple[int, int]) -> None:
    tally, data = Tally(), b""
    lane = Lane(pipe[1], tally)
    frames = [numbered(number, MAX_RAW - 8) for number in range(3)]
    for frame in frames:
        lane.push(frame, 0.0)
    while len(lane):
        data += take_all(pipe[0])
        lane.pump(0.0)
    assert data + take_all(pipe[0]) == b"".join(frames)
    assert (tally.emitted, tally.dropped) == (3, 0)


def test_a_read_whose_frame_could_not_be_kept_whole_is_counted_as_dropped_and_stops_nothing(
    pipe: tuple[int, int],
) -> None:
    tally = Tally()
    lane = Lane(pipe[1], tally)
    lane.push(in_form(DocumentRead("keys-1", ROWS, b"", 1.0), "frame"), 0.0)
    assert (tally.emitted, tally.dropped, len(lane)) == (0, 1, 0)
    lane.push(b"\x02next\x03", 0.0)
    assert take_all(pipe[0]) == b"\x02next\x03"
    assert (tally.emitted, tally.dropped) == (1, 1)
    assert in_form(DocumentRead("keys-1", ROWS, b"", 1.0), "text") == f"{ROWS[0]}\r{ROWS[1]}\r".encode()


def test_the_frame_goes_unchanged_and_the_text_as_rows() -> None:
    raw = b"\x02" + "\r".join(ROWS).encode() + b"\r\x03\r\n"
    read = DocumentRead("swipe-1", ROWS, raw, 1.0)
    assert in_form(read, "frame") is raw
    assert in_form(read, "text") == f"{ROWS[0]}\r{ROWS[1]}\r".encode()


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (b"\x025901234123457\r\x03", b"5901234123457\r"),
        (b"M1ERIKSSON/ANNA MARIA  EABC\r\n", b"M1ERIKSSON/ANNA MARIA  EABC\r"),
        (b"\x02\x03", b"\r"),
        (b"", b""),
    ],
)
def test_another_block_as_text_is_what_lies_between_its_control_characters(raw: bytes, text: bytes) -> None:
    assert in_form(OtherRead("swipe-1", raw, 1.0), "text") == text
    assert in_form(OtherRead("swipe-1", raw, 1.0), "frame") == raw
