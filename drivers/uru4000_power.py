"""Waking a U.are.U 4000/4500: its power-up sequence over any port that reads and writes registers.

Laws, of libfprint's driver ``uru4000`` and both recordings:
1. A sensor that hangs is started anew first; then it is powered down if it is not, and up again by writing the state
   without its power bit until the device keeps it, a challenge answered in between where the model asks for one.
2. It is awake when the interrupt "scan power on" came, within ``power_s``; else all is done again, ``tries`` times.
3. All of it ends within ``activate_s``, whatever the device does, and soon when nobody wants it any more.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from drivers.api import Clock, DeviceStuck
from drivers.transport.usb_pump import Packet
from drivers.uru4000_wire import (
    CHALLENGE,
    DEVICE_INFO,
    HUNG,
    HWSTAT,
    POWER_DOWN,
    RESPONSE,
    STARTED,
    STATE_BITS,
    Interrupt,
    Model,
    interrupt,
    response,
    versions,
)

ADVICE = "unplug the scanner, wait five seconds, plug it in again; if that does not help, try another cable and port"


@dataclass(frozen=True, slots=True)
class Timing:
    """All its waits, in seconds; ``polls`` and ``tries`` are counts.

    ``quiet_s``: so long the image endpoint has been silent before an image is ordered; an image left over takes 0.1 s
    of a full-speed bus. ``image_s``: for an image that was ordered. ``look_s``: so often it is looked whether the
    sensor still has power while it waits in silence.
    """

    poll_s: float = 0.01
    polls: int = 100
    power_s: float = 0.3
    tries: int = 3
    activate_s: float = 5.0
    quiet_s: float = 0.2
    image_s: float = 1.0
    look_s: float = 1.0


class Registers(Protocol):
    """What is needed of a port. Everything raises DeviceError."""

    def read_register(self, register: int, length: int) -> bytes:
        """Up to ``length`` bytes of it."""

    def write_register(self, register: int, data: bytes) -> None:
        """Write it."""

    def interrupt(self, wait_s: float) -> Packet | None:
        """The next interrupt within ``wait_s`` seconds."""

    def rest(self, seconds: float) -> None:
        """Wait."""


@dataclass(frozen=True, slots=True)
class Waking:
    """One waking: of which model, through which port, until when."""

    name: str
    port: Registers
    model: Model
    clock: Clock
    timing: Timing
    deadline: float
    stopped: Callable[[], bool]

    def run(self) -> str | None:
        """The device's version numbers; None upon ``stopped``. Raises DeviceError."""
        for _ in range(self.timing.tries):
            began = self.clock()
            if self._power_up() and self._says_so(began):
                return versions(self.port.read_register(DEVICE_INFO, 16))
            if self.stopped():
                return None
        raise self._stuck()

    def _power_up(self) -> bool:
        """Law 1; True if the device kept what it was told."""
        state = self._state()
        if state & HUNG == HUNG:
            state = self._start_anew(state)
        if not state & POWER_DOWN:
            self._write(state | POWER_DOWN)
        for _ in range(self.timing.polls):
            self._write(state & STATE_BITS)
            state = self._state()
            if not state & POWER_DOWN:
                return True
            if self.stopped():
                return False
            self.port.rest(self.timing.poll_s)
            if self.model.challenges:
                self.port.write_register(RESPONSE, response(self.port.read_register(CHALLENGE, 16).ljust(16, b"\0")))
        return False

    def _start_anew(self, state: int) -> int:
        self._write(state & STATE_BITS)
        for _ in range(self.timing.polls):
            state = self._state()
            if state & STARTED or self.stopped():
                break
            self.port.rest(self.timing.poll_s)
        return state

    def _says_so(self, began: float) -> bool:
        """Law 2; what it said before ``began`` was said of an earlier time."""
        until = min(self.deadline, self.clock() + self.timing.power_s)
        while (left := until - self.clock()) > 0 and not self.stopped():
            packet = self.port.interrupt(left)
            if packet is not None and packet.at >= began and interrupt(packet.data) is Interrupt.SCAN_POWER_ON:
                return True
        return False

    def _state(self) -> int:
        if self.clock() > self.deadline:  # law 3
            raise self._stuck()
        return (self.port.read_register(HWSTAT, 1) or bytes((POWER_DOWN,)))[0]

    def _write(self, state: int) -> None:
        self.port.write_register(HWSTAT, bytes((state,)))

    def _stuck(self) -> DeviceStuck:
        return DeviceStuck(f"{self.name}: the sensor does not wake up", advice=ADVICE)


def wake_up(
    name: str, port: Registers, model: Model, clock: Clock, timing: Timing, stopped: Callable[[], bool]
) -> str | None:
    """Wake the sensor; its version numbers, as text, or None upon ``stopped``. ``name`` stands in the error.

    Raises DeviceError.
    """
    return Waking(name, port, model, clock, timing, clock() + timing.activate_s, stopped).run()


def dark(port: Registers) -> bool:
    """Does the sensor say that it has no power? Raises DeviceError."""
    return bool((port.read_register(HWSTAT, 1) or bytes(1))[0] & POWER_DOWN)
