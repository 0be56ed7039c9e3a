"""Whatever fails while a port is opened or closed: nothing stays open, and no other file is written to."""

from __future__ import annotations

import contextlib
import errno
import os
import resource
import socket
import threading
import time
import tty
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from terminal_server import TerminalServer
from usb.core import USBError
from usb_world import World

from drivers.api import DeviceBusy, DeviceError, DeviceGone
from drivers.catalog import DRIVERS, open_reader
from drivers.trace import RecordingTransport, TraceWriter
from drivers.transport import LineSettings, SerialTransport, Transport, open_port
from drivers.transport.bell import Bell
from drivers.transport.names import UsbIpName, parse
from drivers.transport.network import NetworkTransport
from drivers.transport.serial_out import SerialOut
from drivers.transport.usb_port import UsbHidTransport
from drivers.transport.usbip import UsbIpBackend

LIMIT = 400  # descriptors, where they are to run out


def held() -> tuple[int, int]:
    return len(os.listdir("/proc/self/fd")), threading.active_count()  # noqa: PTH208 - a count of names


def let_go(before: tuple[int, int]) -> bool:
    """Servers in this process close their ends a moment later."""
    until = time.monotonic() + 5
    while held() > before and time.monotonic() < until:
        time.sleep(0.01)
    return held() <= before


@pytest.fixture
def line() -> Iterator[str]:
    master, slave = os.openpty()
    tty.setraw(slave)
    yield os.ttyname(slave)
    os.close(master)
    os.close(slave)


