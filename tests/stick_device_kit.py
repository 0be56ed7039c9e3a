"""A stick as a device, without one: fixture trees of sysfs, and what stands where the kernel would mount."""

from __future__ import annotations

from pathlib import Path

from stick_kit import unpack

from provisioning.stick import mounting
from provisioning.stick.mounting import MountCall


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


class NoMounts(mounting.Mounts):
    """The edge of this part: instead of the kernel, which has no FAT here, the image is unpacked where it would be.

    ``fails``: number of a call (from 1) and the errno that it gives. ``damaged_at``: after so many calls the kernel
    has found a damaged table and lets nothing be written any more; 0 for never.
    """

    def __init__(self, image: Path, *, fails: dict[int, int] | None = None, damaged_at: int = 0) -> None:
        self.calls: list[MountCall | str] = []
        self._image, self._fails, self._damaged_at = image, fails or {}, damaged_at

    def mount(self, call: MountCall) -> None:
        self.calls.append(call)
        if number := self._fails.get(len(self.calls)):
            raise OSError(number, "refused")
        if not call.flags & mounting.MS_REMOUNT:
            Path(call.target).rmdir()
            unpack(self._image, Path(call.target))

    def read_only(self, target: Path) -> bool:
        return 0 < self._damaged_at <= len(self.calls) or super().read_only(target)

    def unmount(self, target: Path) -> None:
        self.calls.append(f"unmount {target.name}")

    def alone(self) -> None:
        self.calls.append("alone")
