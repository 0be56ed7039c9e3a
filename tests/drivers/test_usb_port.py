"""The keyboard port against a device over real USB/IP: whole reports, faults, the cable pulled at any moment."""

from __future__ import annotations

import errno
import os
import random
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import usb.core
from usb_world import World, numbered

from drivers.api import DeviceBusy, DeviceError, DeviceForbidden, DeviceGone, DriverMisuse
from drivers.transport.base import LineSettings
from drivers.transport.names import UsbIpName, parse
from drivers.transport.usb_find import on_usb
from drivers.transport.usb_port import UsbHidTransport
from drivers.transport.usb_pump import MAX_PACKETS as MAX_REPORTS
from drivers.transport.usbip import UsbIpBackend
from drivers.virtual.usb_keyboard import UsbIdentity


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with World(tmp_path) as one:
        yield one


@pytest.fixture
def port(world: World) -> Iterator[UsbHidTransport]:
    one = UsbHidTransport(world.port)
    yield one
    one.close()


def gather(port: UsbHidTransport, count: int, limit_s: float = 5.0) -> list[bytes]:
    """Reports until there are ``count``, or the time is over."""
    data, until = b"", time.monotonic() + limit_s
    while len(data) < count * 8 and time.monotonic() < until:
        data += port.read(4096, 0.5)
    return [data[at : at + 8] for at in range(0, len(data), 8)]


def test_every_report_arrives_once_and_in_order(world: World, port: UsbHidTransport) -> None:
    before = time.monotonic()
    answer = world.type(500)
    assert answer["sent"] == 500 * 8
    assert answer["whole"]
    assert before < answer["at"] < time.monotonic()
    assert gather(port, 500) == [numbered(at) for at in range(500)]
    assert port.read(4096, 0.0) == b""


@pytest.mark.parametrize("size", [8, 15, 16, 100])
def test_a_read_gives_whole_reports_only(world: World, port: UsbHidTransport, size: int) -> None:
    world.type(20)
    data = b""
    while len(data) < 160:
        piece = port.read(size, 5.0)
        assert piece
        assert len(piece) <= size
        assert len(piece) % 8 == 0
        data += piece
    assert data == b"".join(map(numbered, range(20)))


def test_less_than_a_report_is_no_size(port: UsbHidTransport) -> None:
    with pytest.raises(DriverMisuse):
        port.read(7, 0.0)


def test_wake_ends_a_waiting_read_at_once(port: UsbHidTransport) -> None:
    timer = threading.Timer(0.05, port.wake)
    started = time.monotonic()
    timer.start()
    assert port.read(64, 30.0) == b""
    assert time.monotonic() - started < 1.0


def test_what_is_written_reaches_the_lights(world: World, port: UsbHidTransport) -> None:
    port.write(b"")
    port.write(b"\x02\x07")
    world.order(status=True)  # the bench hands them on after it has answered
    assert world.device.lights == b"\x02\x07"


def test_the_device_is_set_to_boot_reports(world: World, port: UsbHidTransport) -> None:
    keyboard = world.bench.share.side
    assert (keyboard.configuration, keyboard.protocol, keyboard.idle) == (1, 0, 0)


def test_a_short_report_is_filled_up_and_an_empty_one_is_none(world: World, port: UsbHidTransport) -> None:
    world.order(short=3)
    world.order(bytes="02000405060708090000040000000000")
    world.order(short=0)
    world.order(bytes="0000050000000000" + "0000060000000000")
    assert gather(port, 3) == [
        bytes.fromhex("0200040000000000"), bytes.fromhex("0000040000000000"), bytes.fromhex("0000060000000000"),
    ]


def test_a_stall_is_cleared_and_reading_goes_on(world: World, port: UsbHidTransport) -> None:
    for _ in range(3):
        world.order(stall=True)
        world.type(5)
        assert gather(port, 5) == [numbered(at) for at in range(5)]


def test_a_device_that_only_stalls_is_at_fault(world: World, port: UsbHidTransport) -> None:
    world.order(stall=True)
    until = time.monotonic() + 5
    while world.bench.share.side.stalled and time.monotonic() < until:
        time.sleep(0.005)
    world.order(stall=True)
    with pytest.raises(DeviceError, match="stalls again and again"):
        port.read(64, 5.0)


