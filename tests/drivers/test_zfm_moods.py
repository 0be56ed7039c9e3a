"""The serial scanner and lines and modules with moods: everything that users report of them, and recovery from it."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from zfm_rig import FINGER, SOON_S, Rig, rig_of, taken

from drivers.api import DeviceError, DeviceGone
from drivers.fingers import FingerprintScanner, Retry, RetryReason, ScannerState
from drivers.virtual.zfm_device import ZfmOptions
from drivers.zfm_module import SPEEDS

pytestmark = pytest.mark.timeout(60)


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    with rig_of(tmp_path) as made:
        yield made


@pytest.fixture
def scanner(rig: Rig) -> Iterator[FingerprintScanner]:
    made = rig.scanner()
    made.open()
    yield made
    made.close()


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def files_become(count: int) -> bool:
    """The bench lets go of a hand's connection a moment after it."""
    until = time.monotonic() + 2
    while open_files() != count and time.monotonic() < until:
        time.sleep(0.01)
    return open_files() == count


# A line, or a module, with moods ---------------------------------------------------------------------------


@pytest.mark.parametrize("speed", SPEEDS)
def test_a_module_at_any_speed_is_found(tmp_path, speed):
    with rig_of(tmp_path, ZfmOptions(baud=speed)) as rig:
        scanner = rig.scanner()
        began = time.monotonic()
        scanner.open()
        assert time.monotonic() - began < 3
        assert scanner.status().remark == f"{speed} baud"
        rig.order(finger=FINGER)
        taken(scanner)
        scanner.close()


def test_a_speed_that_changed_behind_our_back(rig, scanner):
    rig.order(finger=FINGER)
    taken(scanner)
    rig.order(remove=True)
    rig.order(fault={"baud": 9600})
    began = time.monotonic()
    assert scanner.capture(5) is None
    assert scanner.status().remark == "9600 baud"
    rig.order(finger=8)
    taken(scanner, 8)
    assert time.monotonic() - began < 5 + SOON_S


def test_a_module_is_switched_to_the_speed_that_is_set(rig):
    scanner = rig.scanner(set_baud=115200)
    scanner.open()
    assert rig.device.baud == 115200
    assert scanner.status().remark == "115200 baud"
    rig.order(finger=FINGER)
    taken(scanner)
    scanner.close()


@pytest.mark.parametrize("noise", ["55", "ef01ffffffff", "ef01ffffffff070003", "00" * 300, "efefef01ef01ff",
                                   "ef01ffffffff01000301" + "0005", "ef01ffffffff0700030100ff",
                                   "ef01000000000700030000" + "0a"], ids=str)
def test_noise_before_every_answer(rig, noise):
    rig.order(fault={"noise": noise})
    scanner = rig.scanner()
    scanner.open()
    rig.order(finger=FINGER)
    taken(scanner)
    scanner.close()


def test_noise_that_swallows_every_answer_is_a_fault_until_it_ends(rig):
    rig.order(fault={"noise": "ef01ffffffff020082" + "01" * 20})
    scanner = rig.scanner()
    began = time.monotonic()
    with pytest.raises(DeviceError, match="no fingerprint module answers"):
        scanner.open()
    assert time.monotonic() - began < 6
    rig.order(fault={"noise": ""})
    scanner.open()
    rig.order(finger=FINGER)
    taken(scanner)
    scanner.close()


@pytest.mark.parametrize("light", [{}, {"light_silent": True}], ids=["refused", "silent"])
def test_a_module_without_a_light(tmp_path, light):
    with rig_of(tmp_path, ZfmOptions(light=False)) as rig:
        rig.order(fault=light)
        scanner = rig.scanner()
        scanner.open()
        rig.order(finger=FINGER)
        taken(scanner)
        assert "no light command" in scanner.status().remark
        assert list(rig.device.heard).count(0x35) == 1
        scanner.close()


def test_a_late_answer_is_not_taken_for_the_next(rig, scanner):
    """The light's "done" comes after its time: taken for GenImg's it would fetch the image of the person before."""
    rig.order(finger=8)
    taken(scanner, 8)
    rig.order(remove=True)
    assert scanner.await_off(SOON_S)
    sent = rig.device.images_sent
    rig.order(fault={"late": 1})
    assert scanner.capture(1.0) is None
    assert rig.device.images_sent == sent


def test_answers_with_a_wrong_sum_and_commands_unheard(rig, scanner):
    rig.order(finger=FINGER)
    rig.order(fault={"bad_answers": 2, "mute": 1})
    taken(scanner)
    assert scanner.status().faults == 0


