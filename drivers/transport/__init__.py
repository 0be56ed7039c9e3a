"""Ports of every kind behind one small interface: the only importers of pyserial and pyusb beside the emulators.

``open_port`` chooses by what the port is called: a path is a serial port of this machine, ``socket://`` and
``rfc2217://`` a terminal server, ``usb:`` a device without a kernel driver, ``usbip://`` the same over TCP.
"""

from __future__ import annotations

from pathlib import Path

from drivers.api import BadSetting
from drivers.transport.base import LineSettings, Through, Transport, directly, wrapped
from drivers.transport.names import NetworkName, UsbIpName, UsbName, is_path, parse
from drivers.transport.serial_port import SerialTransport
from drivers.transport.sysfs import USB_DEVICES, usb_present

__all__ = [
    "LineSettings", "SerialTransport", "Through", "Transport", "check", "directly", "is_path", "open_port", "present",
    "wrapped",
]


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
