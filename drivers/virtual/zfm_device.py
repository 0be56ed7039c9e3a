"""A fingerprint module of the EF01 family as its vendors' manuals describe it, with the faults that users report.

Laws, each from the ZFM and R503 manuals or from a recorded exchange with a real sensor:
1. A frame is ``EF 01``, address (4), PID, length (2), payload, sum (2), high byte first; the length counts payload and
   sum; the sum is that of PID, length and payload. PID 1 is a command, 7 an answer, 2 data, 8 the last data.
2. A command to another address is not heard; one with a wrong sum is answered 01; an unknown one FC.
3. GenImg takes a picture of the finger that lies there (02: none); UpImage answers 00 and sends the last picture in
   packets, four bits a pixel, the left one high. The picture stays until the next GenImg.
4. With a password set everything but VfyPwd is answered 21 until it was right once.
5. SetSysPara 4 changes the speed after its answer. A command at another speed than the module's is noise to it.
6. A module says one byte 55 when it is switched on.

Open in the manuals, and done here: a module hears nothing while a frame that began is unfinished.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np

from drivers.virtual.prints import synthetic_print

START = b"\xef\x01"
LIBRARY = 200  # templates
SIZES = {32: 0, 64: 1, 128: 2, 256: 3}


@dataclass(frozen=True, slots=True)
class ZfmOptions:
    """Which module: pixels, bits a second, bytes of data in a packet, and what it knows."""

    width: int = 256
    height: int = 288
    baud: int = 57600
    packet: int = 128
    password: int = 0
    address: int = 0xFFFFFFFF
    light: bool = True      # knows command 35
    product: bool = True    # knows command 3C
    hello: bool = True      # law 6
    serial: str = "VZ000042"


@dataclass(slots=True)
class Faults:
    """What is wrong with it now; packets of an image count from 0."""

    images: int = -1             # how many images the faults of packets hit yet; -1: all
    bad_sum: list[int] = field(default_factory=list)  # packets with a wrong sum
    noisy_above: int = 0         # bits a second above which packet 5 has a wrong sum; 0: never
    stall_after: int = -1        # packets, then nothing
    short: int = -1              # a packet that has lost data, with a right sum
    lose: int = -1               # a packet that is not sent
    pulled: int = 0              # images yet in the middle of which its cable is pulled
    bad_answers: int = 0         # answers yet with a wrong sum
    mute: int = 0                # commands yet that are not heard
    late: int = 0                # answers yet that come with the one after
    noise: str = ""              # hexadecimal, before every answer
    codes: dict[str, list[int]] = field(default_factory=dict)  # command in hexadecimal -> answers before the true one
    light_silent: bool = False   # command 35 gets no answer at all


def packed(pixels: bytes) -> bytes:
    """Law 3: the upper four bits of each pixel, two a byte."""
    high = np.frombuffer(pixels, np.uint8) >> 4
    return ((high[0::2] << 4) | high[1::2]).tobytes()


class ZfmDevice:
    """The module: what lies on its glass, its picture, its half command."""

    def __init__(self, options: ZfmOptions | None = None) -> None:
        self.options = options or ZfmOptions()
        self.faults = Faults()
        self.baud = self.options.baud
        self.heard_at = 0                   # bits a second of the line when the last bytes came; 0: not known
        self.lights: deque[bytes] = deque(maxlen=64)
        self.heard: deque[int] = deque(maxlen=256)  # commands
        self.images_sent = 0
        self._under: bytes = b""            # the finger, as a packed picture
        self._taken: bytes = b""
        self._half = b""
        self._held = b""                    # an answer that is late
        self._open = self.options.password == 0
        self._acts: dict[int, Callable[[bytes], bytes]] = {
            0x01: self._gen_image, 0x0A: self._up_image, 0x0E: self._set, 0x0F: self._parameters,
            0x13: self._password, 0x1D: lambda _: b"\0\0\0", 0x30: lambda _: b"\0", 0x35: self._light,
            0x36: lambda _: b"\0", 0x3C: self._product, 0x40: lambda _: b"\0",
        }

    # What a hand does ------------------------------------------------------------------------------------

    def finger(self, seed: int, impression: int = 0) -> None:
        """Lay finger ``seed`` down (drivers.virtual.prints)."""
        self._under = packed(synthetic_print(seed, self.options.width, self.options.height, impression=impression))

    def fault(self, changes: dict[str, Any]) -> None:
        """Change Faults; ``baud`` changes the speed behind the host's back. Raises KeyError for an unknown one."""
        known = {one.name for one in fields(Faults)}
        for name, value in changes.items():
            if name == "baud":
                self.baud = int(value)
            elif name in known:
                setattr(self.faults, name, value)
            else:
                raise KeyError(name)

    def is_pulled(self, sending: int) -> bool:
        """Is the cable pulled in the middle of what is sent now, ``sending`` bytes?"""
        if sending < self.options.packet or not self.faults.pulled:
            return False
        self.faults.pulled -= 1
        return True

    def power_on(self) -> bytes:
        """Law 6; the finger still lies there."""
        self._half, self._held, self._taken, self._open = b"", b"", b"", self.options.password == 0
        return b"\x55" if self.options.hello else b""

    def present(self, lines: Sequence[str]) -> bytes:  # noqa: ARG002 - part of the VirtualDevice protocol
        """It reads no documents."""
        return b""

    def remove(self) -> bytes:
        """Lift the finger."""
        self._under = b""
        return b""

    def block(self, text: str) -> bytes:  # noqa: ARG002 - part of the VirtualDevice protocol
        """It reads no bar codes."""
        return b""

    @property
    def unsent(self) -> bool:
        """See VirtualDevice: it sends only what it is asked for."""
        return False

    # What it does with bytes -----------------------------------------------------------------------------

    def receive(self, data: bytes) -> bytes:
        """Obey whole commands, keep half ones (laws 1, 2, 5)."""
        if self.heard_at not in (0, self.baud):
            self._half = b""
            return b""
        self._half = (self._half + data)[-4096:]
        out = b""
        while True:
            at = self._half.find(START)
            self._half = self._half[at:] if at >= 0 else self._half[-1:]
            if at < 0 or len(self._half) < 9:
                return out
            end = 9 + int.from_bytes(self._half[7:9], "big")
            if end > 9 + 258:
                self._half = self._half[2:]
                continue
            if len(self._half) < end:
                return out
            one, self._half = self._half[:end], self._half[end:]
            out += self._hear(one)

    def _hear(self, one: bytes) -> bytes:
        """Law 2."""
        if int.from_bytes(one[2:6], "big") != self.options.address or one[6] != 1 or len(one) < 12:
            return b""
        if sum(one[6:-2]) % 65536 != int.from_bytes(one[-2:], "big"):
            return self._sent(b"\x01")
        order, faults = one[9], self.faults
        self.heard.append(order)
        if faults.mute:
            faults.mute -= 1
            return b""
        planned = faults.codes.get(f"{order:02X}")
        if planned:
            return self._answered(bytes((planned.pop(0),)))
        if not self._open and order != 0x13:
            return self._answered(b"\x21")
        act = self._acts.get(order)
        answer = act(one[10:-2]) if act else b"\xfc"
        return self._answered(answer) + self._follow_up(order, answer) if answer else b""

    def _answered(self, payload: bytes) -> bytes:
        out, faults = self._sent(payload), self.faults
        if faults.late:
            faults.late -= 1
            self._held += out
            return b""
        held, self._held = self._held, b""
        return held + bytes.fromhex(faults.noise) + out

    def _sent(self, payload: bytes) -> bytes:
        out = self._frame(7, payload)
        if self.faults.bad_answers:
            self.faults.bad_answers -= 1
            return out[:-1] + bytes((out[-1] ^ 0x40,))
        return out

    def _frame(self, pid: int, payload: bytes) -> bytes:
        """Law 1."""
        body = bytes((pid, len(payload) + 2 >> 8, len(payload) + 2 & 255)) + payload
        return START + self.options.address.to_bytes(4, "big") + body + (sum(body) % 65536).to_bytes(2, "big")

    def _gen_image(self, _: bytes) -> bytes:
        if not self._under:
            return b"\x02"
        self._taken = self._under
        return b"\0"

    def _up_image(self, _: bytes) -> bytes:
        return b"\0" if self._taken else b"\x0f"

    def _set(self, arguments: bytes) -> bytes:
        """Law 5; the speed changes after the answer, which goes out at the old one."""
        if len(arguments) != 2 or arguments[0] != 4:
            return b"\x1a"
        if not 1 <= arguments[1] <= 12:
            return b"\x1b"
        self.baud = arguments[1] * 9600
        return b"\0"

    def _parameters(self, _: bytes) -> bytes:
        numbers = (0, 0, LIBRARY, 3)
        tail = (SIZES[self.options.packet], self.baud // 9600)
        return (b"\0" + b"".join(n.to_bytes(2, "big") for n in numbers) + self.options.address.to_bytes(4, "big")
                + b"".join(n.to_bytes(2, "big") for n in tail))

    def _password(self, arguments: bytes) -> bytes:
        right = int.from_bytes(arguments, "big") == self.options.password
        self._open = self._open or right
        return b"\0" if right else b"\x13"

    def _light(self, arguments: bytes) -> bytes:
        if self.faults.light_silent:
            return b""
        if not self.options.light:
            return b"\xfc"
        self.lights.append(arguments)
        return b"\0"

    def _product(self, _: bytes) -> bytes:
        if not self.options.product:
            return b"\xfc"
        numbers = (self.options.width, self.options.height, 768, LIBRARY)
        return (b"\0" + b"VIRTUAL-ZFM".ljust(16, b"\0") + b"2601" + self.options.serial.encode()[:8].ljust(8, b"\0")
                + b"\x01\x02" + b"VSENSOR\0" + b"".join(n.to_bytes(2, "big") for n in numbers))

    def _follow_up(self, order: int, answer: bytes) -> bytes:
        """Law 3: the packets after the answer to UpImage, hit by the faults."""
        if order != 0x0A or answer != b"\0":
            return b""
        self.images_sent += 1
        faults, step = self.faults, self.options.packet
        hit = faults.images != 0
        faults.images -= faults.images > 0
        parts = [self._taken[at : at + step] for at in range(0, len(self._taken), step)]
        out = []
        for number, part in enumerate(parts):
            pid = 8 if number == len(parts) - 1 else 2
            if hit and number == faults.stall_after:
                break
            if hit and number == faults.lose:
                continue
            whole = self._frame(pid, part[: step // 2] if hit and number == faults.short else part)
            noisy = number == 5 and 0 < faults.noisy_above < self.baud
            if hit and (noisy or number in faults.bad_sum):
                whole = whole[:20] + bytes((whole[20] ^ 1,)) + whole[21:]
            out.append(whole)
        return b"".join(out)
