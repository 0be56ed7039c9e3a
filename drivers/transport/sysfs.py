"""What the kernel knows of USB devices: one folder each in /sys/bus/usb/devices, named by its place (1-1.2).

Anyone may read it, and nothing is asked of the device.
"""

from __future__ import annotations

from pathlib import Path

from drivers.transport.names import UsbName

USB_DEVICES = Path("/sys/bus/usb/devices")
LONGEST = 256  # characters of an attribute


def usb_present(name: UsbName, folder: Path = USB_DEVICES) -> bool | None:
    """Is such a device plugged in? None where there is no USB at all."""
    try:
        if not folder.is_dir():
            return None
        places = [folder / name.place] if name.place else sorted(folder.iterdir())
    except OSError:
        return None
    return any(fits(name, place) for place in places)


def fits(name: UsbName, place: Path) -> bool:
    """Is the device described in this folder the one meant?"""
    ids = (attribute(place, "idVendor"), attribute(place, "idProduct"))
    if ids != (f"{name.vendor:04x}", f"{name.product:04x}"):
        return False
    return not name.serial or attribute(place, "serial") == name.serial


def attribute(place: Path, key: str) -> str | None:
    """One line of it; None if the device has none or is leaving."""
    try:
        with (place / key).open("rb") as file:
            return file.read(LONGEST).decode("utf-8", "replace").rstrip("\n")
    except OSError:
        return None
