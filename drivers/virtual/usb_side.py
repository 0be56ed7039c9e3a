"""The USB side that virtual devices share: descriptors and the requests of chapter 9. Pure; it knows no connection.

Laws, from USB 2.0 chapter 9:
1. One configuration, one interface. What is special to a device stands in its class: the interface, its endpoints, its
   own requests.
2. Strings are UTF-16-LE behind length and type; string 0 lists the languages.
3. An unknown request is answered with a stall, as is a halted endpoint until CLEAR_FEATURE(ENDPOINT_HALT).
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

LANGUAGE = 0x0409
LOW_SPEED, FULL_SPEED = 1, 2  # as USB/IP counts them
BULK, INTERRUPT = 2, 3        # kinds of endpoints, bmAttributes


@dataclass(frozen=True, slots=True)
class UsbIdentity:
    """How the device shows itself; ``serial`` may be empty, as with many real ones."""

    vendor: int = 0x1209   # ids of the range that pid.codes keeps for tests (1209:0001-0010): no product has them
    product: int = 0x0001
    serial: str = "VIRTUAL-1"
    manufacturer: str = "borderpost"
    name: str = "virtual keyboard reader"


class UsbSide:
    """What a device answers on endpoint 0, and which of its IN endpoints are halted."""

    speed: ClassVar[int] = FULL_SPEED
    packet0: ClassVar[int] = 64  # bytes of a packet of endpoint 0
    interface: ClassVar[tuple[int, int, int]]  # class, subclass, protocol
    endpoints: ClassVar[Mapping[int, int]]     # the IN endpoints, with the direction bit, and their kinds

    def __init__(self, identity: UsbIdentity) -> None:
        self.identity = identity
        self.stalled: set[int] = set()
        self.configuration = 0

    def reset(self) -> None:
        """As on the bus reset when a host takes the device."""
        self.stalled.clear()
        self.configuration = 0

    @property
    def device_descriptor(self) -> bytes:
        """18 bytes."""
        me = self.identity
        return struct.pack(
            "<BBHBBBBHHHBBBB", 18, 1, 0x0200, 0, 0, 0, self.packet0, me.vendor, me.product, 0x0100, 1, 2,
            3 if me.serial else 0, 1,
        )

    @property
    def configuration_descriptor(self) -> bytes:
        """Configuration, interface, and what ``interface_body`` adds."""
        body = bytes((9, 4, 0, 0, len(self.endpoints), *self.interface, 0)) + self.interface_body
        return struct.pack("<BBHBBBBB", 9, 2, 9 + len(body), 1, 1, 0, 0x80, 50) + body

    @property
    def interface_body(self) -> bytes:
        """Class and endpoint descriptors."""
        raise NotImplementedError

    def control(self, setup: bytes, data: bytes) -> bytes | None:
        """One request on endpoint 0: what is answered (b"" where nothing is due), None for a stall (law 3)."""
        kind, request, value, index, length = struct.unpack("<BBHHH", setup)
        if kind in (0x80, 0x81) and request == 6:
            found = self._descriptor(value >> 8, value & 0xFF)
            return None if found is None else found[:length]
        standard = self._standard(kind, request, value, index)
        return self.own_request(setup, data) if standard is None else standard

    def own_request(self, setup: bytes, data: bytes) -> bytes | None:  # noqa: ARG002 - for those who have some
        """A request that is not of chapter 9; as ``control``."""
        return None

    def descriptors(self) -> Mapping[int, bytes]:
        """Those that can be asked for, by kind."""
        return {1: self.device_descriptor, 2: self.configuration_descriptor}

    def _descriptor(self, kind: int, number: int) -> bytes | None:
        me = self.identity
        if kind == 3:
            texts = ("", me.manufacturer, me.name, me.serial)
            if number >= len(texts):
                return None
            content = struct.pack("<H", LANGUAGE) if number == 0 else texts[number].encode("utf-16-le")[:252]
            return bytes((len(content) + 2, 3)) + content
        return self.descriptors().get(kind) if number == 0 else None

    def _standard(self, kind: int, request: int, value: int, index: int) -> bytes | None:
        answers = {
            (0x80, 0): bytes(2), (0x81, 0): bytes(2), (0x82, 0): bytes((index in self.stalled, 0)),  # GET_STATUS
            (0x80, 8): bytes((self.configuration,)), (0x81, 10): bytes(1),  # GET_CONFIGURATION, GET_INTERFACE
        }
        if (kind, request) in answers:
            return answers[kind, request]
        if (kind, request) == (0x00, 9) and value <= 1:
            self.configuration = value
            self.stalled.clear()
        elif (kind, request, value) == (0x02, 1, 0) and index in self.endpoints:
            self.stalled.discard(index)
        elif (kind, request, value) == (0x23, 3, 4):  # a port reset, as USB/IP carries it
            self.reset()
        elif (kind, request) not in ((0x01, 11), (0x00, 3), (0x00, 1)):
            return None
        return b""