def test_unknown_codes_are_one_kind_of_refusal(rig, scanner):
    rig.order(finger=FINGER)
    rig.order(fault={"codes": {"01": [0x77, 0x99]}})
    taken(scanner)
    rig.order(remove=True)
    assert scanner.await_off(SOON_S)
    rig.order(finger=FINGER)
    rig.order(fault={"codes": {"01": [0x77] * 40}})
    with pytest.raises(DeviceError, match="code 77: unknown"):
        scanner.capture(SOON_S)
    assert scanner.status().faults == 1


@pytest.mark.parametrize(("code", "reason"), [
    (0x03, RetryReason.TRY_AGAIN), (0x06, RetryReason.PRESS_HARDER), (0x07, RetryReason.PRESS_HARDER),
    (0x15, RetryReason.PRESS_HARDER),
])
def test_what_the_person_should_do(rig, scanner, code, reason):
    rig.order(finger=FINGER)
    rig.order(fault={"codes": {"01": [code]}})
    assert scanner.capture(SOON_S) == Retry(reason)
    taken(scanner)


def test_a_refused_upload_is_tried_again_by_the_person(rig, scanner):
    rig.order(finger=FINGER)
    rig.order(fault={"codes": {"0A": [0x0F]}})
    assert scanner.capture(SOON_S) == Retry(RetryReason.TRY_AGAIN)


def test_a_broken_sensor_is_a_fault_of_the_device(rig, scanner):
    rig.order(fault={"codes": {"01": [0x29]}})
    with pytest.raises(DeviceError, match="sensor fault"):
        scanner.capture(SOON_S)


def test_a_module_that_was_switched_off_and_on_gets_its_password_again(tmp_path):
    with rig_of(tmp_path, ZfmOptions(password=5)) as rig:
        scanner = rig.scanner(password=5)
        scanner.open()
        rig.device.power_on()
        rig.order(finger=FINGER)
        taken(scanner)
        scanner.close()


# A module that goes, or is silent --------------------------------------------------------------------------


def test_a_dead_module_does_not_hang_anything(rig):
    files = open_files()  # before any order: its connection is closed a moment later
    rig.order(fault={"mute": 10_000})
    scanner, began = rig.scanner(), time.monotonic()
    with pytest.raises(DeviceError, match="9600, 19200, 38400, 57600, 115200 baud") as caught:
        scanner.open()
    assert time.monotonic() - began < 5
    assert "power" in caught.value.advice
    assert files_become(files)
    assert scanner.state is ScannerState.CLOSED


def test_a_module_that_dies_while_a_finger_is_waited_for(rig, scanner):
    rig.order(fault={"mute": 10_000})
    began = time.monotonic()
    with pytest.raises(DeviceError, match="no fingerprint module answers"):
        scanner.capture(30)
    assert time.monotonic() - began < 10
    rig.order(fault={"mute": 0})
    scanner.close()
    began = time.monotonic()
    scanner.open()
    rig.order(finger=FINGER)
    taken(scanner)
    assert time.monotonic() - began < SOON_S


def test_short_waits_do_not_hide_a_dead_module(rig, scanner):
    rig.order(fault={"mute": 10_000})

    def wait_again_and_again():
        for _ in range(20):
            assert scanner.capture(0.5) is None

    with pytest.raises(DeviceError):
        wait_again_and_again()


def test_unplugged_while_a_finger_is_waited_for(rig, scanner):
    timer = threading.Timer(0.3, lambda: rig.order(unplug=True))
    timer.start()
    with pytest.raises(DeviceGone, match="disappeared"):
        scanner.capture(SOON_S)
    timer.join()
    assert scanner.present() is False
    scanner.close()
    with pytest.raises(DeviceGone, match="no such device"):
        scanner.open()
    rig.order(plug=True)
    began = time.monotonic()
    scanner.open()
    rig.order(finger=FINGER)
    taken(scanner)
    assert time.monotonic() - began < SOON_S


def test_no_file_is_left_open(rig):
    files = open_files()
    scanner = rig.scanner()
    for _ in range(5):
        scanner.open()
        scanner.open()
        rig.order(unplug=True)
        with pytest.raises(DeviceError):
            scanner.capture(1)
        scanner.close()
        rig.order(plug=True)
    assert files_become(files)


def test_cancel_ends_a_wait_and_is_harmless_else(rig, scanner):
    scanner.cancel()
    assert scanner.capture(0.1) is None
    for wait in (scanner.capture, scanner.await_off):
        rig.order(**({"remove": True} if wait == scanner.capture else {"finger": FINGER}))
        timer = threading.Timer(0.2, scanner.cancel)
        timer.start()
        began = time.monotonic()
        assert not wait(30)
        timer.join()
        assert time.monotonic() - began < 1.5
    taken(scanner)
