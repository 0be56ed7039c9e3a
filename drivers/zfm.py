"""Serial fingerprint modules of the EF01 family (ZhianTec ZFM, FPM10A, R30x, AS608, GROW R50x) as a scanner.

Four bits a pixel and seconds a picture: for 1:1 verification and as a fallback (docs/fingerprint-scanners.md).

Laws:
1. The states are a table (STEPS); what stands not in it changes nothing.
2. The module is asked whether a finger lies there (GenImg) every ``poll_s``; a picture is taken by the asking, so it is
   never older than that. Table ANSWERS says what each answer means.
3. A finger that was captured is not captured again until it was lifted: it is told to go (REMOVE_FINGER).
4. A wait for a finger looks at its deadline and at ``cancel`` every quarter of a second at the latest; a transfer looks
   at ``cancel`` and has a limit of its own, four transfers long.
5. FAULTS answers in a row that are none, and the module is looked for anew at every speed; if nobody is there, that is
   a DeviceError. LOST images in a row that could not be had whole are one as well.
"""

from __future__ import annotations

import contextlib
import enum
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Literal

import msgspec

from drivers.api import BadSetting, Clock, DeviceError, DriverMisuse, Tier
from drivers.fingers import FingerCapture, Retry, RetryReason, ScanEvent, ScannerState, ScannerStatus
from drivers.settings import read_settings
from drivers.transport import Through, directly, present
from drivers.zfm_codec import BROADCAST, Code, Order, meaning
from drivers.zfm_image import DEPTH, MAX_SIDE, unpacked
from drivers.zfm_link import Fault, Reply
from drivers.zfm_module import Address, Image, Light, Module

FAULTS = 3
LOST = 3
REMOVE_S = 1.0    # so long ``capture`` waits for a finger that was captured already to be lifted
LOOK_S = 0.3      # for one GenImg
CLOSING_S = 0.15  # for the light to go off, and before it for silence
FOREVER = float("inf")

NO_FINGER, TAKEN, AGAIN = "no finger", "taken", "again"
ANSWERS: dict[int, str | RetryReason] = {
    Code.OK: TAKEN,
    Code.NO_FINGER: NO_FINGER,
    Code.NOT_RECEIVED: AGAIN,
    Code.PASSWORD_NEEDED: AGAIN,  # it was switched off and on
    Code.NOT_CAPTURED: RetryReason.TRY_AGAIN,
    Code.TOO_MESSY: RetryReason.PRESS_HARDER,
    Code.TOO_FEW_POINTS: RetryReason.PRESS_HARDER,
    Code.NO_IMAGE: RetryReason.PRESS_HARDER,
}


class Sign(enum.Enum):
    """What moves the states."""

    OPENED = enum.auto()
    AWAKE = enum.auto()
    WANTED = enum.auto()
    FINGER_ON = enum.auto()
    SCANNED = enum.auto()
    LIFTED = enum.auto()
    TIME_OVER = enum.auto()


S = ScannerState
STEPS: dict[tuple[ScannerState, Sign], ScannerState] = {  # law 1
    (S.CLOSED, Sign.OPENED): S.ACTIVATING,
    (S.ACTIVATING, Sign.AWAKE): S.IDLE,
    (S.IDLE, Sign.WANTED): S.AWAIT_FINGER_ON,
    (S.AWAIT_FINGER_ON, Sign.TIME_OVER): S.IDLE,
    (S.AWAIT_FINGER_ON, Sign.FINGER_ON): S.CAPTURE,
    (S.CAPTURE, Sign.TIME_OVER): S.IDLE,
    (S.CAPTURE, Sign.SCANNED): S.AWAIT_FINGER_OFF,  # whether its image came whole or not
    (S.AWAIT_FINGER_OFF, Sign.LIFTED): S.IDLE,
}


class ZfmSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """``port`` as for readers. ``baud``: the speed that is tried first. ``set_baud``: the speed that the module is
    switched to and keeps (0: as it is). ``width``, ``height`` in pixels, 0 to ask the module."""

    port: Annotated[str, msgspec.Meta(min_length=1)]
    baud: Literal[9600, 19200, 38400, 57600, 115200] = 57600
    set_baud: Literal[0, 38400, 57600, 115200] = 0
    address: Annotated[int, msgspec.Meta(ge=0, le=0xFFFFFFFF)] = BROADCAST
    password: Annotated[int, msgspec.Meta(ge=0, le=0xFFFFFFFF)] = 0
    width: Annotated[int, msgspec.Meta(ge=0, le=MAX_SIDE, multiple_of=2)] = 0
    height: Annotated[int, msgspec.Meta(ge=0, le=MAX_SIDE)] = 0
    ppi: Annotated[float, msgspec.Meta(ge=100, le=2000)] = 500.0
    led: bool = True
    poll_s: Annotated[float, msgspec.Meta(ge=0.02, le=1)] = 0.1

    def where(self, through: Through) -> Address:
        """The part that the module needs."""
        stated = (self.width, self.height) if self.width and self.height else None
        return Address(self.port, self.baud, self.address, self.password, stated, self.led, through)


@dataclass(slots=True)
class Counters:
    """Since the scanner was made."""

    captures: int = 0
    retries: int = 0
    faults: int = 0
    last_capture_at: float | None = None


