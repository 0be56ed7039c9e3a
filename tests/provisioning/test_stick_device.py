"""A stick as a device: its USB interfaces from fixture trees of sysfs, its first sector, the first mount as data."""

from __future__ import annotations

import errno
import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stick_device_kit import SysFs
from stick_kit import make_image

from edge.core.provisioning.codes import Code, ProvisioningError
from provisioning.stick import mounting
from provisioning.stick.filesystem import SECTOR, kind_of, probe
from provisioning.stick.usb import check_stick, kernel_name


@pytest.fixture
def sys(tmp_path):
    return SysFs(tmp_path / "sys")


def why(sys: SysFs, readers: tuple[str, ...] = ()) -> str:
    with pytest.raises(ProvisioningError) as caught:
        check_stick("sda1", sys.root, readers)
    assert caught.value.code is Code.MORE_THAN_STORAGE
    return str(caught.value.detail)


def test_a_plain_stick_is_one(sys):
    sys.disk(sys.device("1-2", ["08"], serial="4C53\x1b0001  "))
    found = check_stick("sda1", sys.root)
    assert (found.serial, found.ids) == ("4C530001", "0781:5581")
    assert check_stick("/dev/sda1".removeprefix("/dev/"), sys.root) == found


@pytest.mark.parametrize(("classes", "told"), [
    (["08", "03"], "03"), (["03", "08"], "03"), (["08", "02", "0a"], "02, 0a"), (["08", "e0"], "e0"),
    (["08", "ff"], "ff"), (["08", "08", "03"], "03"),
])
def test_a_device_with_more_than_storage_is_refused_and_the_class_told(sys, classes, told):
    sys.disk(sys.device("1-2", classes))
    assert why(sys) == f"interface class {told}"


def test_a_device_whose_interfaces_cannot_be_read_is_refused(sys):
    device = sys.device("1-2", ["08"])
    sys.disk(device)
    (device / "1-2:1.0" / "bInterfaceClass").unlink()
    assert why(sys) == "interface class unknown"


def test_a_hub_with_a_keyboard_beside_the_stick_is_refused(sys):
    sys.device("1-2", ["09"], "0409:005a", bDeviceClass="09", removable="removable")
    sys.disk(sys.device("1-2/1-2.1", ["08"]))
    assert check_stick("sda1", sys.root).ids == "0781:5581"  # a hub alone is none of our business
    sys.device("1-2/1-2.4", ["03"], "046d:c31c")
    assert why(sys) == "a keyboard or mouse (046d:c31c) on its hub"
    assert check_stick("sda1", sys.root, ["046d:c31c"]).ids == "0781:5581"  # a reader that types, known to the unit


def test_a_keyboard_behind_a_second_hub_of_the_same_housing_is_seen(sys):
    sys.device("1-2", ["09"], "0409:005a", bDeviceClass="09", removable="unknown")
    sys.device("1-2/1-2.1", ["09"], "0409:005a", bDeviceClass="09", removable="unknown")
    sys.disk(sys.device("1-2/1-2.1/1-2.1.3", ["08"]))
    sys.device("1-2/1-2.2", ["01", "03"], "1234:5678")
    assert "1234:5678" in why(sys)


def test_a_keyboard_on_the_boards_own_hub_is_somebody_elses(sys):
    sys.device("1-1", ["03"], "046d:c31c")
    sys.device("1-2", ["09"], "0409:005a", bDeviceClass="09", removable="fixed")
    sys.device("1-2/1-2.1", ["03"], "0db5:013a")
    sys.disk(sys.device("1-2/1-2.2", ["08"]))
    assert check_stick("sda1", sys.root).ids == "0781:5581"


def test_a_disk_that_is_on_no_usb_is_no_stick(sys):
    place = sys.root / "devices/pci0000:00/0000:00:17.0/ata1/host0/block/sda/sda1"
    place.mkdir(parents=True)
    (sys.root / "class/block").mkdir(parents=True)
    (sys.root / "class/block/sda1").symlink_to(place)
    assert why(sys) == "it is no USB device"


@pytest.mark.parametrize("name", ["", "../sda1", "/dev/../sda1", "sda1/..", "/dev/disk/by-label/X", "SDA1", "sda\n",
                                  "-x", "a" * 40])
