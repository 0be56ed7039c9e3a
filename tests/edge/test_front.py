"""What runs before the rest of the box, and without it: alarms that wait, standby, the watchdog, disks that refuse."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from box_world import BoxWorld, until, zone
from small_disk import small_disk
from structlog.testing import capture_logs

from edge import app, config, front
from edge.crew import Stopping
from edge.front import KEPT_ALARMS, Front
from edge.journal import JournalBusyError
from edge.journal.lock import take_lock
from edge.keys import StorageError
from edge.lifecycle import ALARM_AFTER_S, ReaderState
from edge.lists_in_use import ListsInUse
from edge.uplink import Uplink

PASSING = '\n[[passthrough]]\nto = "pty:pc"\nreaders = ["page-1"]\n'
LINK = '\n[uplink]\nhost = "127.0.0.1"\nport = 9\n'
FULL = StorageError("box.state_dir", OSError(28, "No space left on device"))


class Clock:
    """Monotonic seconds that pass only when a test lets them."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def world(tmp_path: Path) -> Iterator[BoxWorld]:
    with BoxWorld(tmp_path) as made:
        made.state.mkdir(mode=0o700)
        yield made


@pytest.fixture
def our_signals() -> Iterator[None]:
    """Standby and the box take SIGTERM and SIGINT; afterwards they are the test's again."""
    before: dict[int, signal.Handlers | int | None] = {}
    for number in (signal.SIGTERM, signal.SIGINT):
        before[number] = signal.getsignal(number)  # type: ignore[assignment]
    interval = sys.getswitchinterval()
    yield
    for number, handler in before.items():
        signal.signal(number, handler)
    sys.setswitchinterval(interval)


@pytest.fixture
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Standby that is over in an instant."""
    monkeypatch.setattr(front, "STANDBY_S", 0.3)
    monkeypatch.setattr(front, "LOOK_S", 0.02)


def made(world: BoxWorld, more: str = "", *, clock: Clock | None = None, notify: Path | None = None) -> Front:
    """The front of that box; nothing is opened."""
    world.config.write_text(world.config.read_text("utf-8") + more, "utf-8")
    environ = {"NOTIFY_SOCKET": str(notify)} if notify else {}
    return Front(config.load(world.config), mono=clock or time.monotonic, jitter=random.random, environ=environ)


class Never:
    """A stop flag that is never set."""

    def is_set(self) -> bool:
        return False

    def wait(self, timeout_s: float, /) -> bool:
        return False


def lose_its_reader(front: Front, clock: Clock) -> None:
    """Let the reader's own loop find nothing plugged in for over a minute: one alarm for headquarters."""
    (keeper,) = front.devices.keepers
    never: Stopping = Never()
    keeper.step(never)
    clock.now += ALARM_AFTER_S + 1
    keeper.step(never)
    assert keeper.state is ReaderState.ABSENT


# -- alarms before there is anybody to tell -----------------------------------------------------------


def test_an_alarm_that_comes_before_the_box_can_tell_it_is_told_then_and_once(world: BoxWorld) -> None:
    clock = Clock()
    one = made(world, clock=clock)
    lose_its_reader(one, clock)
    told: list[tuple[str, str]] = []
    one.listen(lambda *_: None, lambda code, reader: told.append((code, reader)))
    assert told == [("reader_lost", "page-1")]
    again: list[tuple[str, str]] = []
    one.listen(lambda *_: None, lambda code, reader: again.append((code, reader)))
    assert again == []
    one.devices.close()


def test_alarms_wait_in_order_and_in_a_bounded_number(world: BoxWorld) -> None:
    one = made(world)
    for number in range(KEPT_ALARMS + 3):
        one._alarm("reader_swapped", f"r{number}")
    told: list[str] = []
    one.listen(lambda *_: None, lambda _code, reader: told.append(reader))
    one._alarm("reader_lost", "live")
    assert told == [*(f"r{number}" for number in range(3, KEPT_ALARMS + 3)), "live"]
    one.devices.close()


