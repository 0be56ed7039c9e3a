"""A real pty and what holds of every output: what a PC gets, and what one that misbehaves costs."""

from __future__ import annotations

import os
import socket
import stat
import termios
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import structlog
from passthrough_kit import LIMIT_S, Running, config, document, nothing_there, opened, starting, take, until

from drivers.api import OtherRead
from drivers.transport.serial_out import SerialOut
from edge.config import PassThroughConfig
from edge.passthrough import MAX_WAITING, PassThrough


@pytest.fixture
def start() -> Iterator[Callable[..., Running]]:
    with starting() as begin:
        yield begin


def test_every_byte_value_passes_a_pty_unchanged_also_for_a_program_that_sets_nothing(
    tmp_path: Path, start: Callable[..., Running]
) -> None:
    running = start(config(f"pty:{tmp_path / 'pc'}"))
    pc = opened(tmp_path / "pc")
    raw = bytes(range(256)) * 4
    running.relay.emit(OtherRead("swipe-1", raw, 0.0))
    assert take(pc, len(raw)) == raw
    assert nothing_there(pc)  # and nothing was echoed into it
    os.close(pc)


def test_a_program_that_opens_later_gets_nothing_old(tmp_path: Path, start: Callable[..., Running]) -> None:
    running = start(config(f"pty:{tmp_path / 'pc'}"))
    running.relay.emit(document(1))
    assert running.one("unheard") == 1
    pc = opened(tmp_path / "pc")
    running.until("connected", 1)
    assert nothing_there(pc)
    running.relay.emit(document(2))
    running.relay.emit(document(3))  # never read: it closes
    os.close(pc)
    running.until("connected", 0)
    pc = opened(tmp_path / "pc")
    assert nothing_there(pc)
    running.relay.emit(document(4))
    assert take(pc, 9) == document(4).raw
    os.close(pc)


def test_the_next_program_finds_a_raw_line_whatever_the_last_one_set(
    tmp_path: Path, start: Callable[..., Running]
) -> None:
    running = start(config(f"pty:{tmp_path / 'pc'}"))
    pc = opened(tmp_path / "pc")
    running.until("connected", 1)
    modes = termios.tcgetattr(pc)
    modes[0] |= termios.ICRNL
    modes[3] |= termios.ECHO | termios.ICANON
    termios.tcsetattr(pc, termios.TCSANOW, modes)
    os.close(pc)
    running.until("connected", 0)
    pc = opened(tmp_path / "pc")
    running.relay.emit(document(1))
    assert take(pc, 9) == document(1).raw
    os.close(pc)


def test_what_a_pc_sends_is_taken_and_thrown_away(tmp_path: Path, start: Callable[..., Running]) -> None:
    running = start(config(f"pty:{tmp_path / 'pc'}"))
    pc = os.open(tmp_path / "pc", os.O_RDWR | os.O_NOCTTY)
    running.until("connected", 1)
    for _ in range(64):
        os.write(pc, b"\x43\x00\x01\x01" * 1024)  # blocks for ever if nobody takes it
    running.relay.emit(document(1))
    assert take(pc, 9) == document(1).raw
    os.close(pc)


def test_a_pc_that_never_reads_loses_whole_frames_and_holds_nobody_up(
    tmp_path: Path, start: Callable[..., Running]
) -> None:
    running = start(config(f"pty:{tmp_path / 'pc'}"), config(f"unix:{tmp_path / 'pc.sock'}"))
    pc = opened(tmp_path / "pc")
    with socket.socket(socket.AF_UNIX) as other:
        other.connect(str(tmp_path / "pc.sock"))
        until(lambda: running.relay.health()[1]["connected"] == 1, "the program is taken in")
        longest = 0.0
        for number in range(3000):
            began = time.perf_counter()
            running.relay.emit(document(number, pad=90))
            longest = max(longest, time.perf_counter() - began)
            assert take(other.fileno(), 99).startswith(b"\x02%06d" % number)
        assert longest < 1.0  # a blocking write would never have returned
    dropped = running.one("dropped")
    assert isinstance(dropped, int)
    assert dropped > 2000
    data = b""
    while not nothing_there(pc, 0.5):
        data += os.read(pc, 65536)
    frames = data.split(b"\x03")
    assert frames.pop() == b""
    assert all(len(frame) == 98 and frame.startswith(b"\x02") for frame in frames)
    numbers = [int(frame[1:7]) for frame in frames]
    assert numbers == sorted(numbers)
    assert numbers[-1] == 2999
    assert len(numbers) + dropped == 3000
    assert len(numbers) > MAX_WAITING
    os.close(pc)


