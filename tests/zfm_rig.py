"""A virtual EF01 module on a pty for a test: see scanner_rigs.ZfmRig."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from scanner_rigs import ZfmRig as Rig
from scanner_rigs import four_bits

from drivers.fingers import FingerCapture, FingerprintScanner
from drivers.virtual.zfm_device import ZfmOptions

__all__ = ["FINGER", "LAST", "SOON_S", "Rig", "four_bits", "rig_of", "taken"]

FINGER = 7
SOON_S = 5.0
LAST = 287  # packet of an image of 256 x 288 in 128 bytes


@contextlib.contextmanager
def rig_of(folder: Path, options: ZfmOptions | None = None, *, paced: bool = False) -> Iterator[Rig]:
    """One, until the end of the block."""
    with Rig(folder, options, paced=paced) as made:
        yield made


def taken(scanner: FingerprintScanner, seed: int = FINGER) -> FingerCapture:
    """A capture that is the finger to the last pixel."""
    event = scanner.capture(SOON_S)
    assert isinstance(event, FingerCapture)
    assert (event.width, event.height, event.depth, event.device) == (256, 288, 4, "flat")
    assert event.pixels == four_bits(seed)
    return event
