"""Frames of the EF01 family of serial fingerprint modules (ZFM-20 to 100, FPM10A, R30x, AS608, R50x), without a port.

Laws, after the vendors' manuals (ZhianTec ZFM user manual, GROW R503 manual):
1. A frame is ``EF 01 | address (4) | PID (1) | length (2) | payload | sum (2)``, high byte first. Length counts payload
   and sum; sum is that of PID, length and payload bytes, modulo 65536.
2. A frame is believed only with the address asked for, a PID that a module sends, a length of 3 to 258 and the right
   sum. Never raises, whatever the bytes.
3. Where a sum is wrong, or a frame stays unfinished, only its first byte is dropped: its length may be what was hit,
   and the next frame then begins within.
4. Every byte ends in exactly one place: a packet, ``noise``, or the buffer (under 267 bytes).
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from typing import TypeAlias

HEADER = b"\xef\x01"
BROADCAST = 0xFFFFFFFF
HEAD = 9                     # bytes before the payload
MIN_LENGTH, MAX_LENGTH = 3, 258
PACKET_SIZES = (32, 64, 128, 256)  # bytes of data in a packet, by parameter 6
BAUD_UNIT = 9600             # baud rates are multiples of it


class Pid(enum.IntEnum):
    """What a frame is."""

    COMMAND = 0x01
    DATA = 0x02
    ACK = 0x07
    LAST = 0x08


SENT_BY_MODULES = frozenset((Pid.DATA, Pid.ACK, Pid.LAST))


class Order(enum.IntEnum):
    """The commands that are used here."""

    GEN_IMAGE = 0x01
    UP_IMAGE = 0x0A
    SET_PARAMETER = 0x0E
    READ_PARAMETERS = 0x0F
    VERIFY_PASSWORD = 0x13
    LIGHT = 0x35
    READ_PRODUCT = 0x3C


class Code(enum.IntEnum):
    """Confirmation codes that lead to different acts; all others are one kind of refusal."""

    OK = 0x00
    NOT_RECEIVED = 0x01
    NO_FINGER = 0x02
    NOT_CAPTURED = 0x03
    TOO_MESSY = 0x06
    TOO_FEW_POINTS = 0x07
    WRONG_PASSWORD = 0x13
    NO_IMAGE = 0x15
    PASSWORD_NEEDED = 0x21
    SENSOR_FAULT = 0x29


MEANINGS = {
    0x01: "frame not received well", 0x02: "no finger", 0x03: "image not taken", 0x06: "image too messy",
    0x07: "too few points", 0x0D: "data cannot be sent", 0x0E: "data cannot be received", 0x0F: "image cannot be sent",
    0x13: "wrong password", 0x15: "no valid image", 0x18: "flash memory fault", 0x19: "undefined error",
    0x1A: "no such register", 0x1B: "no such value", 0x1D: "port fault", 0x20: "wrong address",
    0x21: "password needed", 0x26: "timed out", 0x29: "sensor fault", 0xFC: "not supported", 0xFD: "hardware fault",
    0xFE: "not carried out",
}


def meaning(code: int) -> str:
    """A confirmation code in words, known or not."""
    return f"code {code:02X}: {MEANINGS.get(code, 'unknown')}"


@dataclass(frozen=True, slots=True)
class Packet:
    """A whole frame with the right sum; ``payload`` is 1 to 256 bytes."""

    pid: int
    payload: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class BadSum:
    """A frame whose sum is wrong."""


Event: TypeAlias = Packet | BadSum


def frame(pid: int, payload: bytes, address: int = BROADCAST) -> bytes:
    """Law 1. ``payload`` 1 to 256 bytes."""
    body = bytes((pid,)) + (len(payload) + 2).to_bytes(2, "big") + payload
    return HEADER + address.to_bytes(4, "big") + body + (sum(body) & 0xFFFF).to_bytes(2, "big")


def command(order: int, arguments: bytes = b"", address: int = BROADCAST) -> bytes:
    """The frame of one command."""
    return frame(Pid.COMMAND, bytes((order,)) + arguments, address)


class PacketParser:
    """From bytes in any pieces to packets; ``noise`` counts bytes that were in none."""

    def __init__(self, address: int = BROADCAST) -> None:
        self._opening = HEADER + address.to_bytes(4, "big")
        self._buffer = bytearray()
        self.noise = 0

    @property
    def begun(self) -> bool:
        """Has a frame begun that is not finished?"""
        return bool(self._buffer)

    def feed(self, data: bytes) -> list[Event]:
        """Law 2; what became whole, in order."""
        self._buffer += data
        events: list[Event] = []
        while self._seek():
            total = HEAD + int.from_bytes(self._buffer[7:9], "big")
            if len(self._buffer) < total:
                break
            event = self._judged(total)
            events.append(event)
            self._drop(1 if isinstance(event, BadSum) else total, noise=isinstance(event, BadSum))
        return events

    def silence(self) -> list[Event]:
        """The line is quiet: what has begun ends nowhere (law 3). Whole frames within it are given."""
        events: list[Event] = []
        while self._buffer:
            self._drop(1, noise=True)
            events += self.feed(b"")
        return events

    def clear(self) -> None:
        """Forget what has begun."""
        self._drop(len(self._buffer), noise=True)

    def _seek(self) -> bool:
        """Bring a believable head to the front; False when more bytes are needed."""
        while self._buffer:
            at = self._buffer.find(self._opening)
            if at < 0:
                self._drop(len(self._buffer) - self._hope(), noise=True)
                return False
            self._drop(at, noise=True)
            if len(self._buffer) < HEAD:
                return False
            length = int.from_bytes(self._buffer[7:9], "big")
            if self._buffer[6] in SENT_BY_MODULES and MIN_LENGTH <= length <= MAX_LENGTH:
                return True
            self._drop(1, noise=True)
        return False

    def _hope(self) -> int:
        """How many bytes at the end may begin a frame."""
        longest = min(len(self._opening) - 1, len(self._buffer))
        return next((n for n in range(longest, 0, -1) if self._buffer.endswith(self._opening[:n])), 0)

    def _judged(self, total: int) -> Event:
        body = self._buffer[6 : total - 2]
        if sum(body) & 0xFFFF != int.from_bytes(self._buffer[total - 2 : total], "big"):
            return BadSum()
        return Packet(body[0], bytes(body[3:]))

    def _drop(self, count: int, *, noise: bool) -> None:
        if noise:
            self.noise += count
        del self._buffer[:count]


@dataclass(frozen=True, slots=True)
class Parameters:
    """What ReadSysPara tells: how many templates fit, bytes of data in a packet, bits a second."""

    capacity: int
    packet: int
    baud: int


def parameters(payload: bytes) -> Parameters | None:
    """From what follows the confirmation code (16 bytes); None if it cannot be right."""
    if len(payload) < 16:
        return None
    size, multiple = int.from_bytes(payload[12:14], "big"), int.from_bytes(payload[14:16], "big")
    if size >= len(PACKET_SIZES) or not 1 <= multiple <= 12:
        return None
    return Parameters(int.from_bytes(payload[4:6], "big"), PACKET_SIZES[size], multiple * BAUD_UNIT)


@dataclass(frozen=True, slots=True)
class Product:
    """What ReadProdInfo tells of the module; texts may be empty, sides are in pixels."""

    model: str
    serial: str
    hardware: str
    width: int
    height: int


def product(payload: bytes) -> Product | None:
    """From what follows the confirmation code: model 16, batch 4, serial 8, hardware 2, sensor 8, width 2, height 2,
    template size 2, capacity 2 bytes (R503 manual, ReadProdInfo); None if it is too short."""
    if len(payload) < 42:
        return None
    hardware = f"{payload[28]}.{payload[29]}" if any(payload[28:30]) else ""
    return Product(
        text(payload[:16]), text(payload[20:28]), hardware,
        int.from_bytes(payload[38:40], "big"), int.from_bytes(payload[40:42], "big"),
    )


def text(data: bytes) -> str:
    """Printable ASCII up to the first zero byte."""
    return "".join(chr(byte) for byte in data.split(b"\0")[0] if 0x20 <= byte < 0x7F).strip()
