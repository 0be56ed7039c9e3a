"""Serial ports of this machine.

Laws:
1. Every wait has a limit, every read a size.
2. pyserial and the kernel tell of a vanished device in three ways (SerialException, plain OSError with
   EIO, termios.error); all of them become one DeviceError with advice.
3. Modem lines are a courtesy: a port without them (a pty, some adapters) is a port.
4. Closing gives what was written ``DRAIN_S`` to go out and drops the rest: the kernel would wait for it, up to half a
   minute with a device that takes nothing.
"""

from __future__ import annotations

import contextlib
import errno
import os
import select
import termios
import time

import serial

from drivers.api import DeviceBusy, DeviceError, DeviceForbidden, DeviceGone, DeviceStuck
from drivers.transport.base import LineSettings
from drivers.transport.bell import Bell

WRITE_LIMIT_S = 1.0
DRAIN_S = 0.25  # 240 bytes at 9600 baud, far more than an order to a device has
LOOK_S = 0.01
OFF_S = 0.2  # how long the modem lines stay down on a reset
PTYS = "/dev/pts/"
FAULTS = (serial.SerialException, OSError, termios.error)


class SerialTransport:
    """A serial port of the kernel (UART, USB CDC, pty), held exclusively."""

    def __init__(self, port: str, line: LineSettings | None = None) -> None:
        line = line or LineSettings()
        self._port = port
        try:
            self._bell = Bell()
        except OSError as problem:
            raise on_open(port, problem) from None
        try:
            # timeout=0: one read(2) per call; the waiting is done by poll, because changing pyserial's
            # timeout sets the whole line up anew. Opening raises DTR and flushes what waited.
            self._serial = serial.Serial(
                port, line.baud, bytesize=line.bytesize, parity=parity_of(port, line), stopbits=line.stopbits,
                timeout=0, write_timeout=WRITE_LIMIT_S, exclusive=True,
            )
        except (*FAULTS, ValueError) as problem:
            self._bell.close()
            raise on_open(port, problem) from None
        self._poll = select.poll()
        self._poll.register(self._serial.fileno(), select.POLLIN)
        self._poll.register(self._bell, select.POLLIN)

    def read(self, size: int, wait_s: float) -> bytes:
        """See Transport."""
        try:
            ready = self._poll.poll(max(0.0, wait_s) * 1000)
            if not ready:
                return b""
            if ready == [(self._bell.fileno(), select.POLLIN)]:
                self._bell.hush()
                return b""
            data: bytes = self._serial.read(size)
        except FAULTS as problem:
            raise self._gone(problem) from None
        return data

    def write(self, data: bytes) -> None:
        """See Transport."""
        try:
            self._serial.write(data)
        except serial.SerialTimeoutException:
            raise DeviceStuck(
                f"{self._port}: the device takes no bytes",
                advice="switch the device off and on, check its cable"
            ) from None
        except FAULTS as problem:
            raise self._gone(problem) from None

    def rest(self, seconds: float) -> None:
        """See Transport."""
        time.sleep(seconds)

    def wake(self) -> None:
        """See Transport."""
        self._bell.ring()

    def reset(self) -> None:
        """See Transport: DTR and RTS down for a moment; a reader fed from them starts anew (law 3)."""
        with contextlib.suppress(*FAULTS):
            self._serial.dtr = False
            self._serial.rts = False
            time.sleep(OFF_S)

    def close(self) -> None:
        """See Transport."""
        with contextlib.suppress(*FAULTS, TypeError):  # TypeError: it is closed
            self._drain()
        with contextlib.suppress(*FAULTS):
            self._serial.close()
        self._bell.close()

    def _drain(self) -> None:
        """Law 4. A pty says of itself that nothing waits, and closes at once."""
        until = time.monotonic() + DRAIN_S
        while self._serial.out_waiting:
            if time.monotonic() >= until:
                self._serial.reset_output_buffer()
                return
            time.sleep(LOOK_S)

    def _gone(self, problem: Exception) -> DeviceGone:
        return DeviceGone(
            f"{self._port}: the device disappeared while open: {problem}",
            advice="check its cable and power; it is picked up again when it returns",
        )


def parity_of(port: str, line: LineSettings) -> str:
    """The parity to ask for: a pty has none, and refuses one (EINVAL) when it is opened for the second time."""
    return "N" if os.path.realpath(port).startswith(PTYS) else line.parity


def on_open(port: str, problem: Exception) -> DeviceError:
    """The DeviceError for what kept a port from opening."""
    code = getattr(problem, "errno", None)
    if code in (errno.EACCES, errno.EPERM):
        return DeviceForbidden(
            f"{port}: not allowed to open it",
            advice="add the service's user to the group that owns the port (dialout)",
        )
    if code in (errno.EBUSY, errno.EAGAIN):
        return DeviceBusy(
            f"{port}: another program holds it", advice=f"find it with: fuser {port}, and stop it"
        )
    if code in (errno.ENOENT, errno.ENODEV, errno.ENXIO, errno.EIO):
        return DeviceGone(
            f"{port}: no such device",
            advice="plug the device in; see what is there with: borderpost devices",
        )
    if code in (errno.EMFILE, errno.ENFILE):
        return DeviceError(
            f"{port}: too many files are open", advice="restart the service; if it comes back, report it with the log"
        )
    return DeviceError(
        f"{port}: cannot be opened: {problem}",
        advice="check the port, speed and parity in the reader's settings",
    )
