"""A U.are.U 4000/4500 or Microsoft Fingerprint Reader as its host sees it: registers, interrupts, images, faults.

Laws, as libfprint's driver and two recordings show the real ones:
1. The sensor has power when its state was written without bit 7; it then says 56AA, several times in a row. A reader of
   Microsoft's second generation keeps bit 7 until its challenge was answered rightly since.
2. Mode 10: it says 0101 when a finger lies there; 12: 0200 when none does; 20: it sends an image; 70: it is dark.
3. An interrupt is 64 bytes: two that mean something, and junk.
4. A key is told exclusive-or the seed that the host wrote with its number. Each image has the next number.
5. It knows no connection: ``next`` gives what an endpoint has to say at this moment.
"""

from __future__ import annotations

import random
import struct
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from typing import Any

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import ECB

from drivers.virtual.prints import synthetic_print
from drivers.virtual.uru4000_bus import FULL_SPEED, ImageQueue
from drivers.virtual.uru4000_frames import HEIGHT, LAYOUTS, WIDTH, as_sent, transfer
from drivers.virtual.usb_side import BULK, INTERRUPT, UsbIdentity, UsbSide

IRQ, IMAGE, PACKET = 0x81, 0x82, 64
HWSTAT, INDEX, KEY, MODE, INFO, RESPONSE, CHALLENGE = 0x07, 0x33, 0x34, 0x4E, 0xF0, 0x2000, 0x2010
DARK = 0x80
SCAN_POWER, FINGER_ON, FINGER_OFF, WILL_FAIL = b"\x56\xaa", b"\x01\x01", b"\x02\x00", b"\x08\x00"
SHARED_KEY = bytes.fromhex("79ac91795ca1478e98e00f3c598f5f4b")
ABOUT = bytes.fromhex("1a0a1a0a01150000002000108b211130")  # what a real 4500 says in INFO
AGAIN_S = 0.008
MAX_WAITING = 8  # interrupts
EMPTY_GLASS = bytes((245,)) * (WIDTH * HEIGHT)


@dataclass(frozen=True, slots=True)
class Model:
    """USB ids, and how it differs."""

    vendor: int
    product: int
    challenges: bool = False
    upside_down: bool = False


MODELS = {
    "4500": Model(0x05BA, 0x000A, upside_down=True),
    "4000": Model(0x05BA, 0x0007),
    "ms-1": Model(0x045E, 0x00BD),
    "ms-2": Model(0x045E, 0x00CA, challenges=True),
}


@dataclass(frozen=True, slots=True)
class Uru4000Options:
    """Which one it is. ``power_ons``: how often it says that it has power; ``image_s``: from the order of an image to
    its first byte; ``bytes_s``: the pace of its bus, 0 for at once; ``pause_s``: what it takes to say anything else.

    ``model`` and ``layout`` are keys of MODELS and LAYOUTS; ``serial`` may be empty, as many real ones' is.
    """

    model: str = "4500"
    layout: str = "usual"
    power_ons: int = 3
    image_s: float = 0.03
    bytes_s: float = FULL_SPEED
    pause_s: float = 0.003
    edges: bool = False    # else it says also of a finger that lay there before it was asked that it came
    honest: bool = True    # else its flags say scrambled, and nothing is
    seed: int = 1          # of its keys, challenges and noise
    ppi: float = 512.0
    serial: str = "VIRTUAL-1"


@dataclass(slots=True)
class Faults:
    """What goes wrong: so many times yet, images where nothing else is said; 0 is well."""

    silent: int = 0       # powers up and does not say so
    powerless: int = 0    # orders to power up that it does not keep
    hung: int = 0         # looks until it has started anew, which it wants first
    refuse: int = 0       # control requests that stall
    stale: int = 0        # bytes of an earlier image lie in its endpoint
    empty: int = 0        # it says that the scan will fail, and sends nothing
    short: int = 0        # half of it
    lines: int = 0        # 300 lines, says its header
    blocks: int = 0       # blocks that do not add up
    wrong_key: int = 0    # another key than the number says
    noise: int = 0        # 40 lines of noise
    stall: int = 0        # the endpoint stalls instead
    mute: int = 0         # nothing comes
    late: int = 0         # it comes two seconds later
    pulled: int = 0       # the cable is pulled in the midst of it


