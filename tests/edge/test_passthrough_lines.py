"""The pass-through's sockets and serial ports: many programs, other owners, a port that vanishes."""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import structlog
from passthrough_kit import LIMIT_S, ROWS, Running, Wire, config, document, nothing_there, starting, take, until

from drivers.transport.serial_out import SerialOut
from edge.passthrough import PassThrough
from edge.passthrough.sockets import MAX_PCS


@pytest.fixture
def start() -> Iterator[Callable[..., Running]]:
    with starting() as begin:
        yield begin


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
