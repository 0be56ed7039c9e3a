"""USB/IP servers that misbehave: bytes by hand, on a real connection."""

from __future__ import annotations

import errno
import socket
import struct
import threading
import time
from collections.abc import Callable

import pytest
from usb.core import USBError, USBTimeoutError

from drivers.transport import usbip_link
from drivers.transport.names import UsbIpName


def serve(talk: Callable[[socket.socket], None]) -> tuple[UsbIpName, threading.Thread]:
    listener = socket.create_server(("127.0.0.1", 0))
    listener.settimeout(10)

    def run() -> None:
        connection, _ = listener.accept()
        listener.close()
        with connection:
            connection.settimeout(10)
            talk(connection)

    thread = threading.Thread(target=run)
    thread.start()
    return UsbIpName("127.0.0.1", listener.getsockname()[1], "1-1"), thread


def receive(connection: socket.socket, count: int) -> bytes:
    data = b""
    while len(data) < count:
        piece = connection.recv(count - len(data))
        if not piece:
            raise ConnectionError
        data += piece
    return data


def greet(connection: socket.socket) -> None:
    receive(connection, 40)
    facts = struct.pack(">256s32sIIIHHHBBBBBB", b"", b"1-1", 1, 2, 1, 0x1209, 1, 0x0100, 0, 0, 0, 1, 1, 1)
    connection.sendall(struct.pack(">HHI", 0x0111, 3, 0) + facts)


def reply(command: int, number: int, status: int = 0, data: bytes = b"") -> bytes:
    return struct.pack(">IIIIIiiiii8x", command, number, 0, 0, 0, status, len(data), 0, 0, 0) + data


def number_of(request: bytes) -> int:
    return int(struct.unpack_from(">I", request, 4)[0])


def test_an_answer_after_the_unlink_was_confirmed_is_kept() -> None:
    go_on = threading.Event()

    def talk(connection: socket.socket) -> None:
        greet(connection)
        first = number_of(receive(connection, 48))
        unlink = number_of(receive(connection, 48))
        connection.sendall(reply(4, unlink))
        second = number_of(receive(connection, 48))
        connection.sendall(reply(3, first, 0, b"first") + reply(3, second, 0, b"second"))
        go_on.wait(10)

    name, thread = serve(talk)
    link = usbip_link.UsbIpLink(name)
    with pytest.raises(USBTimeoutError):
        link.read(0x81, 8, 0.05)
    assert link.read(0x81, 8, 5) == b"first"
    assert link.read(0x81, 8, 5) == b"second"
    go_on.set()
    link.close()
    thread.join()


def test_a_server_that_falls_silent_is_gone_after_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(usbip_link, "UNLINK_LIMIT_S", 0.2)
    end = threading.Event()

    def talk(connection: socket.socket) -> None:
        greet(connection)
        end.wait(10)

    name, thread = serve(talk)
    link = usbip_link.UsbIpLink(name)
    with pytest.raises(USBError) as caught:
        link.read(0x81, 8, 0.05)
    assert caught.value.errno == errno.ENODEV
    assert link.lost
    end.set()
    link.close()
    thread.join()


def test_a_lost_connection_ends_everything_under_way_at_once() -> None:
    def talk(connection: socket.socket) -> None:
        greet(connection)
        receive(connection, 3 * 48)  # then it hangs up

    name, thread = serve(talk)
    link = usbip_link.UsbIpLink(name)
    faults: list[int | None] = []

    def fail(ask: Callable[[], object]) -> None:
        try:
            ask()
        except USBError as problem:
            faults.append(problem.errno)

    threads = [threading.Thread(target=fail, args=(ask,)) for ask in (
        lambda: link.read(0x81, 8, 30), lambda: link.read(0x82, 8, 30),
        lambda: link.control(bytes((0x80, 6, 0, 1, 0, 0, 18, 0)), b"", 30),
    )]
    started = time.monotonic()
    for one in threads:
        one.start()
    for one in threads:
        one.join(10)
    assert faults == [errno.ENODEV] * 3
    assert time.monotonic() - started < 5
    with pytest.raises(USBError):
        link.write(0x02, b"x", 1)
    link.close()
    thread.join()


@pytest.mark.parametrize("nonsense", [
    reply(3, 99_999), reply(9, 1), reply(3, 1, 0, bytes(9)), bytes(48), b"\xff" * 48,
    struct.pack(">IIIIIiiiii8x", 3, 1, 0, 0, 0, 0, -5, 0, 0, 0),
])
def test_nonsense_ends_the_connection(nonsense: bytes) -> None:
    def talk(connection: socket.socket) -> None:
        greet(connection)
        receive(connection, 48)
        connection.sendall(nonsense)
        connection.recv(1)

    name, thread = serve(talk)
    link = usbip_link.UsbIpLink(name)
    with pytest.raises(USBError) as caught:
        link.read(0x81, 8, 5)
    assert caught.value.errno == errno.ENODEV
    link.close()
    thread.join()


@pytest.mark.parametrize("greeting", [
    b"", b"HTTP/1.1 400 Bad", struct.pack(">HHI", 0x0111, 3, 1), struct.pack(">HHI", 0x0111, 3, 9),
    struct.pack(">HHI", 0x0111, 3, 0) + b"half",
])
def test_a_server_of_something_else_is_an_error(greeting: bytes) -> None:
    name, thread = serve(lambda connection: (receive(connection, 40), connection.sendall(greeting), None)[-1])
    with pytest.raises(OSError):  # noqa: PT011 - USBError is one
        usbip_link.UsbIpLink(name)
    thread.join()
