"""DigitalPersona U.are.U 4000/4500 and Microsoft Fingerprint Reader, USB: the driver.

Laws:
1. The states are a table (STEPS); what stands not in it changes nothing. A mode is written before its state counts.
   The state is CAPTURE from the finger's coming until its image came or none is to be had, and at no other time.
2. An image that is flawed is asked for again, ``IMAGE_TRIES`` times while the finger lies there; then the person is
   told to try again. After ``MAX_FLAWED`` flawed ones with no good one between since it was opened, it is the device
   that is at fault; one that is owed (law 3) counts as all tries of a finger.
3. An image that does not come in time is still owed, and would be taken for the next person's: the sensor is put out
   and woken anew before any other is asked for. So it is after every error.
4. The sensor says "power on" several times when it wakes. If it says so ``SETTLED_S`` later it has lost its power
   since, and is woken anew; and so it is when it says that it has none, which it is asked each ``look_s`` of silence.
5. A wait for a finger that ended leaves the device waiting: its light stays on until ``close``. Fingers that came and
   went unasked are forgotten, but not one that came between two waits of which the second goes on with the first. So
   is what was said of a finger while its image was taken: it may have left, and come back.
"""

from __future__ import annotations

import contextlib
import secrets
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated

import msgspec

from drivers.api import Clock, DeviceError, DriverMisuse, Tier
from drivers.fingers import FingerCapture, Retry, RetryReason, ScanEvent, ScannerState, ScannerStatus
from drivers.settings import read_settings
from drivers.transport import present
from drivers.transport.usb_pump import Packet
from drivers.transport.usb_scanner import UsbScannerPort
from drivers.uru4000_image import HEIGHT, PPI, WIDTH, Flaw
from drivers.uru4000_power import Timing, dark, wake_up
from drivers.uru4000_scan import OWED, ScannerLink, take_image
from drivers.uru4000_states import AGAIN, SIGNS, STEPS, S, Sign
from drivers.uru4000_wire import INTERRUPT_BYTES, MODE, MODELS, REQUEST, VENDOR_CLASS, Interrupt, Mode, Model, interrupt

SLICE_S = 0.5      # how late ``cancel`` is noticed at most, should the waking of the port be missed
REMOVE_S = 1.0     # so long ``capture`` waits for a finger that was captured already to be lifted
SETTLED_S = 0.25   # recordings have the last of three 20 ms after the first
GOES_ON_S = 0.05   # from the end of a wait to the next that goes on with it
IMAGE_TRIES, MAX_FLAWED = 3, 9


@dataclass(slots=True)
class Counters:
    """Since the scanner was made; ``flawed`` images since the last good one, or since it was opened."""

    captures: int = 0
    retries: int = 0
    faults: int = 0
    flawed: int = 0
    last_at: float | None = None


