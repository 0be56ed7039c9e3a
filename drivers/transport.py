"""Ports: the only importer of pyserial outside the emulators.

Laws:
1. Every wait has a limit, every read a size.
2. pyserial and the kernel tell of a vanished device in three ways (SerialException, plain OSError with
   EIO, termios.error); all of them become one DeviceError with advice.
3. Modem lines are a courtesy: a port without them (a pty, some adapters) is a port.
"""

from __future__ import annotations

import contextlib
import errno
import select
import termios
import time
from collections.abc import Callable
from typing import Protocol, TypeAlias

import serial

from drivers.api import DeviceBusy, DeviceError, DeviceForbidden, DeviceGone, DeviceStuck

WRITE_LIMIT_S = 1.0
FAULTS = (serial.SerialException, OSError, termios.error)


class Transport(Protocol):
    """Bytes to and from one open device."""

    def read(self, size: int, wait_s: float) -> bytes:
        """What is there, at most ``size`` bytes; waits up to ``wait_s`` seconds for the first of them.

        b"" when the time is over. Raises DeviceError.
        """

    def write(self, data: bytes) -> None:
        """Send all of it within a second. Raises DeviceError."""

    def rest(self, seconds: float) -> None:
        """Let bytes gather, so that a babbling device costs few wake-ups."""

    def close(self) -> None:
        """Never raises."""


Through: TypeAlias = Callable[[Transport], Transport]


def directly(transport: Transport) -> Transport:
    """Nothing between the driver and the port."""
    return transport


class SerialTransport:
    """A serial port of the kernel (UART, USB CDC, pty), held exclusively."""

    def __init__(
        self, port: str, *, baud: int = 9600, parity: str = "N", bytesize: int = 8, stopbits: float = 1
    ) -> None:
        self._port = port
        try:
            # timeout=0: one read(2) per call; the waiting is done by poll, because changing pyserial's
            # timeout sets the whole line up anew. Opening raises DTR and flushes what waited.
            self._serial = serial.Serial(
                port, baud, bytesize=bytesize, parity=parity, stopbits=stopbits,
                timeout=0, write_timeout=WRITE_LIMIT_S, exclusive=True,
            )
        except (*FAULTS, ValueError) as problem:
            raise _on_open(port, problem) from None
        self._poll = select.poll()
        self._poll.register(self._serial.fileno(), select.POLLIN)

    def read(self, size: int, wait_s: float) -> bytes:
        """See Transport."""
        try:
            if not self._poll.poll(max(0.0, wait_s) * 1000):
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

    def close(self) -> None:
        """See Transport."""
        with contextlib.suppress(*FAULTS):
            self._serial.close()

    def _gone(self, problem: Exception) -> DeviceGone:
        return DeviceGone(
            f"{self._port}: the device disappeared while open: {problem}",
            advice="check its cable and power; it is picked up again when it returns",
        )


def _on_open(port: str, problem: Exception) -> DeviceError:
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
            advice="plug the device in; compare the path with: ls -l /dev/serial/by-id",
        )
    return DeviceError(
        f"{port}: cannot be opened: {problem}",
        advice="check the port, speed and parity in the reader's settings",
    )
