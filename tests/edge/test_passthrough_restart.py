"""The daemon is killed and started afresh: the PC keeps its handle, and reads go on through it."""

from __future__ import annotations

import os
import select
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from service_manager import ServiceManager

CHILD = Path(__file__).with_name("passthrough_child.py")
LIMIT_S = 15.0


class Daemon:
    """One life of the process."""

    def __init__(self, manager: ServiceManager, *to: str) -> None:
        words = [sys.executable, str(CHILD), *to]
        self.process = manager.start(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert self._line() == b"ready\n"

    def emit(self, text: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(text.encode() + b"\n")
        self.process.stdin.flush()
        assert self._line() == b"emitted\n"

    def kill(self) -> None:
        self.process.kill()
        self.process.communicate(timeout=LIMIT_S)

    def _line(self) -> bytes:
        assert self.process.stdout is not None
        return self.process.stdout.readline()


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[ServiceManager]:
    with ServiceManager(tmp_path) as manager:
        yield manager


def frame(text: str) -> bytes:
    return b"\x02" + text.encode() + b"\r\x03"


def take(fd: int, count: int) -> bytes:
    """So many bytes from a PC's handle."""
    data, end = b"", time.monotonic() + LIMIT_S
    while len(data) < count:
        ready, _, _ = select.select([fd], [], [], max(0.0, end - time.monotonic()))
        assert ready, f"only {data!r} came"
        piece = os.read(fd, count - len(data))
        assert piece, "the box hung up"
        data += piece
    return data


def until_kept(manager: ServiceManager, count: int) -> None:
    manager.until(lambda: len(manager.kept) == count)


def test_the_open_handle_of_a_pty_goes_on_after_a_kill(tmp_path: Path, manager: ServiceManager) -> None:
    to = f"pty:{tmp_path / 'pc'}"
    first = Daemon(manager, to)
    pc = os.open(tmp_path / "pc", os.O_RDWR | os.O_NOCTTY)
    place = (tmp_path / "pc").readlink()
    try:
        first.emit("BEFORE")
        assert take(pc, len(frame("BEFORE"))) == frame("BEFORE")
        until_kept(manager, 1)
        for life in ("SECOND", "THIRD"):
            first.kill()
            first = Daemon(manager, to)
            first.emit(life)
            assert take(pc, len(frame(life))) == frame(life)
        assert (tmp_path / "pc").readlink() == place
    finally:
        os.close(pc)
        first.kill()


def test_what_the_pc_had_not_yet_taken_survives_too(tmp_path: Path, manager: ServiceManager) -> None:
    to = f"pty:{tmp_path / 'pc'}"
    first = Daemon(manager, to)
    pc = os.open(tmp_path / "pc", os.O_RDWR | os.O_NOCTTY)
    try:
        first.emit("A")
        until_kept(manager, 1)
        first.kill()
        second = Daemon(manager, to)
        second.emit("B")
        assert take(pc, 8) == frame("A") + frame("B")
        second.kill()
    finally:
        os.close(pc)


def test_a_program_that_comes_after_the_start_gets_nothing_of_the_life_before(
    tmp_path: Path, manager: ServiceManager
) -> None:
    to = f"pty:{tmp_path / 'pc'}"
    first = Daemon(manager, to)
    pc = os.open(tmp_path / "pc", os.O_RDWR | os.O_NOCTTY)
    first.emit("OLD-TRAVELLER")  # never read
    until_kept(manager, 1)
    first.kill()
    os.close(pc)  # while no daemon is there to see it
    second = Daemon(manager, to)
    pc = os.open(tmp_path / "pc", os.O_RDWR | os.O_NOCTTY)
    try:
        assert not select.select([pc], [], [], 0.2)[0]
        second.emit("NEW")
        assert take(pc, len(frame("NEW"))) == frame("NEW")
    finally:
        os.close(pc)
        second.kill()


def test_connected_programs_of_a_socket_stay_connected(tmp_path: Path, manager: ServiceManager) -> None:
    path = tmp_path / "pc.sock"
    first = Daemon(manager, f"unix:{path}")
    with socket.socket(socket.AF_UNIX) as one, socket.socket(socket.AF_UNIX) as gone, \
            socket.socket(socket.AF_UNIX) as later:
        one.connect(str(path))
        gone.connect(str(path))
        until_kept(manager, 3)
        first.emit("A")
        assert take(one.fileno(), 4) == take(gone.fileno(), 4) == frame("A")
        first.kill()
        gone.close()  # hung up while nobody was there
        later.connect(str(path))  # the listener is kept: it waits in the queue, and is not refused
        second = Daemon(manager, f"unix:{path}")
        until_kept(manager, 3)
        second.emit("B")
        assert take(one.fileno(), 4) == take(later.fileno(), 4) == frame("B")
        second.kill()


def test_an_output_that_is_configured_no_more_is_let_go(tmp_path: Path, manager: ServiceManager) -> None:
    first = Daemon(manager, f"pty:{tmp_path / 'pc'}", f"unix:{tmp_path / 'pc.sock'}")
    until_kept(manager, 2)
    first.kill()
    second = Daemon(manager, f"unix:{tmp_path / 'pc.sock'}")
    until_kept(manager, 1)
    second.kill()


def test_without_a_keeper_the_same_link_leads_to_a_new_pty(tmp_path: Path) -> None:
    words = [sys.executable, str(CHILD), f"pty:{tmp_path / 'pc'}"]
    environ = {k: v for k, v in os.environ.items() if k != "NOTIFY_SOCKET"}
    for life in ("FIRST", "SECOND"):
        process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environ)
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        pc = os.open(tmp_path / "pc", os.O_RDWR | os.O_NOCTTY)
        process.stdin.write(life.encode() + b"\n")
        process.stdin.flush()
        assert take(pc, len(frame(life))) == frame(life)
        os.close(pc)
        process.kill()
        process.communicate(timeout=LIMIT_S)
