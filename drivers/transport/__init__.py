"""Ports of every kind behind one small interface: the only importers of pyserial and pyusb beside the emulators.

``open_port`` chooses by what the port is called: a path is a serial port of this machine, ``socket://`` and
``rfc2217://`` a terminal server, ``usb:`` a device without a kernel driver, ``usbip://`` the same over TCP.
"""

from __future__ import annotations

from pathlib import Path

from drivers.api import BadSetting
from drivers.transport.base import LineSettings, Through, Transport, directly
from drivers.transport.names import NetworkName, UsbIpName, UsbName, is_path, parse
from drivers.transport.serial_port import SerialTransport

__all__ = [
    "LineSettings", "SerialTransport", "Through", "Transport", "check", "directly", "is_path", "open_port", "present",
]

USB_DEVICES = Path("/sys/bus/usb/devices")


def check(port: str) -> None:
    """Is this a name that a port can have? Looks at nothing but the text. Raises BadSetting (key ``port``)."""
    parse(port)


def open_port(port: str, line: LineSettings) -> Transport:
    """Open it exclusively. Raises DeviceError, BadSetting for a name that cannot be one."""
    name = parse(port)
    if isinstance(name, NetworkName):
        from drivers.transport.network import NetworkTransport

        return NetworkTransport(port, line)
    if isinstance(name, UsbName | UsbIpName):
        from drivers.transport.usb_port import UsbHidTransport

        return UsbHidTransport(port)
    return SerialTransport(port, line)


def present(port: str, *, usb_devices: Path = USB_DEVICES) -> bool | None:
    """Is something plugged in there? Cheap, never raises; None where only opening tells.

    ``usb_devices`` is the kernel's folder of USB devices: one subfolder each, named by its place.
    """
    try:
        name = parse(port)
    except BadSetting:
        return None
    if isinstance(name, str):
        return Path(name).exists()
    if isinstance(name, UsbName):
        return usb_present(name, usb_devices)
    return None


def usb_present(name: UsbName, folder: Path) -> bool | None:
    """Does sysfs list such a device? None where there is no sysfs of USB."""
    try:
        places = [folder / name.place] if name.place else sorted(folder.iterdir())
        if not folder.is_dir():
            return None
    except OSError:
        return None
    return any(fits(name, place) for place in places)


def fits(name: UsbName, place: Path) -> bool:
    """Is the device described in this folder of sysfs the one meant?"""
    ids = (attribute(place, "idVendor"), attribute(place, "idProduct"))
    if ids != (f"{name.vendor:04x}", f"{name.product:04x}"):
        return False
    return not name.serial or attribute(place, "serial") == name.serial


def attribute(place: Path, key: str) -> str:
    """One line of sysfs; "" if the device has none or is leaving."""
    try:
        return (place / key).read_text("utf-8", "replace")[:256].rstrip("\n")
    except OSError:
        return ""
