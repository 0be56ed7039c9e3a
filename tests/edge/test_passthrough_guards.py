"""What must not hold a read up, must not burn the processor, and must not reach the wrong hands."""

from __future__ import annotations

import ctypes
import os
import resource
import select
import socket
import subprocess
import sys
import threading
import time
import tty
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from passthrough_kit import LIMIT_S, Running, config, document, starting
from service_manager import ServiceManager, filled

from drivers.transport.serial_out import SerialOut
from edge.passthrough import MAX_WAITING, PassThrough
from edge.passthrough.keep import kept_name
from edge.passthrough.relay import BREATH_S
from edge.systemd import Notifier

FLOOD = "import socket, sys\ns = socket.socket(socket.AF_UNIX)\ns.connect(sys.argv[1])\nwhile True: s.send(b'x' * 4096)"


@pytest.fixture
def start() -> Iterator[Callable[..., Running]]:
    with starting() as begin:
        yield begin


def in_time(work: Callable[[], object]) -> bool:
    """Does it end? In a thread, so that one that never does costs the test alone."""
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    thread.join(3.0)
    return not thread.is_alive()


# -- a read is never held up -------------------------------------------------------------------------------------


def test_a_systemd_that_takes_no_words_holds_no_read_up_and_is_told_later(
    tmp_path: Path, start: Callable[..., Running]
) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ear, socket.socket(socket.AF_UNIX) as pc:
        ear.bind(str(tmp_path / "notify"))
        running = start(config(f"unix:{tmp_path / 'pc'}"), keep=Notifier({"NOTIFY_SOCKET": str(tmp_path / "notify")}))
        ear.settimeout(LIMIT_S)
        assert ear.recv(1024).startswith(b"FDSTORE=1")  # the listener
        talkers = filled(tmp_path / "notify")
        pc.connect(str(tmp_path / "pc"))
        running.until("connected", 1)
        assert in_time(lambda: running.relay.emit(document(1)))
        assert pc.recv(64) == document(1).raw
        said = b""
        while not said.startswith(b"FDSTORE=1"):
            said = ear.recv(1024)
        name = kept_name(f"unix:{tmp_path / 'pc'}")
        assert said.decode().splitlines()[1] == f"FDNAME={name}-0"
        for talker in talkers:
            talker.close()


class SlowLine:
    """A port whose closing takes as long as the test wants."""

    def __init__(self) -> None:
        self.far, self.near = os.openpty()
        tty.setraw(self.near)
        self.closing, self.may_close = threading.Event(), threading.Event()

    def fileno(self) -> int:
        return self.near

    def close(self) -> None:
        self.closing.set()
        self.may_close.wait(LIMIT_S)
        os.close(self.near)


def test_a_port_that_is_slow_to_close_holds_no_read_up(tmp_path: Path, start: Callable[..., Running]) -> None:
    line = SlowLine()
    running = start(config(str(tmp_path / "tty")), open_line=lambda *_: line)
    running.until("connected", 1)
    os.close(line.far)
    assert line.closing.wait(LIMIT_S)
    try:
        assert in_time(lambda: running.relay.emit(document(1)))
    finally:
        line.may_close.set()


class LeavingLine:
    """A port that is pulled between its opening and its setting up."""

    def __init__(self) -> None:
        self.closed = False

    def fileno(self) -> int:
        return resource.getrlimit(resource.RLIMIT_NOFILE)[0] - 1  # open nowhere

    def close(self) -> None:
        self.closed = True


def test_a_port_that_cannot_be_set_up_is_closed_and_tried_again(tmp_path: Path) -> None:
    lines: list[LeavingLine] = []

    def open_line(*_: object) -> LeavingLine:
        lines.append(LeavingLine())
        return lines[-1]

    now = [0.0]
    relay = PassThrough([config(str(tmp_path / "tty"))], open_line=open_line, mono=lambda: now[0])
    for _ in range(3):
        relay._outputs[0].turn()
        now[0] += 60
    relay.close()
    assert [line.closed for line in lines] == [True] * 3


def test_a_ring_while_it_is_closed_reaches_no_other_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    relay = PassThrough([config(str(tmp_path / "tty"))], open_line=SerialOut, mono=time.monotonic)
    monkeypatch.setattr(relay._outputs[0], "offer", lambda _: True)
    begun, go_on, write = threading.Event(), threading.Event(), os.eventfd_write

    def slowly(number: int, value: int) -> None:
        begun.set()
        go_on.wait(0.3)
        write(number, value)

    monkeypatch.setattr("os.eventfd_write", slowly)
    reader = threading.Thread(target=relay.emit, args=(document(1),))
    reader.start()
    assert begun.wait(LIMIT_S)
    relay.close()
    files = [os.open(tmp_path / str(at), os.O_WRONLY | os.O_CREAT) for at in range(8)]  # one takes the bell's number
    go_on.set()
    reader.join()
    for at, file in enumerate(files):
        os.close(file)
        assert (tmp_path / str(at)).read_bytes() == b""


# -- the own thread costs nothing while nothing is to be done -----------------------------------------------------


def test_an_inherited_program_that_hangs_up_before_the_socket_is_ours_wakes_nobody_for_ever(
    tmp_path: Path, start: Callable[..., Running]
) -> None:
    ours, theirs = socket.socketpair()
    to = f"unix:{tmp_path / 'pc'}"
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(str(tmp_path / "pc"))
        other.listen(8)  # another process serves it
        running = start(config(to), inherited={f"{kept_name(to)}-0": ours.detach()})
        theirs.close()
        assert running.one("state") == "backoff"
        assert running.turns_within(1.0) <= 8  # by time alone


