"""A pyusb backend over USB/IP: pyusb's own code talks to a device that another process or machine shares.

Laws:
1. ``usb.core.find(backend=UsbIpBackend(name))`` is the one way in; who uses the device sees no difference.
2. There is no kernel driver on this side: none is active, and detaching one is done already.
3. Timeouts are milliseconds, as pyusb gives them; 0 ("for ever") becomes ``usbip_link.LONGEST_S``.
"""

from __future__ import annotations

import array
import errno
import struct
from collections.abc import Iterator
from typing import TypeAlias

from usb.backend import IBackend
from usb.core import USBError

from drivers.transport.names import UsbIpName
from drivers.transport.usb_descriptors import (
    CONFIGURATION,
    DEVICE,
    ConfigurationTree,
    Descriptor,
    InterfaceSetting,
    configuration,
    nonsense,
    unpack,
)
from drivers.transport.usbip_link import UsbIpLink

GET_DESCRIPTOR, GET_CONFIGURATION, SET_CONFIGURATION, SET_INTERFACE, CLEAR_FEATURE, SET_FEATURE = 6, 8, 9, 11, 1, 3
PORT_RESET = 4
STANDARD_LIMIT_S = 2.0
MAX_CONFIGURATIONS, MAX_DESCRIPTOR = 8, 4096
Buffer: TypeAlias = "array.array[int]"


class UsbIpDevice:
    """The one device of a backend: its link while it is open, and what it said of itself."""

    def __init__(self, name: UsbIpName) -> None:
        self._name = name
        self._link: UsbIpLink | None = None
        self.descriptor: Descriptor | None = None
        self.configurations: list[ConfigurationTree] = []

    @property
    def link(self) -> UsbIpLink:
        """The connection while it is open. Raises USBError (ENODEV)."""
        link = self._link
        if link is None:
            raise USBError("the device is closed", None, errno.ENODEV)
        return link

    def open(self) -> None:
        """Connect, if there is no connection that works. Raises USBError, OSError."""
        if self._link is None or self._link.lost:
            self.close()
            self._link = UsbIpLink(self._name)

    def standard(self, kind: int, request: int, value: int = 0, index: int = 0, length: int = 0) -> bytes:
        """A standard control request without data out. Raises USBError."""
        return self.link.control(struct.pack("<BBHHH", kind, request, value, index, length), b"", STANDARD_LIMIT_S)

    def describe(self) -> None:
        """Ask for all descriptors. Raises USBError."""
        fields = unpack(self.standard(0x80, GET_DESCRIPTOR, DEVICE << 8, 0, 18), DEVICE)
        count = fields["bNumConfigurations"]
        if count > MAX_CONFIGURATIONS:
            raise nonsense()
        self.configurations = [configuration(self._configuration(number)) for number in range(count)]
        link = self.link
        self.descriptor = Descriptor({
            **fields, "bus": link.bus, "address": link.address, "speed": link.speed,
            "port_number": link.address, "port_numbers": None,
        })

    def _configuration(self, number: int) -> bytes:
        head = unpack(self.standard(0x80, GET_DESCRIPTOR, CONFIGURATION << 8 | number, 0, 9), CONFIGURATION)
        length = head["wTotalLength"]
        if not 9 <= length <= MAX_DESCRIPTOR:
            raise nonsense()
        return self.standard(0x80, GET_DESCRIPTOR, CONFIGURATION << 8 | number, 0, length)

    def close(self) -> None:
        """End the connection; whoever still uses it gets ENODEV."""
        link, self._link = self._link, None
        if link is not None:
            link.close()


