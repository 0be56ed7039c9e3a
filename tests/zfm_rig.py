"""A virtual EF01 module on a pty, its bench in a thread of the test, and the scanner over it."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from drivers.api import Tier
from drivers.virtual.control import ask
from drivers.virtual.prints import synthetic_print
from drivers.virtual.scanner_bench import ScannerBench
from drivers.virtual.zfm_device import ZfmDevice, ZfmOptions
from drivers.zfm import ZfmScanner, build


class Rig:
    """``device`` is looked at by the test between exchanges; orders go over the control socket as a hand's do."""

    def __init__(self, folder: Path, options: ZfmOptions | None = None, *, paced: bool = False) -> None:
        self.device = ZfmDevice(options)
        self.link, self.control = folder / "scanner", folder / "scanner.sock"
        self._bench = ScannerBench(self.device, self.link, self.control, paced=paced)
        self._wake, self._ring = os.pipe()
        self._thread = threading.Thread(target=self._bench.serve, args=(self._wake,))
        self._thread.start()

    def order(self, **words: Any) -> None:
        ask(self.control, words)

    def scanner(self, **settings: Any) -> ZfmScanner:
        return build("flat", {"port": str(self.link), "poll_s": 0.02} | settings, time.monotonic, Tier.VIRTUAL)

    def end(self) -> None:
        with contextlib.suppress(OSError):
            self.order(quit=True)
        self._thread.join(10)
        assert not self._thread.is_alive()
        os.close(self._wake)
        os.close(self._ring)


@contextlib.contextmanager
def rig_of(folder: Path, options: ZfmOptions | None = None, *, paced: bool = False) -> Iterator[Rig]:
    made = Rig(folder, options, paced=paced)
    try:
        yield made
    finally:
        made.end()


def four_bits(seed: int, impression: int = 0, width: int = 256, height: int = 288) -> bytes:
    """What a four-bit sensor makes of a finger, reckoned from the finger itself."""
    grey = np.frombuffer(synthetic_print(seed, width, height, impression=impression), np.uint8)
    return ((grey // 16) * 17).astype(np.uint8).tobytes()
