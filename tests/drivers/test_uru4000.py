"""What is special to U.are.U scanners, beside the contract of all: on the virtual device over USB/IP."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any

import pytest
from scanner_rigs import Uru4000Rig

from drivers.api import BadSetting, DeviceError, DeviceStuck, DriverMisuse, Tier
from drivers.catalog import SCANNERS, check_scanner, open_scanner
from drivers.fingers import FingerCapture, FingerprintScanner, Retry, RetryReason, ScannerState
from drivers.uru4000_states import STEPS
from drivers.uru4000_wire import MODELS
from drivers.virtual.uru4000_device import MODELS as PLAYED
from drivers.virtual.uru4000_device import Uru4000Options
from drivers.virtual.uru4000_frames import LAYOUTS


def opened(rig: Uru4000Rig) -> FingerprintScanner:
    scanner = rig.scanner()
    scanner.open()
    return scanner


def captured(rig: Uru4000Rig, scanner: FingerprintScanner, seed: int) -> None:
    rig.finger(seed)
    found = scanner.capture(3.0)
    assert isinstance(found, FingerCapture), found
    assert found.pixels == rig.expected(seed)
    assert (found.width, found.height, found.ppi, found.depth) == (384, 290, 512.0, 8)
    rig.lift()
    assert scanner.await_off(2.0)


@pytest.mark.parametrize("options", [
    *(Uru4000Options(model=model, image_s=0.01, bytes_s=0) for model in PLAYED),
    *(Uru4000Options(layout=layout, image_s=0.01, bytes_s=0) for layout in LAYOUTS),
    Uru4000Options(honest=False, image_s=0.01, bytes_s=0),
    Uru4000Options(power_ons=6, image_s=0.01, bytes_s=0),
    Uru4000Options(pause_s=0.15, image_s=0.4),
], ids=str)
def test_every_variant_gives_its_fingers(options: Uru4000Options, tmp_path: Path) -> None:
    with Uru4000Rig(tmp_path, options) as rig:
        scanner = opened(rig)
        captured(rig, scanner, 1)
        captured(rig, scanner, 2)
        scanner.close()
        assert scanner.status().remark == ""


def test_the_states_are_those_of_the_table(tmp_path: Path) -> None:
    with Uru4000Rig(tmp_path) as rig:
        scanner = rig.scanner()
        assert scanner.state is ScannerState.CLOSED
        scanner.open()
        assert scanner.state is ScannerState.IDLE
        waiting = threading.Thread(target=scanner.capture, args=(5.0,))
        waiting.start()
        until = time.monotonic() + 2
        while scanner.state is not ScannerState.AWAIT_FINGER_ON and time.monotonic() < until:
            time.sleep(0.005)
        assert scanner.state is ScannerState.AWAIT_FINGER_ON
        rig.finger(1)
        waiting.join()
        assert scanner.state is ScannerState.AWAIT_FINGER_OFF
        rig.lift()
        assert scanner.await_off(2.0)
        assert scanner.state is ScannerState.IDLE
        scanner.close()
    assert {state for state, _ in STEPS} == set(ScannerState)


def test_a_sensor_that_hangs_is_started_anew(tmp_path: Path) -> None:
    with Uru4000Rig(tmp_path) as rig:
        rig.order(fault={"hung": 3})
        rig.pull()
        rig.plug()
        captured(rig, opened(rig), 1)


@pytest.mark.parametrize("when", ["idle", "waiting for a finger", "waiting for it to be lifted"])
def test_a_sensor_that_loses_its_power_is_woken_anew(when: str, tmp_path: Path) -> None:
    with Uru4000Rig(tmp_path) as rig:
        scanner = opened(rig)
        if when == "waiting for it to be lifted":
            rig.finger(1)
            assert isinstance(scanner.capture(3.0), FingerCapture)
        time.sleep(0.3)
        rig.order(fault={"blink": 1})
        if when == "waiting for it to be lifted":
            rig.lift()
            assert scanner.await_off(2.0)
        elif when == "waiting for a finger":
            assert scanner.capture(0.3) is None
        captured(rig, scanner, 2)
        assert "lost its power" in scanner.status().remark
        scanner.close()


def test_a_finger_lifted_too_soon_is_told_so(tmp_path: Path) -> None:
    with Uru4000Rig(tmp_path, Uru4000Options(image_s=0.3)) as rig:
        scanner = opened(rig)
        rig.order(fault={"short": 3})
        rig.finger(1)
        timer = threading.Timer(0.35, rig.lift)
        timer.start()
        assert scanner.capture(3.0) == Retry(RetryReason.TOO_FAST)
        timer.join()
        assert scanner.state is ScannerState.IDLE
        rig.mend()
        captured(rig, scanner, 2)
        scanner.close()


def test_lost_images_are_an_instruction_first_and_a_fault_in_the_end(tmp_path: Path) -> None:
    with Uru4000Rig(tmp_path, Uru4000Options(image_s=0.01, bytes_s=0)) as rig:
        scanner = opened(rig)
        rig.order(fault={"stall": 999})
        for _ in range(2):
            rig.finger(1)
            assert scanner.capture(3.0) == Retry(RetryReason.TRY_AGAIN)
            rig.lift()
            assert scanner.await_off(2.0)
        rig.finger(1)
        with pytest.raises(DeviceError, match="no image arrives whole"):
            scanner.capture(3.0)
        assert (scanner.status().retries, scanner.status().faults, scanner.status().captures) == (2, 1, 0)
        scanner.close()


def test_a_late_image_of_one_person_is_never_the_next_ones(tmp_path: Path) -> None:
    with Uru4000Rig(tmp_path, Uru4000Options(image_s=0.01, bytes_s=0)) as rig:
        scanner = opened(rig)
        rig.order(fault={"late": 1})
        rig.finger(1)
        assert scanner.capture(5.0) == Retry(RetryReason.TRY_AGAIN)
        rig.lift()
        time.sleep(0.8)  # it is two seconds late, and comes when the next finger may lie there
        for seed in (2, 3, 4):
            captured(rig, scanner, seed)
        scanner.close()


def test_a_finger_that_came_and_went_unasked_is_forgotten(tmp_path: Path) -> None:
    with Uru4000Rig(tmp_path) as rig:
        scanner = opened(rig)
        assert scanner.capture(0.1) is None
        rig.finger(1)
        time.sleep(0.1)
        rig.lift()
        assert scanner.capture(0.3) is None
        captured(rig, scanner, 2)
        scanner.close()


def test_a_device_that_answers_nothing_is_stuck(tmp_path: Path) -> None:
    with Uru4000Rig(tmp_path) as rig:
        scanner = opened(rig)
        rig.order(late=30)
        before = time.monotonic()
        with pytest.raises(DeviceError) as told:
            scanner.capture(3.0)
        assert time.monotonic() - before < 6.0
        scanner.close()
        rig.order(late=0)
        rig.pull()
        rig.plug()
        scanner.open()
        captured(rig, scanner, 1)
        scanner.close()
        assert told.value.advice


def test_what_is_no_scanner_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Uru4000Rig(tmp_path) as rig:
        monkeypatch.setattr("drivers.uru4000.MODELS", {})
        scanner = rig.scanner()
        with pytest.raises(DeviceError, match="05ba:000a is no scanner that this driver knows"):
            scanner.open()
        assert scanner.state is ScannerState.CLOSED


def test_a_silent_sensor_is_stuck(tmp_path: Path) -> None:
    with Uru4000Rig(tmp_path) as rig:
        rig.order(fault={"silent": 99})
        with pytest.raises(DeviceStuck, match="does not wake up"):
            rig.scanner().open()


def test_the_catalogue_knows_it_and_its_ids() -> None:
    entry = SCANNERS["uru4000"]
    assert set(entry.usb_ids) == set(MODELS)
    assert entry.tier is Tier.RECORDED
    check_scanner("uru4000", "desk", {})
    scanner = open_scanner("uru4000", "desk", {"port": "usb:05ba:000a", "ppi": 500}, time.monotonic)
    assert (scanner.name, scanner.state, scanner.status().tier) == ("desk", ScannerState.CLOSED, Tier.RECORDED)


@pytest.mark.parametrize(("settings", "key"), [
    ({"port": "usb:05ba:000a", "ppi": 10}, "ppi"),
    ({"port": "usb:05ba", "ppi": 500}, "port"),
    ({"port": "usb:05ba:000a", "speed": 1}, "speed"),
    ({}, "port"),
])
def test_a_wrong_setting_is_named(settings: dict[str, Any], key: str) -> None:
    with pytest.raises(BadSetting) as told:
        open_scanner("uru4000", "desk", settings, time.monotonic)
    assert told.value.key == key
    assert "reader" not in str(told.value)


def test_an_unknown_driver_is_misuse() -> None:
    with pytest.raises(DriverMisuse, match="no driver is called"):
        open_scanner("other", "desk", {"port": "usb:05ba:000a"}, time.monotonic)
    with pytest.raises(DriverMisuse):
        check_scanner("other", "desk", {})


def test_a_serial_port_is_no_port_for_it() -> None:
    scanner = open_scanner("uru4000", "desk", {"port": "/dev/ttyUSB0"}, time.monotonic)
    with pytest.raises(BadSetting, match="USB device"):
        scanner.open()
