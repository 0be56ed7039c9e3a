"""USB descriptors as bytes -> the fields that pyusb asks a backend for. (USB 2.0, chapter 9.6)

Law: what a device says of itself is data; what does not add up is an EIO, never an index out of range.
"""

from __future__ import annotations

import errno
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field

from usb.core import USBError

DEVICE, CONFIGURATION, INTERFACE, ENDPOINT = 1, 2, 4, 5
FIELDS: dict[int, tuple[str, tuple[str, ...]]] = {
    DEVICE: ("<BBHBBBBHHHBBBB", (
        "bLength", "bDescriptorType", "bcdUSB", "bDeviceClass", "bDeviceSubClass", "bDeviceProtocol",
        "bMaxPacketSize0", "idVendor", "idProduct", "bcdDevice", "iManufacturer", "iProduct", "iSerialNumber",
        "bNumConfigurations",
    )),
    CONFIGURATION: ("<BBHBBBBB", (
        "bLength", "bDescriptorType", "wTotalLength", "bNumInterfaces", "bConfigurationValue", "iConfiguration",
        "bmAttributes", "bMaxPower",
    )),
    INTERFACE: ("<BBBBBBBBB", (
        "bLength", "bDescriptorType", "bInterfaceNumber", "bAlternateSetting", "bNumEndpoints", "bInterfaceClass",
        "bInterfaceSubClass", "bInterfaceProtocol", "iInterface",
    )),
    ENDPOINT: ("<BBBBHB", (
        "bLength", "bDescriptorType", "bEndpointAddress", "bmAttributes", "wMaxPacketSize", "bInterval",
    )),
}


class Descriptor:
    """The fields as attributes, as pyusb copies them."""

    extra_descriptors: list[int]

    def __init__(self, fields: Mapping[str, object]) -> None:
        self.extra_descriptors = []
        self.__dict__.update(fields)


@dataclass(slots=True)
class InterfaceSetting:
    """One alternate setting of one interface, with its endpoints in order."""

    descriptor: Descriptor
    endpoints: list[Descriptor] = field(default_factory=list)


@dataclass(slots=True)
class ConfigurationTree:
    """A configuration: its interfaces in order of appearance, each with its alternate settings."""

    descriptor: Descriptor
    value: int
    interfaces: dict[int, list[InterfaceSetting]] = field(default_factory=dict)

    def setting(self, interface: int, alternate: int) -> InterfaceSetting:
        """By place, not by number. Raises IndexError, as pyusb expects at the end of its loops."""
        return list(self.interfaces.values())[interface][alternate]


def unpack(data: bytes, kind: int) -> dict[str, int]:
    """The fields of one descriptor. Raises USBError (EIO)."""
    form, names = FIELDS[kind]
    size = struct.calcsize(form)
    if len(data) < size or data[0] < size or data[1] != kind:
        raise nonsense()
    return dict(zip(names, struct.unpack(form, data[:size]), strict=True))


def configuration(data: bytes) -> ConfigurationTree:
    """The whole answer to GET_DESCRIPTOR(configuration) as a tree. Raises USBError (EIO)."""
    fields = unpack(data, CONFIGURATION)
    tree = ConfigurationTree(Descriptor(fields), fields["bConfigurationValue"])
    owner, setting = tree.descriptor, None
    at = data[0]
    while at < min(len(data), fields["wTotalLength"]):
        length = data[at]
        piece = data[at : at + length]
        if length < 2 or len(piece) < length:
            raise nonsense()
        if piece[1] == INTERFACE:
            found = unpack(piece, INTERFACE)
            setting = InterfaceSetting(Descriptor(found))
            tree.interfaces.setdefault(found["bInterfaceNumber"], []).append(setting)
            owner = setting.descriptor
        elif piece[1] == ENDPOINT and setting is not None:
            owner = Descriptor({"bRefresh": 0, "bSynchAddress": 0, **unpack(piece, ENDPOINT)})
            setting.endpoints.append(owner)
        else:
            owner.extra_descriptors.extend(piece)
        at += length
    return tree


def nonsense() -> USBError:
    """The one error of this file."""
    return USBError("the device describes itself wrongly", None, errno.EIO)
