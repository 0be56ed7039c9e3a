"""Ports of terminal servers, raw and by RFC 2217, over real connections on the loopback address."""

from __future__ import annotations

import os
import random
import socket
import threading
import time
from collections.abc import Iterator

import pytest
from terminal_server import TerminalServer

from drivers.api import DeviceBusy, DeviceError, DeviceGone, DeviceStuck, DocumentRead, Tier
from drivers.reader import FramedReader
from drivers.text import TextCodec
from drivers.transport import LineSettings, open_port
from drivers.transport.network import MAX_WAITING, NetworkTransport
from drivers.virtual.text_device import TextDevice

ROWS = ("P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<", "L898902C36UTO7408122F1204159ZE184226B<<<<<10")


@pytest.fixture(params=["socket", "rfc2217"])
def server(request: pytest.FixtureRequest) -> Iterator[TerminalServer]:
    with TerminalServer(rfc2217=request.param == "rfc2217") as one:
        yield one


@pytest.fixture
def port(server: TerminalServer) -> Iterator[NetworkTransport]:
    one = NetworkTransport(server.url, LineSettings(38400, "E"))
    yield one
    one.close()


def gather(port: NetworkTransport, count: int) -> bytes:
    data, until = b"", time.monotonic() + 20
    while len(data) < count and time.monotonic() < until:
        data += port.read(4096, 1.0)
    return data


def test_bytes_arrive_both_ways_unchanged(server: TerminalServer, port: NetworkTransport) -> None:
    every = bytes(range(256)) * 4  # 255 is what telnet would swallow
    server.device_says(every)
    assert gather(port, len(every)) == every
    port.write(every)
    assert server.device_hears(len(every)) == every
    assert port.read(4096, 0.0) == b""


def test_a_read_keeps_to_its_size_and_its_time(server: TerminalServer, port: NetworkTransport) -> None:
    server.device_says(b"x" * 100)
    assert port.read(1, 5.0) == b"x"
    assert 1 <= len(port.read(10, 5.0)) <= 10
    assert gather(port, 80)
    gather(port, 0)
    while port.read(4096, 0.05):
        pass
    for wait_s in (0.0, 0.2):
        started = time.monotonic()
        assert port.read(10, wait_s) == b""
        assert wait_s - 0.01 <= time.monotonic() - started < wait_s + 0.5


def test_wake_ends_a_waiting_read_at_once(port: NetworkTransport) -> None:
    for _ in range(3):
        timer = threading.Timer(0.05, port.wake)
        started = time.monotonic()
        timer.start()
        assert port.read(10, 30.0) == b""
        assert time.monotonic() - started < 1.0


def test_a_reader_behind_it_reads_documents(server: TerminalServer) -> None:
    device = TextDevice()
    reader = FramedReader(
        name="north", driver="text", tier=Tier.VIRTUAL, port=server.url, clock=time.monotonic, codec=TextCodec,
        connect=lambda: open_port(server.url, LineSettings()),
    )
    for _ in range(2):  # the server closes, and is there again
        reader.open()
        for fragment in (device.present(ROWS), b"\x00noise", device.present(ROWS)):
            server.device_says(fragment)
        for _ in range(2):
            event = reader.read(5.0)
            assert isinstance(event, DocumentRead)
            assert event.lines == ROWS
        server.hang_up()
        with pytest.raises(DeviceGone):
            reader.read(5.0)
        reader.close()
    assert reader.status().reads == 4
    assert reader.present() is None


def test_what_came_before_the_end_is_delivered_first(server: TerminalServer, port: NetworkTransport) -> None:
    server.device_says(b"last words")
    time.sleep(0.2)  # both are on the way before anybody reads
    server.hang_up()
    assert gather_until_gone(port) == b"last words"
    for _ in range(3):
        with pytest.raises(DeviceGone):
            port.read(10, 0.0)
    assert any(not can_write(port) for _ in range(10))  # the first writes may still be taken by the kernel


def can_write(port: NetworkTransport) -> bool:
    try:
        port.write(b"anybody?")
    except DeviceGone:
        return False
    time.sleep(0.02)
    return True


def gather_until_gone(port: NetworkTransport) -> bytes:
    data = b""
    try:
        for _ in range(100):
            data += port.read(4096, 1.0)
    except DeviceGone:
        return data
    raise AssertionError("it was never told")


def test_hung_up_at_any_moment(server: TerminalServer) -> None:
    chance = random.Random(5)
    for _ in range(6):
        port = NetworkTransport(server.url)
        timer = threading.Timer(chance.random() * 0.05, server.hang_up)
        timer.start()
        gather_until_gone(port)
        timer.join()
        port.close()
        port.close()
        port.wake()


def test_a_flood_is_read_whole(server: TerminalServer, port: NetworkTransport) -> None:
    flood = random.Random(1).randbytes(500_000)
    writer = threading.Thread(target=server.device_says, args=(flood,))
    writer.start()
    time.sleep(0.3)  # nobody reads for a while: the limits hold it up, nothing is lost
    assert gather(port, len(flood)) == flood
    writer.join()


