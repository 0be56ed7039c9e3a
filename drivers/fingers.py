"""What a driver of a fingerprint scanner offers: the page that the rooms above need to read, beside drivers.api.

Laws (those of drivers.api hold as well):
1. A ``Retry`` is an instruction to the person (libfprint's *retry*); a ``DeviceError`` is a fault of the device. The
   first is an event and is returned, the second is raised.
2. A capture ends: with an image, a Retry, None when no finger came within its time or ``cancel`` was called, or a
   DeviceError. No wait inside it lasts over a second without looking at both.
3. A scanner has one owner: ``open``, ``capture``, ``await_off``, ``close`` come from one thread; ``cancel``,
   ``state``, ``status``, ``present`` from any.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from typing import Protocol, TypeAlias

from drivers.api import Tier

MAX_SIDE = 4096  # pixels of a capture, either side


class ScannerState(enum.StrEnum):
    """What the scanner waits for or does, in libfprint's words."""

    CLOSED = "closed"
    ACTIVATING = "activating"
    IDLE = "idle"
    AWAIT_FINGER_ON = "await finger on"
    CAPTURE = "capture"
    AWAIT_FINGER_OFF = "await finger off"


class RetryReason(enum.StrEnum):
    """What the person should do differently."""

    TRY_AGAIN = "try again"          # the image was lost on its way
    CENTER_FINGER = "center finger"  # moved, or on the edge
    PRESS_HARDER = "press harder"    # too little of it, or too faint
    TOO_FAST = "too fast"            # lifted before the image was whole
    REMOVE_FINGER = "remove finger"  # a finger lies there that was captured already


@dataclass(frozen=True, slots=True)
class Retry:
    """No image; what to tell the person."""

    reason: RetryReason


@dataclass(frozen=True, slots=True)
class FingerCapture:
    """One image: ``pixels`` are ``width`` x ``height`` bytes row by row, 0 black to 255 white, ridges dark.

    ``ppi`` pixels per inch; ``at`` the monotonic second at which its last byte came; ``depth`` bits of a pixel that
    the device really sent (4 on serial scanners).
    """

    device: str
    width: int
    height: int
    ppi: float
    pixels: bytes = field(repr=False)
    at: float
    depth: int = 8


ScanEvent: TypeAlias = FingerCapture | Retry | None


@dataclass(frozen=True, slots=True)
class ScannerStatus:
    """Counters since the scanner was made; they survive re-opening. Texts are empty when not known."""

    name: str
    driver: str
    tier: Tier
    port: str
    state: ScannerState
    captures: int = 0
    retries: int = 0
    faults: int = 0
    last_capture_at: float | None = None  # monotonic seconds, as FingerCapture.at
    firmware: str = ""
    serial: str = ""
    product: str = ""
    remark: str = ""


class FingerprintScanner(Protocol):
    """One scanner of single fingers, whatever it speaks."""

    @property
    def name(self) -> str:
        """The configured name."""

    @property
    def state(self) -> ScannerState:
        """What it waits for now."""

    def open(self) -> None:
        """Open the port and wake the device. Raises DeviceError; may be called again after close()."""

    def capture(self, timeout_s: float) -> ScanEvent:
        """Wait at most ``timeout_s`` seconds for a finger and read its image.

        Raises DeviceError when the device disappears or does not answer, DriverMisuse when it is not open.
        """

    def await_off(self, timeout_s: float) -> bool:
        """Wait up to ``timeout_s`` seconds until the finger is lifted; True when none lies there. Raises as capture."""

    def cancel(self) -> None:
        """End a waiting ``capture`` or ``await_off`` soon; harmless at any time."""

    def present(self) -> bool | None:
        """Is something plugged in at the port? None where only opening tells. Never blocks, never raises."""

    def status(self) -> ScannerStatus:
        """The counters; never blocks, never raises."""

    def close(self) -> None:
        """Switch the light off, as far as it still answers, and let the port go; harmless when it is not open."""