def test_a_file_that_is_no_link_is_left_alone_and_said_once(tmp_path: Path) -> None:
    (tmp_path / "pc").write_text("precious")
    with structlog.testing.capture_logs() as logged:
        relay = PassThrough([config(f"pty:{tmp_path / 'pc'}")], open_line=SerialOut, mono=time.monotonic)
        relay.start()
        relay.emit(document())
        relay.close()
    assert (tmp_path / "pc").read_text() == "precious"
    assert [line["event"] for line in logged] == ["passthrough_lost"]
    assert "no link" in logged[0]["reason"] or "exists" in logged[0]["reason"]


def test_pty_and_socket_are_open_to_the_service_s_group_alone(tmp_path: Path, start: Callable[..., Running]) -> None:
    start(config(f"pty:{tmp_path / 'pc'}"), config(f"unix:{tmp_path / 'pc.sock'}"))
    for path in ("pc", "pc.sock"):
        assert stat.S_IMODE((tmp_path / path).stat().st_mode) == 0o660


def test_only_the_named_readers_and_other_blocks_only_where_wanted(
    tmp_path: Path, start: Callable[..., Running]
) -> None:
    running = start(config(f"pty:{tmp_path / 'pc'}", others=False))
    pc = opened(tmp_path / "pc")
    running.relay.emit(document(1, device="page-1"))
    running.relay.emit(OtherRead("swipe-1", b"\x025901234123457\x03", 0.0))
    running.relay.emit(document(2))
    assert take(pc, 9) == document(2).raw
    assert nothing_there(pc)
    os.close(pc)


def test_reads_go_on_while_the_own_thread_is_dead(tmp_path: Path) -> None:
    relay = PassThrough([config(f"pty:{tmp_path / 'pc'}")], open_line=SerialOut, mono=time.monotonic)
    relay.start()
    pc = opened(tmp_path / "pc")
    for number in range(20):
        relay.emit(document(number))
        assert take(pc, 9) == document(number).raw
    os.close(pc)
    relay.close()


def test_a_fault_of_one_output_is_counted_and_the_next_still_gets_the_read(
    tmp_path: Path, start: Callable[..., Running], monkeypatch: pytest.MonkeyPatch
) -> None:
    running = start(config(f"unix:{tmp_path / 'pc.sock'}"), config(f"pty:{tmp_path / 'pc'}"))
    pc = opened(tmp_path / "pc")

    def broken(*_: object) -> bool:
        raise RuntimeError("a bug")

    monkeypatch.setattr(running.relay._outputs[0], "offer", broken)
    running.relay.emit(document(1))
    assert take(pc, 9) == document(1).raw
    assert running.relay.faults == 1
    os.close(pc)


def test_four_readers_at_once_into_one_pty_never_mix_their_frames(
    tmp_path: Path, start: Callable[..., Running]
) -> None:
    running = start(PassThroughConfig(to=f"pty:{tmp_path / 'pc'}", readers=("r-0", "r-1", "r-2", "r-3")))
    pc = opened(tmp_path / "pc")
    data = bytearray()
    done = threading.Event()

    def listen() -> None:
        while not (done.is_set() and nothing_there(pc)):
            if not nothing_there(pc):
                data.extend(os.read(pc, 65536))

    def swipe(name: str) -> None:
        for number in range(250):
            running.relay.emit(document(number, name, pad=90))
            if number % 10 == 9:
                time.sleep(0.01)

    ear = threading.Thread(target=listen)
    hands = [threading.Thread(target=swipe, args=(f"r-{n}",)) for n in range(4)]
    for thread in [ear, *hands]:
        thread.start()
    for thread in hands:
        thread.join(LIMIT_S)
    until(lambda: running.one("emitted") == 1000 or running.one("dropped"), "all are out")
    done.set()
    ear.join(LIMIT_S)
    frames = bytes(data).split(b"\x03")
    assert frames.pop() == b""
    assert all(len(frame) == 98 and frame.startswith(b"\x02") for frame in frames)
    assert len(frames) == running.one("emitted")
    os.close(pc)


def test_nothing_leaks_when_outputs_come_and_go(tmp_path: Path) -> None:
    def once() -> None:
        running = Running(config(f"pty:{tmp_path / 'pc'}"), config(f"unix:{tmp_path / 'pc.sock'}"))
        with socket.socket(socket.AF_UNIX) as pc:
            pc.connect(str(tmp_path / "pc.sock"))
            running.relay.emit(document())
        running.end()

    once()
    before = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(10):
        once()
    assert len(list(Path("/proc/self/fd").iterdir())) == before