def test_late_answers_are_waited_for(world: World, port: UsbHidTransport) -> None:
    world.order(late=0.25)  # longer than a slice: each read is unlinked, and the answers to that come late too
    world.type(12)
    world.order(late=0)
    assert gather(port, 12) == [numbered(at) for at in range(12)]


def read_to_the_end(port: UsbHidTransport) -> bytes:
    got = b""
    try:
        while piece := port.read(4096, 5.0):
            got += piece
    except DeviceGone:
        return got
    raise AssertionError("it was never told that the device is gone")


def test_unplugged_at_any_moment(world: World) -> None:
    chance = random.Random(3)
    for _ in range(25):
        port = UsbHidTransport(world.port)
        puller = threading.Timer(chance.random() * 0.02, world.order, kwargs={"unplug": True})
        puller.start()
        handed = world.type(200)["sent"]
        got = read_to_the_end(port)
        assert got == b"".join(map(numbered, range(len(got) // 8)))
        assert len(got) <= handed
        with pytest.raises(DeviceGone):
            port.read(64, 0.0)
        with pytest.raises(DeviceError):
            port.write(b"\x01")
        puller.join()
        port.close()
        world.order(plug=True)


def open_and_read(name: str) -> bytes:
    port = UsbHidTransport(name)
    try:
        return port.read(64, 5.0)
    finally:
        port.close()


def test_unplugged_while_opening_and_while_absent(world: World) -> None:
    for pause in (0.0, 0.001, 0.002, 0.004, 0.008):
        puller = threading.Timer(pause, world.order, kwargs={"unplug": True})
        puller.start()
        with pytest.raises(DeviceError):
            open_and_read(world.port)
        puller.join()
        with pytest.raises(DeviceGone):
            UsbHidTransport(world.port)
        world.order(plug=True)
    port = UsbHidTransport(world.port)
    world.type(3)
    assert len(gather(port, 3)) == 3
    port.close()


def test_nothing_is_left_behind(world: World) -> None:
    def held() -> tuple[int, int]:
        return len(os.listdir("/proc/self/fd")), threading.active_count()  # noqa: PTH208 - a count of names

    UsbHidTransport(world.port).close()
    before = held()
    for _ in range(20):
        port = UsbHidTransport(world.port)
        port.reset()
        port.close()
        port.close()
    until = time.monotonic() + 5
    while held() > before and time.monotonic() < until:  # the bench, in this process, closes its ends a moment later
        time.sleep(0.01)
    assert held() <= before


def test_a_flood_is_read_and_no_more_is_kept_than_fits(world: World, port: UsbHidTransport) -> None:
    total, flood = 0, threading.Thread(target=world.order, kwargs={"noise": 160_000})
    flood.start()
    while flood.is_alive() or total < 160_000:
        piece = port.read(65_536, 1.0)
        assert len(piece) <= MAX_REPORTS * 8
        total += len(piece)
        if not piece and not flood.is_alive():
            break
    flood.join()
    assert total == 160_000
    assert world.order(noise=MAX_REPORTS * 8 + 4096)["whole"] is False  # nobody reads: the device holds the rest
    assert len(port.read(65_536, 1.0)) == MAX_REPORTS * 8


def test_one_owner_at_a_time(world: World, port: UsbHidTransport) -> None:
    with pytest.raises(DeviceBusy):
        UsbHidTransport(world.port)


def test_who_is_not_there(world: World, tmp_path: Path) -> None:
    with pytest.raises(DeviceGone):
        UsbHidTransport(world.port.replace("/1-1", "/7-7"))
    with pytest.raises(DeviceGone, match="does not answer"):
        UsbHidTransport("usbip://127.0.0.1:1/1-1")


def test_its_interface_can_be_asked_for(world: World) -> None:
    UsbHidTransport(world.port, interface=0).close()
    with pytest.raises(DeviceError, match="no keyboard"):
        UsbHidTransport(world.port, interface=1)


class SeveralPlaces(UsbIpBackend):
    """Devices shared over USB/IP, shown as if they were plugged into ports of this machine."""

    def __init__(self, places: dict[str, str]) -> None:
        self._all = {place: UsbIpBackend(usbip_name(port)) for place, port in places.items()}
        super().__init__(UsbIpName("127.0.0.1", 1, "1-1"))

    def enumerate_devices(self) -> Iterator[Any]:
        for place, backend in self._all.items():
            for device in backend.enumerate_devices():
                bus, _, ports = place.partition("-")
                device.descriptor.bus = int(bus)
                device.descriptor.port_numbers = tuple(map(int, ports.split(".")))
                device.descriptor.address = len(place)
                yield device

    def close(self) -> None:
        for backend in self._all.values():
            backend.close()


def usbip_name(port: str) -> UsbIpName:
    name = parse(port)
    assert isinstance(name, UsbIpName)
    return name


@pytest.fixture
def two(tmp_path: Path) -> Iterator[tuple[World, World, SeveralPlaces]]:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    with World(tmp_path / "a", identity=UsbIdentity(serial="SN1")) as one, \
            World(tmp_path / "b", identity=UsbIdentity(serial="")) as other:
        backend = SeveralPlaces({"1-1.2": one.port, "1-1.4.1": other.port})
        yield one, other, backend
        backend.close()


def test_of_two_equal_ones_none_is_chosen_by_chance(two: tuple[World, World, SeveralPlaces]) -> None:
    with pytest.raises(DeviceError) as caught:
        UsbHidTransport("usb:1209:0001", backend=two[2])
    assert "1-1.2, 1-1.4.1" in caught.value.message
    assert "usb:1209:0001@1-1.2" in caught.value.advice


@pytest.mark.parametrize(("name", "which"), [
    ("usb:1209:0001@1-1.4.1", 1), ("usb:1209:0001@1-1.2", 0), ("usb:1209:0001:SN1", 0), ("usb:1209:0001:SN1@1-1.2", 0),
])
def test_place_and_serial_number_choose(
    two: tuple[World, World, SeveralPlaces], name: str, which: int
) -> None:
    port = UsbHidTransport(name, backend=two[2])
    two[which].type(3)
    assert len(gather(port, 3)) == 3
    port.close()


@pytest.mark.parametrize("name", [
    "usb:1209:0001@2-1", "usb:1209:0001:SN2", "usb:1209:0001:SN1@1-1.4.1", "usb:1209:0002", "usb:0001:1209",
])
def test_what_does_not_fit_is_not_taken(two: tuple[World, World, SeveralPlaces], name: str) -> None:
    with pytest.raises(DeviceGone, match="no such device"):
        UsbHidTransport(name, backend=two[2])


def test_without_libusb_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("libusb1", "libusb0", "openusb"):
        module = __import__(f"usb.backend.{name}", fromlist=["get_backend"])
        monkeypatch.setattr(module, "get_backend", lambda: None)
    with pytest.raises(DeviceError, match="no libusb") as caught:
        UsbHidTransport("usb:1209:0001")
    assert "apt install libusb-1.0-0" in caught.value.advice


@pytest.mark.parametrize(("code", "kind"), [
    (errno.ENODEV, DeviceGone), (errno.EIO, DeviceGone), (errno.EACCES, DeviceForbidden), (errno.EBUSY, DeviceBusy),
    (errno.EPIPE, DeviceError), (errno.EOVERFLOW, DeviceError), (None, DeviceError),
])
def test_each_fault_says_who_must_act(code: int | None, kind: type[DeviceError]) -> None:
    fault = on_usb("usb:1209:0001", usb.core.USBError("text", None, code))
    assert type(fault) is kind
    assert fault.advice
    assert "usb:1209:0001" in fault.message
    if code == errno.EACCES:
        assert "udev" in fault.advice


def test_open_port_chooses_this_port(world: World) -> None:
    from drivers.transport import open_port

    port = open_port(world.port, LineSettings())
    assert isinstance(port, UsbHidTransport)
    port.close()
