"""Which of the USB devices is meant, and what a USB fault means.

Law: among equal devices nobody is chosen by chance; the error names the places to choose from.
"""

from __future__ import annotations

import errno
from typing import Any, TypeAlias

import usb.core
import usb.util

from drivers.api import DeviceBusy, DeviceError, DeviceForbidden, DeviceGone
from drivers.transport.names import PortName, UsbName
from drivers.transport.sysfs import USB_DEVICES, attribute

UsbDevice: TypeAlias = Any  # pyusb carries no types
LEFT = (errno.ENODEV, errno.EIO, errno.ENXIO, errno.ENOENT, errno.ESHUTDOWN, errno.EPROTO)
RIGHTS = "install the project's udev rules and put the service's user into the group borderpost, then plug it in again"


def find(port: str, name: PortName, backend: Any) -> UsbDevice:
    """The one device of this name; ``backend`` None takes libusb. Raises DeviceError, USBError, OSError."""
    wanted = {"idVendor": name.vendor, "idProduct": name.product} if isinstance(name, UsbName) else {}
    try:
        devices = list(usb.core.find(find_all=True, backend=backend, **wanted))
    except usb.core.NoBackendError:
        raise DeviceError(
            f"{port}: this machine has no libusb", advice="install it: apt install libusb-1.0-0"
        ) from None
    if isinstance(name, UsbName):
        devices = narrow(port, name, devices)
    if not devices:
        raise DeviceGone(
            f"{port}: no such device", advice="plug the device in; see what is there with: borderpost devices"
        )
    if len(devices) > 1:
        places = sorted(place(device) for device in devices)
        for device in devices:  # asking one for its serial number opens it
            usb.util.dispose_resources(device)
        raise DeviceError(
            f"{port}: {len(devices)} such devices are plugged in, at {', '.join(places)}",
            advice=f"say which one by its place: port = \"{port}@{places[0]}\"",
        )
    return devices[0]


def narrow(port: str, name: UsbName, devices: list[UsbDevice]) -> list[UsbDevice]:
    """Those at the place and with the serial number asked for. Raises DeviceForbidden if that cannot be read."""
    left = [device for device in devices if name.place in ("", place(device))]
    if not name.serial:
        return left
    found, hidden = [], False
    for device in left:
        number = serial_number(device)
        hidden = hidden or number is None
        if number == name.serial:
            found.append(device)
        else:
            usb.util.dispose_resources(device)
    if hidden and not found:
        raise DeviceForbidden(f"{port}: not allowed to read its serial number", advice=RIGHTS)
    return found


def place(device: UsbDevice) -> str:
    """Where it is plugged in, as sysfs writes it: ``1-1.2``; without port numbers ``1-?``."""
    ports = device.port_numbers
    return f"{device.bus}-{'.'.join(map(str, ports)) if ports else '?'}"


def serial_number(device: UsbDevice) -> str | None:
    """The device's own; "" if it has none, None if we may not ask it.

    The kernel has read it already: asking the device itself needs rights, and traffic with devices of others.
    """
    known = attribute(USB_DEVICES / place(device), "serial")
    if known is not None or not device.iSerialNumber:
        return known or ""
    try:
        return usb.util.get_string(device, device.iSerialNumber) or ""
    except UnicodeDecodeError:
        return ""
    except ValueError:  # pyusb says so where it was refused the list of languages
        return None
    except (OSError, NotImplementedError) as problem:
        return None if getattr(problem, "errno", None) in (errno.EACCES, errno.EPERM) else ""


def on_usb(port: str, problem: Exception) -> DeviceError:
    """The DeviceError for what pyusb, libusb or a USB/IP server says."""
    code = getattr(problem, "errno", None)
    if code in (errno.EACCES, errno.EPERM):
        return DeviceForbidden(f"{port}: not allowed to open it", advice=RIGHTS)
    if code == errno.EBUSY:
        return DeviceBusy(
            f"{port}: another program or the kernel holds it",
            advice="stop the other program; unplug the device and plug it in again",
        )
    if code in LEFT:
        return DeviceGone(
            f"{port}: the device disappeared",
            advice="check its cable and power; it is picked up again when it returns",
        )
    if isinstance(problem, OSError) and not isinstance(problem, usb.core.USBError):
        return DeviceGone(
            f"{port}: its server does not answer: {problem}",
            advice="check the server's name or address, its power and the network",
        )
    if code == errno.EPIPE:
        return DeviceError(
            f"{port}: the device stalls again and again", advice="unplug the device and plug it in again"
        )
    if isinstance(problem, LookupError):
        return DeviceError(
            f"{port}: what the device says of itself is not whole", advice="unplug the device and plug it in again"
        )
    return DeviceError(f"{port}: cannot be used: {problem}", advice="unplug the device and plug it in again")