class ZfmScanner:
    """A FingerprintScanner over one module."""

    def __init__(self, name: str, settings: ZfmSettings, clock: Clock, tier: Tier, through: Through) -> None:
        self._name, self._settings, self._clock, self._tier = name, settings, clock, tier
        self._module = Module(settings.where(through), clock, self._given_up)
        self._state = S.CLOSED
        self._counters = Counters()
        self._cancelled = threading.Event()
        self._until = FOREVER
        self._strange = 0       # answers in a row that were none
        self._lost = 0          # images in a row

    @property
    def name(self) -> str:
        """See FingerprintScanner."""
        return self._name

    @property
    def state(self) -> ScannerState:
        """See FingerprintScanner."""
        return self._state

    def open(self) -> None:
        """See FingerprintScanner. Takes up to 8 s while an old transfer still comes, else under 3 s."""
        self.close()
        self._allow(FOREVER)
        self._strange = self._lost = 0
        self._step(Sign.OPENED)
        try:
            self._module.open()
            if self._settings.set_baud and not self._module.fixed_speed:
                self._speed_up(self._settings.set_baud)
        except BaseException:
            self._module.close()
            self._state = S.CLOSED
            self._counters.faults += 1
            raise
        self._step(Sign.AWAKE)

    def capture(self, timeout_s: float) -> ScanEvent:
        """See FingerprintScanner. A transfer that has begun is not ended by ``timeout_s``."""
        with self._working(self._clock() + timeout_s):
            if self._state is S.AWAIT_FINGER_OFF and not (lifted := self._lifted(self._clock() + REMOVE_S)):  # law 3
                return None if lifted is None else self._retry(RetryReason.REMOVE_FINGER)
            self._step(Sign.WANTED)
            self._module.light(Light.READY)
            seen = self._awaited()
            if seen == TAKEN:
                return self._fetched()
            return self._retry(seen) if isinstance(seen, RetryReason) else None

    def await_off(self, timeout_s: float) -> bool:
        """See FingerprintScanner. It looks once, however short the time."""
        with self._working(self._clock() + max(timeout_s, LOOK_S)):
            return bool(self._lifted(FOREVER))

    def cancel(self) -> None:
        """See FingerprintScanner."""
        self._cancelled.set()
        self._module.wake()

    def present(self) -> bool | None:
        """See FingerprintScanner."""
        return present(self._settings.port)

    def status(self) -> ScannerStatus:
        """See FingerprintScanner."""
        module, counters = self._module, self._counters
        product = module.product
        return ScannerStatus(
            name=self._name, driver="zfm", tier=self._tier, port=self._settings.port, state=self._state,
            captures=counters.captures, retries=counters.retries, faults=counters.faults,
            last_capture_at=counters.last_capture_at, firmware=product.hardware if product else "",
            serial=product.serial if product else "", product=product.model if product else "",
            remark=module.remark,
        )

    def close(self) -> None:
        """See FingerprintScanner."""
        if self._state is not S.CLOSED:
            self._allow(self._clock() + CLOSING_S)  # a transfer that was given up still comes, for seconds
            with contextlib.suppress(DeviceError):
                self._module.light(Light.OFF, CLOSING_S)
        self._module.close()
        self._state = S.CLOSED

    @contextlib.contextmanager
    def _working(self, until: float) -> Iterator[None]:
        if self._state is S.CLOSED:
            raise DriverMisuse(f"scanner {self._name!r} is not open", advice="call open() first")
        self._allow(until)
        try:
            yield
        except DeviceError:
            self._counters.faults += 1
            raise
        finally:
            self._step(Sign.TIME_OVER)

    def _step(self, sign: Sign) -> None:
        """Law 1."""
        self._state = STEPS.get((self._state, sign), self._state)

    def _retry(self, reason: RetryReason) -> Retry:
        self._counters.retries += 1
        return Retry(reason)

    def _allow(self, until: float) -> None:
        self._cancelled.clear()
        self._until = until

    def _given_up(self) -> bool:
        return self._cancelled.is_set() or self._clock() >= self._until

    def _awaited(self) -> str | RetryReason:
        """TAKEN, what the person should do, or NO_FINGER when the time is over."""
        while not self._given_up():
            seen = self._look()
            if seen == TAKEN or isinstance(seen, RetryReason):
                return seen
            self._module.link.pause(self._settings.poll_s)
        return NO_FINGER

    def _lifted(self, told_at: float) -> bool | None:
        """True: no finger lies there. False: it still does at ``told_at``. None: not known when the time was over."""
        while not self._given_up():
            seen = self._look()
            if seen == NO_FINGER:
                self._step(Sign.LIFTED)
                return True
            if seen != AGAIN and self._clock() >= told_at:
                return False
            self._module.link.pause(self._settings.poll_s)
        return None

    def _look(self) -> str | RetryReason:
        """Have a picture taken; what that says. AGAIN where it says nothing (law 5)."""
        answer = self._module.ask(Order.GEN_IMAGE)
        seen = ANSWERS.get(answer.code, AGAIN)
        if seen != AGAIN:
            self._strange = 0
        elif answer.fault is not Fault.CANCELLED:
            self._strange += 1
            self._judge(answer)
        return seen

    def _judge(self, answer: Reply) -> None:
        """Law 5."""
        if answer.code == Code.PASSWORD_NEEDED or self._strange == FAULTS:
            self._module.find()
        if self._strange > 2 * FAULTS or answer.code == Code.SENSOR_FAULT:
            raise DeviceError(
                f"{self._settings.port}: {answer.fault or 'the fingerprint module reports ' + meaning(answer.code)}",
                advice="switch the fingerprint module off and on, check its cable",
            )

    def _fetched(self) -> ScanEvent:
        """The picture that was taken (laws 4 and 5)."""
        self._step(Sign.FINGER_ON)
        self._until = FOREVER
        self._module.light(Light.BUSY)
        got = self._module.image()
        if isinstance(got, Reply) and got.fault is Fault.CANCELLED:
            return None
        self._step(Sign.SCANNED)
        if isinstance(got, Image):
            self._lost = 0
            return self._captured(got)
        self._lost += 1
        if self._lost < LOST:
            return self._retry(RetryReason.TRY_AGAIN)
        self._lost = 0
        raise DeviceError(
            f"{self._settings.port}: no image arrives whole: {got.fault or meaning(got.code)}",
            advice="check the cable, shorten it, or set a lower baud in the scanner's settings",
        )

    def _captured(self, image: Image) -> FingerCapture:
        at = self._clock()
        self._counters.captures += 1
        self._counters.last_capture_at = at
        return FingerCapture(
            self._name, image.width, image.height, self._settings.ppi, unpacked(image.data), at, depth=DEPTH,
        )

    def _speed_up(self, to: int) -> None:
        if self._module.baud != to:
            self._module.change_speed(to)


def build(
    device_name: str, settings: Mapping[str, object], clock: Clock, tier: Tier, through: Through = directly,
) -> ZfmScanner:
    """A scanner, not yet open. Raises BadSetting."""
    chosen = read_settings(ZfmSettings, settings, device_name, what="scanner")
    if bool(chosen.width) != bool(chosen.height):
        raise BadSetting(
            f"scanner {device_name!r}: width and height go together", key="width" if not chosen.width else "height",
            advice="give both in pixels, or neither",
        )
    return ZfmScanner(device_name, chosen, clock, tier, through)