class Uru4000Device(UsbSide):
    """See VirtualDevice for the hands; ``clock`` gives monotonic seconds."""

    interface = (0xFF, 0xFF, 0xFF)
    endpoints = {IRQ: INTERRUPT, IMAGE: BULK}  # noqa: RUF012 - a constant of the class

    def __init__(
        self, options: Uru4000Options | None = None, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        mine = self.options = options or Uru4000Options()
        self.model = MODELS[mine.model]
        super().__init__(UsbIdentity(
            self.model.vendor, self.model.product, mine.serial, "borderpost", "virtual fingerprint scanner"
        ))
        self.faults = Faults()
        self._clock = clock
        self._random = random.Random(self.options.seed)
        self._glass: bytes | None = None
        self._number = -1
        self._state, self._powered = 0x01, False
        self._mode, self._proven, self._challenge = 0, False, bytes(16)
        self._index, self._seed = 0, 0
        self._interrupts: deque[tuple[float, bytes]] = deque(maxlen=MAX_WAITING)
        self._images = ImageQueue(clock, mine.bytes_s)

    # -- the host --------------------------------------------------------------------------------------------------

    def reset(self) -> None:
        """See UsbSide: nothing is under way; the sensor is dark."""
        super().reset()
        self._state, self._powered, self._mode, self._proven = 0x84 if self.faults.hung else 0x01, False, 0, False
        self._interrupts.clear()
        self._images.clear()

    @property
    def interface_body(self) -> bytes:
        """Its endpoints."""
        ends = ((IRQ, INTERRUPT, PACKET, 8), (IMAGE, BULK, 64, 0))  # address, kind, bytes of a packet, interval
        return b"".join(struct.pack("<BBBBHB", 7, 5, *end) for end in ends)

    def own_request(self, setup: bytes, data: bytes) -> bytes | None:
        """A register is read or written."""
        kind, request, register, _index, length = struct.unpack("<BBHHH", setup)
        if request != 4 or kind not in (0x40, 0xC0) or self._happens("refuse"):
            return None
        if kind == 0x40:
            self._write(register, data)
            return b""
        return self._read(register)[:length]

    def next(self, endpoint: int) -> bytes | None:
        """What it has to say there now: b"" is an empty transfer, None nothing yet (or a stall: see ``stalls``)."""
        if endpoint == IMAGE:
            return self._images.next()
        if not self._interrupts or self._interrupts[0][0] > self._clock():
            return None
        return self._interrupts.popleft()[1]

    def stalls(self) -> bool:
        """Is it time for the image endpoint to stall?"""
        return self._images.stalls()

    def unasked(self, endpoint: int) -> None:
        """The host does not ask this endpoint for anything now."""
        if endpoint == IMAGE:
            self._images.unasked()

    def due(self, endpoint: int) -> float | None:
        """When it has something to say there next."""
        if endpoint == IMAGE:
            return self._images.due
        return self._interrupts[0][0] if self._interrupts else None

    def _read(self, register: int) -> bytes:
        if register == HWSTAT:
            if self._state & 0x84 == 0x04 and not self._happens("hung"):
                self._state = 0x01
            return bytes((self._state,))
        if register == CHALLENGE:
            self._challenge = self._random.randbytes(16)
            return self._challenge
        key = self.key(self._index) ^ self._seed
        return {KEY: key.to_bytes(4, "little"), INFO: ABOUT, MODE: bytes((self._mode,))}.get(register, b"")

    def _write(self, register: int, data: bytes) -> None:
        if register == HWSTAT and data:
            self._power(data[0])
        elif register == RESPONSE:
            encryptor = Cipher(AES(SHARED_KEY), ECB()).encryptor()
            self._proven = encryptor.update(self._challenge) == data
        elif register == INDEX and len(data) == 5:
            self._index, self._seed = data[0], int.from_bytes(data[1:], "little")
        elif register == MODE and data and self._powered:
            self._set_mode(data[0])

    def _power(self, state: int) -> None:
        """Law 1."""
        if state & DARK:
            self._state, self._powered = state, False
            self._images.clear()
        elif self._state & 0x84 == 0x84:
            self._state = 0x04
        elif (self.model.challenges and not self._proven) or self._happens("powerless"):
            self._state = state | DARK
        else:
            fresh, self._state, self._powered = not self._powered, state, True
            if fresh and not self._happens("silent"):
                for count in range(self.options.power_ons):
                    self._say(SCAN_POWER, self.options.pause_s + count * AGAIN_S)

    def _set_mode(self, mode: int) -> None:
        """Law 2."""
        self._mode = mode
        if mode == 0x10:
            if self.faults.empty:
                self._say(WILL_FAIL, 0.0)
            if self.faults.stale and not self._images:
                self._images.add(0.0, transfer([bytes(WIDTH)] * HEIGHT, LAYOUTS["plain"], 0, self.key))
            if self._glass is not None and not self.options.edges:
                self._say(FINGER_ON, self.options.pause_s)
        elif mode == 0x12 and self._glass is None:
            self._say(FINGER_OFF, self.options.pause_s)
        elif mode == 0x20 and not self._happens("mute"):
            late = 2.0 if self._happens("late") else 0.0
            self._images.add(self._clock() + self.options.image_s + late, self._image())

    def _say(self, what: bytes, after_s: float) -> None:
        junk = self._random.randbytes(PACKET - 2)
        self._interrupts.append((self._clock() + after_s, what + junk))

    # -- images ----------------------------------------------------------------------------------------------------

    def key(self, number: int) -> int:
        """Its scrambling key of this number."""
        return random.Random(self.options.seed << 8 | number & 0xFF).getrandbits(32) | 1

    def _image(self) -> bytes | None:
        if self._happens("stall"):
            return None
        if self._happens("empty"):
            return b""
        self._happens("stale")
        self._number = self._number + 1 & 0xFF
        lines = as_sent(self._glass or EMPTY_GLASS, upside_down=self.model.upside_down)
        if self._happens("noise"):
            lines[100:140] = [self._random.randbytes(WIDTH) for _ in range(40)]
        other = self._happens("wrong_key")
        made = bytearray(transfer(
            lines, LAYOUTS[self.options.layout], self._number, (lambda n: self.key(n + 9)) if other else self.key,
            really=self.options.honest,
        ))
        if self._happens("lines"):
            made[4:6] = (300).to_bytes(2, "little")
        if self._happens("blocks"):
            made[17] = 255
        return bytes(made[: len(made) // 2 if self._happens("short") else len(made)])

    @property
    def tears(self) -> bool:
        """Is the cable pulled in the midst of the image that goes out now?"""
        return self._happens("pulled")

    def _happens(self, name: str) -> bool:
        left: int = getattr(self.faults, name)
        if left > 0:
            setattr(self.faults, name, left - 1)
        return left > 0

    # -- the hands -------------------------------------------------------------------------------------------------

    def finger(self, seed: int, impression: int = 0) -> None:
        """Lay a finger down."""
        self.touch(synthetic_print(seed, WIDTH, HEIGHT, self.options.ppi, impression=impression))

    def touch(self, pixels: bytes) -> None:
        """Something lies on the glass: 384 x 290 pixels, ridges dark."""
        if len(pixels) != WIDTH * HEIGHT:
            raise ValueError("not the size of the sensor")
        self._glass = pixels
        if self._mode == 0x10:
            self._say(FINGER_ON, self.options.pause_s)

    def remove(self) -> bytes:
        """Lift it."""
        lay, self._glass = self._glass, None
        if lay is not None and self._mode in (0x12, 0x20):
            self._say(FINGER_OFF, self.options.pause_s)
        return b""

    def blink(self) -> None:
        """The sensor loses its power and has it again: it waits for nothing any more."""
        self._mode, self._powered, self._state = 0, False, DARK | 0x01
        self._say(SCAN_POWER, self.options.pause_s)

    def fault(self, changes: dict[str, Any]) -> None:
        """See Faults; ``blink`` besides. Raises KeyError for a fault that it does not know."""
        known = {field.name for field in fields(Faults)}
        for name, value in changes.items():
            if name == "blink":
                self.blink()
            elif name in known:
                setattr(self.faults, name, int(value))
            else:
                raise KeyError(name)

    # -- a document reader's part ----------------------------------------------------------------------------------

    unsent = False

    def power_on(self) -> bytes:
        """Says nothing before it is asked."""
        return b""

    def receive(self, data: bytes) -> bytes:  # noqa: ARG002 - everything comes as control requests
        """Nothing."""
        return b""

    def present(self, lines: Sequence[str]) -> bytes:  # noqa: ARG002 - it reads no documents
        """Nothing."""
        return b""

    def block(self, text: str) -> bytes:  # noqa: ARG002 - nor bar codes
        """Nothing."""
        return b""
