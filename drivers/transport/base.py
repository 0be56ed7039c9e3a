"""What a port is to a driver."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, TypeAlias


@dataclass(frozen=True, slots=True)
class LineSettings:
    """How a serial line is set: ``baud`` in bits a second, ``parity`` N, E or O, 7 or 8 bits, 1 or 2 stop bits."""

    baud: int = 9600
    parity: str = "N"
    bytesize: int = 8
    stopbits: float = 1


class Transport(Protocol):
    """Bytes to and from one open device."""

    def read(self, size: int, wait_s: float) -> bytes:
        """What is there, at most ``size`` bytes; waits up to ``wait_s`` seconds for the first of them.

        b"" when the time is over, or when ``wake`` was called. Raises DeviceError.
        """

    def write(self, data: bytes) -> None:
        """Send all of it within a second. Raises DeviceError."""

    def rest(self, seconds: float) -> None:
        """Let bytes gather, so that a babbling device costs few wake-ups."""

    def wake(self) -> None:
        """End a waiting ``read`` now; the one call that another thread may make. Never raises."""

    def reset(self) -> None:
        """As near to off and on again as the port allows (modem lines down, USB reset). Never raises."""

    def close(self) -> None:
        """Never raises."""


Through: TypeAlias = Callable[[Transport], Transport]


def directly(transport: Transport) -> Transport:
    """Nothing between the driver and the port."""
    return transport


def wrapped(transport: Transport, through: Through) -> Transport:
    """``transport`` as ``through`` gives it back. If that raises, the port is closed: it can be opened again."""
    try:
        return through(transport)
    except BaseException:
        transport.close()
        raise
