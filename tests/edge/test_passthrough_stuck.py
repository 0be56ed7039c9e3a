"""When a PC is stuck, and when one only was slow."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from drivers.api import DocumentRead
from drivers.transport.serial_out import SerialOut
from edge.config import PassThroughConfig
from edge.passthrough import KEEP_S, STUCK_READS, STUCK_S, PassThrough
from edge.passthrough.output import SAY_STUCK_S, Output

BIG = b"\x02" + b"<" * 8000 + b"\x03"


class Desk:
    """A pass-through to one socket, turned by hand, with a clock that is set by hand, and PCs that read by hand."""

    def __init__(self, path: Path) -> None:
        self.now = 1000.0
        self._path = path
        self.relay = PassThrough(
            [PassThroughConfig(to=f"unix:{path}", readers=("swipe-1",))], open_line=SerialOut, mono=lambda: self.now
        )
        self.relay.start()
        self.pc = self.connect()
        self.said: list[dict[str, Any]] = []

    @property
    def output(self) -> Output:
        return self.relay._outputs[0]

    def connect(self) -> socket.socket:
        pc = socket.socket(socket.AF_UNIX)
        pc.connect(str(self._path))
        self.output.turn()
        return pc

    def fill(self) -> None:
        """Reads of which the PC takes none, until its socket is full and one waits."""
        while not self.output._waiting():
            self.read()

    def read(self, raw: bytes = BIG) -> None:
        self.relay.emit(DocumentRead("swipe-1", ("P<UTO", "L898"), raw, self.now))

    def wait(self, seconds: float) -> None:
        with capture_logs() as logs:
            self.now += seconds
            self.output.turn()
        self.said += [dict(line) for line in logs if line["event"] == "passthrough_stuck"]

    def take(self, pc: socket.socket) -> None:
        pc.setblocking(False)
        while True:
            try:
                pc.recv(65536)
            except BlockingIOError:
                self.wait(0.0)
                if not self.output._waiting():
                    return

    def dropped(self) -> object:
        return self.output.health()["dropped"]


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    one = Desk(tmp_path / "pc")
    yield one
    one.pc.close()
    one.relay.close()


def swipe_in_vain(desk: Desk) -> None:
    """One read that the PC does not take in time."""
    before = desk.dropped()
    assert isinstance(before, int)
    desk.fill()
    desk.wait(KEEP_S + 0.1)
    assert desk.dropped() == before + 1


def test_a_single_drop_or_two_are_no_warning(desk: Desk) -> None:
    for _ in range(STUCK_READS - 1):
        swipe_in_vain(desk)
    assert desk.said == []
    desk.take(desk.pc)
    for _ in range(3):  # a PC that was busy now and then, all day long
        swipe_in_vain(desk)
        desk.take(desk.pc)
        desk.wait(STUCK_S)
    assert desk.said == []


def test_reads_dropped_in_a_row_are_said_once_and_how_many(desk: Desk) -> None:
    for _ in range(STUCK_READS + 2):
        swipe_in_vain(desk)
    (line,) = desk.said
    assert line["reason"] == f"{STUCK_READS} reads dropped in a row"
    assert line["count"] == STUCK_READS
    assert line["log_level"] == "warning"
    assert "restart" in line["advice"]
    desk.wait(SAY_STUCK_S)
    assert [one["count"] for one in desk.said] == [STUCK_READS, STUCK_READS + 2]
    desk.wait(SAY_STUCK_S)  # nobody swiped since: nothing new to say
    assert len(desk.said) == 2


def test_nothing_taken_for_so_long_is_said_with_the_seconds(desk: Desk) -> None:
    swipe_in_vain(desk)
    desk.wait(STUCK_S - KEEP_S - 1)
    desk.read()
    desk.wait(0.0)
    assert desk.said == []
    desk.wait(1.0)
    (line,) = desk.said
    assert line["reason"] == f"nothing taken for {STUCK_S:.0f} s"


def test_a_program_that_goes_is_not_stuck_and_the_next_begins_anew(desk: Desk) -> None:
    for _ in range(STUCK_READS - 1):
        swipe_in_vain(desk)
    desk.pc.close()
    desk.wait(STUCK_S)
    desk.pc = desk.connect()
    swipe_in_vain(desk)
    assert desk.said == []


def test_one_program_that_reads_does_not_hide_another_that_is_stuck(desk: Desk) -> None:
    other = desk.connect()
    try:
        desk.fill()
        for _ in range(STUCK_READS):
            desk.read()
            reading(other)
            desk.wait(KEEP_S + 0.1)
            reading(other)
        assert [line["reason"] for line in desk.said] == [f"{STUCK_READS} reads dropped in a row"]
    finally:
        other.close()


def reading(pc: socket.socket) -> None:
    pc.setblocking(False)
    try:
        while pc.recv(65536):
            pass
    except BlockingIOError:
        return


def test_a_frame_that_its_driver_could_not_keep_is_not_the_pcs_fault(desk: Desk) -> None:
    for _ in range(STUCK_READS + 1):
        desk.read(b"")
        desk.wait(STUCK_S)
    assert desk.dropped() == STUCK_READS + 1
    assert desk.said == []
