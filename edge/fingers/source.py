"""What gives frames of a finger: a scanner that a taking works with, alone or behind its keeper.

Laws:
1. An image that is lost on its way is the device's matter, no fault of the person. ``LOST`` of them without an image
   between are an error of the device, over as many orders as it takes.
"""

from __future__ import annotations

from typing import Final, Protocol

from drivers.api import DeviceError
from drivers.fingers import FingerCapture, FingerprintScanner, Retry, RetryReason, ScanEvent, ScannerState

LOST: Final = 3  # images


class Source(Protocol):
    """What gives frames."""

    def capture(self, timeout_s: float) -> ScanEvent:
        """See ``drivers.fingers.FingerprintScanner``."""

    def await_off(self, timeout_s: float) -> bool:
        """See ``drivers.fingers.FingerprintScanner``."""

    def cancel(self) -> None:
        """See ``drivers.fingers.FingerprintScanner``; from any thread."""

    @property
    def capturing(self) -> bool:
        """True while a finger lies there and its image is read; from any thread."""


class ScannerSource:
    """A scanner as a Source; it is opened and closed elsewhere."""

    def __init__(self, scanner: FingerprintScanner) -> None:
        self._scanner = scanner
        self._lost = 0  # images since the last one that came

    def capture(self, timeout_s: float) -> ScanEvent:
        """See Source. Raises DeviceError, also by law 1."""
        event = self._scanner.capture(timeout_s)
        if isinstance(event, FingerCapture):
            self._lost = 0
        elif event == Retry(RetryReason.TRY_AGAIN):
            self._lost += 1
            if self._lost >= LOST:
                self._lost = 0
                raise DeviceError(
                    f"{self._scanner.status().port}: {LOST} images were lost and none came",
                    advice="it is opened anew; if this stays, look at its cable, try another cable and port",
                )
        return event

    def await_off(self, timeout_s: float) -> bool:
        """See Source."""
        return self._scanner.await_off(timeout_s)

    def cancel(self) -> None:
        """See Source."""
        self._scanner.cancel()

    @property
    def capturing(self) -> bool:
        """See Source."""
        return self._scanner.state is ScannerState.CAPTURE
