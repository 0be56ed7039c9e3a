"""Ports of every kind behind one small interface: the only importers of pyserial and pyusb beside the emulators.

``open_port`` chooses by what the port is called: a path is a serial port of this machine, ``socket://`` and
``rfc2217://`` a terminal server, ``usb:`` a device without a kernel driver, ``usbip://`` the same over TCP.
"""

from __future__ import annotations

from drivers.transport.base import LineSettings, Through, Transport, directly
from drivers.transport.serial_port import SerialTransport

__all__ = ["LineSettings", "SerialTransport", "Through", "Transport", "directly", "is_path", "open_port", "present"]

NETWORK = ("socket://", "rfc2217://")
USB = ("usb:", "usbip://")


def is_path(port: str) -> bool:
    """True if ``port`` names a file of this machine (and no scheme)."""
    return not port.startswith((*NETWORK, *USB))


def open_port(port: str, line: LineSettings) -> Transport:
    """Open it exclusively. Raises DeviceError."""
    if port.startswith(NETWORK):
        from drivers.transport.network import NetworkTransport

        return NetworkTransport(port, line)
    if port.startswith(USB):
        from drivers.transport.usb_port import UsbHidTransport

        return UsbHidTransport(port)
    return SerialTransport(port, line)


def present(port: str) -> bool | None:
    """Is something plugged in there? Cheap, never raises; None where only opening tells."""
    if is_path(port):
        from pathlib import Path

        return Path(port).exists()
    return None
