"""Names to addresses while the name server is quick, slow, silent or wrong; the resolver's question is the fake."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from terminal_server import TerminalServer

from drivers.api import DeviceGone
from drivers.transport import open_port, resolve
from drivers.transport.base import LineSettings
from drivers.transport.resolve import FRESH_S, MAX_ADDRESSES, MAX_LOOKUPS, NameUnknown, Resolver

LIMIT_S = 15.0


class NameServer:
    """In place of the system's resolver: what it answers, how often it was asked, and whether it is silent."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.found: list[str] | None = ["192.0.2.7"]
        self.speaks = threading.Event()
        self.speaks.set()

    def getaddrinfo(self, host: str, *_: Any, **__: Any) -> list[Any]:
        self.asked.append(host)
        self.speaks.wait(LIMIT_S)
        if self.found is None:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, 0)) for address in self.found]


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[NameServer]:
    one = NameServer()
    real = socket.getaddrinfo

    def ask(host: str, *more: Any, **words: Any) -> list[Any]:
        return (real if resolve.is_address(host) else one.getaddrinfo)(host, *more, **words)

    monkeypatch.setattr(socket, "getaddrinfo", ask)
    yield one
    one.speaks.set()


def until(what: Callable[[], object]) -> None:
    end = time.monotonic() + LIMIT_S
    while not what():
        assert time.monotonic() < end
        time.sleep(0.002)


@pytest.mark.parametrize("host", ["192.0.2.7", "::1", "2001:db8::7", "fe80::1%eth0"])
def test_an_address_is_never_looked_up(server: NameServer, host: str) -> None:
    server.speaks.clear()
    assert Resolver().addresses(host) == [host]
    assert server.asked == []


def test_a_name_is_asked_for_afresh_each_time_and_its_addresses_take_turns(server: NameServer) -> None:
    server.found = ["2001:db8::7", "192.0.2.7", "192.0.2.7"]
    one = Resolver()
    assert one.addresses("moxa.example") == ["2001:db8::7", "192.0.2.7"]
    assert one.addresses("moxa.example") == ["192.0.2.7", "2001:db8::7"]
    server.found = [f"192.0.2.{n}" for n in range(20)]
    assert len(one.addresses("moxa.example")) == MAX_ADDRESSES
    assert server.asked == ["moxa.example"] * 3


def test_a_name_that_is_unknown_or_cannot_be_one_is_said_at_once(server: NameServer) -> None:
    server.found = None
    with pytest.raises(NameUnknown, match="Name or service not known") as caught:
        Resolver().addresses("moxa.example")
    assert "address in place of its name" in caught.value.advice


def test_a_silent_name_server_is_waited_for_so_long_and_its_late_answer_is_for_the_next(server: NameServer) -> None:
    one = Resolver()
    server.speaks.clear()
    for _ in range(3):  # whoever asks meanwhile waits for the same look-up
        with pytest.raises(NameUnknown, match=r"within 0\.02 s"):
            one.addresses("moxa.example", 0.02)
    assert server.asked == ["moxa.example"]
    server.speaks.set()
    assert one.addresses("moxa.example", LIMIT_S) == ["192.0.2.7"]
    assert server.asked == ["moxa.example"]


def test_a_late_answer_that_nobody_fetched_in_time_is_not_believed(
    server: NameServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = Resolver()
    server.speaks.clear()
    with pytest.raises(NameUnknown):
        one.addresses("moxa.example", 0.0)
    server.speaks.set()
    until(lambda: not any(thread.name == "look-up" for thread in threading.enumerate()))
    later = time.monotonic() + FRESH_S + 1
    monkeypatch.setattr(time, "monotonic", lambda: later)
    server.found = ["192.0.2.8"]
    assert one.addresses("moxa.example") == ["192.0.2.8"]


def test_no_more_than_so_many_look_ups_hang_at_once(server: NameServer) -> None:
    one = Resolver()
    server.speaks.clear()
    for number in range(MAX_LOOKUPS):
        with pytest.raises(NameUnknown, match="does not answer within"):
            one.addresses(f"moxa-{number}.example", 0.0)
    for number in range(100):
        with pytest.raises(NameUnknown, match="answers nobody"):
            one.addresses(f"other-{number}.example", 0.0)
    assert sum(thread.name == "look-up" for thread in threading.enumerate()) <= MAX_LOOKUPS
    server.speaks.set()
    until(lambda: not any(thread.name == "look-up" for thread in threading.enumerate()))
    assert one.addresses("other.example") == ["192.0.2.7"]


@pytest.mark.parametrize("port", [
    "socket://silent-1.example:4001", "rfc2217://silent-2.example:4001", "usbip://silent-3.example:3240/1-1",
])
def test_a_port_behind_a_silent_name_server_fails_within_the_limit(
    server: NameServer, monkeypatch: pytest.MonkeyPatch, port: str
) -> None:
    monkeypatch.setattr(Resolver.addresses, "__defaults__", (0.05,))
    server.speaks.clear()
    failed: list[DeviceGone] = []

    def opens() -> None:
        try:
            open_port(port, LineSettings())
        except DeviceGone as problem:
            failed.append(problem)

    thread = threading.Thread(target=opens, daemon=True)
    thread.start()
    thread.join(5.0)
    assert not thread.is_alive()
    assert "does not answer within" in failed[0].message


def test_the_advice_is_an_address_in_place_of_the_name(server: NameServer) -> None:
    server.found = None
    with pytest.raises(DeviceGone) as caught:
        open_port("socket://unknown.example:4001", LineSettings())
    assert caught.value.advice == NameUnknown.advice


@pytest.mark.parametrize("rfc2217", [False, True])
def test_an_address_that_refuses_is_followed_by_the_next_one_of_the_name(server: NameServer, rfc2217: bool) -> None:
    with TerminalServer(rfc2217=rfc2217) as terminal:
        number = terminal.url.rpartition(":")[2]
        server.found = ["127.0.0.2", "127.0.0.1"]  # it listens on the second alone
        for _ in range(2):  # whichever comes first
            port = open_port(f"{'rfc2217' if rfc2217 else 'socket'}://several.example:{number}", LineSettings())
            terminal.device_says(b"here")
            assert port.read(4, 5.0)
            port.close()
