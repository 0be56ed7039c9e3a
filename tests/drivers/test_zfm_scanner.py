"""The serial scanner on a pty: how it goes, and images that are hit on their way."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from zfm_rig import FINGER, LAST, SOON_S, Rig, four_bits, rig_of, taken

from drivers.api import BadSetting, DeviceError, DeviceGone, DriverMisuse, Tier
from drivers.catalog import SCANNERS, check_scanner, open_scanner
from drivers.fingers import FingerCapture, FingerprintScanner, Retry, RetryReason, ScannerState
from drivers.virtual.zfm_device import ZfmOptions
from drivers.zfm_module import DOWN, Light

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


# How it goes ---------------------------------------------------------------------------------------------


def test_a_finger_is_captured_to_the_last_pixel(rig, scanner):
    told = scanner.status()
    assert (told.driver, told.tier, told.serial, told.product) == ("zfm", Tier.VIRTUAL, "VZ000042", "VIRTUAL-ZFM")
    assert (told.firmware, told.state, told.captures) == ("1.2", ScannerState.IDLE, 0)
    assert scanner.capture(0.1) is None
    rig.order(finger=FINGER)
    before = time.monotonic()
    assert before < taken(scanner).at <= time.monotonic()
    assert scanner.state is ScannerState.AWAIT_FINGER_OFF
    assert scanner.await_off(0.2) is False
    rig.order(remove=True)
    assert scanner.await_off(SOON_S) is True
    assert scanner.state is ScannerState.IDLE
    assert scanner.status().captures == 1


def test_the_captured_finger_is_told_to_go_and_the_next_is_waited_for(rig, scanner):
    rig.order(finger=FINGER)
    taken(scanner)
    assert scanner.capture(SOON_S) == Retry(RetryReason.REMOVE_FINGER)
    assert scanner.status().retries == 1
    rig.order(remove=True)
    assert scanner.capture(0.2) is None
    rig.order(finger=8, impression=2)
    event = scanner.capture(SOON_S)
    assert isinstance(event, FingerCapture)
    assert event.pixels == four_bits(8, 2)


def test_the_light_says_what_it_does(rig, scanner):
    rig.order(finger=FINGER)
    taken(scanner)
    scanner.close()
    assert list(rig.device.lights) == [Light.READY.value, Light.BUSY.value, Light.OFF.value]


@pytest.mark.parametrize("options", [
    ZfmOptions(width=192, height=192), ZfmOptions(width=192, height=192, product=False),
    ZfmOptions(packet=32), ZfmOptions(packet=256), ZfmOptions(hello=False, product=False, light=False),
    ZfmOptions(width=160, height=160, baud=115200),
], ids=str)
def test_modules_differ(tmp_path, options):
    with rig_of(tmp_path, options) as rig:
        scanner = rig.scanner()
        scanner.open()
        rig.order(finger=FINGER)
        event = scanner.capture(SOON_S)
        scanner.close()
    assert isinstance(event, FingerCapture)
    assert (event.width, event.height) == (options.width, options.height)
    assert event.pixels == four_bits(FINGER, width=options.width, height=options.height)


def test_sides_that_the_module_does_not_tell_can_be_set(tmp_path):
    with rig_of(tmp_path, ZfmOptions(width=160, height=120, product=False)) as rig:
        scanner = rig.scanner(width=160, height=120, ppi=363.0)
        scanner.open()
        rig.order(finger=FINGER)
        event = scanner.capture(SOON_S)
        scanner.close()
    assert isinstance(event, FingerCapture)
    assert (event.width, event.height, event.ppi) == (160, 120, 363.0)


def test_password_and_address(tmp_path):
    with rig_of(tmp_path, ZfmOptions(password=0xC0FFEE, address=0x0A0B0C0D)) as rig:
        lost = rig.scanner(password=0xC0FFEE)
        with pytest.raises(DeviceError, match="no fingerprint module answers"):
            lost.open()
        wrong = rig.scanner(address=0x0A0B0C0D)
        with pytest.raises(DeviceError, match="refuses the password") as caught:
            wrong.open()
        assert "password" in caught.value.advice
        scanner = rig.scanner(password=0xC0FFEE, address=0x0A0B0C0D)
        scanner.open()
        rig.order(finger=FINGER)
        taken(scanner)
        scanner.close()


def test_it_wants_to_be_opened_and_may_be_closed_twice(rig):
    scanner = rig.scanner()
    for call in (scanner.capture, scanner.await_off):
        with pytest.raises(DriverMisuse, match="not open"):
            call(0.1)
    scanner.close()
    scanner.cancel()
    assert scanner.present() is True
    assert scanner.state is ScannerState.CLOSED


@pytest.mark.parametrize(("settings", "key"), [
    ({"port": ""}, "port"), ({"baud": 1200}, "baud"), ({"width": 256}, "height"), ({"height": 288}, "width"),
    ({"address": -1}, "address"), ({"password": 2**32}, "password"), ({"speed": 9600}, "speed"),
])
def test_a_wrong_setting_is_named(settings, key):
    with pytest.raises(BadSetting) as caught:
        open_scanner("zfm", "flat", {"port": "/dev/x"} | settings, time.monotonic)
    assert caught.value.key == key
    assert "'flat'" in caught.value.message


def test_the_table_knows_it():
    assert (SCANNERS["zfm"].bus, SCANNERS["zfm"].tier) == ("serial", Tier.VIRTUAL)
    check_scanner("zfm", "flat", {"baud": 115200})
    missing = open_scanner("zfm", "flat", {"port": "/nowhere/flat"}, time.monotonic)
    assert missing.present() is False
    with pytest.raises(DeviceGone, match="no such device"):
        missing.open()


# An image that is hit --------------------------------------------------------------------------------------


@pytest.mark.parametrize("fault", [
    *({"bad_sum": [at]} for at in (0, 1, 5, 143, LAST - 1, LAST)),
    {"bad_sum": [0, 50, LAST]}, {"stall_after": 0}, {"stall_after": 100}, {"stall_after": LAST},
    {"short": 0}, {"short": 200}, {"short": LAST}, {"lose": 0}, {"lose": 100}, {"lose": LAST},
], ids=str)
def test_a_hit_image_is_fetched_again_whole(rig, scanner, fault):
    rig.order(finger=FINGER)
    rig.order(fault={"images": 1} | fault)
    taken(scanner)
    assert rig.device.images_sent == 2
    assert "1 images came damaged" in scanner.status().remark


def test_a_wrong_sum_at_any_packet(rig):
    scanner = rig.scanner(led=False)
    rig.order(finger=FINGER)
    for at in range(0, LAST, 5):
        rig.order(fault={"images": 1, "bad_sum": [at]})
        scanner.open()
        taken(scanner)
    scanner.close()
    assert rig.device.images_sent == 2 * len(range(0, LAST, 5))


def test_after_two_hit_images_the_speed_goes_down_and_is_told(rig, scanner):
    rig.order(finger=FINGER)
    rig.order(fault={"noisy_above": 50_000})
    taken(scanner)
    assert rig.device.images_sent == 3
    assert rig.device.baud == DOWN[57600] == 38400
    assert "slowed down from 57600" in scanner.status().remark
    assert scanner.status().remark.startswith("38400 baud")
    rig.order(remove=True)
    assert scanner.await_off(SOON_S)
    rig.order(finger=8)
    taken(scanner, 8)
    assert rig.device.images_sent == 4


@pytest.mark.parametrize("fault", [{"bad_sum": [3]}, {"stall_after": 100}, {"lose": 7}], ids=str)
def test_an_image_that_never_comes_whole_is_the_persons_then_the_devices_affair(rig, scanner, fault):
    rig.order(finger=FINGER)
    rig.order(fault=fault)
    for _ in range(2):
        began = time.monotonic()
        assert scanner.capture(SOON_S) == Retry(RetryReason.TRY_AGAIN)
        assert time.monotonic() - began < 10
        rig.order(remove=True)
        assert scanner.await_off(SOON_S)
        rig.order(finger=FINGER)
    with pytest.raises(DeviceError, match="no image arrives whole") as caught:
        scanner.capture(SOON_S)
    assert "cable" in caught.value.advice
    rig.order(fault={"bad_sum": [], "stall_after": -1, "lose": -1})
    scanner.close()
    scanner.open()
    taken(scanner)