def test_a_name_that_is_no_block_device_becomes_no_path(name):
    with pytest.raises(ProvisioningError) as caught:
        kernel_name(name)
    assert caught.value.code is Code.ODD_FILE


def test_a_device_that_is_gone_is_a_read_error(sys):
    with pytest.raises(ProvisioningError) as caught:
        check_stick("sdz9", sys.root)
    assert caught.value.code is Code.READ_ERROR


# -- the file system -------------------------------------------------------------------------------------------------


def exfat_sector() -> bytes:
    """The main boot sector's head of an empty exFAT volume (section 3.1 of its specification)."""
    sector = bytearray(SECTOR)
    sector[0:11] = b"\xeb\x76\x90EXFAT   "
    struct.pack_into("<QQIIIII", sector, 64, 0, 32_768, 128, 128, 256, 4000, 4)
    sector[108:112] = bytes([9, 3, 1, 0x80])
    sector[510:512] = b"\x55\xaa"
    return bytes(sector)


@pytest.mark.parametrize("size_mb", [1, 8, 40])
def test_fat_as_the_usual_tool_makes_it_is_known(tmp_path, size_mb):
    (tmp_path / "folder").mkdir()
    make_image(tmp_path / "image", tmp_path / "folder", size_mb)
    assert probe(tmp_path / "image") == "vfat"


def test_exfat_is_known():
    assert kind_of(exfat_sector()) == "exfat"
    assert kind_of(exfat_sector()[:-1]) is None
    spoiled = bytearray(exfat_sector())
    spoiled[20] = 1  # must be zero: where FAT has its parameters
    assert kind_of(bytes(spoiled)) is None


@pytest.mark.parametrize("sector", [
    b"", bytes(SECTOR), b"\xeb\x52\x90NTFS    " + bytes(499) + b"\x55\xaa",  # NTFS
    bytes(446) + b"\x80\x01\x01\x00\x0c" + bytes(59) + b"\x55\xaa",  # a partition table
    bytes(1024),  # ext4 begins with zeros
])
def test_other_file_systems_are_never_shown_to_the_kernel(tmp_path, sector):
    (tmp_path / "image").write_bytes(sector)
    with pytest.raises(ProvisioningError) as caught:
        probe(tmp_path / "image")
    assert caught.value.code is Code.WRONG_FILE_SYSTEM


@given(st.binary(min_size=SECTOR, max_size=SECTOR))
def test_no_sector_makes_it_stumble(sector):
    assert kind_of(sector) in (None, "vfat", "exfat")
    assert kind_of(sector[:510] + b"\x55\xaa") in (None, "vfat", "exfat")


# -- the mount, as data -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["vfat", "exfat"])
def test_a_stick_is_mounted_read_only_and_so_that_nothing_on_it_can_act(kind):
    call = mounting.first(Path("/dev/sda1"), Path("/run/borderpost-stick/sda1"), kind)
    assert (call.source, call.target, call.kind) == ("/dev/sda1", "/run/borderpost-stick/sda1", kind)
    # MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_NOSYMFOLLOW | MS_NOATIME | MS_NODIRATIME of linux/mount.h
    assert call.flags == 1 | 2 | 4 | 8 | 256 | 1024 | 2048
    assert "umask=0077" in call.data
    assert "errors=remount-ro" in call.data
    again = mounting.writable(call)
    assert again.flags == call.flags & ~1 | 32  # MS_REMOUNT, and no longer read-only: nothing else changes
    assert mounting.writable(call, in_order=True).flags == again.flags | 16  # MS_SYNCHRONOUS
    assert (again.source, again.target, again.kind, again.data) == (call.source, call.target, call.kind, call.data)


def test_only_fat_and_exfat_can_be_mounted():
    assert set(mounting.DATA) == {"vfat", "exfat"}


@pytest.mark.parametrize(("number", "code"), [
    (errno.EINVAL, Code.WRONG_FILE_SYSTEM), (errno.ENODEV, Code.WRONG_FILE_SYSTEM), (errno.EROFS, Code.STICK_READ_ONLY),
    (errno.EPERM, Code.FAULT), (errno.EIO, Code.READ_ERROR), (errno.ENXIO, Code.READ_ERROR),
])
def test_why_a_mount_failed_is_told_by_code(number, code):
    assert mounting.mount_error(OSError(number, "x")).code is code
