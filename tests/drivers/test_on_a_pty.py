"""The thin drivers on real ports: a pty played by the virtual device in a process of its own."""

from __future__ import annotations

import errno
import os
import stat
import subprocess
import sys
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor

import pytest
import serial

from drivers.api import (
    DeviceBusy,
    DeviceError,
    DeviceForbidden,
    DeviceGone,
    DocumentRead,
    DriverMisuse,
    Feedback,
    Noise,
    OtherRead,
)
from drivers.catalog import open_reader
from drivers.elyctis_doubt import ANSWER_S
from drivers.framing import BUFFER_CAP
from drivers.reader import OTHERS_AT_ONCE
from drivers.transport.serial_port import on_open as _on_open
from drivers.virtual.control import VirtualReader, VirtualReaderFault, ask

LIMIT_S = 5.0
QUICK = {"honeywell": {"pause_s": 0.05}}  # no hand has to move
TOLD = {"elyctis": ("OCR 4.07", "EV000001", "IDBOX-VIRTUAL"), "honeywell": ("4711", "VI00000042", "Virtual Imager")}


@pytest.fixture(scope="module", params=[
    ("elyctis", []), ("elyctis", ["--fragment", "7", "--delay-ms", "3"]),
    ("honeywell", []), ("honeywell", ["--fragment", "7", "--delay-ms", "3", "--before", "]o1"]),
    ("text", []), ("text", ["--fragment", "7", "--delay-ms", "3", "--line-end", "crlf"]),
], ids=lambda param: " ".join([param[0], *param[1]]))
def device(request, tmp_path_factory):
    kind, options = request.param
    folder = tmp_path_factory.mktemp("port")
    with VirtualReader(folder / "reader", folder / "reader.sock", kind, options) as virtual:
        yield virtual


@pytest.fixture
def reader(device):
    device.plug()
    device.remove()
    settings = {"port": str(device.link)} | QUICK.get(device.kind, {})
    made = open_reader(device.kind, "north", settings, time.monotonic)
    made.open()
    yield made
    made.close()


@pytest.fixture
def hand():
    """A hand that moves while the driver waits."""
    with ThreadPoolExecutor(1) as pool:
        yield pool


def wait_for_document(reader) -> DocumentRead:
    limit = time.monotonic() + LIMIT_S
    while time.monotonic() < limit:
        event = reader.read(0.2)
        if isinstance(event, DocumentRead):
            return event
    pytest.fail(f"no document within {LIMIT_S:g} s: {reader.status()}")


def wait_for_noise(reader) -> Noise:
    limit = time.monotonic() + LIMIT_S
    while time.monotonic() < limit:
        event = reader.read(0.6)
        if isinstance(event, Noise):
            return event
    pytest.fail(f"no noise within {LIMIT_S:g} s")


def scan(reader, hand, device, rows) -> tuple[DocumentRead, float]:
    sent: Future = hand.submit(device.present, rows)
    read = wait_for_document(reader)
    return read, sent.result(LIMIT_S)


def test_documents_one_after_another(reader, hand, device, td3, td1):
    for rows in (td3, td1, td3):
        read, sent_at = scan(reader, hand, device, rows)
        assert read.lines == rows
        assert read.device == "north"
        # Two processes stamp the same byte; each may be held up between the byte and its stamp.
        assert abs(read.at - sent_at) < LIMIT_S
    status = reader.status()
    assert (status.reads, status.garbled, status.noise_bytes, status.open) == (3, 0, 0, True)
    assert status.last_read_age_s is not None
    assert status.last_read_age_s >= 0


def test_nothing_is_an_answer(reader):
    began = time.monotonic()
    assert reader.read(0.15) is None
    assert 0.15 <= time.monotonic() - began < 2


def test_the_device_tells_about_itself(reader, device):
    told = TOLD.get(device.kind, ("", "", ""))
    for _ in range(20):  # its answer comes when its process has its turn
        reader.read(0.3)
        status = reader.status()
        if (status.firmware, status.serial, status.product) == told:
            return
    assert (status.firmware, status.serial, status.product) == told


