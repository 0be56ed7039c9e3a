"""What a DigitalPersona U.are.U 4000/4500 and its kin understand: ids, registers, modes, interrupts. Pure.

The vendor has published nothing. The facts are those of libfprint's driver ``uru4000`` (1.94.10), checked against two
recordings of real devices (docs/fingerprint-scanners.md).

Laws:
1. Registers are read and written by vendor control transfers, request 4, the register in wValue, wIndex 0; several
   that follow each other at once.
2. An interrupt is up to 64 bytes of which the first two, big-endian, say what it is; the others are what was left in
   the device's memory. What is shorter or unknown is none.
3. A Microsoft reader of the second generation powers its sensor up only for a host that answers its challenge:
   AES-128 of 16 bytes under a key that all of them share.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import ECB

REQUEST = 0x04
VENDOR_CLASS = (0xFF, 0xFF, 0xFF)  # of its interface: class, subclass, protocol
INTERRUPT_BYTES = 64

HWSTAT = 0x07           # 1 byte: the bits below
SCRAMBLE_INDEX = 0x33   # 1 + 4 bytes: key number, seed
SCRAMBLE_KEY = 0x34     # 4 bytes: the key, exclusive-or the seed
MODE = 0x4E             # 1 byte: see Mode
DEVICE_INFO = 0xF0      # 16 bytes
RESPONSE = 0x2000       # 16 bytes
CHALLENGE = 0x2010      # 16 bytes

POWER_DOWN = 0x80       # bits of HWSTAT: the sensor has no power
HUNG = 0x84             # both: it has to be started anew
STARTED = 0x01
STATE_BITS = 0x0F
RESPONSE_KEY = bytes.fromhex("79ac91795ca1478e98e00f3c598f5f4b")


class Mode(enum.IntEnum):
    """What the device does; the value is that of its register."""

    INIT = 0x00
    AWAIT_FINGER_ON = 0x10
    AWAIT_FINGER_OFF = 0x12
    CAPTURE = 0x20
    CAPTURE_AUX = 0x30
    OFF = 0x70
    READY = 0x80


class Interrupt(enum.IntEnum):
    """What it says unasked; the value is its first two bytes."""

    SCAN_POWER_ON = 0x56AA
    FINGER_ON = 0x0101
    FINGER_OFF = 0x0200
    SCAN_WILL_FAIL = 0x0800


@dataclass(frozen=True, slots=True)
class Model:
    """One product: its name, whether it asks a riddle (law 3), whether its image stands on its head."""

    title: str
    challenges: bool = False
    upside_down: bool = False


MODELS: dict[tuple[int, int], Model] = {  # USB vendor, product
    (0x05BA, 0x000A): Model("DigitalPersona U.are.U 4000B/4500", upside_down=True),
    (0x05BA, 0x0007): Model("DigitalPersona U.are.U 4000"),
    (0x05BA, 0x0008): Model("DigitalPersona U.are.U 4000, in a keyboard"),
    (0x045E, 0x00BB): Model("Microsoft keyboard with fingerprint reader"),
    (0x045E, 0x00BC): Model("Microsoft Wireless IntelliMouse with fingerprint reader"),
    (0x045E, 0x00BD): Model("Microsoft Fingerprint Reader"),
    (0x045E, 0x00CA): Model("Microsoft Fingerprint Reader, second generation", challenges=True),
}


def interrupt(packet: bytes) -> Interrupt | None:
    """Law 2."""
    try:
        return Interrupt(int.from_bytes(packet[:2], "big")) if len(packet) >= 2 else None
    except ValueError:
        return None


def response(challenge: bytes) -> bytes:
    """Law 3: the answer to 16 bytes, 16 bytes."""
    encryptor = Cipher(AES(RESPONSE_KEY), ECB()).encryptor()  # the device's choice, not ours
    return encryptor.update(challenge) + encryptor.finalize()


def versions(info: bytes) -> str:
    """The two version numbers in the 16 bytes of DEVICE_INFO; "" if there are fewer."""
    if len(info) < 12:
        return ""
    return f"{int.from_bytes(info[10:12], 'little'):04x}-{int.from_bytes(info[4:6], 'little'):04x}"
