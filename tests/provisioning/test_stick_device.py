"""A stick as a device: its USB interfaces from fixture trees of sysfs, its first sector, and the mounts as data."""

from __future__ import annotations

import errno
import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stick_kit import SERIAL, Daemon, Post, codes, make_image, refused, unpack

from edge.core.provisioning.codes import Code, ProvisioningError
from provisioning.stick import mounting
from provisioning.stick.filesystem import SECTOR, answers, kind_of, probe
from provisioning.stick.medium import DeviceMedium
from provisioning.stick.mounting import MountCall
from provisioning.stick.usb import check_stick, kernel_name


class SysFs:
    """A tree of sysfs below ``root``, as Linux 6.1 lays it out for USB disks."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.bus = root / "devices/pci0000:00/0000:00:14.0/usb1"
        self._write(self.bus, bDeviceClass="09", idVendor="1d6b", idProduct="0002", removable="fixed")

    def device(self, path: str, classes: list[str], ids: str = "0781:5581", **more: str) -> Path:
        """``path``: port names below the root hub, ``1-2`` or ``1-2/1-2.3``."""
        folder = self.bus / path
        vendor, product = ids.split(":")
        self._write(folder, idVendor=vendor, idProduct=product, **{"bDeviceClass": "00", **more})
        for number, interface in enumerate(classes):
            self._write(folder / f"{folder.name}:1.{number}", bInterfaceClass=interface)
        return folder

    def disk(self, device: Path, name: str = "sda1") -> None:
        place = device / f"{device.name}:1.0/host6/target6:0:0/6:0:0:0/block/sda/{name}"
        place.mkdir(parents=True)
        (self.root / "class/block").mkdir(parents=True, exist_ok=True)
        (self.root / "class/block" / name).symlink_to(place)

    @staticmethod
    def _write(folder: Path, **values: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        for name, value in values.items():
            (folder / name).write_text(value + "\n")


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


class NoMounts(mounting.Mounts):
    """The edge of this part: instead of the kernel, which has no FAT here, the image is unpacked where it would be."""

    def __init__(self, image: Path, *, fails: dict[int, int] | None = None) -> None:
        self.calls: list[MountCall | str] = []
        self._image, self._fails = image, fails or {}

    def mount(self, call: MountCall) -> None:
        self.calls.append(call)
        if number := self._fails.get(len(self.calls)):
            raise OSError(number, "refused")
        if not call.flags & mounting.MS_REMOUNT:
            Path(call.target).rmdir()
            unpack(self._image, Path(call.target))

    def unmount(self, target: Path) -> None:
        self.calls.append(f"unmount {target.name}")

    def alone(self) -> None:
        self.calls.append("alone")


@pytest.fixture
def rig(tmp_path, sys):
    """A post with a whole device: sysfs, the image of a stick, what stands for the kernel's mounts."""
    post = Post(tmp_path)
    post.full_stick()
    sys.disk(sys.device("1-2", ["08"], serial="AA0102"))
    (tmp_path / "dev").mkdir()
    make_image(tmp_path / "dev" / "sda1", post.stick)

    def medium(mounts: NoMounts, environ=(("INVOCATION_ID", "1"),)) -> DeviceMedium:
        return DeviceMedium("sda1", runtime=tmp_path / "run", environ=dict(environ), mounts=mounts, sys=sys.root,
                            dev=tmp_path / "dev")

    return post, sys, medium, tmp_path / "dev" / "sda1"


def test_a_device_is_checked_mounted_remounted_and_let_go(rig):
    post, _, medium, image = rig
    mounts = NoMounts(image)
    with Daemon(post).running() as daemon:
        outcome = post.visit(medium(mounts))
    assert codes(outcome) == [Code.APPLIED, Code.ROWS_WRITTEN]
    assert (daemon.offers[1].stick, daemon.offers[1].file_system) == ("AA0102", "vfat")
    first, again, *made, last = mounts.calls
    assert isinstance(first, MountCall)
    assert again == mounting.writable(first)
    assert made == [mounting.writable(first, in_order=True), again] * 5, "for each name of two folders and three files"
    assert last == "unmount sda1"
    out = Path(first.target) / "BORDERPOST" / "out" / SERIAL
    assert (out / "RESULT-1.txt").exists()


def test_by_hand_the_process_goes_into_a_namespace_of_its_own_first(rig):
    post, _, medium, image = rig
    mounts = NoMounts(image)
    with Daemon(post).running():
        post.visit(medium(mounts, environ=()))
    assert mounts.calls[0] == "alone"


def test_more_than_storage_is_never_mounted_and_the_box_hears_of_it(rig):
    post, sys, medium, image = rig
    sys.device("1-2", ["08", "03"], serial="AA0102")
    mounts = NoMounts(image)
    with Daemon(post).running() as daemon:
        outcome = post.visit(medium(mounts))
    assert refused(outcome) == [Code.MORE_THAN_STORAGE]
    assert mounts.calls == []
    assert daemon.seen[1] == {}
    assert daemon.offers[1].problems == ((Code.MORE_THAN_STORAGE, "interface class 03"),)


def test_another_file_system_is_never_mounted(rig):
    post, _, medium, image = rig
    image.write_bytes(b"\xeb\x52\x90NTFS    " + bytes(499) + b"\x55\xaa")
    mounts = NoMounts(image)
    with Daemon(post).running():
        assert refused(post.visit(medium(mounts))) == [Code.WRONG_FILE_SYSTEM]
    assert mounts.calls == []


def test_a_stick_with_its_switch_on_read_only_is_told_by_the_light(rig):
    post, _, medium, image = rig
    with Daemon(post).running():
        outcome = post.visit(medium(NoMounts(image, fails={2: errno.EROFS})))
        assert codes(outcome) == [Code.APPLIED, Code.STICK_READ_ONLY]
        assert (post.inbox / "1" / "outcome.json").exists()


def test_a_stick_whose_device_is_gone_counts_as_pulled_whatever_the_kernel_still_holds(rig):
    post, sys, medium, image = rig

    class Going(NoMounts):
        def mount(self, call: MountCall) -> None:
            super().mount(call)
            (sys.root / "class/block/sda1").unlink(missing_ok=True)

    with Daemon(post).running() as daemon:
        outcome = post.visit(medium(Going(image)))
    assert Code.READ_ERROR in refused(outcome)
    assert daemon.seen[1] == {}


def test_a_stick_that_reads_no_more_counts_as_pulled_while_the_kernel_still_names_it(rig):
    post, sys, medium, image = rig

    class Going(NoMounts):
        def mount(self, call: MountCall) -> None:
            super().mount(call)
            image.unlink()

    with Daemon(post).running() as daemon:
        outcome = post.visit(medium(Going(image)))
    assert (sys.root / "class/block/sda1").exists()
    assert Code.READ_ERROR in refused(outcome)
    assert daemon.seen[1] == {}


def test_a_device_answers_while_its_first_bytes_are_read_anew(tmp_path):
    image = tmp_path / "sda1"
    assert not answers(image)
    image.write_bytes(b"")
    assert not answers(image)
    image.write_bytes(bytes(SECTOR))
    assert answers(image)
