"""One contract for every fingerprint scanner, whatever it speaks: each rig of scanner_rigs plays one.

The faults are the device's; the promises are the driver's: no hang (every wait is bounded), no handle left behind, a
good capture within five seconds of the return, and an instruction to the person kept apart from a fault of the device.
"""

from __future__ import annotations

import gc
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from scanner_rigs import RIGS, Rig

from drivers.api import DeviceError, DriverMisuse
from drivers.fingers import FingerCapture, FingerprintScanner, Retry, RetryReason, ScanEvent, ScannerState

RECOVERY_S = 5.0
AT_START = ("silence when it is switched on", "power that does not come", "refused orders")
PULLED = "pulled in mid-image"


def with_each(*, at_start: bool) -> pytest.MarkDecorator:
    """Every rig with every fault that its kind of device can have: those of waking, or those of an image."""
    pairs = [
        pytest.param(name, fault, id=f"{name}-{fault}")
        for name, entry in RIGS.items() for fault in entry.kind.faults
        if fault != PULLED and (fault in AT_START) is at_start
    ]
    return pytest.mark.parametrize(("rig", "fault"), pairs, indirect=["rig"])


@pytest.fixture(params=RIGS)
def rig(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Rig]:
    with RIGS[request.param].make(tmp_path) as made:
        yield made


@pytest.fixture
def scanner(rig: Rig) -> Iterator[FingerprintScanner]:
    made = rig.scanner()
    made.open()
    yield made
    made.close()


def good(rig: Rig, scanner: FingerprintScanner, seed: int) -> FingerCapture:
    """One finger, whatever is asked of the person on the way; within the time of recovery."""
    limit = time.monotonic() + RECOVERY_S + rig.capture_s
    rig.finger(seed)
    while time.monotonic() < limit:
        event = scanner.capture(limit - time.monotonic())
        if isinstance(event, FingerCapture):
            assert event.pixels == rig.expected(seed)
            return event
        rig.lift()
        scanner.await_off(1.0)
        rig.finger(seed)
    pytest.fail(f"no capture within {RECOVERY_S:g} s: {scanner.status()}")


def away(rig: Rig, scanner: FingerprintScanner) -> None:
    rig.lift()
    assert scanner.await_off(2.0)


def test_a_finger_is_captured_to_the_last_pixel(rig: Rig, scanner: FingerprintScanner) -> None:
    assert scanner.state is ScannerState.IDLE
    before = time.monotonic()
    rig.finger(1)
    found = scanner.capture(rig.capture_s)
    assert isinstance(found, FingerCapture)
    assert found.pixels == rig.expected(1)
    assert found.device == scanner.name
    assert len(found.pixels) == found.width * found.height
    assert before < found.at <= time.monotonic()
    assert scanner.status().captures == 1
    assert scanner.status().last_capture_at == found.at


def test_fingers_follow_each_other(rig: Rig, scanner: FingerprintScanner) -> None:
    for seed in (1, 2):
        good(rig, scanner, seed)
        away(rig, scanner)
    assert scanner.status().captures == 2
    assert scanner.status().faults == 0


def test_its_state_is_capture_while_an_image_comes_and_at_no_other_time(rig: Rig, scanner: FingerprintScanner) -> None:
    seen = [(scanner.state, time.monotonic())]
    ended = threading.Event()

    def watch() -> None:
        while not ended.wait(0.0005):
            state = scanner.state
            if state is not seen[-1][0]:
                seen.append((state, time.monotonic()))
            if state is ScannerState.AWAIT_FINGER_ON and len(seen) == 2:
                rig.finger(1)

    watching = threading.Thread(target=watch)
    watching.start()
    found = scanner.capture(rig.capture_s)
    ended.set()
    watching.join()
    assert isinstance(found, FingerCapture)
    states = [ScannerState.IDLE, ScannerState.AWAIT_FINGER_ON, ScannerState.CAPTURE, ScannerState.AWAIT_FINGER_OFF]
    assert [state for state, _ in seen] + [scanner.state] * (len(seen) == 3) == states
    assert seen[2][1] < found.at  # known before its last byte: there is something to show the person meanwhile


def test_no_finger_is_none_in_time(rig: Rig, scanner: FingerprintScanner) -> None:
    for wait_s in (0.0, 0.4):
        before = time.monotonic()
        assert scanner.capture(wait_s) is None
        assert time.monotonic() - before < wait_s + 1.0
    good(rig, scanner, 1)


def test_a_finger_that_stays_is_told_to_go(rig: Rig, scanner: FingerprintScanner) -> None:
    good(rig, scanner, 1)
    before = time.monotonic()
    assert not scanner.await_off(0.1)
    assert scanner.capture(5.0) == Retry(RetryReason.REMOVE_FINGER)
    assert time.monotonic() - before < 4.0
    away(rig, scanner)
    good(rig, scanner, 2)


def test_nothing_lies_there_before_the_first_finger(rig: Rig, scanner: FingerprintScanner) -> None:
    assert scanner.await_off(0.0)


@pytest.mark.parametrize("waiting", ["capture", "await_off"])
def test_cancel_ends_a_wait(rig: Rig, scanner: FingerprintScanner, waiting: str) -> None:
    if waiting == "await_off":
        good(rig, scanner, 1)
    timer = threading.Timer(0.3, scanner.cancel)
    timer.start()
    before = time.monotonic()
    answer: ScanEvent | bool = scanner.capture(30.0) if waiting == "capture" else scanner.await_off(30.0)
    timer.join()
    assert not answer
    assert time.monotonic() - before < 1.5
    rig.lift()
    scanner.await_off(2.0)
    good(rig, scanner, 2)  # a cancelled wait is no cancelled scanner


