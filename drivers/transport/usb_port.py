"""A USB keyboard wedge as a port: whole 8-byte boot reports instead of keystrokes on a console. (HID 1.11, appendix B)

Laws:
1. The kernel's keyboard driver is taken off the device before anything is read, on every HID interface of it, and
   is not put back: what a reader types goes to us or nowhere.
2. A thread of its own keeps a read under way (usb_pump), in slices of ``SLICE_S``: the device's small buffer is emptied
   while the owner is busy, and ``wake`` and new reports end a waiting ``read`` at once.
3. One report is 8 bytes: a shorter packet is filled up with zeros, a longer one cut, an empty one is none.
"""

from __future__ import annotations

import contextlib
import errno
import time
from typing import Any, TypeAlias

import usb.core
import usb.util

from drivers.api import DeviceError, DriverMisuse
from drivers.transport.names import UsbIpName, parse
from drivers.transport.usb_find import find, on_usb
from drivers.transport.usb_pump import Pump
from drivers.transport.usbip import UsbIpBackend

REPORT = 8
SLICE_S = 0.1
CONTROL_MS = 1000
HID, BOOT, KEYBOARD = 3, 1, 1
SET_REPORT, SET_IDLE, SET_PROTOCOL = 9, 10, 11
OUTPUT_REPORT = 0x0200
CLASS_OUT = 0x21  # host to device, class, interface
# USBError is an OSError; RuntimeError: no thread is to be had, or not possible with this USB library
# (NotImplementedError); LookupError: pyusb looks for what the device says it has, and it is not there.
FAULTS = (OSError, RuntimeError, ValueError, LookupError)
UsbDevice: TypeAlias = Any  # pyusb carries no types
UsbBackend: TypeAlias = Any


class UsbHidTransport:
    """A HID boot keyboard, claimed for us alone. See Transport."""

    def __init__(
        self, port: str, *, interface: int | None = None, slice_s: float = SLICE_S, backend: UsbBackend = None
    ) -> None:
        """Open ``usb:VVVV:PPPP[:SERIAL][@BUS-PORT]`` or ``usbip://HOST:PORT/BUSID``.

        ``interface`` chooses among several keyboards of one device (else the first); ``slice_s`` is the time limit
        of one transfer (replays want a long one); ``backend`` replaces libusb. Raises DeviceError, BadSetting.
        """
        name = parse(port)
        self._port = port
        self._remote: UsbIpBackend | None = UsbIpBackend(name) if isinstance(name, UsbIpName) else None
        self._device: UsbDevice = None
        try:
            self._device = find(port, name, self._remote or backend)
            self._interface, endpoint = claim(port, self._device, interface)
            self._pump = Pump(endpoint, endpoint.wMaxPacketSize, slice_s)
        except BaseException as problem:
            self._let_go()
            if isinstance(problem, FAULTS):
                raise on_usb(port, problem) from None
            raise

    def read(self, size: int, wait_s: float) -> bytes:
        """See Transport: whole reports, as many as fit into ``size`` (8 bytes or more)."""
        if size < REPORT:
            raise DriverMisuse(f"{self._port}: a report is {REPORT} bytes", advice="read at least so many at a time")
        reports = self._pump.take(size // REPORT, wait_s)
        problem = self._pump.problem
        if not reports and problem is not None:
            raise on_usb(self._port, problem)
        return b"".join(report.data[:REPORT].ljust(REPORT, b"\0") for report in reports)

    def write(self, data: bytes) -> None:
        """See Transport. A keyboard takes one thing, its lights: each byte is one output report."""
        try:
            for number in range(len(data)):
                self._device.ctrl_transfer(
                    CLASS_OUT, SET_REPORT, OUTPUT_REPORT, self._interface, data[number : number + 1], CONTROL_MS
                )
        except OSError as problem:
            if problem.errno != errno.EPIPE:  # EPIPE: it has no lights
                raise on_usb(self._port, problem) from None

    def rest(self, seconds: float) -> None:
        """See Transport."""
        time.sleep(seconds)

    def wake(self) -> None:
        """See Transport."""
        self._pump.wake()

    def reset(self) -> None:
        """See Transport: a USB port reset; nothing is read afterwards."""
        if self._pump.stop():
            with contextlib.suppress(OSError, NotImplementedError):
                self._device.reset()

    def close(self) -> None:
        """See Transport."""
        if self._remote is not None:
            self._remote.close()  # ends the pump's transfer at once
        if self._pump.stop():
            self._let_go()

    def _let_go(self) -> None:
        # While a transfer runs in another thread disposing is undefined (pyusb issue 325): only after the pump's end.
        device, self._device = self._device, None
        if device is not None:
            with contextlib.suppress(OSError, NotImplementedError, ValueError):
                usb.util.dispose_resources(device)
        if self._remote is not None:
            self._remote.close()


def claim(port: str, device: UsbDevice, interface: int | None) -> tuple[int, UsbDevice]:
    """Laws 1 and 3: take the keyboard interface and set it to boot reports. Its number and its endpoint.

    Raises DeviceError, USBError.
    """
    try:
        active = device.get_active_configuration()
    except usb.core.USBError as problem:
        if problem.errno is not None:  # without one it says: no configuration is set
            raise
        device.set_configuration()  # only then: setting it again would reset what others use of the device
        active = device.get_active_configuration()
    hid = [one for one in active if one.bInterfaceClass == HID]
    keyboards = [
        one for one in hid
        if (one.bInterfaceSubClass, one.bInterfaceProtocol) == (BOOT, KEYBOARD)
        and interface in (None, one.bInterfaceNumber)
    ]
    endpoints = [
        end for one in keyboards[:1] for end in one if end.bEndpointAddress & 0x80 and end.bmAttributes & 3 == 3
    ]
    if not endpoints:
        raise DeviceError(
            f"{port}: this device is no keyboard of the HID boot protocol",
            advice="choose another driver for it; see what is there with: borderpost devices",
        )
    for one in hid:
        detach(device, one.bInterfaceNumber)
    number: int = keyboards[0].bInterfaceNumber
    usb.util.claim_interface(device, number)
    for request in (SET_PROTOCOL, SET_IDLE):  # protocol 0: boot reports; idle rate 0: a report only upon change
        try:
            device.ctrl_transfer(CLASS_OUT, request, 0, number, None, CONTROL_MS)
        except usb.core.USBError as problem:
            if problem.errno not in (errno.EPIPE, errno.ETIMEDOUT):  # many devices know but one protocol and refuse
                raise
    return number, endpoints[0]


def detach(device: UsbDevice, interface: int) -> None:
    """Law 1. What cannot be detached, or asked about (a replay), shows when the interface is claimed."""
    with contextlib.suppress(OSError, NotImplementedError):
        device.detach_kernel_driver(interface)