def test_a_program_that_sends_without_end_costs_a_bounded_number_of_turns(
    tmp_path: Path, start: Callable[..., Running]
) -> None:
    running = start(config(f"unix:{tmp_path / 'pc'}"))
    flood = subprocess.Popen([sys.executable, "-c", FLOOD, str(tmp_path / "pc")])
    try:
        running.until("connected", 1)
        assert 1 <= running.turns_within(1.0) <= 1.0 / BREATH_S + 2
    finally:
        flood.kill()
        flood.wait()


def test_a_process_without_descriptors_left_takes_programs_in_later_and_does_not_spin(
    tmp_path: Path, start: Callable[..., Running]
) -> None:
    running = start(config(f"unix:{tmp_path / 'pc'}"))
    with socket.socket(socket.AF_UNIX) as pc:
        before = resource.getrlimit(resource.RLIMIT_NOFILE)
        free = os.dup(0)
        os.close(free)
        resource.setrlimit(resource.RLIMIT_NOFILE, (free, before[1]))
        try:
            pc.connect(str(tmp_path / "pc"))
            turns = running.turns_within(1.0)
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, before)
        assert turns <= 8
        running.until("connected", 1)


# -- the right hands ---------------------------------------------------------------------------------------------


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make a pty of another group, as the system's devpts does")
def test_a_pty_belongs_to_the_service_s_group_whatever_group_the_system_gives_ptys(tmp_path: Path) -> None:
    libc = ctypes.CDLL(None)
    relay = PassThrough([config(f"pty:{tmp_path / 'pc'}")], open_line=SerialOut, mono=time.monotonic)
    libc.setfsgid(5)  # of this thread: what is made now has the group tty
    try:
        relay.start()
        made = (tmp_path / "pc").stat()
    finally:
        libc.setfsgid(os.getegid())
        relay.close()
    assert (made.st_gid, made.st_mode & 0o777) == (os.getegid(), 0o660)


@pytest.mark.parametrize("there", ["pc", "pc.new"])
def test_a_link_that_leads_to_no_pty_is_left_alone(tmp_path: Path, there: str) -> None:
    (tmp_path / there).symlink_to("/dev/null")
    relay = PassThrough([config(f"pty:{tmp_path / 'pc'}")], open_line=SerialOut, mono=time.monotonic)
    relay.start()
    assert relay.health()[0]["state"] == "backoff"
    assert (tmp_path / there).readlink() == Path("/dev/null")
    relay.close()


def test_what_systemd_hands_over_and_nobody_claims_is_closed_and_let_go(tmp_path: Path) -> None:
    with ServiceManager(tmp_path) as manager:
        notifier = Notifier({"NOTIFY_SOCKET": str(manager.address)})
        strange, end = os.pipe()
        notifier.store("strange", strange)
        manager.until(lambda: manager.kept)
        PassThrough([], open_line=SerialOut, mono=time.monotonic, keep=notifier, inherited={"strange": strange}).close()
        with pytest.raises(OSError, match="Bad file descriptor"):
            os.fstat(strange)
        manager.until(lambda: not manager.kept)
        os.close(end)


# -- a PC that is slow -------------------------------------------------------------------------------------------


def heard(pc: int) -> bytes:
    """What a program reads that comes by every 50 ms."""
    time.sleep(0.05)
    return os.read(pc, 4096) if select.select([pc], [], [], 0)[0] else b""


@pytest.mark.parametrize(("at_once", "pad"), [(20, 85), (40, 37)], ids=["zones", "single rows"])
def test_quick_documents_all_reach_a_pc_that_reads_with_pauses(
    tmp_path: Path, start: Callable[..., Running], at_once: int, pad: int
) -> None:
    running = start(config(f"pty:{tmp_path / 'pc'}"))
    pc = os.open(tmp_path / "pc", os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
    running.until("connected", 1)
    frames = [document(number, pad=pad) for number in range(20 * at_once)]  # 400 a second, or 800
    wanted, data = b"".join(frame.raw for frame in frames), b""
    for at in range(0, len(frames), at_once):
        for frame in frames[at : at + at_once]:
            running.relay.emit(frame)
        data += heard(pc)
    while len(data) < len(wanted) and (more := heard(pc)):
        data += more
    assert data == wanted
    assert [running.one(key) for key in ("emitted", "dropped", "unheard")] == [len(frames), 0, 0]
    os.close(pc)


def test_what_waits_for_a_pc_that_had_stopped_reading_all_comes_once_it_goes_on(
    tmp_path: Path, start: Callable[..., Running]
) -> None:
    running = start(config(f"pty:{tmp_path / 'pc'}"))
    pc = os.open(tmp_path / "pc", os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
    running.until("connected", 1)
    wanted, number, more = b"", 0, MAX_WAITING - 1
    while more:
        frame = document(number := number + 1, pad=85)
        running.relay.emit(frame)
        wanted += frame.raw
        more -= running.one("emitted") != number  # the pty is full: from here on they wait
        assert number < 5000
    data = b""
    while len(data) < len(wanted) and (piece := heard(pc)):
        data += piece
    assert data == wanted
    assert [running.one(key) for key in ("emitted", "dropped", "unheard")] == [number, 0, 0]
    os.close(pc)