def test_cancel_at_any_time_is_harmless(rig: Rig) -> None:
    scanner = rig.scanner()
    scanner.cancel()
    scanner.open()
    scanner.cancel()
    good(rig, scanner, 1)
    scanner.cancel()
    scanner.close()
    scanner.cancel()


def test_misuse_is_told_from_a_fault(rig: Rig) -> None:
    scanner = rig.scanner()
    for call in (scanner.capture, scanner.await_off):
        with pytest.raises(DriverMisuse):
            call(0.1)
    scanner.close()
    assert scanner.state is ScannerState.CLOSED
    assert scanner.status().faults == 0


def test_it_opens_again_after_it_was_closed(rig: Rig) -> None:
    scanner = rig.scanner()
    for seed in (1, 2):
        scanner.open()
        good(rig, scanner, seed)
        scanner.close()
        scanner.close()
        assert scanner.state is ScannerState.CLOSED
        rig.lift()
    assert scanner.status().captures == 2


@with_each(at_start=False)
def test_an_image_lost_once_is_had_again(rig: Rig, scanner: FingerprintScanner, fault: str) -> None:
    rig.fault(fault)
    good(rig, scanner, 1)
    away(rig, scanner)
    rig.mend()
    good(rig, scanner, 2)


@with_each(at_start=False)
def test_a_fault_that_stays_ends_in_an_instruction_or_an_error(rig: Rig, fault: str) -> None:
    scanner = rig.scanner()
    scanner.open()
    rig.fault(fault, times=999)
    outcomes: list[ScanEvent | DeviceError] = []
    for _ in range(6):
        rig.finger(1)
        before = time.monotonic()
        try:
            outcomes.append(scanner.capture(2.0))
        except DeviceError as error:
            outcomes.append(error)
        assert scanner.state is not ScannerState.CAPTURE
        assert time.monotonic() - before < rig.patience_s
        if isinstance(outcomes[-1], DeviceError):
            break
        rig.lift()
    for outcome in outcomes:
        assert outcome is None or isinstance(outcome, Retry | DeviceError | FingerCapture)
        if isinstance(outcome, FingerCapture):
            assert outcome.pixels == rig.expected(1)
    rig.lift()
    rig.mend()
    scanner.close()
    before = time.monotonic()
    scanner.open()
    good(rig, scanner, 2)
    assert time.monotonic() - before < RECOVERY_S + rig.capture_s
    scanner.close()


@with_each(at_start=True)
def test_waking_ends_in_time_and_works_when_the_fault_has_gone(rig: Rig, fault: str) -> None:
    scanner = rig.scanner()
    rig.fault(fault, times=999)
    before = time.monotonic()
    with pytest.raises(DeviceError) as told:
        scanner.open()
    assert time.monotonic() - before < 8.0
    assert told.value.advice
    assert scanner.state is ScannerState.CLOSED
    assert scanner.status().faults == 1
    rig.mend()
    before = time.monotonic()
    scanner.open()
    good(rig, scanner, 1)
    assert time.monotonic() - before < RECOVERY_S
    scanner.close()


def test_the_cable_pulled_in_mid_image(rig: Rig, scanner: FingerprintScanner) -> None:
    if PULLED not in rig.faults:
        pytest.skip(f"this rig cannot be {PULLED}")
    rig.fault(PULLED)
    rig.finger(1)
    before = time.monotonic()
    with pytest.raises(DeviceError):
        scanner.capture(5.0)
    assert scanner.state is not ScannerState.CAPTURE
    assert time.monotonic() - before < 5.0
    scanner.close()
    rig.lift()
    rig.plug()
    returned = time.monotonic()
    scanner.open()
    good(rig, scanner, 2)
    assert time.monotonic() - returned < RECOVERY_S


@pytest.mark.parametrize("waiting", ["capture", "await_off"])
def test_the_cable_pulled_while_it_waits(rig: Rig, scanner: FingerprintScanner, waiting: str) -> None:
    if waiting == "await_off":
        good(rig, scanner, 1)
    timer = threading.Timer(0.3, rig.pull)
    timer.start()
    before = time.monotonic()
    with pytest.raises(DeviceError):
        scanner.capture(30.0) if waiting == "capture" else scanner.await_off(30.0)
    timer.join()
    assert time.monotonic() - before < 5.0
    scanner.close()
    with pytest.raises(DeviceError):
        scanner.open()
    rig.lift()
    rig.plug()
    scanner.open()
    good(rig, scanner, 2)


def test_no_handle_and_no_thread_is_left_behind(rig: Rig) -> None:
    def held() -> tuple[int, int]:
        gc.collect()
        return len(list(Path("/proc/self/fd").iterdir())), threading.active_count()

    scanner = rig.scanner()
    before = held()
    for round_ in range(4):
        scanner.open()
        rig.finger(round_)
        if round_ % 2:
            scanner.capture(rig.capture_s)
        else:
            rig.pull()
            with pytest.raises(DeviceError):
                scanner.capture(5.0)
        scanner.close()
        rig.plug()
        rig.lift()
    until = time.monotonic() + 3.0
    while held() != before and time.monotonic() < until:
        time.sleep(0.05)
    assert held() == before


def test_a_finger_is_in_no_repr(rig: Rig, scanner: FingerprintScanner) -> None:
    found = good(rig, scanner, 1)
    assert len(repr(found)) < 300
    assert "pixels" not in repr(found)
    assert len(repr(scanner.status())) < 600
