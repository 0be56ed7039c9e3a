"""A virtual keyboard on the loopback address, played by a thread of the test's own process."""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

from drivers.virtual.control import ask
from drivers.virtual.usb_bench import UsbBench
from drivers.virtual.usb_keyboard import UsbIdentity


class Counting:
    """Types numbered reports, so that a lost, doubled or swapped one shows: ``present(["12"])`` types 0 to 11."""

    unsent = False
    lights = b""

    def power_on(self) -> bytes:
        return b""

    def receive(self, data: bytes) -> bytes:
        self.lights += data
        return b""

    def present(self, lines: Sequence[str]) -> bytes:
        return b"".join(map(numbered, range(int(lines[0]))))

    def remove(self) -> bytes:
        return b""

    def block(self, text: str) -> bytes:
        return self.present([text])


def numbered(number: int) -> bytes:
    return bytes((0, 0)) + number.to_bytes(6, "big")


class World:
    """The bench's thread, and the hands in front of it."""

    def __init__(self, folder: Path, *, identity: UsbIdentity | None = None, delay_s: float = 0.0) -> None:
        self.link, self.control = folder / "port", folder / "control"
        self.device = Counting()
        self.bench = UsbBench(self.device, self.control, self.link, identity=identity, delay_s=delay_s)
        self.port = self.link.read_text("ascii").strip()
        self._wake, self._end = os.pipe()
        self._thread = threading.Thread(target=self.bench.serve, args=(self._wake,))

    def __enter__(self) -> World:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.order(quit=True)
        self._thread.join(5)
        os.close(self._wake)
        os.close(self._end)

    def order(self, **words: Any) -> dict[str, Any]:
        return ask(self.control, words)

    def type(self, count: int) -> dict[str, Any]:
        return self.order(present=[str(count)])
