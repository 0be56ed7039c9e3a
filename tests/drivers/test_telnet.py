"""What a server of RFC 2217 must not do to us, over real connections on the loopback address."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator

import pytest
from terminal_server import TerminalServer

from drivers.api import DeviceGone
from drivers.transport.network import NetworkTransport
from drivers.transport.telnet import MAX_SUBOPTION

IAC, SB, SE = b"\xff", b"\xfa", b"\xf0"
UNKNOWN = b"\x63"  # no option of ours: what it says is ignored


@pytest.fixture
def server() -> Iterator[TerminalServer]:
    with TerminalServer(rfc2217=True) as one:
        yield one


@pytest.fixture
def port(server: TerminalServer) -> Iterator[NetworkTransport]:
    one = NetworkTransport(server.url)
    yield one
    one.close()


def says(server: TerminalServer, data: bytes) -> None:
    """Of itself, not of the device behind it."""
    assert server._client is not None
    server._client.sendall(data)


def until_gone(port: NetworkTransport) -> tuple[bytes, DeviceGone]:
    data, until = b"", time.monotonic() + 10
    while time.monotonic() < until:
        try:
            data += port.read(4096, 0.5)
        except DeviceGone as gone:
            return data, gone
    raise AssertionError("the port looks like a quiet reader")


@pytest.mark.parametrize("more", [b"x" * MAX_SUBOPTION, IAC * 2 * MAX_SUBOPTION, b"x" * 1_000_000])
def test_a_suboption_that_is_not_ended_drops_the_connection(
    server: TerminalServer, port: NetworkTransport, more: bytes
) -> None:
    talk = threading.Thread(target=lambda: _quietly(server, b"before" + IAC + SB + UNKNOWN + more))
    talk.start()
    data, gone = until_gone(port)
    talk.join(10)
    assert not talk.is_alive()
    assert data == b"before"
    assert f"did not end it within {MAX_SUBOPTION} bytes" in gone.message
    assert "RFC 2217" in gone.advice
    assert not port._serial._thread.is_alive()
    with pytest.raises(DeviceGone):
        port.read(1, 0.0)


def _quietly(server: TerminalServer, data: bytes) -> None:
    try:
        says(server, data)
    except OSError:  # it was dropped, as it should be
        return


def test_a_dropped_one_is_opened_anew(server: TerminalServer) -> None:
    for _ in range(2):
        port = NetworkTransport(server.url)
        says(server, IAC + SB + b"x" * (MAX_SUBOPTION + 1))
        until_gone(port)
        port.close()
    port = NetworkTransport(server.url)
    server.device_says(b"swipe")
    assert port.read(5, 5.0)
    port.close()


@pytest.mark.parametrize(
    "suboption", [UNKNOWN + b"x" * (MAX_SUBOPTION - 1), UNKNOWN + IAC * 2 * (MAX_SUBOPTION - 1), b"", UNKNOWN]
)
def test_one_within_the_limit_is_taken_and_nothing_of_it_is_a_read(
    server: TerminalServer, port: NetworkTransport, suboption: bytes
) -> None:
    for _ in range(3):  # the limit is one suboption's, not the connection's
        says(server, IAC + SB + suboption + IAC + SE)
    says(server, b"one" + IAC + IAC + b"two")
    data = b""
    while len(data) < 7:
        piece = port.read(4096, 5.0)
        assert piece, "nothing more comes"
        data += piece
    assert data == b"one\xfftwo"


def test_one_that_is_begun_while_the_line_is_set_up_is_told_there() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(10)
        caught: list[DeviceGone] = []

        def connect() -> None:
            try:
                NetworkTransport(f"rfc2217://127.0.0.1:{listener.getsockname()[1]}")
            except DeviceGone as gone:
                caught.append(gone)

        client = threading.Thread(target=connect)
        client.start()
        connection, _ = listener.accept()
        with connection:
            connection.sendall(IAC + SB + b"x" * (MAX_SUBOPTION + 1))
            client.join(10)
    assert "did not end it" in caught[0].message