def test_noise_then_a_document(reader, hand, device, td3):
    reader.read(0.2)
    noise = hand.submit(device.noise, 20_000, seed=5)
    heard: object = "not yet"
    while heard is not None or not noise.done():
        heard = reader.read(0.4) if noise.done() else reader.read(0.1) or "not yet"
        assert not isinstance(heard, DocumentRead)
    assert noise.result(LIMIT_S) == 20_000
    status = reader.status()  # in text noise some bytes lie between an STX and an ETX: other blocks
    assert status.noise_bytes == 20_000 if device.kind == "elyctis" else status.noise_bytes > 10_000
    read, _ = scan(reader, hand, device, td3)
    assert read.lines == td3


def test_half_a_frame_then_silence_then_a_document(reader, hand, device, td3):
    reader.read(0.3)
    device.remove()
    cut = hand.submit(device.present, td3, cut=40)
    cut.result(LIMIT_S)
    if device.kind == "elyctis":  # it believes that it has sent the document, and is asked for it
        assert wait_for_document(reader).lines == td3
        assert reader.read(ANSWER_S + 0.1) is None
    else:
        assert wait_for_noise(reader) == Noise(40, garbled=1)
    assert (reader.status().garbled, reader.status().noise_bytes) == (1, 40)
    read, _ = scan(reader, hand, device, td3)
    assert read.lines == td3


def test_unplugged_in_the_middle_of_a_frame(reader, hand, device, td3, td1):
    reader.read(0.3)
    hand.submit(device.present, td3, cut=30).result(LIMIT_S)
    device.unplug()
    with pytest.raises(DeviceGone) as caught:
        reader.read(1.0)  # the hang-up throws away what waited in the line
    assert "cable" in caught.value.advice
    reader.close()
    with pytest.raises(DeviceGone, match="no such device"):
        reader.open()
    before = reader.status().reads
    device.remove()
    device.plug()
    reader.open()
    read, _ = scan(reader, hand, device, td1)
    assert read.lines == td1
    assert reader.status().reads == before + 1


def test_a_blocked_read_ends_when_the_cable_is_pulled(reader, device):
    reader.read(0.2)
    puller = threading.Timer(0.2, device.unplug)
    puller.start()
    began = time.monotonic()
    with pytest.raises(DeviceGone):
        reader.read(20.0)
    assert time.monotonic() - began < LIMIT_S
    puller.join()


def test_a_port_has_one_owner(reader, device):
    second = open_reader(device.kind, "south", {"port": str(device.link)}, time.monotonic)
    with pytest.raises(DeviceBusy) as caught:
        second.open()
    assert "fuser" in caught.value.advice
    with pytest.raises(DriverMisuse, match="open already"):
        reader.open()


def test_a_babbling_device_costs_little(reader, hand, device):
    """As fast as the line takes it for a second: bounded buffer, one event per call, an idle processor."""
    reader.read(0.2)
    noise = hand.submit(device.noise, 150_000, seed=11)
    cpu, began, calls = time.thread_time(), time.monotonic(), 0
    while not noise.done() and calls < 40:
        calls += 1
        reader.read(0.25)
    spent, took = time.thread_time() - cpu, time.monotonic() - began
    noise.result(30)
    assert spent < 0.5 * took + 0.1
    assert reader._codec.framer.buffer.highest <= BUFFER_CAP
    assert len(reader._waiting) <= OTHERS_AT_ONCE  # some noise looks like bar codes


def test_the_same_document_pressed_down_again(reader, hand, device, td3):
    """An ELYCTIS or an imager does not read it twice; a text reader does, and the driver hands both up."""
    scan(reader, hand, device, td3)
    reader.read(0.2)
    again = hand.submit(device.present_again, td3)
    if device.kind != "text":
        assert again.result(LIMIT_S) is None
        assert reader.read(0.2) is None
    else:
        assert wait_for_document(reader).lines == td3


def test_a_bar_code_is_counted_and_given_on_as_what_it_is(reader, hand, device, td3):
    sends = 0 if device.kind == "elyctis" else 1  # that reads nothing but zones
    reader.read(0.3)
    hand.submit(device.block, "M1ERIKSSON/ANNA       EABC123").result(LIMIT_S)
    event = reader.read(0.5)
    assert (isinstance(event, OtherRead) and b"M1ERIKSSON/ANNA       EABC123" in event.raw) if sends else event is None
    assert "ERIKSSON" not in repr(event)
    assert (reader.status().others, reader.status().reads) == (sends, 0)
    read, _ = scan(reader, hand, device, td3)
    assert read.lines == td3


