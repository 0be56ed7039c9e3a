"""The whole box with a PC behind it: reads go on when the disk is full, the link is down, the box is killed."""

from __future__ import annotations

import os
import select
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from box_world import BoxWorld, until, zone
from service_manager import ServiceManager
from small_disk import fill, small_disk

SIZE_MB = 8
RESTART_S = 0.5  # RestartSec of the unit
LIMIT_S = 30.0
LINKLESS = """
[uplink]
host = "127.0.0.1"
port = 9
"""


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own with SIZE_MB of room."""
    with small_disk(tmp_path / "small", f"size={SIZE_MB}m") as place:
        yield place


def with_pc(world: BoxWorld, more: str = "") -> BoxWorld:
    """The same box, its reader handed on to a PC at ``pc``."""
    passing = '\n[[passthrough]]\nto = "pty:pc"\nreaders = ["page-1"]\n'
    world.config.write_text(world.config.read_text("utf-8") + more + passing, encoding="utf-8")
    return world


class Pc:
    """The officer's PC: its handle on the port, opened once."""

    def __init__(self, port: Path) -> None:
        until(port.exists, "the port for the PC is there")
        self.fd = os.open(port, os.O_RDWR | os.O_NOCTTY)
        self.got = b""

    def hears(self, lines: tuple[str, ...], limit_s: float = LIMIT_S) -> bool:
        """True once the frame of that document has come whole."""
        wanted = b"\x02" + "".join(f"{line}\r" for line in lines).encode() + b"\x03"
        end = time.monotonic() + limit_s
        while wanted not in self.got:
            if not select.select([self.fd], [], [], max(0.0, end - time.monotonic()))[0]:
                return False
            self.got += os.read(self.fd, 4096)
        return True

    def close(self) -> None:
        os.close(self.fd)


def lives(world: BoxWorld, manager: ServiceManager) -> None:
    """Start the box under the service manager and wait until it reads."""
    if world.process is None and not world.reader.link.exists():
        world.reader.start()
    with world.log.open("ab") as out:
        world._log_start = out.tell()
        world.process = manager.start(world.words("run"), stdout=out)
    until(world._ready, "the box opens its reader", LIMIT_S)


def test_reads_reach_the_pc_on_a_full_disk_and_without_a_link(tmp_path: Path, small: Path) -> None:
    with with_pc(BoxWorld(tmp_path / "box", state=small / "state"), LINKLESS) as world:
        world.publish()
        world.start()
        pc = Pc(world.folder / "pc")
        assert world.scan()["recorded"] is True
        assert pc.hears(zone())
        fill(small)
        numbers = [f"L{n:07d}C" for n in range(60)]
        for number in numbers:
            world.reader.present(zone(number))
        assert all(pc.hears(zone(number)) for number in numbers)
        until(lambda: any(e["event"] == "not_recorded" for e in world.events()), "the disk was not full")
        until(lambda: (world.status() or {})["passthrough"][0]["emitted"] == 61, "all are counted")
        assert (world.status() or {})["uplink"]["state"] != "up"
        pc.close()


def test_a_box_that_cannot_start_for_want_of_room_serves_the_pc_until_it_tries_again(
    tmp_path: Path, small: Path
) -> None:
    with with_pc(BoxWorld(tmp_path / "box", state=small / "state")) as world:
        world.publish()
        world.start()
        pc = Pc(world.folder / "pc")
        assert world.scan()["recorded"] is True
        assert pc.hears(zone())
        pc.close()
        assert world.end() == 0
        for path in (small / "state").glob("journal.sqlite.ballast"):
            path.unlink()  # the room kept aside
        fill(small)
        (small / "state" / "journal.sqlite").write_bytes(b"")  # and the journal has to be made anew
        fill(small)
        with world.log.open("ab") as out:
            world.process = subprocess.Popen(world.words("run"), stdout=out, stderr=out)
        until(lambda: any(e["event"] == "standby" for e in world.events()), "the box cannot start")
        pc = Pc(world.folder / "pc")
        for number in ("C00000001", "C00000002"):
            world.reader.present(zone(number))
            assert pc.hears(zone(number))
        assert world.process.poll() is None
        assert not any(e["event"] == "running" for e in world.events()[-3:])
        world.process.terminate()
        assert world.wait() == 1
        pc.close()


def test_a_second_daemon_touches_neither_reader_nor_pc(tmp_path: Path) -> None:
    with with_pc(BoxWorld(tmp_path / "box")) as world:
        world.publish()
        world.start()
        pc = Pc(world.folder / "pc")
        place = (world.folder / "pc").readlink()
        second = world.run("run")
        assert second.returncode == 1
        assert "open in another process" in second.stderr
        assert (world.folder / "pc").readlink() == place
        world.reader.present(zone())
        assert pc.hears(zone())
        pc.close()


def test_the_pc_s_open_port_goes_on_when_the_box_is_killed_and_started_again(tmp_path: Path) -> None:
    with ServiceManager(tmp_path) as manager, with_pc(BoxWorld(tmp_path / "box")) as world:
        world.publish()
        lives(world, manager)
        pc = Pc(world.folder / "pc")
        world.reader.present(zone("A00000001"))
        assert pc.hears(zone("A00000001"))
        for life in range(2, 4):
            assert world.process is not None
            world.process.kill()
            world.process.wait()
            time.sleep(RESTART_S)
            lives(world, manager)
            number = f"A{life:08d}"
            world.reader.present(zone(number))
            assert pc.hears(zone(number))
        pc.close()


def test_what_is_swiped_while_the_box_starts_again_is_all_that_the_pc_loses(tmp_path: Path) -> None:
    """Documents go on being swiped while the box is killed and started again: one gap, and no frame in pieces."""
    with ServiceManager(tmp_path) as manager, with_pc(BoxWorld(tmp_path / "box")) as world:
        world.publish()
        lives(world, manager)
        pc = Pc(world.folder / "pc")
        heard: list[bool] = []
        for number in range(200):
            lines = zone(f"B{number:08d}")
            world.reader.present(lines)
            heard.append(pc.hears(lines, 0.2))
            if number == 3:
                assert world.process is not None
                world.process.kill()
                world.process.wait()
                time.sleep(RESTART_S)
                with world.log.open("ab") as out:
                    world.process = manager.start(world.words("run"), stdout=out)
            if number > 3 and heard[-10:] == [True] * 10:
                break
        assert all(heard[:4])
        assert all(heard[-10:])
        gap = heard.index(False)
        assert not any(heard[gap : len(heard) - heard[::-1].index(False)]), "the gap has holes"
        frames = pc.got.split(b"\x03")
        assert frames.pop() == b""
        assert all(frame.startswith(b"\x02") and len(frame) == 91 for frame in frames)
        pc.close()
