"""One image from a U.are.U 4000/4500: asked for, ordered, its keys fetched, descrambled.

Laws:
1. It is asked for before it is ordered, and ordered only when nothing came for ``quiet_s`` and TRIPS round trips to
   the device more: what comes by then is left of an earlier one, and thrown away. Were it ordered sooner, bytes of an
   earlier finger that are still on the bus (or the network) would be taken for this one's.
2. ``image_s`` is the longest wait for what was ordered; what is flawed is told, and not asked for again here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from drivers.transport.usb_scanner import ImageRead
from drivers.uru4000_image import TRANSFER, Flaw, pixels, take_apart
from drivers.uru4000_power import Registers, Timing
from drivers.uru4000_wire import MODE, SCRAMBLE_INDEX, SCRAMBLE_KEY, Mode, Model

MAX_STALE = 4      # transfers
TRIPS = 5          # the asking, and what a network needs to let 109 KiB through from a standing start
MAX_QUIET_S = 0.8
OWED = frozenset({Flaw.LATE, Flaw.UNORDERED})  # there is, or may be, an image to come that was not ordered now


class ScannerLink(Registers, Protocol):
    """What the driver needs of a port; see UsbScannerPort."""

    @property
    def ids(self) -> tuple[int, int]:
        """Vendor and product."""

    @property
    def round_trip_s(self) -> float:
        """Seconds that a control transfer takes."""

    def serial(self) -> str:
        """Its serial number, or nothing."""

    def begin_image(self, length: int) -> ImageRead:
        """Ask for an image."""

    def image(self, read: ImageRead) -> bytes | None:
        """What came of it."""

    def wake(self) -> None:
        """End a waiting interrupt()."""

    def close(self) -> None:
        """Never raises."""


def take_image(
    port: ScannerLink, model: Model, seed: Callable[[], int], timing: Timing
) -> tuple[bytes | Flaw, float]:
    """The picture of what lies on the glass, or why there is none, and when its last byte came. Raises DeviceError.

    ``seed`` gives 32 random bits for each key.
    """
    read = silent(port, timing.quiet_s)
    if read is None:
        return Flaw.UNORDERED, 0.0
    port.write_register(MODE, bytes((Mode.CAPTURE,)))
    data = port.image(read) if read.done(timing.image_s) else None
    raw = Flaw.LATE if data is None else take_apart(data)
    if isinstance(raw, Flaw):
        return raw, read.at
    keys = tuple(key(port, number, seed() & 0xFFFF_FFFF) for number in raw.key_numbers)
    return pixels(raw, keys, upside_down=model.upside_down), read.at


def silent(port: ScannerLink, quiet_s: float) -> ImageRead | None:
    """Law 1: a transfer under way into which nothing comes; None where something always does. Raises DeviceError."""
    wait_s = min(quiet_s + TRIPS * port.round_trip_s, max(quiet_s, MAX_QUIET_S))
    for _ in range(MAX_STALE):
        read = port.begin_image(TRANSFER)
        if not read.done(wait_s):
            return read
        port.image(read)
    return None


def key(port: ScannerLink, number: int, seed: int) -> int:
    """The device's scrambling key of this number: it sends it exclusive-or the seed. Raises DeviceError."""
    port.write_register(SCRAMBLE_INDEX, bytes((number,)) + seed.to_bytes(4, "little"))
    return int.from_bytes(port.read_register(SCRAMBLE_KEY, 4), "little") ^ seed