def test_closing_ends_the_threads_also_amid_a_flood(server: TerminalServer) -> None:
    before = threading.active_count(), len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - a count of names
    port = NetworkTransport(server.url)
    stop = threading.Event()

    def flood() -> None:
        while not stop.is_set():
            os.write(server.master, b"x" * 1000)  # whether there is a client or not

    writer = threading.Thread(target=flood)
    writer.start()
    time.sleep(0.5)
    started = time.monotonic()
    port.close()
    assert time.monotonic() - started < 3
    stop.set()
    while writer.is_alive():
        drain(server)
        writer.join(0.01)
    assert threading.active_count() == before[0]
    deadline = time.monotonic() + 5
    while len(os.listdir("/proc/self/fd")) > before[1] and time.monotonic() < deadline:  # noqa: PTH208
        time.sleep(0.01)
    assert len(os.listdir("/proc/self/fd")) <= before[1]  # noqa: PTH208


def drain(server: TerminalServer) -> None:
    """The serial line without its client: nobody takes what the device says."""
    server.line.read(65_536)


def test_rfc2217_sets_the_line_and_lowers_its_lines_on_reset() -> None:
    with TerminalServer(rfc2217=True) as server:
        port = NetworkTransport(server.url, LineSettings(256000, "O", 7, 2))
        line = server.line
        assert (line.baudrate, line.parity, line.bytesize, line.stopbits) == (256000, "O", 7, 2)
        port.reset()
        deadline = time.monotonic() + 5
        while line.lines != (False, False) and time.monotonic() < deadline:
            time.sleep(0.01)
        assert line.lines == (False, False)
        assert port._serial._read_buffer.maxsize == MAX_WAITING
        port.close()


def test_a_server_that_refuses() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        number = listener.getsockname()[1]
    for scheme in ("socket", "rfc2217"):
        with pytest.raises(DeviceBusy) as caught:
            open_port(f"{scheme}://127.0.0.1:{number}", LineSettings())
        assert "TCP port" in caught.value.advice


def test_a_name_that_does_not_exist() -> None:
    with pytest.raises(DeviceGone):
        NetworkTransport("socket://no.such.host.invalid:1")


def test_a_server_without_rfc2217_is_told_apart_within_its_limit() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:  # it takes connections and says nothing
        started = time.monotonic()
        with pytest.raises(DeviceError, match="does not speak RFC 2217"):
            NetworkTransport(f"rfc2217://127.0.0.1:{listener.getsockname()[1]}")
        assert time.monotonic() - started < 6


@pytest.fixture
def unhandled(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What threads died of."""
    found: list[str] = []
    monkeypatch.setattr("threading.excepthook", lambda died: found.append(repr(died.exc_value)))
    return found


def test_a_server_that_dies_at_any_byte_of_the_negotiation_is_told_at_once(unhandled: list[str]) -> None:
    chance = random.Random(7)
    with TerminalServer(rfc2217=True) as server:
        before = threading.active_count()
        for byte in [*range(10), *chance.sample(range(10, 60), 8)]:
            server.dies_after = byte
            started = time.monotonic()
            with pytest.raises(DeviceGone):
                NetworkTransport(server.url)
            assert time.monotonic() - started < 2.5  # pyserial itself takes 3 s to notice
        assert threading.active_count() == before
        server.dies_after = None
        NetworkTransport(server.url).close()
    assert unhandled == []


@pytest.mark.parametrize("says", [b"\xff\xf0", b"\xff\xfa\xff\xf0\xff\xf0"])
def test_telnet_that_makes_no_sense_ends_the_connection(says: bytes, unhandled: list[str]) -> None:
    before = threading.active_count()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(10)
        caught: list[DeviceError] = []
        client = threading.Thread(target=open_badly, args=(listener.getsockname()[1], caught))
        client.start()
        connection, _ = listener.accept()
        with connection:
            connection.sendall(says)
            client.join(10)
    assert "ended while the line was being set up" in caught[0].message
    assert unhandled == []
    assert threading.active_count() == before


def open_badly(number: int, caught: list[DeviceError]) -> None:
    try:
        NetworkTransport(f"rfc2217://127.0.0.1:{number}")
    except DeviceError as problem:
        caught.append(problem)


@pytest.mark.parametrize("scheme", ["socket", "rfc2217"])
def test_a_server_that_takes_no_bytes_is_stuck_within_the_limit(scheme: str) -> None:
    with TerminalServer(rfc2217=scheme == "rfc2217") as server:
        port = NetworkTransport(server.url)  # nobody empties the pty: its line takes no more after a while
        taken = write_until_refused(port)
        with pytest.raises(DeviceStuck):
            port.write(b"x" * 65_536)
        assert time.monotonic() - taken < 4
        port.close()


def write_until_refused(port: NetworkTransport) -> float:
    """When the last bytes were taken; at most 128 MB, far more than any buffers hold."""
    taken = time.monotonic()
    for _ in range(2000):
        try:
            port.write(b"x" * 65_536)
        except DeviceStuck:
            return taken
        taken = time.monotonic()
    raise AssertionError("it takes any amount")
