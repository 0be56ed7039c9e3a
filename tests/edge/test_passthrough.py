"""Real ptys, real sockets, real serial lines: what a PC gets, and what one that misbehaves costs."""

from __future__ import annotations

import contextlib
import os
import select
import socket
import stat
import termios
import threading
import time
import tty
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import structlog

from drivers.api import DocumentRead, OtherRead
from drivers.transport.serial_out import SerialOut
from edge.config import PassThroughConfig
from edge.crew import Pulse
from edge.passthrough import MAX_WAITING, PassThrough
from edge.passthrough.sockets import MAX_PCS

LIMIT_S = 15.0
ROWS = ("P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<", "L898902C36UTO7408122F1204159ZE184226B<<<<<10")


def document(number: int = 0, device: str = "swipe-1", pad: int = 0) -> DocumentRead:
    raw = b"\x02" + f"{number:06d}".encode() + b"<" * pad + b"\r\x03"
    return DocumentRead(device, ROWS, raw, time.monotonic())


class Running:
    """A pass-through with its thread."""

    def __init__(self, *configs: PassThroughConfig) -> None:
        self.relay = PassThrough(configs, open_line=SerialOut, mono=time.monotonic)
        self.relay.start()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self.relay.run, args=(Pulse(self._stop, time.monotonic),))
        self._thread.start()

    def end(self) -> None:
        self._stop.set()
        self._thread.join(LIMIT_S)
        self.relay.close()

    def one(self, key: str) -> object:
        return self.relay.health()[0][key]

    def until(self, key: str, value: object) -> None:
        until(lambda: self.one(key) == value, f"{key} = {value}, not {self.one(key)}")


def until(what: Callable[[], object], why: str) -> None:
    end = time.monotonic() + LIMIT_S
    while not what():
        assert time.monotonic() < end, why
        time.sleep(0.005)


@pytest.fixture
def start() -> Iterator[Callable[..., Running]]:
    with contextlib.ExitStack() as stack:

        def begin(*configs: PassThroughConfig) -> Running:
            running = Running(*configs)
            stack.callback(running.end)
            return running

        yield begin


def config(to: str, **more: object) -> PassThroughConfig:
    return PassThroughConfig(to=to, readers=("swipe-1",), **more)  # type: ignore[arg-type]


def opened(path: Path) -> int:
    return os.open(path, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)


def take(fd: int, count: int) -> bytes:
    data, end = b"", time.monotonic() + LIMIT_S
    while len(data) < count:
        ready, _, _ = select.select([fd], [], [], max(0.0, end - time.monotonic()))
        assert ready, f"{len(data)} of {count} bytes came"
        data += os.read(fd, count - len(data))
    return data


def nothing_there(fd: int, wait_s: float = 0.05) -> bool:
    return not select.select([fd], [], [], wait_s)[0]


class Wire:
    """A serial line to a PC: the box opens ``port``, the PC holds ``pc``."""

    def __init__(self, link: Path) -> None:
        self.link = link
        self.pc = -1
        self.plug()

    def plug(self) -> None:
        self.pc, slave = os.openpty()
        tty.setraw(slave)
        os.set_blocking(self.pc, False)
        self.link.unlink(missing_ok=True)
        self.link.symlink_to(os.ttyname(slave))
        os.close(slave)

    def unplug(self) -> None:
        self.link.unlink(missing_ok=True)
        os.close(self.pc)
        self.pc = -1


# -- a pty -------------------------------------------------------------------------------------------------------


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


# -- a socket ----------------------------------------------------------------------------------------------------


def test_several_programs_each_get_every_read_and_one_that_leaves_disturbs_none(
    tmp_path: Path, start: Callable[..., Running]
) -> None:
    running = start(config(f"unix:{tmp_path / 'pc.sock'}", form="text"))
    pcs = [socket.socket(socket.AF_UNIX) for _ in range(3)]
    for pc in pcs:
        pc.connect(str(tmp_path / "pc.sock"))
    running.until("connected", 3)
    rows = "".join(f"{row}\r" for row in ROWS).encode()
    running.relay.emit(document())
    assert [take(pc.fileno(), len(rows)) for pc in pcs] == [rows] * 3
    pcs.pop().close()
    running.relay.emit(document())
    assert [take(pc.fileno(), len(rows)) for pc in pcs] == [rows] * 2
    running.until("connected", 2)
    assert running.one("emitted") == 5
    for pc in pcs:
        pc.close()
    running.until("connected", 0)


def test_no_more_than_so_many_programs(tmp_path: Path, start: Callable[..., Running]) -> None:
    running = start(config(f"unix:{tmp_path / 'pc.sock'}"))
    with contextlib.ExitStack() as stack:
        for _ in range(MAX_PCS):
            pc = stack.enter_context(socket.socket(socket.AF_UNIX))
            pc.connect(str(tmp_path / "pc.sock"))
        running.until("connected", MAX_PCS)
        extra = stack.enter_context(socket.socket(socket.AF_UNIX))
        extra.settimeout(LIMIT_S)
        extra.connect(str(tmp_path / "pc.sock"))
        assert extra.recv(1) == b""
        assert running.one("connected") == MAX_PCS


def test_a_socket_that_another_process_serves_is_left_to_it(tmp_path: Path) -> None:
    path = tmp_path / "pc.sock"
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(str(path))
        other.listen(8)
        relay = PassThrough([config(f"unix:{path}")], open_line=SerialOut, mono=time.monotonic)
        relay.start()
        assert relay.health()[0]["state"] == "backoff"
        relay.close()
    relay = PassThrough([config(f"unix:{path}")], open_line=SerialOut, mono=time.monotonic)
    relay.start()  # the socket was left by one that died
    assert relay.health()[0]["state"] == "ready"
    relay.close()
    assert not path.exists()


# -- a serial port -----------------------------------------------------------------------------------------------


def test_a_serial_port_that_vanishes_is_opened_again(tmp_path: Path, start: Callable[..., Running]) -> None:
    wire = Wire(tmp_path / "ttyPC")
    with structlog.testing.capture_logs() as logged:
        running = start(config(str(wire.link), baud=115200))
        running.until("state", "ready")
        running.relay.emit(document(1))
        assert take(wire.pc, 9) == document(1).raw
        wire.unplug()
        running.until("state", "backoff")
        running.relay.emit(document(2))
        assert running.one("unheard") == 1
        wire.plug()
        running.until("state", "ready")
        assert nothing_there(wire.pc)
        running.relay.emit(document(3))
        assert take(wire.pc, 9) == document(3).raw
        wire.unplug()
    assert [line["event"] for line in logged[:3]] == ["passthrough_ready", "passthrough_lost", "passthrough_ready"]


def test_a_port_that_is_lost_under_a_write_costs_its_own_frame_alone(
    tmp_path: Path, start: Callable[..., Running]
) -> None:
    wire = Wire(tmp_path / "ttyPC")
    running = start(config(str(wire.link)), config(f"unix:{tmp_path / 'pc.sock'}"))
    running.until("state", "ready")
    with socket.socket(socket.AF_UNIX) as other:
        other.connect(str(tmp_path / "pc.sock"))
        until(lambda: running.relay.health()[1]["connected"] == 1, "the program is taken in")
        wire.unplug()
        running.relay.emit(document(1))  # the thread may or may not have seen it yet
        assert take(other.fileno(), 9) == document(1).raw
    running.until("state", "backoff")


# -- all of them -------------------------------------------------------------------------------------------------


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
