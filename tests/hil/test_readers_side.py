"""A reader whose cable is a UNIX socket: what goes over it, what is lost with it."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from drivers.virtual.control import VirtualReaderFault
from drivers.virtual.elyctis_device import frame, mrz_payload
from hil_tests.bench.readers_side import SERIAL_FAMILIES, ReaderSide
from hil_tests.frames import SPECIMEN, device

UNASKED = {"text", "est", "rte"}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "r"


class Host:
    """The other end of the cable."""

    def __init__(self, path: Path) -> None:
        self.line = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.line.settimeout(5)
        self.line.connect(str(path))

    def read(self, count: int) -> bytes:
        got = b""
        while len(got) < count and (more := self.line.recv(count - len(got))):
            got += more
        return got

    def rest(self) -> bytes:
        got = b""
        while more := self.line.recv(65536):
            got += more
        return got

    def quiet(self, for_s: float = 0.3) -> bool:
        self.line.settimeout(for_s)
        try:
            return not self.line.recv(1)
        except TimeoutError:
            return True
        finally:
            self.line.settimeout(5)


@pytest.fixture
def reader(path: Path) -> Iterator[ReaderSide]:
    with ReaderSide(path) as side:
        yield side


def plugged(side: ReaderSide) -> Host:
    host = Host(side.path)
    side.plug()
    return host


@pytest.mark.parametrize("family", sorted(SERIAL_FAMILIES & UNASKED))
def test_a_document_goes_over_the_cable_as_the_device_sends_it(path: Path, family: str) -> None:
    whole = device(family).present(SPECIMEN)
    with ReaderSide(path, family) as side:
        host = plugged(side)
        begun = len(host.read(len(device(family).power_on())))
        at = side.present(SPECIMEN)
        assert begun == len(device(family).power_on())
        assert host.read(len(whole)) == whole
        assert at is not None
        assert time.monotonic() - at < 5


@pytest.mark.parametrize("family", sorted(SERIAL_FAMILIES))
def test_every_serial_family_can_be_plugged_and_pulled(path: Path, family: str) -> None:
    with ReaderSide(path, family) as side:
        assert not side.plugged
        host = plugged(side)
        assert side.plugged
        side.unplug()
        assert host.rest() == device(family).power_on()
        assert not side.plugged


def test_a_reader_that_waits_for_its_host_answers_it_over_the_cable(path: Path) -> None:
    with ReaderSide(path, "elyctis") as side:
        host = plugged(side)
        with ThreadPoolExecutor(1) as hand:
            laying = hand.submit(side.present, SPECIMEN)
            deadline = time.monotonic() + 5
            while not side.unsent and time.monotonic() < deadline:
                time.sleep(0.01)
            host.line.sendall(bytes.fromhex("490000"))  # inquire
            answer = frame(0x49, mrz_payload(SPECIMEN))
            assert host.read(len(answer)) == answer
            assert laying.result() is not None


def test_a_frame_that_is_cut_ends_there(reader: ReaderSide) -> None:
    host = plugged(reader)
    reader.present(SPECIMEN, cut=30)
    reader.unplug()
    assert host.rest() == device("text").present(SPECIMEN)[:30]


def test_a_reader_pulled_in_mid_frame_leaves_the_rest_unsent(path: Path) -> None:
    whole = device("text").present(SPECIMEN)
    with ReaderSide(path, fragment=4, delay_s=0.05) as side:
        host = plugged(side)
        with ThreadPoolExecutor(1) as hand:
            laying = hand.submit(side.present, SPECIMEN)
            first = host.read(8)
            side.unplug()
            assert laying.result() is None
            got = first + host.rest()
        assert 8 <= len(got) < len(whole)
        assert whole.startswith(got)
        again = plugged(side)
        assert again.quiet(), "what was pulled stayed in the cable"
        side.remove()
        with ThreadPoolExecutor(1) as hand:
            laying = hand.submit(side.present, SPECIMEN)
            assert again.read(len(whole)) == whole
            assert laying.result() is not None


def test_much_more_than_the_cable_holds_arrives_whole_when_the_host_reads_slowly(reader: ReaderSide) -> None:
    host = plugged(reader)
    with ThreadPoolExecutor(1) as hand:
        sending = hand.submit(reader.noise, 60_000, seed=7)
        got = b""
        while len(got) < 60_000:
            got += host.read(min(3000, 60_000 - len(got)))
            time.sleep(0.01)
        assert sending.result() == 60_000
    assert host.quiet()


def test_what_nobody_takes_for_a_second_is_lost(reader: ReaderSide) -> None:
    plugged(reader)
    assert reader.noise(200_000) < 200_000


def test_what_the_host_says_reaches_the_device(reader: ReaderSide) -> None:
    host = plugged(reader)
    host.line.sendall(b"beep")
    deadline = time.monotonic() + 5
    while reader.orders != b"beep" and time.monotonic() < deadline:
        time.sleep(0.01)
    assert reader.orders == b"beep"


def test_a_host_that_leaves_unplugs_the_reader(reader: ReaderSide) -> None:
    plugged(reader).line.close()
    deadline = time.monotonic() + 5
    while reader.plugged and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not reader.plugged
    assert reader.present(SPECIMEN) is None
    whole = device("text").present(SPECIMEN)
    host = plugged(reader)
    reader.present(SPECIMEN)
    assert host.read(len(whole)) == whole


def test_plugging_in_where_no_host_is_says_so(reader: ReaderSide) -> None:
    with pytest.raises(VirtualReaderFault, match="nobody connected"):
        reader.plug(0.1)


def test_a_family_without_a_serial_line_is_refused(path: Path) -> None:
    with pytest.raises(VirtualReaderFault, match="no serial family"):
        ReaderSide(path, "uru4000")
    assert not path.exists()


def test_a_socket_that_cannot_be_made_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="path too long"):
        ReaderSide(tmp_path / ("r" * 120))


def test_nothing_is_left_of_it(path: Path) -> None:
    side = ReaderSide(path)
    plugged(side)
    side.close()
    side.close()
    assert list(path.parent.iterdir()) == []
