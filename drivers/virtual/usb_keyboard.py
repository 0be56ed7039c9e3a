"""The USB side of a virtual keyboard wedge: a HID boot keyboard. Pure; it knows no connection.

Laws, from HID 1.11 (7.2, appendix B, appendix E.6), beside those of usb_side:
1. Its interface is class 3, subclass 1, protocol 1, with one interrupt IN endpoint of 8 bytes; low speed.
2. After a reset it speaks the report protocol.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping

from drivers.virtual.usb_side import INTERRUPT, LOW_SPEED, UsbIdentity, UsbSide

__all__ = ["ENDPOINT", "PACKET", "UsbIdentity", "UsbKeyboard"]

ENDPOINT, PACKET, INTERVAL_MS = 0x81, 8, 10
# HID 1.11, appendix E.6: modifiers, one reserved byte, five lights out, six keys
REPORT_DESCRIPTOR = bytes.fromhex(
    "05010906a101050719e029e71500250175019508810295017508810195057501050819012905910295017503910195067508"
    "150025650507190029658100c0"
)


class UsbKeyboard(UsbSide):
    """What the keyboard answers on endpoint 0."""

    speed, packet0, interface, endpoints = LOW_SPEED, 8, (3, 1, 1), {ENDPOINT: INTERRUPT}

    def __init__(self, identity: UsbIdentity | None = None) -> None:
        super().__init__(identity or UsbIdentity())
        self.protocol = 1  # law 2
        self.idle = 0
        self.lights = b""

    def reset(self) -> None:
        """See UsbSide."""
        super().reset()
        self.protocol, self.idle, self.lights = 1, 0, b""

    @property
    def interface_body(self) -> bytes:
        """HID and endpoint descriptors."""
        return self.hid_descriptor + struct.pack("<BBBBHB", 7, 5, ENDPOINT, INTERRUPT, PACKET, INTERVAL_MS)

    @property
    def hid_descriptor(self) -> bytes:
        """9 bytes: HID 1.11, one report descriptor."""
        return struct.pack("<BBHBBBH", 9, 0x21, 0x0111, 0, 1, 0x22, len(REPORT_DESCRIPTOR))

    def descriptors(self) -> Mapping[int, bytes]:
        """See UsbSide."""
        return {**super().descriptors(), 0x21: self.hid_descriptor, 0x22: REPORT_DESCRIPTOR}

    def own_request(self, setup: bytes, data: bytes) -> bytes | None:
        """The requests of the HID class."""
        kind, request, value = struct.unpack("<BBH", setup[:4])
        answers = {
            (0xA1, 1): bytes(PACKET), (0xA1, 2): bytes((self.idle,)), (0xA1, 3): bytes((self.protocol,)),
        }
        if (kind, request) in answers:
            return answers[kind, request]
        if (kind, request) == (0x21, 9):
            self.lights = data[:1]
        elif (kind, request) == (0x21, 10):
            self.idle = value >> 8
        elif (kind, request) == (0x21, 11) and value <= 1:
            self.protocol = value
        else:
            return None
        return b""
