"""What a stick says it is, from sysfs: a device with more on it than storage is no stick.

Laws:
1. Every interface of the USB device that carries the disk must be mass storage (class 08 of the USB-IF's class codes),
   in every configuration that the kernel chose. One keyboard, network card or serial port beside it refuses it.
2. A hub between the box and the stick must carry no keyboard or mouse (class 03) either: such a hub comes in the
   housing of a stick. Hubs of the board are exempt (root hubs, and those the firmware calls ``fixed``), and so are
   readers that type, which the unit names by vendor and product id.
3. What cannot be read is not believed: no interface found is a refusal.
4. Nothing here is trusted as a name: the serial number is for the audit log, cut and cleaned.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from edge.core.provisioning.codes import Code, ProvisioningError

STORAGE: Final = "08"
HID: Final = "03"
HUB: Final = "09"
_DEVICE_NAME: Final = re.compile(r"[a-z][a-z0-9]{0,30}")
_ROOT_HUB: Final = re.compile(r"usb[0-9]+")
_MAX_STEPS: Final = 40  # folders from a partition up to the USB host controller
_MAX_VALUE: Final = 256  # bytes of an attribute


@dataclass(frozen=True, slots=True)
class UsbStick:
    """A device that is storage and nothing else. ``serial``: as it says, printable ASCII, possibly empty."""

    serial: str
    ids: str  # vendor:product


def kernel_name(device: str) -> str:
    """``sda1`` of ``sda1`` or ``/dev/sda1``; ODD_FILE for anything else: it becomes part of paths."""
    name = device.removeprefix("/dev/")
    if not _DEVICE_NAME.fullmatch(name):
        raise ProvisioningError(Code.ODD_FILE, "no name of a block device")
    return name


def check_stick(device: str, sys: Path = Path("/sys"), readers: Collection[str] = ()) -> UsbStick:
    """The USB device that carries the block device ``device`` (``sda1``). ``readers``: ids ``vvvv:pppp`` (law 2).

    Raises MORE_THAN_STORAGE, with the class that is too much.
    """
    try:
        place = (sys / "class" / "block" / kernel_name(device)).resolve(strict=True)
    except OSError as error:
        raise ProvisioningError(Code.READ_ERROR, "the device is gone") from error
    usb = _usb_device(place, sys.resolve())
    if usb is None:
        raise ProvisioningError(Code.MORE_THAN_STORAGE, "it is no USB device")
    classes = list(_interfaces(usb))
    if not classes or any(found != STORAGE for found in classes):
        others = sorted({found for found in classes if found != STORAGE})
        raise ProvisioningError(Code.MORE_THAN_STORAGE, f"interface class {', '.join(others) or 'unknown'}")
    for hub in _hubs(usb):
        for neighbour in _devices_below(hub):
            if HID in _interfaces(neighbour) and _ids(neighbour) not in readers:
                raise ProvisioningError(Code.MORE_THAN_STORAGE, f"a keyboard or mouse ({_ids(neighbour)}) on its hub")
    serial = "".join(c for c in _value(usb / "serial") if c.isascii() and c.isprintable())
    return UsbStick(serial[:60], _ids(usb))


def _usb_device(place: Path, sys: Path) -> Path | None:
    for folder in list(place.parents)[:_MAX_STEPS]:
        if folder == sys:
            return None
        if (folder / "bDeviceClass").exists() and (folder / "idVendor").exists():
            return folder
    return None


def _interfaces(device: Path) -> Iterator[str]:
    """The class of every interface: folders ``1-2:1.0`` below the device ``1-2``."""
    for folder in sorted(device.glob(f"{device.name}:*")):
        yield _value(folder / "bInterfaceClass").lower() or "unknown"


def _hubs(device: Path) -> Iterator[Path]:
    """The hubs between the device and the board, nearest first (law 2)."""
    for folder in device.parents:
        is_hub = _value(folder / "bDeviceClass").lower() == HUB
        if not is_hub or _ROOT_HUB.fullmatch(folder.name) or _value(folder / "removable") == "fixed":
            return
        yield folder


def _devices_below(hub: Path) -> Iterator[Path]:
    """Devices at its ports, and at those of hubs below: ``1-2.1`` below ``1-2``, ``1-2.1.4`` below that."""
    for folder in sorted(hub.glob(f"{hub.name}.*")):
        if (folder / "idVendor").exists():
            yield folder
            yield from _devices_below(folder)


def _ids(device: Path) -> str:
    return f"{_value(device / 'idVendor')}:{_value(device / 'idProduct')}".lower()


def _value(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return file.read(_MAX_VALUE).decode("utf-8", "replace").strip()
    except OSError:
        return ""
