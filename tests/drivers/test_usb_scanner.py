"""The port of USB scanners against a device side that others wrote (the library ``usbip``)."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
import usbip
from usbip.core import Stall

from drivers.api import BadSetting, DeviceError, DeviceGone
from drivers.transport.usb_scanner import UsbScannerPort

VENDOR = (0xFF, 0xFF, 0xFF)
IMAGE = 111_424


class Board(usbip.Interface):
    """A vendor interface with an interrupt and a bulk endpoint, and one register that remembers."""

    bInterfaceClass, bInterfaceSubClass, bInterfaceProtocol = VENDOR  # noqa: N815 - the library's names
    irq = usbip.In(0x81, "interrupt", mps=64, interval=1)
    image = usbip.In(0x82, "bulk", mps=64)
    registers: dict[int, bytes]

    def on_control(self, setup: Any, data: bytes = b"") -> bytes:
        if setup.bRequest != 4:
            raise Stall
        if setup.bmRequestType & 0x80:
            return self.registers.get(setup.wValue, b"")[: setup.wLength]
        self.registers[setup.wValue] = bytes(data)
        return b""


@pytest.fixture
def board() -> Iterator[tuple[Board, str]]:
    device = usbip.USBDevice(0x05BA, 0x000A, product="scanner", manufacturer="somebody", serial="SN-9")
    interface = Board()
    interface.registers = {}
    device.add(interface)
    server = usbip.USBIP("127.0.0.1", 0)  # never the library's default, which is every address of the machine
    device.plug(via=server)
    port = server._listener.socks[0].getsockname()[1]
    yield interface, f"usbip://127.0.0.1:{port}/{device.busid}"
    device.unplug()
    with contextlib.suppress(OSError):
        socket.create_connection(("127.0.0.1", port), 1).close()  # its thread waits in accept() until somebody comes


@pytest.fixture
def port(board: tuple[Board, str]) -> Iterator[UsbScannerPort]:
    made = UsbScannerPort(board[1], interface=VENDOR, request=4, packet=64, image_s=2.0)
    yield made
    made.close()


def test_ids_registers_and_serial_number(port: UsbScannerPort) -> None:
    assert port.ids == (0x05BA, 0x000A)
    assert port.serial() == "SN-9"
    port.write_register(0x2000, bytes(range(16)))
    assert port.read_register(0x2000, 16) == bytes(range(16))
    assert port.read_register(0x2000, 4) == bytes(range(4))
    assert port.read_register(0x07, 1) == b""


def test_a_refused_request_is_an_error_and_the_next_one_works(board: tuple[Board, str]) -> None:
    port = UsbScannerPort(board[1], interface=VENDOR, request=5, packet=64)
    with pytest.raises(DeviceError, match="stalls"):
        port.read_register(7, 1)
    port.close()
    port.close()


def test_interrupts_come_in_order_and_with_their_time(board: tuple[Board, str], port: UsbScannerPort) -> None:
    before = time.monotonic()
    for number in range(5):
        board[0].irq.write(bytes((number,)) * 64)
    came = [port.interrupt(2.0) for _ in range(5)]
    assert [packet.data for packet in came if packet] == [bytes((number,)) * 64 for number in range(5)]
    assert all(packet and before <= packet.at <= time.monotonic() for packet in came)
    assert port.interrupt(0) is None


def test_wake_ends_a_wait(port: UsbScannerPort) -> None:
    timer = threading.Timer(0.2, port.wake)
    timer.start()
    before = time.monotonic()
    assert port.interrupt(10.0) is None
    assert time.monotonic() - before < 2
    timer.join()


def test_a_whole_image_comes_while_registers_are_written(board: tuple[Board, str], port: UsbScannerPort) -> None:
    picture = bytes(range(256)) * 433 + bytes(192)
    assert len(picture) == 111_040
    read = port.begin_image(IMAGE)
    assert not read.done(0.05)
    port.write_register(0x4E, b"\x20")
    board[0].image.write(picture)
    assert port.image(read) == picture
    assert read.done(0)
    assert read.at > 0


def test_an_image_that_does_not_come_is_none_in_time(board: tuple[Board, str], port: UsbScannerPort) -> None:
    before = time.monotonic()
    assert port.image(port.begin_image(IMAGE)) is None
    assert 1.5 < time.monotonic() - before < 5
    board[0].image.write(b"x" * 640)
    assert port.image(port.begin_image(IMAGE)) == b"x" * 640


def test_closing_ends_an_image_under_way_and_a_wait(board: tuple[Board, str], port: UsbScannerPort) -> None:
    read = port.begin_image(IMAGE)
    before = time.monotonic()
    port.close()
    assert read.done(0)
    assert time.monotonic() - before < 2
    with pytest.raises(DeviceGone):
        port.image(read)
    with pytest.raises(DeviceGone):
        port.interrupt(5.0)


def test_another_interface_is_refused_and_lets_the_device_go(board: tuple[Board, str]) -> None:
    for _ in range(2):
        with pytest.raises(DeviceError, match="no scanner of this kind"):
            UsbScannerPort(board[1], interface=(3, 1, 1), request=4, packet=64)
    UsbScannerPort(board[1], interface=VENDOR, request=4, packet=64).close()


@pytest.mark.parametrize("name", ["/dev/ttyS0", "socket://127.0.0.1:4001", "usb:05ba"])
def test_other_names_are_refused(name: str) -> None:
    with pytest.raises(BadSetting):
        UsbScannerPort(name, interface=VENDOR, request=4, packet=64)
