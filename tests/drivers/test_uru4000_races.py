"""What a U.are.U does at the wrong moment: images left over, lost power, orders refused, fingers that come back."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from scanner_rigs import PacedRig, Uru4000Rig

from drivers.api import DeviceError
from drivers.fingers import FingerCapture, FingerprintScanner, Retry, RetryReason, ScannerState
from drivers.transport.usb_pump import Packet
from drivers.transport.usb_scanner import ImageRead
from drivers.transport.usbip_link import Request
from drivers.uru4000_image import Flaw, take_apart
from drivers.uru4000_power import Timing
from drivers.uru4000_scan import take_image
from drivers.uru4000_wire import Model
from drivers.virtual.uru4000_device import Uru4000Options
from drivers.virtual.uru4000_frames import HEIGHT, LAYOUTS, WIDTH, transfer


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[PacedRig]:
    with PacedRig(tmp_path) as made:
        yield made


@pytest.fixture
def scanner(rig: PacedRig) -> Iterator[FingerprintScanner]:
    made = rig.scanner()
    made.open()
    yield made
    made.close()


def reached(scanner: FingerprintScanner, state: ScannerState) -> None:
    until = time.monotonic() + 5.0
    while scanner.state is not state and time.monotonic() < until:
        time.sleep(0.002)
    assert scanner.state is state


@contextlib.contextmanager
def capturing(scanner: FingerprintScanner, timeout_s: float) -> Iterator[list[Any]]:
    """Capture in a thread of its own; what became of it stands in the list when the block is left."""
    became: list[Any] = []

    def run() -> None:
        try:
            became.append(scanner.capture(timeout_s))
        except DeviceError as error:
            became.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield became
    finally:
        thread.join(15.0)
        assert not thread.is_alive()


def right(rig: Uru4000Rig, found: object, seed: int) -> None:
    assert isinstance(found, FingerCapture), found
    assert found.pixels == rig.expected(seed)


# -- images of somebody else ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("late_s", [0.0, 0.04, 0.15])
def test_what_an_earlier_finger_left_is_never_the_next_ones(rig: PacedRig, late_s: float) -> None:
    scanner = rig.scanner()
    for seed in (1, 2, 3):
        scanner.open()
        rig.order(late=late_s)  # as behind a network
        rig.order(fault={"stale": 1})
        rig.finger(seed)
        right(rig, scanner.capture(5.0), seed)
        rig.lift()
        rig.order(late=0)
        scanner.close()


def test_it_is_not_taken_after_a_good_image_either(rig: PacedRig, scanner: FingerprintScanner) -> None:
    for seed in (1, 2):
        rig.finger(seed)
        right(rig, scanner.capture(5.0), seed)
        rig.lift()
        assert scanner.await_off(2.0)
        rig.order(fault={"stale": 1})


class Restless:
    """A port into whose image endpoint something comes whatever is asked."""

    round_trip_s = 0.0

    def __init__(self) -> None:
        self.written: list[tuple[int, bytes]] = []

    def begin_image(self, _length: int) -> Any:
        return self

    def done(self, _wait_s: float) -> bool:
        return True

    def image(self, _read: object) -> bytes:
        return transfer([bytes(WIDTH)] * HEIGHT, LAYOUTS["plain"], 0, lambda number: number)

    def write_register(self, register: int, data: bytes) -> None:
        self.written.append((register, data))


def test_an_endpoint_that_never_falls_silent_gives_no_image() -> None:
    port: Any = Restless()
    assert take_image(port, Model(""), lambda: 0, Timing())[0] is Flaw.UNORDERED
    assert port.written == []


class Slow:
    """An endpoint as libusb shows it when the time is over in the midst of an image: half of it, and no error."""

    def read(self, length: int, limit_ms: int) -> bytes:
        time.sleep(limit_ms / 1000)
        return bytes(length // 2)


def test_half_an_image_in_the_whole_time_is_a_late_one() -> None:
    assert ImageRead(Slow(), 640, 0.05, time.monotonic).result() is None


class Quick:
    def read(self, length: int, _limit_ms: int) -> bytes:
        return bytes(length)


def test_an_image_is_given_once_and_not_kept() -> None:
    read = ImageRead(Quick(), 640, 5.0, time.monotonic)
    assert read.result() == bytes(640)
    assert read.result() == b""


# -- power ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("after_s", [0.0, 0.4])
def test_power_lost_soon_after_waking_is_noticed(rig: PacedRig, scanner: FingerprintScanner, after_s: float) -> None:
    time.sleep(after_s)
    rig.order(fault={"blink": 1})
    rig.finger(1)
    before = time.monotonic()
    right(rig, scanner.capture(6.0), 1)
    assert time.monotonic() - before < 3.0
    assert "lost its power" in scanner.status().remark


def test_power_lost_under_a_finger_is_no_lifting(rig: PacedRig, scanner: FingerprintScanner) -> None:
    rig.finger(1)
    right(rig, scanner.capture(5.0), 1)
    time.sleep(0.3)
    rig.order(fault={"blink": 1})
    assert not scanner.await_off(0.5)
    assert scanner.capture(5.0) == Retry(RetryReason.REMOVE_FINGER)
    rig.lift()
    assert scanner.await_off(2.0)


def test_what_it_said_before_is_no_sign_of_waking(rig: PacedRig, scanner: FingerprintScanner) -> None:
    time.sleep(0.3)
    rig.order(fault={"silent": 99})
    rig.order(fault={"blink": 1})
    rig.order(fault={"blink": 1})
    time.sleep(0.05)
    with pytest.raises(DeviceError, match="does not wake up"):
        scanner.capture(3.0)


def test_cancel_ends_a_waking(rig: PacedRig, scanner: FingerprintScanner) -> None:
    time.sleep(0.3)
    rig.order(fault={"powerless": 999})
    rig.order(fault={"blink": 1})
    with capturing(scanner, 30.0) as became:
        reached(scanner, ScannerState.ACTIVATING)
        before = time.monotonic()
        scanner.cancel()
    assert became == [None]
    assert time.monotonic() - before < 1.0
    rig.mend()
    rig.finger(1)
    right(rig, scanner.capture(5.0), 1)


# -- errors -----------------------------------------------------------------------------------------------------------


def test_lost_images_of_another_opening_do_not_count(tmp_path: Path) -> None:
    with Uru4000Rig(tmp_path) as rig:
        scanner = rig.scanner()
        scanner.open()
        rig.order(fault={"short": 99})
        for _ in range(2):
            rig.finger(1)
            assert scanner.capture(3.0) == Retry(RetryReason.TRY_AGAIN)
            rig.lift()
            assert scanner.await_off(2.0)
        rig.finger(1)
        with pytest.raises(DeviceError, match="no image arrives whole"):
            scanner.capture(3.0)
        scanner.close()
        rig.mend()
        scanner.open()
        rig.order(fault={"short": 1})
        rig.finger(2)
        right(rig, scanner.capture(3.0), 2)
        scanner.close()


def test_an_image_that_never_comes_is_a_fault_at_the_third_finger(tmp_path: Path) -> None:
    with Uru4000Rig(tmp_path) as rig:
        scanner = rig.scanner()
        scanner.open()
        rig.order(fault={"mute": 99})
        rig.finger(1)
        assert [scanner.capture(3.0) for _ in range(2)] == [Retry(RetryReason.TRY_AGAIN)] * 2
        with pytest.raises(DeviceError) as told:
            scanner.capture(3.0)
        assert "cable" in told.value.advice
        scanner.close()


def test_a_refused_order_leaves_nothing_behind(rig: PacedRig, scanner: FingerprintScanner) -> None:
    with capturing(scanner, 5.0) as became:
        reached(scanner, ScannerState.AWAIT_FINGER_ON)
        rig.finger(1)
        reached(scanner, ScannerState.CAPTURE)
        rig.order(fault={"refuse": 1})  # that of the image: it is asked for already
    assert isinstance(became[0], DeviceError)
    assert scanner.state is ScannerState.ACTIVATING
    right(rig, scanner.capture(5.0), 1)
    assert scanner.status().faults == 1


def test_the_light_is_put_out_after_an_error_too(rig: PacedRig, scanner: FingerprintScanner) -> None:
    rig.order(fault={"refuse": 1})
    with pytest.raises(DeviceError):
        scanner.capture(1.0)
    before = rig.device._mode
    scanner.close()
    assert (before, rig.device._mode) == (0, 0x70)


# -- fingers ----------------------------------------------------------------------------------------------------------


def test_a_finger_that_came_back_under_its_image_is_not_lifted(tmp_path: Path) -> None:
    with Uru4000Rig(tmp_path, Uru4000Options(image_s=0.4, bytes_s=0)) as rig:
        scanner = rig.scanner()
        scanner.open()
        with capturing(scanner, 5.0) as became:
            reached(scanner, ScannerState.AWAIT_FINGER_ON)
            rig.finger(1)
            until = time.monotonic() + 3.0
            while rig.device._mode != 0x20 and time.monotonic() < until:
                time.sleep(0.002)
            rig.lift()
            rig.finger(1)
        right(rig, became[0], 1)
        assert not scanner.await_off(0.3)
        rig.lift()
        assert scanner.await_off(2.0)
        scanner.close()


def test_a_finger_that_comes_between_two_waits_is_not_lost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("drivers.uru4000.GOES_ON_S", 2.0)
    with Uru4000Rig(tmp_path, Uru4000Options(edges=True, bytes_s=0)) as rig:
        scanner = rig.scanner()
        scanner.open()
        assert scanner.capture(0.05) is None
        rig.finger(1)
        time.sleep(0.05)  # it has said so by now
        right(rig, scanner.capture(3.0), 1)
        scanner.close()


# -- reprs ------------------------------------------------------------------------------------------------------------


def test_bytes_of_a_finger_or_a_key_are_in_no_repr() -> None:
    mark = b"\xa7secret"
    image = transfer([(mark * 55)[:WIDTH]] * HEIGHT, LAYOUTS["plain"], 0, lambda number: number)
    for thing in (take_apart(image), Packet(mark, 1.0), Request(1, 0x82, 64, data=mark)):
        assert "secret" not in repr(thing)
        assert len(repr(thing)) < 300
