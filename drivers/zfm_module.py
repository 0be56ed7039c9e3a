"""One EF01 module: found at whatever speed it has, its facts, its images, its light.

Laws:
1. Speeds are tried in turn, the configured one first, each twice and at most PROBE_S a time; the first answer with a
   right sum wins. Through ``socket://`` the line is the server's: there is one speed, and none is changed.
2. An image is whole or it is asked for again, from the module's own buffer, at most TRIES times. After two failures in
   a row by noise the speed goes down one step, which the module remembers and ``remark`` tells; after two by silence
   the module is looked for anew.
3. What a module may not know (product information, light) is asked once; a refusal or silence is remembered until
   the port is opened again.
4. The answer to a change of speed may come at either speed or never (manuals differ): only an answer at the new speed
   counts.
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from dataclasses import dataclass, field

from drivers.api import Clock, DeviceError
from drivers.transport import LineSettings, Through, Transport, open_port, wrapped
from drivers.zfm_codec import BAUD_UNIT, Code, Order, Parameters, Product, meaning, parameters, product
from drivers.zfm_image import MAX_BYTES, MAX_SIDE, line_seconds, packed_size, sides
from drivers.zfm_link import ANSWER_S, Fault, Link, Reply

SPEEDS = (57600, 115200, 9600, 19200, 38400)
DOWN = {115200: 57600, 57600: 38400, 38400: 19200}  # law 2; below, an image takes over 20 s
PROBE_S = 0.15
PROBE_SETTLE_S = 0.3
OPTIONAL_S = 0.3
ROUNDS = 2
TRIES = 4
BEFORE_STEP = 2          # failures in a row
BAUD_PARAMETER = 4       # of SetSysPara
PACKET = 128             # bytes of data, where the module does not say


class Light(enum.Enum):
    """AuraLedConfig (R503 manual): control, speed, colour, cycles."""

    OFF = bytes((4, 0, 1, 0))
    READY = bytes((1, 0x64, 2, 0))   # breathing blue
    BUSY = bytes((3, 0, 3, 0))       # steady purple


@dataclass(frozen=True, slots=True)
class Address:
    """Where the module is and how it is spoken to; see drivers.zfm.ZfmSettings."""

    port: str
    baud: int
    address: int
    password: int
    sides: tuple[int, int] | None
    light: bool
    through: Through


@dataclass(frozen=True, slots=True)
class Image:
    """Packed pixels (drivers.zfm_image) and their width and height."""

    data: bytes = field(repr=False)
    width: int
    height: int


class Module:
    """See the laws. Raises DeviceError; ``given_up`` is looked at during every wait."""

    def __init__(self, where: Address, clock: Clock, given_up: Callable[[], bool]) -> None:
        self._where = where
        self._clock = clock
        self._given_up = given_up
        self._link: Link | None = None
        self._light: Light | None = None
        self._has_light = where.light
        self.baud = where.baud
        self.parameters: Parameters | None = None
        self.product: Product | None = None
        self.lost_images = 0
        self.stepped_from = 0  # bits a second, 0: never

    @property
    def fixed_speed(self) -> bool:
        """Law 1."""
        return self._where.port.startswith("socket://")

    @property
    def remark(self) -> str:
        """The speed, and what a technician should know of it."""
        parts = [f"{self.baud} baud"] if not self.fixed_speed else []
        if self.stepped_from:
            parts.append(f"slowed down from {self.stepped_from} after damaged images: check the cable")
        if self.lost_images:
            parts.append(f"{self.lost_images} images came damaged")
        if self._where.light and not self._has_light:
            parts.append("no light command")
        return "; ".join(parts)

    def open(self) -> None:
        """Find the module and ask what it is. Raises DeviceError; the port is closed then."""
        self._has_light, self._light = self._where.light, None
        try:
            self._connect(self._where.baud)
            if not self.link.settle() and not self._given_up():
                raise DeviceError(
                    f"{self._where.port}: the line does not fall silent",
                    advice="check the cable and its shield, and that a fingerprint module of the ZFM family is there",
                )
            self.find()
            answer = self.link.ask(Order.READ_PARAMETERS)
            self.parameters = parameters(answer.payload) if answer.ok else None
            answer = self.link.ask(Order.READ_PRODUCT, wait_s=OPTIONAL_S)
            self.product = product(answer.payload) if answer.ok else None
            if not answer.ok:
                self.link.unsettle()
        except BaseException:
            self.close()
            raise

    @property
    def link(self) -> Link:
        """The open port."""
        if self._link is None:
            raise DeviceError(f"{self._where.port}: not open", advice="open the scanner again")
        return self._link

    def find(self) -> None:
        """Law 1. Raises DeviceError when nobody answers, or the password is wrong."""
        others = () if self.fixed_speed else tuple(speed for speed in SPEEDS if speed != self.baud)
        speeds = (self.baud, *others)
        for speed in speeds * ROUNDS:
            if self._given_up():
                return
            answer = self._probe(speed)
            if answer.fault is None:
                self._check_password(answer)
                return
        raise DeviceError(
            f"{self._where.port}: no fingerprint module answers"
            + ("" if self.fixed_speed else f" at {', '.join(map(str, sorted(speeds)))} baud"),
            advice="check its power and that receive and transmit are crossed; then its address in the settings",
        )

    def ask(self, order: int, wait_s: float = ANSWER_S) -> Reply:
        """One order without arguments."""
        return self.link.ask(order, wait_s=wait_s)

    def light(self, light: Light, wait_s: float = OPTIONAL_S) -> None:
        """Show it, if the module can (law 3)."""
        if not self._has_light or light is self._light:
            return
        answer = self.link.ask(Order.LIGHT, light.value, wait_s)
        self._light = light
        if answer.ok or answer.fault is Fault.CANCELLED:
            return
        self._has_light = False
        self.link.unsettle()

    def image(self) -> Image | Reply:
        """Law 2. The image that GenImg left, or the refusal or fault that ended it. At most TRIES transfers long."""
        failed, by = 0, Reply()
        for _ in range(TRIES):
            if failed == BEFORE_STEP:
                failed = 0
                self._try_otherwise(by.fault)
            got = self._upload()
            if isinstance(got, Image) or got.fault in (None, Fault.CANCELLED):
                return got
            failed, by = failed + 1, got
            self.lost_images += 1
        return by

    def wake(self) -> None:
        """End a wait; from any thread."""
        link = self._link
        if link is not None:
            link.transport.wake()

    def close(self) -> None:
        """Let the port go. Never raises."""
        link, self._link = self._link, None
        if link is not None:
            link.transport.close()

    @property
    def image_seconds(self) -> float:
        """How long an image takes on this line at the least."""
        stated = self._stated()
        packet = self.parameters.packet if self.parameters else PACKET
        return line_seconds(packed_size(*stated) if stated else MAX_BYTES, packet, self.baud)

    def _upload(self) -> Image | Reply:
        stated = self._stated()
        answer = self.link.ask(Order.UP_IMAGE)
        if not answer.ok:
            return answer
        got = self.link.data(packed_size(*stated) if stated else MAX_BYTES, 1.5 * self.image_seconds + 1)
        if isinstance(got, Fault):
            return Reply(got)
        shape = sides(len(got), stated)
        if shape is None:
            return Reply(Fault.LENGTH)
        return Image(got, *shape)

    def _stated(self) -> tuple[int, int] | None:
        if self._where.sides:
            return self._where.sides
        said = self.product
        if said and 0 < said.width <= MAX_SIDE and 0 < said.height <= MAX_SIDE and said.width % 2 == 0:
            return said.width, said.height
        return None

    def _try_otherwise(self, fault: Fault | None) -> None:
        """Law 2."""
        slower = DOWN.get(self.baud)
        if fault is Fault.TIMEOUT:
            self.find()
        elif slower and not self.fixed_speed:
            before = self.baud
            if self.change_speed(slower):
                self.stepped_from = self.stepped_from or before

    def change_speed(self, to: int) -> bool:
        """Law 4. True when the module answers at ``to`` bits a second."""
        before = self.baud
        answer = self.link.ask(Order.SET_PARAMETER, bytes((BAUD_PARAMETER, to // BAUD_UNIT)))
        if answer.fault is None and not answer.ok:
            return False
        for speed in (to, before, to):
            if self._probe(speed).fault is None:
                break
        else:
            self.find()
        return self.baud == to

    def _probe(self, speed: int) -> Reply:
        if self._link is None or speed != self.baud:
            self._connect(speed)
        link = self.link
        link.settle_s, before = PROBE_SETTLE_S, link.settle_s
        try:
            return link.ask(Order.VERIFY_PASSWORD, self._where.password.to_bytes(4, "big"), PROBE_S)
        finally:
            link.settle_s = before

    def _connect(self, speed: int) -> None:
        self.close()
        self.baud = speed
        transport: Transport = wrapped(open_port(self._where.port, LineSettings(speed)), self._where.through)
        self._link = Link(transport, self._clock, self._given_up, self._where.address)

    def _check_password(self, answer: Reply) -> None:
        if answer.code == Code.WRONG_PASSWORD:
            raise DeviceError(
                f"{self._where.port}: the fingerprint module refuses the password",
                advice="set the password of this module in the scanner's settings",
            )
        if not answer.ok:
            raise DeviceError(
                f"{self._where.port}: the fingerprint module refuses to work ({meaning(answer.code)})",
                advice="switch it off and on; if it stays so, the module is broken",
            )
