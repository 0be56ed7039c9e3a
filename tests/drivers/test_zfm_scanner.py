"""The serial scanner on a pty, against a module with everything that users report of such modules."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from zfm_rig import Rig, four_bits, rig_of

from drivers.api import BadSetting, DeviceError, DeviceGone, DriverMisuse, Tier
from drivers.catalog import SCANNERS, check_scanner, open_scanner
from drivers.fingers import FingerCapture, Retry, RetryReason, ScannerState
from drivers.virtual.zfm_device import ZfmOptions
from drivers.zfm import ZfmScanner
from drivers.zfm_module import DOWN, SPEEDS, Light

FINGER = 7
SOON_S = 5.0
LAST = 287  # packet of an image of 256 x 288 in 128 bytes
pytestmark = pytest.mark.timeout(60)


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    with rig_of(tmp_path) as made:
        yield made


@pytest.fixture
def scanner(rig: Rig) -> Iterator[ZfmScanner]:
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


def taken(scanner: ZfmScanner, seed: int = FINGER) -> FingerCapture:
    """A capture that is the finger to the last pixel."""
    event = scanner.capture(SOON_S)
    assert isinstance(event, FingerCapture)
    assert (event.width, event.height, event.depth, event.device) == (256, 288, 4, "flat")
    assert event.pixels == four_bits(seed)
    return event


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
    rig.order(fault={"mute": 10_000})
    scanner, files, began = rig.scanner(), open_files(), time.monotonic()
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