class UsbIpBackend(IBackend):  # type: ignore[misc] # pyusb carries no types
    """See pyusb's IBackend for what each method does; all raise USBError."""

    def __init__(self, name: UsbIpName) -> None:
        super().__init__()
        self._device = UsbIpDevice(name)

    def close(self) -> None:
        """End the connection at once; transfers under way end with ENODEV. Never raises; from any thread."""
        self._device.close()

    def _finalize_object(self) -> None:
        self._device.close()

    def enumerate_devices(self) -> Iterator[UsbIpDevice]:  # noqa: D102
        self._device.open()
        self._device.describe()
        yield self._device

    def get_parent(self, _dev: UsbIpDevice) -> None:  # noqa: D102
        return None

    def get_device_descriptor(self, dev: UsbIpDevice) -> Descriptor | None:  # noqa: D102
        return dev.descriptor

    def get_configuration_descriptor(self, dev: UsbIpDevice, config: int) -> Descriptor:  # noqa: D102
        return dev.configurations[config].descriptor

    def get_interface_descriptor(self, dev: UsbIpDevice, intf: int, alt: int, config: int) -> Descriptor:  # noqa: D102
        return self._setting(dev, intf, alt, config).descriptor

    def get_endpoint_descriptor(  # noqa: D102
        self, dev: UsbIpDevice, ep: int, intf: int, alt: int, config: int
    ) -> Descriptor:
        return self._setting(dev, intf, alt, config).endpoints[ep]

    @staticmethod
    def _setting(dev: UsbIpDevice, intf: int, alt: int, config: int) -> InterfaceSetting:
        return dev.configurations[config].setting(intf, alt)

    def open_device(self, dev: UsbIpDevice) -> UsbIpDevice:  # noqa: D102
        dev.open()
        return dev

    def close_device(self, dev_handle: UsbIpDevice) -> None:  # noqa: D102
        dev_handle.close()

    def set_configuration(self, dev_handle: UsbIpDevice, config_value: int) -> None:  # noqa: D102
        dev_handle.standard(0x00, SET_CONFIGURATION, config_value)

    def get_configuration(self, dev_handle: UsbIpDevice) -> int:  # noqa: D102
        return (dev_handle.standard(0x80, GET_CONFIGURATION, 0, 0, 1) or b"\0")[0]

    def set_interface_altsetting(self, dev_handle: UsbIpDevice, intf: int, altsetting: int) -> None:  # noqa: D102
        dev_handle.standard(0x01, SET_INTERFACE, altsetting, intf)

    def claim_interface(self, dev_handle: UsbIpDevice, intf: int) -> None:
        """Nobody else can have it: the server gives a device to one importer at a time."""

    def release_interface(self, dev_handle: UsbIpDevice, intf: int) -> None:
        """See claim_interface."""

    def is_kernel_driver_active(self, _dev_handle: UsbIpDevice, _intf: int) -> bool:
        """Law 2."""
        return False

    def detach_kernel_driver(self, dev_handle: UsbIpDevice, intf: int) -> None:
        """Law 2."""

    def bulk_write(  # noqa: D102
        self, dev_handle: UsbIpDevice, ep: int, _intf: int, data: Buffer, timeout: int
    ) -> int:
        return dev_handle.link.write(ep, data.tobytes(), timeout / 1000)

    def bulk_read(  # noqa: D102
        self, dev_handle: UsbIpDevice, ep: int, _intf: int, buff: Buffer, timeout: int
    ) -> int:
        return fill(buff, dev_handle.link.read(ep, len(buff), timeout / 1000))

    intr_write = bulk_write
    intr_read = bulk_read

    def ctrl_transfer(  # noqa: D102
        self, dev_handle: UsbIpDevice, bmRequestType: int, bRequest: int, wValue: int, wIndex: int,  # noqa: N803
        data: Buffer, timeout: int,
    ) -> int:
        setup = struct.pack("<BBHHH", bmRequestType, bRequest, wValue, wIndex, len(data))
        answer = dev_handle.link.control(setup, data.tobytes(), timeout / 1000)
        return fill(data, answer) if bmRequestType & 0x80 else len(data)

    def clear_halt(self, dev_handle: UsbIpDevice, ep: int) -> None:  # noqa: D102
        dev_handle.standard(0x02, CLEAR_FEATURE, 0, ep)

    def reset_device(self, dev_handle: UsbIpDevice) -> None:
        """As the kernel's client asks for it (a hub request that the server turns into a reset)."""
        dev_handle.standard(0x23, SET_FEATURE, PORT_RESET, 0)


def fill(buff: Buffer, data: bytes) -> int:
    """Copy what came into pyusb's buffer; how much that was. Raises USBError (EOVERFLOW)."""
    if len(data) > len(buff):
        raise USBError("more came than was asked for", None, errno.EOVERFLOW)
    buff[: len(data)] = array.array("B", data)
    return len(data)
