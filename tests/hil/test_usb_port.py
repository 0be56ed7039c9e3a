"""Several USB devices behind one USB/IP port: who gets which, and what a pulled one leaves."""

from __future__ import annotations

import socket
import struct
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from drivers.virtual.uru4000_device import Uru4000Options
from hil_tests.bench.usb_port import KEYBOARD, SCANNER, UsbPort, asked_for, import_of, refusal, renamed
from hil_tests.frames import SPECIMEN

SUBMIT = 1
GET_DEVICE = bytes.fromhex("8006000100001200")


@pytest.fixture
def port(tmp_path: Path) -> Iterator[UsbPort]:
    with UsbPort(tmp_path, scanner=Uru4000Options(bytes_s=0)) as served:
        yield served


def attached(port: UsbPort, bus_id: str) -> tuple[socket.socket, bytes]:
    line = socket.create_connection(("127.0.0.1", port.port), 5)
    line.sendall(import_of(bus_id))
    return line, exactly(line, 8)


def exactly(line: socket.socket, count: int) -> bytes:
    got = b""
    while len(got) < count:
        more = line.recv(count - len(got))
        if not more:
            break
        got += more
    return got


def urb(number: int, endpoint: int, length: int, setup: bytes = bytes(8)) -> bytes:
    return struct.pack(">IIIIIIiiii", SUBMIT, number, 0, 1, endpoint, 0, length, 0, 0, 0) + setup


def test_words_of_an_import() -> None:
    assert asked_for(import_of("1-2")) == "1-2"
    assert asked_for(bytes.fromhex("0111800500000000") + bytes(32)) is None
    body = bytes(range(256)) + b"1-1".ljust(32, b"\0") + bytes(24)
    assert renamed(body, "7-7") == bytes(range(256)) + b"7-7".ljust(32, b"\0") + bytes(24)


@pytest.mark.parametrize(("bus_id", "vendor", "product"), [(SCANNER, 0x05BA, 0x000A), (KEYBOARD, 0x0DB5, 0x013A)])
def test_each_is_given_under_its_own_bus_id(port: UsbPort, bus_id: str, vendor: int, product: int) -> None:
    line, head = attached(port, bus_id)
    with line:
        assert head[4:] == bytes(4)
        body = exactly(line, 312)
        assert body[256:288].rstrip(b"\0").decode() == bus_id
        assert struct.unpack_from(">HH", body, 300) == (vendor, product)
        line.sendall(urb(1, 0, 18, GET_DEVICE))
        answer = exactly(line, 48 + 18)
        assert struct.unpack_from("<HH", answer, 48 + 8) == (vendor, product)


def test_both_are_had_at_once_and_each_by_one_alone(port: UsbPort) -> None:
    with attached(port, SCANNER)[0], attached(port, KEYBOARD)[0]:
        line, head = attached(port, SCANNER)
        with line:
            assert head[4:] != bytes(4)
            assert line.recv(1) == b""


@pytest.mark.parametrize("bus_id", ["1-9", "", "x" * 31])
def test_what_is_not_there_is_refused(port: UsbPort, bus_id: str) -> None:
    line, head = attached(port, bus_id)
    with line:
        assert head == refusal(4)
        assert line.recv(1) == b""


def test_a_list_is_not_given_and_ends_the_connection(port: UsbPort) -> None:
    with socket.create_connection(("127.0.0.1", port.port), 5) as line:
        line.sendall(bytes.fromhex("0111800500000000") + bytes(32))
        assert exactly(line, 9) == refusal(4)


def test_a_keyboard_types_through_the_port(port: UsbPort) -> None:
    line, _ = attached(port, KEYBOARD)
    with line:
        exactly(line, 312)
        typing = threading.Thread(target=port.keyboard.present, args=(SPECIMEN,))
        line.sendall(urb(1, 1, 8))
        typing.start()
        reports = []
        for number in range(2, 400):
            reports.append(exactly(line, 56)[48:])
            line.sendall(urb(number, 1, 8))
            if len([one for one in reports if one[2] == 0x28]) == 2 and not any(reports[-1]):
                break  # Enter after each row, and up again
        typing.join(10)
        assert not typing.is_alive()
        keys = [one[2] for one in reports if any(one[2:])]
        assert len(keys) == 2 * 45
        assert keys[:3] == [0x13, 0x36, 0x18]  # P<U


def test_a_pulled_device_hangs_up_at_once_and_can_be_had_again(port: UsbPort) -> None:
    line, _ = attached(port, SCANNER)
    with line:
        exactly(line, 312)
        line.sendall(urb(1, 2, 64))  # a request that waits
        begun = time.monotonic()
        port.scanner.unplug()
        assert exactly(line, 1) == b""
        assert time.monotonic() - begun < 5
    assert attached(port, SCANNER)[1] == refusal(4)
    port.scanner.plug()
    line, head = attached(port, SCANNER)
    line.close()
    assert head[4:] == bytes(4)


def test_an_end_while_somebody_is_attached_leaves_nothing(tmp_path: Path) -> None:
    before = threading.active_count()
    port = UsbPort(tmp_path)
    line, _ = attached(port, SCANNER)
    exactly(line, 312)
    port.close()
    port.close()
    assert line.recv(1) == b""
    line.close()
    assert threading.active_count() == before
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port.port), 5)