def arrived(device) -> bytes:
    return bytes.fromhex(ask(device.control, {"status": True})["orders"])


def wait_until_arrived(reader, device, order: bytes) -> None:
    limit = time.monotonic() + LIMIT_S
    while order not in arrived(device) and time.monotonic() < limit:
        reader.read(0.05)
    assert order in arrived(device)


def test_fixed_orders_reach_the_device(tmp_path, hand, td3):
    settings = {
        "init": ["1B50", "1B51"], "rearm": "1B52", "rearm_s": 1.0, "signal_good": "1B47", "signal_retry": "0707",
    }
    with VirtualReader(tmp_path / "reader", tmp_path / "reader.sock", "text") as device:
        reader = open_reader("text", "north", settings | {"port": str(device.link)}, time.monotonic)
        reader.open()
        wait_until_arrived(reader, device, b"\x1bP\x1bQ")
        wait_until_arrived(reader, device, b"\x1bP\x1bQ\x1bR")  # after some quiet
        scan(reader, hand, device, td3)
        wait_until_arrived(reader, device, b"\x1bR\x1bR")  # and after a read
        reader.signal(Feedback.LEAD)  # nothing is set for it
        for feedback, order in ((Feedback.GOOD, b"\x1bG"), (Feedback.RETRY, b"\x07\x07")):
            reader.signal(feedback)
            wait_until_arrived(reader, device, order)
        reader.close()


def test_an_imager_beeps_when_a_document_is_to_be_presented_again(tmp_path):
    with VirtualReader(tmp_path / "reader", tmp_path / "reader.sock", "honeywell") as device:
        reader = open_reader("honeywell", "north", {"port": str(device.link)}, time.monotonic)
        reader.open()
        wait_until_arrived(reader, device, b"\x16M\rREVINF.\x16T\r")
        reader.signal(Feedback.RETRY)
        wait_until_arrived(reader, device, b"\x16\x07\r")
        assert reader.status().remark == ""
        reader.close()


@pytest.mark.parametrize(("code", "kind"), [
    (errno.EACCES, DeviceForbidden), (errno.EBUSY, DeviceBusy), (errno.EAGAIN, DeviceBusy),
    (errno.ENOENT, DeviceGone), (errno.EIO, DeviceGone), (errno.EINVAL, DeviceError),
])
def test_what_the_kernel_says_on_opening_becomes_advice(code, kind):
    error = _on_open("/dev/ttyX", serial.SerialException(code, os.strerror(code)))
    assert type(error) is kind
    assert "/dev/ttyX" in error.message
    assert error.advice


def test_a_plain_file_is_no_port(tmp_path):
    port = tmp_path / "port"
    port.touch()
    with pytest.raises(DeviceError, match="cannot be opened"):
        open_reader("text", "north", {"port": str(port)}, time.monotonic).open()


def test_the_process_tidies_up_and_follows_its_parent(tmp_path):
    link, control = tmp_path / "reader", tmp_path / "reader.sock"
    words = [sys.executable, "-m", "drivers.virtual", "text", "--link", str(link), "--control", str(control)]
    process = subprocess.Popen([*words, "--stdin-guard"], stdin=subprocess.PIPE)
    try:
        limit = time.monotonic() + LIMIT_S
        while not control.exists() and time.monotonic() < limit:
            time.sleep(0.01)
        assert stat.S_ISCHR(link.stat().st_mode)
        process.stdin.close()
        assert process.wait(LIMIT_S) == 0
    finally:
        process.kill()
        process.wait()
    assert list(tmp_path.iterdir()) == []


def test_sigterm_tidies_up_too(tmp_path):
    with VirtualReader(tmp_path / "reader", tmp_path / "reader.sock") as virtual:
        virtual._process.terminate()
        assert virtual._process.wait(LIMIT_S) == 0
        assert list(tmp_path.iterdir()) == []


def test_orders_that_are_none_are_refused_and_harm_nothing(tmp_path):
    with VirtualReader(tmp_path / "reader", tmp_path / "reader.sock") as virtual:
        for order in ({"dance": True}, {"present": 3}, {"noise": "much"}, {"bytes": "zz"}, [1]):
            with pytest.raises(VirtualReaderFault):
                ask(virtual.control, order)
        assert ask(virtual.control, {"status": True})["plugged"] is True
