"""The line that can be cut: carries bytes both ways, breaks, refuses, mends, keeps what passed."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator

import pytest

from demo.link import Link


class Echo:
    """A server that says back what it hears."""

    def __init__(self) -> None:
        self.sock = socket.create_server(("127.0.0.1", 0))
        self.port: int = self.sock.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self.sock.shutdown(socket.SHUT_RDWR)  # wakes the thread in accept, which would keep the port open
        self.sock.close()

    def _accept(self) -> None:
        while True:
            try:
                peer, _ = self.sock.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(peer,), daemon=True).start()

    @staticmethod
    def _serve(peer: socket.socket) -> None:
        with peer:
            while True:
                try:
                    data = peer.recv(65536)
                    if not data:
                        return
                    peer.sendall(data)
                except OSError:
                    return


@pytest.fixture
def echo() -> Iterator[Echo]:
    made = Echo()
    yield made
    made.close()


@pytest.fixture
def link(echo: Echo) -> Iterator[Link]:
    made = Link(echo.port, keep=True)
    yield made
    made.close()


def connect(link: Link) -> socket.socket:
    return socket.create_connection(("127.0.0.1", link.port), timeout=5)


def said_back(sock: socket.socket, data: bytes) -> bytes:
    sock.sendall(data)
    got = b""
    while len(got) < len(data) and (chunk := sock.recv(65536)):
        got += chunk
    return got


def ended(sock: socket.socket) -> bool:
    try:
        return sock.recv(1) == b""
    except ConnectionError:
        return True


def test_bytes_pass_both_ways_and_are_kept(link: Link) -> None:
    with connect(link) as one, connect(link) as other:
        assert said_back(one, b"first") == b"first"
        assert said_back(other, b"x" * 300_000) == b"x" * 300_000
    assert b"first" in link.seen
    assert len(link.seen) == 2 * (5 + 300_000)


def test_a_cut_breaks_refuses_and_a_restored_link_carries_again(link: Link) -> None:
    with connect(link) as before:
        assert said_back(before, b"a") == b"a"
        link.cut()
        assert not link.is_up
        assert ended(before)
        with connect(link) as meanwhile:
            assert ended(meanwhile)
        link.restore()
        assert link.is_up
        with connect(link) as after:
            assert said_back(after, b"b") == b"b"


def test_an_end_that_hangs_up_is_hung_up_at_the_other_side_and_the_link_lives(link: Link, echo: Echo) -> None:
    with connect(link) as one:
        one.shutdown(socket.SHUT_WR)
        assert ended(one)
    echo.close()
    with connect(link) as late:
        assert ended(late)


def test_a_side_that_does_not_read_does_not_stop_the_link(echo: Echo) -> None:
    link = Link(echo.port)
    try:
        with connect(link) as other, connect(link) as deaf:
            assert said_back(other, b"a") == b"a"
            deaf.settimeout(0.2)
            with pytest.raises(OSError, match=r"timed out|reset|pipe"):
                deaf.sendall(b"x" * (64 << 20))
            other.settimeout(5)
            assert said_back(other, b"b") == b"b"
            link.cut()
            assert ended(other)
    finally:
        link.close()
    assert not link._thread.is_alive()


def test_close_ends_everything(echo: Echo) -> None:
    link = Link(echo.port)
    with connect(link) as one:
        assert said_back(one, b"a") == b"a"
        link.close()
        assert ended(one)
    with pytest.raises(ConnectionRefusedError):
        connect(link)
