"""Fingerprint scanners, virtual or real ones.

    pytest hil_tests/test_scanner.py --scanner virtual
    pytest hil_tests/test_scanner.py --scanner uru4000=usb:05ba:000a -s

With a real scanner the tests ask for a finger; use one of a person who agrees to it: nothing is written anywhere. What
faults do is shown on virtual scanners alone (tests/drivers/test_scanner_contract.py).
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from drivers.api import DeviceError, DriverMisuse
from drivers.catalog import SCANNERS, open_scanner
from drivers.fingers import FingerCapture, FingerprintScanner, Retry, RetryReason, ScannerState
from drivers.virtual.control import VirtualReader

NO_SCANNER = "no scanner given: use --scanner virtual, or --scanner DRIVER=PORT"


class Hands:
    """Those of a person, who is asked; or of the virtual bench."""

    def __init__(self, driver: str, port: str, patience_s: float, bench: VirtualReader | None = None) -> None:
        self.driver, self.port, self.patience_s, self.bench = driver, port, patience_s, bench

    def scanner(self) -> FingerprintScanner:
        return open_scanner(self.driver, "hil", {"port": self.port}, time.monotonic)

    def do(self, what: str) -> None:
        if self.bench is None:
            sys.stderr.write(f"\n>>> {what}\n")
        elif what.startswith("lay"):
            self.bench.finger(7)
        elif what.startswith("lift"):
            self.bench.remove()
        elif what.startswith("pull"):
            self.bench.unplug()
        else:
            self.bench.plug()


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    given = metafunc.config.getoption("--scanner")
    every = [f"virtual:{name}" for name in SCANNERS]
    named = [part for one in given for part in (every if one == "virtual" else [one])]
    if "hands" in metafunc.fixturenames:
        metafunc.parametrize("hands", named or [None], ids=named or ["none"], indirect=True, scope="module")


@pytest.fixture(scope="module")
def hands(request: pytest.FixtureRequest) -> Iterator[Hands]:
    if request.param is None:
        pytest.skip(NO_SCANNER)
    patience_s = request.config.getoption("--patience")
    kind, _, rest = str(request.param).partition(":" if str(request.param).startswith("virtual:") else "=")
    if kind == "virtual":
        with tempfile.TemporaryDirectory(prefix="hil-") as folder:
            paths = Path(folder, "port"), Path(folder, "control")
            with VirtualReader(*paths, rest) as bench:
                yield Hands(rest, bench.port, patience_s, bench)
    elif kind in SCANNERS and rest:
        yield Hands(kind, rest, patience_s)
    else:
        raise pytest.UsageError(f"--scanner {request.param}: write DRIVER=PORT, a driver of {', '.join(SCANNERS)}")


@pytest.fixture
def scanner(hands: Hands) -> Iterator[FingerprintScanner]:
    made = hands.scanner()
    made.open()
    yield made
    made.close()


def captured(hands: Hands, scanner: FingerprintScanner) -> FingerCapture:
    hands.do("lay a finger down, and leave it there")
    limit = time.monotonic() + hands.patience_s
    while time.monotonic() < limit:
        event = scanner.capture(min(10.0, limit - time.monotonic()))
        if isinstance(event, FingerCapture):
            return event
        if isinstance(event, Retry):
            hands.do("lift it")
            scanner.await_off(hands.patience_s)
            hands.do(f"lay it down again: {event.reason}")
    pytest.fail(f"no finger within {hands.patience_s:g} s: {scanner.status()}")


def test_two_fingers_one_after_the_other(hands: Hands, scanner: FingerprintScanner) -> None:
    for _ in range(2):
        found = captured(hands, scanner)
        assert len(found.pixels) == found.width * found.height
        dark = sum(value < 128 for value in found.pixels) / len(found.pixels)
        assert 0.05 < dark < 0.95, "ridges are dark on light glass"
        hands.do("lift the finger")
        assert scanner.await_off(hands.patience_s)
    assert scanner.status().captures >= 2


def test_a_finger_that_stays_is_told_to_go(hands: Hands, scanner: FingerprintScanner) -> None:
    captured(hands, scanner)
    assert scanner.capture(8.0) == Retry(RetryReason.REMOVE_FINGER)
    hands.do("lift the finger")
    assert scanner.await_off(hands.patience_s)


def test_no_finger_ends_in_time(hands: Hands, scanner: FingerprintScanner) -> None:
    before = time.monotonic()
    assert scanner.capture(1.0) is None
    assert time.monotonic() - before < 2.5


def test_it_opens_and_closes_many_times(hands: Hands) -> None:
    scanner = hands.scanner()
    for _ in range(10):
        scanner.open()
        scanner.close()
    assert scanner.state is ScannerState.CLOSED
    with pytest.raises(DriverMisuse):
        scanner.capture(0.1)


def waited_for(scanner: FingerprintScanner, limit: float) -> None:
    while time.monotonic() < limit:
        scanner.capture(1.0)


def test_pulled_out_and_plugged_in_it_works_again(hands: Hands) -> None:
    scanner = hands.scanner()
    scanner.open()
    hands.do("pull the cable")
    limit = time.monotonic() + hands.patience_s
    with pytest.raises(DeviceError):
        waited_for(scanner, limit)
    scanner.close()
    hands.do("plug it in again")
    while True:
        try:
            scanner.open()
            break
        except DeviceError:
            assert time.monotonic() < limit + hands.patience_s
            time.sleep(0.2)
    captured(hands, scanner)
    hands.do("lift the finger")
    scanner.close()
