"""The serial scanner on slow lines: transfers given up, cables pulled in the middle, terminal servers."""

from __future__ import annotations

import contextlib
import os
import select
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from zfm_rig import Rig, four_bits, rig_of

from drivers.api import DeviceError, DeviceGone, Tier
from drivers.fingers import FingerCapture, ScannerState
from drivers.virtual.zfm_device import ZfmDevice, ZfmOptions
from drivers.zfm import ZfmScanner, build

WIDTH, HEIGHT = 128, 96
SMALL = ZfmOptions(width=WIDTH, height=HEIGHT)  # 6144 bytes: 1.16 s at 57600 baud
RECOVERY_S = 5.0
pytestmark = pytest.mark.timeout(60)


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    with rig_of(tmp_path, SMALL, paced=True) as made:
        yield made


@pytest.fixture
def scanner(rig: Rig) -> Iterator[ZfmScanner]:
    made = rig.scanner(led=False)
    made.open()
    yield made
    made.close()


def taken(scanner: ZfmScanner, seed: int) -> None:
    event = scanner.capture(RECOVERY_S)
    assert isinstance(event, FingerCapture)
    assert event.pixels == four_bits(seed, width=WIDTH, height=HEIGHT)


def in_mid_image(scanner: ZfmScanner, act) -> threading.Thread:
    """Does ``act`` when a transfer has begun a while ago."""

    def wait() -> None:
        until = time.monotonic() + RECOVERY_S
        while scanner.state is not ScannerState.CAPTURE and time.monotonic() < until:
            time.sleep(0.01)
        time.sleep(0.3)
        act()

    thread = threading.Thread(target=wait)
    thread.start()
    return thread


def test_an_image_takes_the_time_of_its_line(rig, scanner):
    rig.order(finger=3)
    began = time.monotonic()
    taken(scanner, 3)
    assert 1.1 < time.monotonic() - began < 3


def test_a_transfer_that_was_given_up_does_not_stain_the_next(rig, scanner):
    rig.order(finger=3)
    thread = in_mid_image(scanner, scanner.cancel)
    began = time.monotonic()
    assert scanner.capture(RECOVERY_S) is None
    assert time.monotonic() - began < 1.5
    thread.join()
    assert scanner.state is ScannerState.IDLE
    rig.order(finger=4)
    taken(scanner, 4)


def test_the_bytes_of_a_transfer_that_a_dead_process_left(rig, scanner):
    """Closed in mid-image, opened by the next process while the module still sends."""
    rig.order(finger=3)
    thread = in_mid_image(scanner, scanner.cancel)
    assert scanner.capture(RECOVERY_S) is None
    thread.join()
    scanner.close()
    following = rig.scanner(led=False)
    following.open()
    taken(following, 3)
    following.close()


def test_unplugged_in_mid_image(rig, scanner):
    rig.order(finger=3)
    thread = in_mid_image(scanner, lambda: rig.order(unplug=True))
    with pytest.raises(DeviceGone):
        scanner.capture(RECOVERY_S)
    thread.join()
    scanner.close()
    rig.order(plug=True)
    returned = time.monotonic()
    scanner.open()
    taken(scanner, 3)
    assert time.monotonic() - returned < RECOVERY_S


def until_noisy(port):
    handle = os.open(port, os.O_RDONLY | os.O_NOCTTY)
    try:
        assert select.select([handle], [], [], 5.0)[0], "no noise came"
    finally:
        os.close(handle)


def test_a_line_that_babbles_for_ever_is_told(rig, monkeypatch):
    monkeypatch.setattr("drivers.zfm_link.SETTLE_S", 1.0)  # is 8
    monkeypatch.setattr("drivers.zfm_link.QUIET_S", 0.5)  # is 0.05, and the noise of a busy machine has longer gaps
    thread = threading.Thread(target=lambda: rig.order(noise=400_000, rate=120_000, seed=4))
    thread.start()
    scanner = rig.scanner()
    until_noisy(rig.link)
    began = time.monotonic()
    with pytest.raises(DeviceError, match="does not fall silent"):
        scanner.open()
    assert time.monotonic() - began < 3
    assert scanner.state is ScannerState.CLOSED
    rig.order(unplug=True)
    thread.join()


@contextlib.contextmanager
def terminal_server(device: ZfmDevice) -> Iterator[str]:
    """A raw TCP port with the module behind it; one client at a time."""
    listener = socket.create_server(("127.0.0.1", 0))
    listener.settimeout(20)

    def serve() -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = listener.accept()
                client.settimeout(20)
                with client, contextlib.suppress(OSError):
                    while data := client.recv(4096):
                        client.sendall(device.receive(data))

    thread = threading.Thread(target=serve)
    thread.start()
    yield f"socket://127.0.0.1:{listener.getsockname()[1]}"
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()
    thread.join(20)
    assert not thread.is_alive()


def over(port: str) -> ZfmScanner:
    return build("flat", {"port": port, "poll_s": 0.02}, time.monotonic, Tier.VIRTUAL)


def test_through_a_terminal_server():
    device = ZfmDevice(SMALL)
    with terminal_server(device) as port:
        scanner = over(port)
        scanner.open()
        device.finger(3)
        taken(scanner, 3)
        assert scanner.status().remark == ""
        device.remove()
        device.faults.noisy_above = 9600  # every image is hit, and there is no slower speed to be had
        assert scanner.await_off(RECOVERY_S)
        device.finger(4)
        event = scanner.capture(RECOVERY_S)
        assert not isinstance(event, FingerCapture)
        assert device.baud == 57600
        scanner.close()


def test_nobody_behind_a_terminal_server():
    device = ZfmDevice(SMALL)
    device.faults.mute = 1000
    with terminal_server(device) as port:
        scanner = over(port)
        began = time.monotonic()
        with pytest.raises(DeviceError) as caught:
            scanner.open()
        assert time.monotonic() - began < 3
        assert caught.value.message.endswith("no fingerprint module answers")
        assert "power" in caught.value.advice
