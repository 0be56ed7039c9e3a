"""What ports are called: pure text in, a checked name out, or a BadSetting that says what is wrong with it.

Laws:
1. ``usb:VVVV:PPPP[:SERIAL][@BUS-PORT[.PORT…]]``: ids in four hexadecimal digits; the serial number as the device
   gives it (1-126 characters, no ``@``); the place as sysfs writes it (``1-1.2``: bus 1, port 1, its hub's port 2).
2. ``usbip://HOST:PORT/BUSID``: one device that another machine or process shares over USB/IP.
3. ``socket://HOST:PORT`` and ``rfc2217://HOST:PORT``: a serial port of a terminal server, raw or with RFC 2217.
4. Everything else is a path, except what looks like a mistyped name of another kind: an unknown ``scheme://``, or one
   of the schemes above in capitals or without its slashes.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TypeAlias

from drivers.api import BadSetting

NETWORK = ("socket://", "rfc2217://")
USB, USBIP = "usb:", "usbip://"
SERIAL_LIMIT = 126  # characters: what a USB string descriptor (255 bytes) can hold
BUSID_LIMIT = 31    # bytes: the field of the USB/IP protocol, less its final zero
STRANGE = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://|(?i:socket|rfc2217|usb|usbip):")  # law 4
HEX4 = re.compile(r"[0-9A-Fa-f]{4}")
PLACE = re.compile(r"[1-9][0-9]{0,2}-[1-9][0-9]{0,2}(\.[1-9][0-9]{0,2}){0,6}")
HOST_PORT = re.compile(r"(?:\[(?P<v6>[0-9A-Fa-f:.%]+)\]|(?P<host>[^\s:/?#@\[\]]+)):(?P<port>[0-9]{1,5})")
BUSID = re.compile(r"[A-Za-z0-9._:-]{1,31}")


@dataclass(frozen=True, slots=True)
class UsbName:
    """A device of this machine; ``serial`` and ``place`` are empty when any will do."""

    vendor: int
    product: int
    serial: str = ""
    place: str = ""


@dataclass(frozen=True, slots=True)
class UsbIpName:
    """A device that ``host`` shares on TCP ``port`` under ``busid``."""

    host: str
    port: int
    busid: str


@dataclass(frozen=True, slots=True)
class NetworkName:
    """A TCP port of a terminal server; ``scheme`` is "socket" or "rfc2217"."""

    scheme: str
    host: str
    port: int


PortName: TypeAlias = UsbName | UsbIpName | NetworkName | str


def is_path(port: str) -> bool:
    """True if ``port`` names a file of this machine (and no scheme)."""
    return not port.startswith((*NETWORK, USB, USBIP))


def parse(port: str) -> PortName:
    """The name in its parts; a path stays text. Raises BadSetting (key ``port``)."""
    if port.startswith(USBIP):
        return usbip_name(port)
    if port.startswith(USB):
        return usb_name(port)
    if port.startswith(NETWORK):
        return network_name(port)
    if STRANGE.match(port):
        scheme = port.partition(":")[0]
        raise wrong(port, f"{scheme!r} is no kind of port, written so", "socket://192.0.2.7:4001, or a path")
    if "\0" in port:
        raise wrong(port, "a path has no NUL character", "/dev/serial/by-id/NAME")
    return port


def usb_name(port: str) -> UsbName:
    """Law 1. Raises BadSetting."""
    ids, at, place = port.removeprefix(USB).partition("@")
    vendor, _, rest = ids.partition(":")
    product, colon, serial = rest.partition(":")
    for what, text in (("vendor", vendor), ("product", product)):
        if not HEX4.fullmatch(text):
            raise wrong(port, f"the {what} id {text!r} is not four hexadecimal digits", "usb:1209:0001")
    if colon and not 1 <= len(serial) <= SERIAL_LIMIT:
        raise wrong(port, f"the serial number has {len(serial)} characters, not 1-{SERIAL_LIMIT}", "usb:1209:0001:SN1")
    if at and not PLACE.fullmatch(place):
        raise wrong(port, f"the place {place!r} is not BUS-PORT.PORT", "usb:1209:0001@1-1.2")
    return UsbName(int(vendor, 16), int(product, 16), serial, place)


def usbip_name(port: str) -> UsbIpName:
    """Law 2. Raises BadSetting."""
    server, slash, busid = port.removeprefix(USBIP).partition("/")
    example = "usbip://192.0.2.7:3240/1-1"
    host, number = host_and_port(port, server, example)
    if not slash or not BUSID.fullmatch(busid):
        raise wrong(port, f"the bus id {busid!r} is missing or odd", example)
    return UsbIpName(host, number, busid)


def network_name(port: str) -> NetworkName:
    """Law 3. Raises BadSetting."""
    scheme, _, server = port.partition("://")
    host, number = host_and_port(port, server, f"{scheme}://192.0.2.7:4001")
    return NetworkName(scheme, host, number)


def host_and_port(port: str, server: str, example: str) -> tuple[str, int]:
    """``HOST:PORT`` or ``[IPv6]:PORT``. Raises BadSetting."""
    found = HOST_PORT.fullmatch(server)
    if found is None:
        raise wrong(port, f"{server!r} is not HOST:PORT", example)
    number = int(found["port"])
    if not 1 <= number <= 65535:
        raise wrong(port, f"the TCP port {number} is not within 1-65535", example)
    return found["v6"] or found["host"], number


def wrong(port: str, what: str, example: str) -> BadSetting:
    """The one error of this file."""
    return BadSetting(f"port {port!r}: {what}", key="port", advice=f"write it like this: {example}")
