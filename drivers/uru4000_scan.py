"""One image from a U.are.U 4000/4500: asked for, ordered, its keys fetched, descrambled.

Laws:
1. It is asked for before it is ordered; what has come by then is left of an earlier one, and thrown away.
2. The port's own limit of a transfer is the longest wait; what is flawed is told, and not asked for again here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from drivers.transport.usb_scanner import ImageRead
from drivers.uru4000_image import TRANSFER, Flaw, pixels, take_apart
from drivers.uru4000_power import Registers
from drivers.uru4000_wire import MODE, SCRAMBLE_INDEX, SCRAMBLE_KEY, Mode, Model

STALE_S = 0.01  # bytes left over are there at once; an image takes 90 ms of the bus
MAX_STALE = 4


class ScannerLink(Registers, Protocol):
    """What the driver needs of a port; see UsbScannerPort."""

    @property
    def ids(self) -> tuple[int, int]:
        """Vendor and product."""

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


def take_image(port: ScannerLink, model: Model, seed: Callable[[], int]) -> tuple[bytes | Flaw, float]:
    """The picture of what lies on the glass, or why there is none, and when its last byte came. Raises DeviceError.

    ``seed`` gives 32 random bits for each key.
    """
    read = port.begin_image(TRANSFER)
    for _ in range(MAX_STALE):  # law 1
        if not read.done(STALE_S):
            break
        port.image(read)
        read = port.begin_image(TRANSFER)
    port.write_register(MODE, bytes((Mode.CAPTURE,)))
    data = port.image(read)
    raw = Flaw.LATE if data is None else take_apart(data)
    if isinstance(raw, Flaw):
        return raw, read.at
    keys = tuple(key(port, number, seed() & 0xFFFF_FFFF) for number in raw.key_numbers)
    return pixels(raw, keys, upside_down=model.upside_down), read.at


def key(port: ScannerLink, number: int, seed: int) -> int:
    """The device's scrambling key of this number: it sends it exclusive-or the seed. Raises DeviceError."""
    port.write_register(SCRAMBLE_INDEX, bytes((number,)) + seed.to_bytes(4, "little"))
    return int.from_bytes(port.read_register(SCRAMBLE_KEY, 4), "little") ^ seed