@pytest.fixture
def silent() -> Iterator[str]:
    """HOST:PORT that takes connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield f"127.0.0.1:{listener.getsockname()[1]}"


# what is laid over a port

@pytest.mark.parametrize("driver", DRIVERS)
def test_the_port_is_free_again_when_what_is_laid_over_it_cannot_be_made(driver: str, line: str) -> None:
    def through(_port: Transport) -> Transport:
        raise OSError(errno.ENOSPC, "no room for a recording")

    before = held()
    for _ in range(3):
        with pytest.raises(OSError, match="no room"):
            open_reader(driver, "north", {"port": line}, time.monotonic, through=through).open()
        assert held() == before
    open_port(line, LineSettings()).close()  # it is held exclusively: nobody has it


def test_the_port_is_free_again_when_its_first_words_cannot_be_recorded(line: str, tmp_path: Path) -> None:
    with (tmp_path / "trace").open("w", encoding="utf-8") as out:
        writer = TraceWriter(
            out, dict.fromkeys(("Device", "Date", "Submitter", "Documents"), "the test"), time.monotonic
        )
        reader = open_reader(
            "text", "north", {"port": line, "init": ["1B41"]}, time.monotonic,
            through=lambda port: RecordingTransport(port, writer),
        )
        before = held()
        out.close()
        with pytest.raises(ValueError, match="closed file"):
            reader.open()
    assert held()[0] == before[0] - 1
    assert not reader.status().open
    open_port(line, LineSettings()).close()


# no more descriptors, no more threads

class Scarce:
    """Descriptors run out: ``free`` are left while it is entered."""

    def __init__(self, free: int) -> None:
        self._free, self._spares = free, []

    def __enter__(self) -> None:
        self._limits = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (LIMIT, self._limits[1]))
        self._spares: list[int] = []
        try:
            while True:
                self._spares.append(os.dup(0))
        except OSError:
            pass
        for _ in range(self._free):
            os.close(self._spares.pop())

    def __exit__(self, *_: object) -> None:
        resource.setrlimit(resource.RLIMIT_NOFILE, self._limits)
        for spare in self._spares:
            os.close(spare)


def opened(make: Callable[[], Any], free: int) -> bool:
    before = held()
    port = None
    with Scarce(free), contextlib.suppress(DeviceError):
        port = make()
    if port is not None:
        port.close()
    assert held() == before
    return port is not None


def test_a_serial_port_without_descriptors_is_a_device_error(line: str) -> None:
    SerialTransport(line).close()
    outcomes = [opened(lambda: SerialTransport(line), free) for free in range(8)]
    assert outcomes == [False] * 6 + [True] * 2  # a bell, the port, four ends of pyserial's pipes


def test_a_serial_port_towards_a_pc_without_descriptors_is_a_device_error(line: str) -> None:
    SerialOut(line).close()
    assert [opened(lambda: SerialOut(line), free) for free in range(6)] == [False] * 5 + [True]


@pytest.mark.parametrize("scheme", ["socket", "rfc2217"])
def test_a_network_port_without_descriptors_is_a_device_error(scheme: str, silent: str) -> None:
    NetworkTransport(f"socket://{silent}").close()
    assert [opened(lambda: NetworkTransport(f"{scheme}://{silent}"), free) for free in range(2)] == [False] * 2


@pytest.mark.parametrize("scheme", ["socket", "rfc2217"])
def test_a_connection_that_cannot_be_set_up_is_closed(scheme: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("drivers.transport.network.KEEP_ALIVE", ((9999, 5),))  # the kernel knows no such option
    with TerminalServer(rfc2217=scheme == "rfc2217") as server:
        before = held()
        with pytest.raises(DeviceError):
            NetworkTransport(server.url)
        assert let_go(before)


def no_thread(_: threading.Thread) -> None:
    raise RuntimeError("can't start new thread")


def test_a_connection_without_a_thread_is_closed(silent: str, monkeypatch: pytest.MonkeyPatch) -> None:
    before = held()
    with monkeypatch.context() as patch:
        patch.setattr("threading.Thread.start", no_thread)
        with pytest.raises(DeviceError, match="thread") as caught:
            NetworkTransport(f"rfc2217://{silent}")
    assert held() == before
    assert caught.value.advice


# USB

class Failing(UsbIpBackend):
    """A shared keyboard of which one call of the backend fails."""

    def __init__(self, port: str, call: str, problem: Exception) -> None:
        name = parse(port)
        assert isinstance(name, UsbIpName)
        super().__init__(name)

        def fail(*_: object) -> None:
            raise problem

        setattr(self, call, fail)


@pytest.mark.parametrize(("call", "problem", "kind"), [
    ("get_configuration", USBError("i/o", None, errno.EIO), DeviceGone),
    ("get_configuration_descriptor", IndexError("list index out of range"), DeviceError),
    ("detach_kernel_driver", ArithmeticError("nobody thought of it"), ArithmeticError),
    ("claim_interface", USBError("busy", None, errno.EBUSY), DeviceBusy),
    ("claim_interface", NotImplementedError("claim"), DeviceError),
    ("ctrl_transfer", USBError("gone", None, errno.ENODEV), DeviceGone),
])
def test_a_keyboard_that_cannot_be_set_up_is_let_go(
    tmp_path: Path, call: str, problem: Exception, kind: type[Exception]
) -> None:
    with World(tmp_path) as world:
        UsbHidTransport(world.port).close()
        before = held()
        with pytest.raises(kind):
            UsbHidTransport("usb:1209:0001", backend=Failing(world.port, call, problem))
        assert let_go(before)
        UsbHidTransport(world.port).close()  # it is given to one at a time


@pytest.mark.parametrize("which", ["usbip", "usb packets"])
def test_a_keyboard_without_a_thread_is_let_go(tmp_path: Path, which: str, monkeypatch: pytest.MonkeyPatch) -> None:
    start = threading.Thread.start
    with World(tmp_path) as world:
        UsbHidTransport(world.port).close()
        before = held()
        with monkeypatch.context() as patch:
            patch.setattr("threading.Thread.start", lambda one: no_thread(one) if one.name == which else start(one))
            with pytest.raises(DeviceError):
                UsbHidTransport(world.port)
        assert let_go(before)
        UsbHidTransport(world.port).close()


# a wake that comes while the port is closed

class Ringing:
    """``os.eventfd_write`` with a thread that loses the processor at its beginning, until ``go_on`` or 0.3 s."""

    def __init__(self) -> None:
        self.begun, self.go_on = threading.Event(), threading.Event()
        self._write = os.eventfd_write

    def __call__(self, number: int, value: int) -> None:
        self.begun.set()
        self.go_on.wait(0.3)
        self._write(number, value)


@pytest.mark.parametrize("kind", ["bell", "serial", "socket"])
def test_a_wake_while_it_is_closed_reaches_no_other_file(
    kind: str, line: str, silent: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    port: Any = {
        "bell": Bell, "serial": lambda: SerialTransport(line), "socket": lambda: NetworkTransport(f"socket://{silent}"),
    }[kind]()
    ringing = Ringing()
    monkeypatch.setattr("os.eventfd_write", ringing)
    waker = threading.Thread(target=port.ring if kind == "bell" else port.wake)
    waker.start()
    assert ringing.begun.wait(5)
    port.close()
    files = [os.open(tmp_path / str(at), os.O_WRONLY | os.O_CREAT) for at in range(12)]  # one takes the bell's number
    ringing.go_on.set()
    waker.join()
    for at, file in enumerate(files):
        os.close(file)
        assert (tmp_path / str(at)).read_bytes() == b""


def test_a_bell_that_is_closed_is_silent() -> None:
    bell = Bell()
    bell.ring()
    assert os.eventfd_read(bell.fileno()) == 1
    bell.hush()
    bell.close()
    bell.close()
    bell.ring()
    bell.hush()
    assert bell.fileno() == -1
