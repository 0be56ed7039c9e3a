"""Our pyusb backend against another's USB/IP device (the library ``usbip``)."""

from __future__ import annotations

import contextlib
import errno
import random
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import usb.core
import usb.util
import usbip
from hypothesis import given
from hypothesis import strategies as st
from usb.core import USBError, USBTimeoutError
from usb_world import World, numbered
from usbip.core import Stall

from drivers.transport import usbip_link
from drivers.transport.names import UsbIpName
from drivers.transport.usb_descriptors import configuration
from drivers.transport.usb_port import UsbHidTransport
from drivers.transport.usbip import UsbIpBackend
from drivers.virtual.usb_keyboard import UsbKeyboard


class Board(usbip.Interface):
    """A keyboard interface with packets of 64 bytes, an OUT endpoint, and vendor requests."""

    bInterfaceClass, bInterfaceSubClass, bInterfaceProtocol = 3, 1, 1  # noqa: N815 - the library's names
    key = usbip.In(0x81, "interrupt", mps=64, interval=1)
    out = usbip.Out(0x02, "bulk", mps=64)

    def on_control(self, setup: Any, data: bytes = b"") -> bytes:
        if setup.bRequest == 1:  # GET_REPORT, here: anything that has an answer
            return bytes(range(setup.wLength))
        if setup.bRequest in (9, 10, 11):
            return b""
        raise Stall


@pytest.fixture
def board() -> Iterator[tuple[Board, UsbIpName]]:
    device = usbip.USBDevice(0x1209, 0x0002, product="board", manufacturer="somebody", serial="SN-77")
    interface = Board()
    device.add(interface)
    server = usbip.USBIP("127.0.0.1", 0)  # never the library's default, which is every address of the machine
    device.plug(via=server)
    port = server._listener.socks[0].getsockname()[1]
    yield interface, UsbIpName("127.0.0.1", port, device.busid)
    device.unplug()
    with contextlib.suppress(OSError):
        socket.create_connection(("127.0.0.1", port), 1).close()  # its thread waits in accept() until somebody comes


@pytest.fixture
def device(board: tuple[Board, UsbIpName]) -> Iterator[Any]:
    backend = UsbIpBackend(board[1])
    found = usb.core.find(backend=backend)
    found.set_configuration()
    yield found
    usb.util.dispose_resources(found)
    backend.close()


def test_what_the_device_says_of_itself(device: Any) -> None:
    assert (device.idVendor, device.idProduct) == (0x1209, 0x0002)
    assert (device.manufacturer, device.product, device.serial_number) == ("somebody", "board", "SN-77")
    (interface,) = device.get_active_configuration()
    assert [end.bEndpointAddress for end in interface] == [0x81, 0x02]
    assert interface[0].wMaxPacketSize == 64
    assert not device.is_kernel_driver_active(0)
    assert "board" in str(device)  # pyusb walks every descriptor and string for this


def test_transfers_of_each_kind(board: tuple[Board, UsbIpName], device: Any) -> None:
    assert bytes(device.ctrl_transfer(0xA1, 1, 0, 0, 200)) == bytes(range(200))
    assert device.ctrl_transfer(0x21, 9, 0x0200, 0, b"\x01") == 1
    assert device.write(0x02, b"x" * 50) == 50
    assert board[0].out.read() == b"x" * 50
    board[0].key.write(b"12345")
    assert bytes(device.read(0x81, 64)) == b"12345"
    with pytest.raises(USBError) as caught:
        device.ctrl_transfer(0xC1, 77, 0, 0, 1)
    assert caught.value.errno == errno.EPIPE


def test_a_halted_endpoint_stalls_until_it_is_cleared(board: tuple[Board, UsbIpName], device: Any) -> None:
    board[0].key.stall()
    with pytest.raises(USBError) as caught:
        device.read(0x81, 64)
    assert caught.value.errno == errno.EPIPE
    device.clear_halt(0x81)
    board[0].key.write(b"again")
    assert bytes(device.read(0x81, 64)) == b"again"


def test_a_waiting_read_does_not_hold_up_control_transfers(board: tuple[Board, UsbIpName], device: Any) -> None:
    got: list[bytes] = []
    reader = threading.Thread(target=lambda: got.append(bytes(device.read(0x81, 64, 20_000))))
    reader.start()
    started = time.monotonic()
    for _ in range(50):
        assert len(device.ctrl_transfer(0xA1, 1, 0, 0, 8)) == 8
    assert time.monotonic() - started < 5
    assert not got
    board[0].key.write(b"now")
    reader.join(5)
    assert got == [b"now"]


