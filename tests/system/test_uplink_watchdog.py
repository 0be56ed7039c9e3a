"""A link that hangs in any way costs the link: the watchdog is fed on time, and a stop is seen at once."""

from __future__ import annotations

import itertools
import os
import socket
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import pytest
from box_world import BoxWorld, until
from broker import Authority
from service_manager import ServiceManager

pytestmark = [pytest.mark.broker, pytest.mark.timeout(60)]

FEED_S = 5.0  # how often the box feeds it when all is well (edge.app.ALIVE_S)
LOOK_S = 12.0  # two feedings and a little


def drip(sock: socket.socket) -> None:
    """A handshake record of 16 kB that comes at one byte a second: it would last four hours and a half."""
    sock.sendall(b"\x16\x03\x03\x40\x00\x02\x00\x3f\xfc")
    while True:
        sock.sendall(b"\x00")
        time.sleep(1.0)


def swallow(sock: socket.socket) -> None:
    """A dead link: bytes go in and nothing comes out."""
    while sock.recv(4096):
        pass


class Server:
    """Does ``work`` with whoever comes, each in a thread of its own."""

    def __init__(self, work: Callable[[socket.socket], None]) -> None:
        self._work, self._open = work, []  # type: ignore[var-annotated]
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def visits(self) -> int:
        return len(self._open)

    def _accept(self) -> None:
        try:
            while True:
                sock, _ = self._socket.accept()
                self._open.append(sock)
                threading.Thread(target=self._serve, args=(sock,), daemon=True).start()
        except OSError:
            return  # closed

    def _serve(self, sock: socket.socket) -> None:
        try:
            self._work(sock)
        except OSError:
            return  # the other side has gone

    def close(self) -> None:
        self._socket.close()
        for sock in self._open:
            sock.close()


@pytest.mark.parametrize("work", [drip, swallow], ids=["a byte a second", "dead"])
def test_a_link_that_hangs_starves_no_watchdog_and_stops_no_screening(
    tmp_path: Path, stack: ExitStack, work: Callable[[socket.socket], None]
) -> None:
    server = Server(work)
    stack.callback(server.close)
    manager = stack.enter_context(ServiceManager(tmp_path))
    world = stack.enter_context(BoxWorld(tmp_path / "box"))
    own = Authority(tmp_path / "ca").issue("test-box")
    with world.config.open("a", encoding="utf-8") as config:
        config.write(
            f'\n[uplink]\nhost = "127.0.0.1"\nport = {server.port}\nconnect_timeout_s = 3600\n'
            f'[uplink.tls]\nca = "{own.ca}"\ncert = "{own.certificate}"\nkey = "{own.key}"\n'
        )
    world.publish()
    world.start(environ={**os.environ, "NOTIFY_SOCKET": str(manager.address), "WATCHDOG_USEC": "30000000"})
    until(lambda: server.visits, "the box dials")
    began, fed = time.monotonic(), []  # type: ignore[var-annotated]
    while time.monotonic() - began < LOOK_S:
        count = sum("WATCHDOG=1" in word for word in manager.words)
        if count > len(fed):
            fed += [time.monotonic()] * (count - len(fed))
        time.sleep(0.05)
    assert len(fed) >= 2
    assert all(later - sooner < 2 * FEED_S for sooner, later in itertools.pairwise(fed))
    assert server.visits == 1  # it hangs in that very handshake
    assert world.scan()["outcome"] == "CLEAR"
    assert not any("thread_hung" in str(event) for event in world.events())
    began = time.monotonic()
    assert world.end() == 0
    assert time.monotonic() - began < FEED_S
