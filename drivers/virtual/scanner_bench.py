"""Plays a virtual fingerprint scanner on a pty: a bench with fingers, faults and a line of a real speed.

Control, besides the orders of drivers.virtual.bench: ``{"finger": SEED, "impression": n?}`` lays a finger down
(``remove`` lifts it), ``{"fault": {name: value}}`` breaks the device as its module describes.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol, cast

from drivers.virtual.bench import Answer, Bench, tell_nobody
from drivers.virtual.device import VirtualDevice
from drivers.virtual.outlet import Job, pieces
from drivers.virtual.port import DevicePort, VirtualPort

PACED_BYTES = 64  # written at a time on a paced line
BITS_A_BYTE = 10


class SerialScanner(VirtualDevice, Protocol):
    """A virtual device with a glass and a speed."""

    baud: int
    heard_at: int

    def finger(self, seed: int, impression: int = 0) -> None:
        """Lay a finger down."""

    def fault(self, changes: dict[str, Any]) -> None:
        """Break it, or mend it. Raises KeyError for a fault it does not know."""

    def is_pulled(self, sending: int) -> bool:
        """Is the cable pulled in the middle of what is sent now, ``sending`` bytes?"""


class SerialPort(DevicePort, Protocol):
    """A port that may know the speed that the host has set."""

    @property
    def baud(self) -> int:
        """Bits a second; 0 when it is not known."""


class ScannerBench(Bench):
    """With ``paced`` the bytes take the time that they take on a line of the device's speed."""

    def __init__(
        self, device: SerialScanner, link: Path, control: Path, *, fragment: int = 0, delay_s: float = 0.0,
        guard_stdin: bool = False, paced: bool = False, port: SerialPort | None = None,
    ) -> None:
        self._scanner = device
        self._paced = paced
        self._line: SerialPort = port or VirtualPort(link)
        super().__init__(
            device, link, control, fragment=fragment, delay_s=delay_s, guard_stdin=guard_stdin, port=self._line
        )

    def _hear_host(self) -> None:
        self._scanner.heard_at = self._line.baud
        super()._hear_host()

    def _send(self, data: bytes, done: Callable[[int, bool], None] | None) -> None:
        if self._scanner.is_pulled(len(data)):
            data, done = data[: len(data) // 2], self._pull
        if not self._paced or not data or not self._port.plugged:
            super()._send(data, done)
            return
        pause_s = PACED_BYTES * BITS_A_BYTE / self._scanner.baud
        self._outlet.add(Job(pieces(data, PACED_BYTES), pause_s, done or tell_nobody))

    def _pull(self, _sent: int, _whole: bool) -> None:
        self._unplug()

    def _obey(self, order: dict[str, Any], answer: Answer) -> None:
        if "finger" in order:
            self._scanner.finger(int(order["finger"]), int(order.get("impression", 0)))
        elif "fault" in order:
            self._scanner.fault(cast(dict[str, Any], order["fault"]))
        else:
            super()._obey(order, answer)
            return
        answer({"ok": True})