def test_a_timeout_comes_in_time_and_costs_nothing(board: tuple[Board, UsbIpName], device: Any) -> None:
    for limit in (1, 20, 100):
        started = time.monotonic()
        with pytest.raises(USBTimeoutError) as caught:
            device.read(0x81, 64, limit)
        assert limit / 1000 <= time.monotonic() - started < limit / 1000 + 1
        assert caught.value.errno == errno.ETIMEDOUT
    board[0].key.write(b"after")
    assert bytes(device.read(0x81, 64, 1000)) == b"after"


def test_three_hundred_races_of_a_packet_and_its_timeout_lose_nothing(
    board: tuple[Board, UsbIpName], device: Any
) -> None:
    chance, count, timeouts = random.Random(11), 300, 0

    def type_at_the_last_moment() -> None:
        for number in range(count):
            time.sleep(chance.random() * 0.004)
            board[0].key.write(number.to_bytes(8, "big"))

    typist = threading.Thread(target=type_at_the_last_moment)
    typist.start()
    got: list[int] = []
    until = time.monotonic() + 30
    while len(got) < count and time.monotonic() < until:
        try:
            got.append(int.from_bytes(bytes(device.read(0x81, 64, 2)), "big"))
        except USBTimeoutError:
            timeouts += 1
    typist.join()
    assert got == list(range(count))
    assert timeouts > count / 10  # there were races


def test_a_closed_device_is_gone_until_it_is_opened_again(board: tuple[Board, UsbIpName]) -> None:
    backend = UsbIpBackend(board[1])
    found = usb.core.find(backend=backend)
    found.set_configuration()
    backend.close()
    with pytest.raises(USBError) as caught:
        found.read(0x81, 64, 100)
    assert caught.value.errno == errno.ENODEV
    usb.util.dispose_resources(found)
    found.set_configuration()  # connects anew, and whoever connects gets a device that was reset
    board[0].key.write(b"back")
    assert bytes(found.read(0x81, 64, 1000)) == b"back"
    usb.util.dispose_resources(found)


def test_long_packets_are_cut_to_a_report(board: tuple[Board, UsbIpName]) -> None:
    port = UsbHidTransport(f"usbip://127.0.0.1:{board[1].port}/{board[1].busid}")
    board[0].key.write(bytes(range(64)))
    assert port.read(64, 5.0) == bytes(range(8))
    port.close()


def test_our_virtual_keyboard_speaks_to_another_host(tmp_path: Path) -> None:
    with World(tmp_path) as world:
        server = usbip.USBIP("127.0.0.1", world.bench.share.port)
        (listed,) = usbip.host.list_devices(server)
        assert (listed["busid"], listed["idVendor"], listed["idProduct"]) == ("1-1", 0x1209, 0x0001)
        with usbip.open(0x1209, 0x0001, transport=server) as handle:
            typist = threading.Thread(target=world.type, args=(3,))
            typist.start()
            assert [bytes(handle.interrupt_in(0x81, 8)) for _ in range(3)] == [numbered(at) for at in range(3)]
            typist.join()
            with pytest.raises(Stall):
                handle.control(0xC0, 99, 0, 0, 8)


def test_limits_on_what_is_asked(board: tuple[Board, UsbIpName]) -> None:
    link = usbip_link.UsbIpLink(board[1])
    with pytest.raises(USBError) as caught:
        link.read(0x81, usbip_link.MAX_TRANSFER + 1, 0.1)
    assert caught.value.errno == errno.EINVAL
    for _ in range(200):  # unlinked requests do not pile up
        with pytest.raises(USBTimeoutError):
            link.read(0x81, 8, 0.001)
    assert len(link._requests) + len(link._unlinks) == 0
    assert len(link._unlinked) <= usbip_link.MAX_UNLINKED
    link.close()


@given(st.binary(max_size=80), st.integers(0, 60))
def test_descriptors_of_any_bytes_are_a_tree_or_an_error(noise: bytes, at: int) -> None:
    good = UsbKeyboard().configuration_descriptor
    for data in (noise, good[:at] + noise + good[at:], good[:at] + noise, good[: min(at, len(good))]):
        try:
            tree = configuration(data)
        except USBError:
            continue
        assert all(one for one in tree.interfaces.values())
