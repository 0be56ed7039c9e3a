"""The USB side of a virtual keyboard wedge: descriptors and control requests. Pure; it knows no connection.

Laws, from USB 2.0 chapter 9 and HID 1.11 (7.2, appendix B, appendix E.6):
1. One configuration, one interface (class 3, subclass 1, protocol 1), one interrupt IN endpoint of 8 bytes.
2. Strings are UTF-16-LE behind length and type; string 0 lists the languages.
3. An unknown request is answered with a stall, as is a halted endpoint until CLEAR_FEATURE(ENDPOINT_HALT).
4. The ids are of the range that pid.codes keeps for tests (1209:0001-0010): no product has them.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

VENDOR, PRODUCT = 0x1209, 0x0001
ENDPOINT, PACKET, INTERVAL_MS = 0x81, 8, 10
LANGUAGE = 0x0409
# HID 1.11, appendix E.6: modifiers, one reserved byte, five lights out, six keys
REPORT_DESCRIPTOR = bytes.fromhex(
    "05010906a101050719e029e71500250175019508810295017508810195057501050819012905910295017503910195067508"
    "150025650507190029658100c0"
)


@dataclass(frozen=True, slots=True)
class UsbIdentity:
    """How the device shows itself; ``serial`` may be empty, as with many real ones."""

    vendor: int = VENDOR
    product: int = PRODUCT
    serial: str = "VIRTUAL-1"
    manufacturer: str = "borderpost"
    name: str = "virtual keyboard reader"


class UsbKeyboard:
    """What the device answers on endpoint 0, and whether its IN endpoint is halted."""

    def __init__(self, identity: UsbIdentity | None = None) -> None:
        self.identity = identity or UsbIdentity()
        self.halted = False
        self.configuration = 0
        self.protocol = 1  # law of HID: report protocol after reset
        self.idle = 0
        self.lights = b""

    def reset(self) -> None:
        """As on the bus reset when a host takes the device."""
        self.halted, self.configuration, self.protocol, self.idle, self.lights = False, 0, 1, 0, b""

    @property
    def device_descriptor(self) -> bytes:
        """18 bytes."""
        me = self.identity
        return struct.pack(
            "<BBHBBBBHHHBBBB", 18, 1, 0x0200, 0, 0, 0, 8, me.vendor, me.product, 0x0100, 1, 2, 3 if me.serial else 0, 1
        )

    @property
    def configuration_descriptor(self) -> bytes:
        """Configuration, interface, HID and endpoint descriptors."""
        interface = bytes((9, 4, 0, 0, 1, 3, 1, 1, 0))
        endpoint = struct.pack("<BBBBHB", 7, 5, ENDPOINT, 3, PACKET, INTERVAL_MS)
        body = interface + self.hid_descriptor + endpoint
        return struct.pack("<BBHBBBBB", 9, 2, 9 + len(body), 1, 1, 0, 0x80, 50) + body

    @property
    def hid_descriptor(self) -> bytes:
        """9 bytes: HID 1.11, one report descriptor."""
        return struct.pack("<BBHBBBH", 9, 0x21, 0x0111, 0, 1, 0x22, len(REPORT_DESCRIPTOR))

    def control(self, setup: bytes, data: bytes) -> bytes | None:
        """One request on endpoint 0: what is answered (b"" where nothing is due), None for a stall (law 3)."""
        kind, request, value, index, length = struct.unpack("<BBHHH", setup)
        if kind in (0x80, 0x81) and request == 6:
            found = self._descriptor(value >> 8, value & 0xFF)
            return None if found is None else found[:length]
        return self._obey(kind, request, value, index, data)

    def _descriptor(self, kind: int, number: int) -> bytes | None:
        me = self.identity
        if kind == 3:
            texts = ("", me.manufacturer, me.name, me.serial)
            if number >= len(texts):
                return None
            content = struct.pack("<H", LANGUAGE) if number == 0 else texts[number].encode("utf-16-le")[:252]
            return bytes((len(content) + 2, 3)) + content
        known = {
            1: self.device_descriptor, 2: self.configuration_descriptor, 0x21: self.hid_descriptor,
            0x22: REPORT_DESCRIPTOR,
        }
        return known.get(kind) if number == 0 else None

    def _obey(self, kind: int, request: int, value: int, index: int, data: bytes) -> bytes | None:
        answers = {
            (0x80, 0): bytes(2), (0x81, 0): bytes(2), (0x82, 0): bytes((self.halted, 0)),  # GET_STATUS
            (0x80, 8): bytes((self.configuration,)), (0x81, 10): bytes(1),  # GET_CONFIGURATION, GET_INTERFACE
            (0xA1, 1): bytes(PACKET), (0xA1, 2): bytes((self.idle,)), (0xA1, 3): bytes((self.protocol,)),
        }
        if (kind, request) in answers:
            return answers[kind, request]
        if (kind, request) == (0x00, 9) and value <= 1:
            self.configuration, self.halted = value, False
        elif (kind, request, value) == (0x02, 1, 0) and index == ENDPOINT:
            self.halted = False
        elif (kind, request) == (0x21, 9):
            self.lights = data[:1]
        elif (kind, request) == (0x21, 10):
            self.idle = value >> 8
        elif (kind, request) == (0x21, 11) and value <= 1:
            self.protocol = value
        elif (kind, request, value) == (0x23, 3, 4):  # a port reset, as USB/IP carries it
            self.reset()
        elif (kind, request) not in ((0x01, 11), (0x00, 3), (0x00, 1)):
            return None
        return b""