def test_the_box_tells_headquarters_what_its_readers_found_before_it_was_there(
    world: BoxWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[tuple[str, object]] = []
    monkeypatch.setattr(Uplink, "event", lambda _self, code, detail: told.append((code, dict(detail))))
    clock = Clock()
    one = made(world, LINK, clock=clock)
    lose_its_reader(one, clock)
    box = app.Box(config.load(world.config), one)
    try:
        assert told == [("reader_lost", {"reader": "page-1"})]
    finally:
        box._end()


# -- standby ------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("our_signals", "soon")
def test_standby_opens_the_readers_says_why_and_ends_by_itself(world: BoxWorld) -> None:
    one = made(world, PASSING)
    with capture_logs() as lines:
        one.hold_on(FULL)
    (line,) = [line for line in lines if line["event"] == "standby"]
    assert "No space left" in str(line["reason"])
    assert line["advice"] == FULL.advice
    assert one.devices.keepers[0].health()["problem"]  # it was looked for
    assert one.crew.join() == ()


@pytest.mark.usefixtures("our_signals", "soon")
def test_without_a_pc_there_is_nobody_to_stand_by_for(world: BoxWorld) -> None:
    one = made(world)
    with capture_logs() as lines:
        one.hold_on(FULL)
    assert lines == []
    one.devices.close()


@pytest.mark.usefixtures("our_signals", "soon")
def test_standby_opens_nothing_while_another_box_has_the_state_folder(world: BoxWorld) -> None:
    one = made(world, PASSING)
    lock = take_lock(one.journal)
    try:
        with pytest.raises(JournalBusyError):
            one.start()
        with capture_logs() as lines:
            one.hold_on(FULL)  # found before the lock was tried
        assert lines == []
        assert not (world.folder / "pc").is_symlink()
    finally:
        os.close(lock)
        one.devices.close()


@contextlib.contextmanager
def ear(path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as heard:
        heard.bind(str(path))
        heard.setblocking(False)
        yield heard


def words(heard: socket.socket) -> list[str]:
    """What systemd was told so far, without files to keep."""
    found = []
    with contextlib.suppress(BlockingIOError):
        while True:
            found.append(heard.recv(4096).decode())
    return [word for word in found if not word.startswith("FDSTORE")]


def hang(stopping: threading.Event) -> None:
    """A thread's work that shows no pulse."""
    stopping.wait()


@pytest.mark.usefixtures("our_signals", "soon")
@pytest.mark.parametrize("hangs", [False, True])
def test_standby_feeds_the_watchdog_unless_a_thread_hangs(
    world: BoxWorld, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, hangs: bool
) -> None:
    with ear(tmp_path / "notify") as heard:
        one = made(world, PASSING, notify=tmp_path / "notify")
        if hangs:
            monkeypatch.setattr(front, "HUNG_S", 0.05)
            one.crew.hire("reader-x", lambda _pulse: hang(one.crew.stopping))
            until(lambda: one.crew.silent(0.05), "it hangs")
        with capture_logs() as lines:
            one.hold_on(FULL)
        fed = [word for word in words(heard) if word.startswith("WATCHDOG=1")]
        assert bool(fed) != hangs
        assert all("not started" in word for word in fed)
        named = [line["names"] for line in lines if line["event"] == "thread_hung"]
        assert ",".join(named).count("reader-x") == hangs  # said once, not at each look


@pytest.mark.usefixtures("our_signals", "soon")
@pytest.mark.parametrize("what", ["begin", "hire"])
def test_a_fault_between_building_and_running_has_the_readers_serve_the_pc_too(
    world: BoxWorld, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    def fails(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr(*((ListsInUse, "begin") if what == "begin" else (app.Box, "_hire")), fails)
    made(world, PASSING).devices.close()
    with capture_logs() as lines, pytest.raises(MemoryError):
        app.run(config.load(world.config))
    events = [line["event"] for line in lines]
    assert events.count("standby") == 1
    assert "running" not in events


# -- disks that refuse, with the real command ---------------------------------------------------------


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own with room for 100 files."""
    with small_disk(tmp_path / "small", "size=8m,nr_inodes=100") as place:
        yield place


def refuse(place: Path, how: str) -> None:
    if how == "read-only":
        subprocess.run(["mount", "-o", "remount,ro", place], check=True)
        return
    with contextlib.suppress(OSError):
        for number in range(1000):
            (place / f"filler-{number}").touch()


@pytest.mark.parametrize("how", ["read-only", "no inodes"])
def test_a_disk_that_refuses_is_no_wrong_configuration_and_the_pc_is_served(
    tmp_path: Path, small: Path, how: str
) -> None:
    with BoxWorld(tmp_path / "box", state=small / "state") as world:
        world.publish()
        world.start()
        assert world.scan()["recorded"] is True
        assert world.end() == 0
        refuse(small, how)
        alone = world.run("run")  # no PC: it ends at once, and systemd tries again
        assert alone.returncode == 1, alone.stderr
        assert "next:  free space and inodes on that disk" in alone.stderr
        assert "Traceback" not in alone.stderr
        world.config.write_text(world.config.read_text("utf-8") + PASSING, "utf-8")
        with world.log.open("ab") as out:
            world.process = subprocess.Popen(world.words("run"), stdout=out, stderr=out)
        until(lambda: "standby" in [e["event"] for e in world.events()], "the box stands by")
        until((world.folder / "pc").exists, "the port for the PC is there")
        pc = os.open(world.folder / "pc", os.O_RDWR | os.O_NOCTTY)
        got = bytearray()
        reading = threading.Thread(target=lambda: got.extend(os.read(pc, 4096)), daemon=True)
        reading.start()
        until(lambda: [e["event"] for e in world.events()].count("reader_ready") == 2, "the reader is open")
        world.reader.present(zone())
        reading.join(15)
        os.close(pc)
        assert got.startswith(b"\x02" + zone()[0].encode())
        world.process.terminate()
        assert world.wait() == 1