class Uru4000:
    """See FingerprintScanner."""

    def __init__(
        self, *, name: str, driver: str, tier: Tier, port: str, clock: Clock, connect: Callable[[], ScannerLink],
        seed: Callable[[], int], ppi: float = PPI, timing: Timing | None = None,
    ) -> None:
        """``connect`` opens the port, ``seed`` gives 32 random bits for each scrambling key, ``clock`` seconds."""
        self._name, self._driver, self._tier, self._port_name = name, driver, tier, port
        self._clock, self._connect, self._seed = clock, connect, seed
        self._ppi, self._timing = ppi, timing or Timing()
        self._port: ScannerLink | None = None
        self._model = Model("")
        self._state = S.CLOSED
        self._awake = False  # since it was opened
        self._woken_at = self._looked_at = self._waited_at = 0.0
        self._cancelled = threading.Event()
        self._counters = Counters()
        self._firmware = self._serial = self._remark = ""

    @property
    def name(self) -> str:
        """See FingerprintScanner."""
        return self._name

    @property
    def state(self) -> ScannerState:
        """See FingerprintScanner."""
        return self._state

    def open(self) -> None:
        """See FingerprintScanner."""
        self.close()
        self._counters.flawed = 0
        with self._counting():
            port = self._port = self._connect()
            try:
                model = MODELS.get(port.ids)
                if model is None:
                    raise DeviceError(
                        f"{self._port_name}: {port.ids[0]:04x}:{port.ids[1]:04x} is no scanner that this driver knows",
                        advice="choose another driver for it; see what is there with: borderpost devices",
                    )
                self._model, self._serial = model, port.serial()
                self._step(Sign.OPENED)
                self._wake(port, stopped=lambda: False)
            except BaseException:
                self.close()
                raise

    def capture(self, timeout_s: float) -> ScanEvent:
        """See FingerprintScanner."""
        port = self._opened()
        self._cancelled.clear()
        until = self._clock() + timeout_s
        with self._counting():
            if self._state is S.ACTIVATING and not self._wake(port):
                return None
            if not self._lifted(port, min(until, self._clock() + REMOVE_S)):
                return None if self._cancelled.is_set() else self._retry(RetryReason.REMOVE_FINGER)
            if self._state is S.IDLE:
                if self._clock() > self._waited_at + GOES_ON_S:  # law 5
                    self._forget(port)
                self._step(Sign.WANTED)
            if not self._await(port, Sign.FINGER_ON, until):
                self._step(Sign.TIME_OVER)
                self._waited_at = self._clock()
                return None
            return self._scan(port)

    def await_off(self, timeout_s: float) -> bool:
        """See FingerprintScanner."""
        port = self._opened()
        self._cancelled.clear()
        with self._counting():
            return self._lifted(port, self._clock() + timeout_s)

    def cancel(self) -> None:
        """See FingerprintScanner."""
        self._cancelled.set()
        port = self._port
        if port is not None:
            port.wake()

    def present(self) -> bool | None:
        """See FingerprintScanner."""
        return present(self._port_name)

    def status(self) -> ScannerStatus:
        """See FingerprintScanner."""
        counters = self._counters
        return ScannerStatus(
            name=self._name, driver=self._driver, tier=self._tier, port=self._port_name, state=self._state,
            captures=counters.captures, retries=counters.retries, faults=counters.faults,
            last_capture_at=counters.last_at, firmware=self._firmware, serial=self._serial,
            product=self._model.title, remark=self._remark,
        )

    def close(self) -> None:
        """See FingerprintScanner."""
        port, self._port = self._port, None
        awake, self._awake, self._state = self._awake, False, S.CLOSED
        if port is not None:
            if awake:
                with contextlib.suppress(DeviceError):
                    port.write_register(MODE, bytes((Mode.OFF,)))
            port.close()

    def _opened(self) -> ScannerLink:
        if self._port is None:
            raise DriverMisuse(f"scanner {self._name!r} is not open", advice="call open() first")
        return self._port

    @contextlib.contextmanager
    def _counting(self) -> Iterator[None]:
        try:
            yield
        except BaseException as problem:
            self._step(Sign.ASLEEP)  # law 3
            self._counters.faults += isinstance(problem, DeviceError)
            raise

    def _step(self, sign: Sign) -> bool:
        """Law 1; True if it changed anything."""
        found = STEPS.get((self._state, sign))
        if found is None:
            return False
        state, mode = found
        if mode is not None and self._port is not None:
            self._port.write_register(MODE, bytes((mode,)))
        self._state = state
        return True

    def _wake(self, port: ScannerLink, stopped: Callable[[], bool] | None = None) -> bool:
        """False upon ``cancel``."""
        given_up = stopped or self._cancelled.is_set
        firmware = wake_up(self._port_name, port, self._model, self._clock, self._timing, given_up)
        if firmware is None:
            return False
        self._firmware, self._awake = firmware, True
        self._woken_at = self._looked_at = self._clock()
        return self._step(Sign.AWAKE)

    def _lifted(self, port: ScannerLink, until: float) -> bool:
        """Is no captured finger there any more, by then?"""
        return self._state is not S.AWAIT_FINGER_OFF or self._await(port, Sign.FINGER_OFF, until)

    def _await(self, port: ScannerLink, sign: Sign, until: float) -> bool:
        """Wait for a sign; False when the time is over, or upon ``cancel``."""
        while not self._cancelled.is_set():
            left = until - self._clock()
            packet = port.interrupt(max(0.0, min(left, SLICE_S)))
            if packet is not None:
                if self._heard(port, packet, sign):
                    return True
            elif left <= 0:
                break
            elif self._is_dark(port):
                self._step(AGAIN[sign])
        return False

    def _heard(self, port: ScannerLink, packet: Packet, wanted: Sign) -> bool:
        if self._lost_power(port, packet):
            self._step(AGAIN[wanted])
            return False
        sign = SIGNS.get(interrupt(packet.data))
        return sign is not None and self._step(sign) and sign is wanted

    def _lost_power(self, port: ScannerLink, packet: Packet) -> bool:
        """Law 4: does it say so? Then it was woken anew, and waits for nothing."""
        if interrupt(packet.data) is not Interrupt.SCAN_POWER_ON or packet.at <= self._woken_at + SETTLED_S:
            return False
        self._wake_anew(port)
        return True

    def _is_dark(self, port: ScannerLink) -> bool:
        """Law 4: the same, for one that is asked."""
        if self._clock() - self._looked_at < self._timing.look_s:
            return False
        self._looked_at = self._clock()
        if not dark(port):
            return False
        self._wake_anew(port)
        return True

    def _wake_anew(self, port: ScannerLink) -> None:
        self._remark = "the sensor lost its power while it was at work"
        self._step(Sign.ASLEEP)
        self._wake(port)

    def _scan(self, port: ScannerLink) -> ScanEvent:
        """Law 2."""
        lifted = False
        for _ in range(IMAGE_TRIES):
            found, at = take_image(port, self._model, self._seed, self._timing)
            if not isinstance(found, Flaw):
                self._counters.captures += 1
                self._counters.flawed, self._counters.last_at = 0, at
                self._scanned(port)
                return FingerCapture(self._name, WIDTH, HEIGHT, self._ppi, found, at)
            self._judge(found)
            if found in OWED:  # law 3
                self._step(Sign.ASLEEP)
                return self._retry(RetryReason.TRY_AGAIN) if self._wake(port) else None
            while not lifted and (packet := port.interrupt(0)) is not None:
                lifted = interrupt(packet.data) is Interrupt.FINGER_OFF
            if lifted or self._cancelled.is_set():
                break
        self._scanned(port)
        if lifted:
            self._step(Sign.FINGER_OFF)
        elif self._cancelled.is_set():
            return None
        return self._retry(RetryReason.TOO_FAST if lifted else RetryReason.TRY_AGAIN)

    def _judge(self, flaw: Flaw) -> None:
        """Law 2: one image is lost."""
        self._remark = f"image lost: {flaw}"
        self._counters.flawed += IMAGE_TRIES if flaw in OWED else 1
        if self._counters.flawed >= MAX_FLAWED:
            raise DeviceError(
                f"{self._port_name}: no image arrives whole: {flaw}",
                advice="it is opened anew; if this stays, try another cable and port",
            )

    def _scanned(self, port: ScannerLink) -> None:
        """What it said while the image came says nothing of now; told to, it says anew whether the finger is gone."""
        self._forget(port)
        self._step(Sign.SCANNED)

    def _forget(self, port: ScannerLink) -> None:
        while (packet := port.interrupt(0)) is not None:
            self._lost_power(port, packet)

    def _retry(self, reason: RetryReason) -> Retry:
        self._counters.retries += 1
        return Retry(reason)


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """``port``: ``usb:05ba:000a[:SERIAL][@PLACE]`` or ``usbip://HOST:PORT/BUSID``; ``ppi``: pixels per inch."""

    port: Annotated[str, msgspec.Meta(min_length=1)]
    ppi: Annotated[float, msgspec.Meta(ge=100, le=2000)] = PPI


def link(port: str, clock: Clock, **more: object) -> UsbScannerPort:
    """The port as this driver needs it; ``more`` as UsbScannerPort has it. Raises DeviceError, BadSetting."""
    given: Mapping[str, object] = {
        "interface": VENDOR_CLASS, "request": REQUEST, "packet": INTERRUPT_BYTES, "clock": clock, **more
    }
    return UsbScannerPort(port, **given)  # type: ignore[arg-type]


def build(device_name: str, settings: Mapping[str, object], clock: Clock, tier: Tier) -> Uru4000:
    """The scanner, not yet open. Raises BadSetting."""
    chosen = read_settings(Settings, settings, device_name, what="scanner")
    return Uru4000(
        name=device_name, driver="uru4000", tier=tier, port=chosen.port, clock=clock,
        connect=lambda: link(chosen.port, clock), seed=lambda: secrets.randbits(32), ppi=chosen.ppi,
    )
