"""Takes one finger: asks for it, judges every frame, tells the person what to do, keeps the best of a few tries.

Laws:
1. Every wait has an end: ``wait_s`` for the finger in all, ``OFF_S`` for it to be lifted between two tries.
2. A frame that passes the gate ends it; else the best of ``tries`` frames is kept, if there is a finger on it at all.
   What is not kept is overwritten (ARCHITECTURE law 9).
3. A Retry of the device is a try as well; it is told as an instruction to the person.
4. Who gave the order may withdraw it; it is looked at at least once a second.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol, TypeAlias

import numpy as np

from drivers.fingers import FingerCapture, Retry, RetryReason, ScanEvent
from edge.core.fingerprints.frame_quality import Instruction, judge
from edge.core.fingerprints.model import FingerImage
from edge.fingers.orders import erase_image

SLICE_S = 0.5  # of waiting for a finger
OFF_S = 5.0    # longest wait for a finger to be lifted
USABLE = 10    # of 100: below it a frame is not worth an extraction

Tell: TypeAlias = Callable[[str, str, int], None]
"""``tell(step, instruction, try)``: place, lift, retry."""

RETRIES = {
    RetryReason.TRY_AGAIN: Instruction.AGAIN,
    RetryReason.CENTER_FINGER: Instruction.CENTRE,
    RetryReason.PRESS_HARDER: Instruction.PRESS_HARDER,
    RetryReason.TOO_FAST: Instruction.HOLD_STILL,
    RetryReason.REMOVE_FINGER: Instruction.LIFT,
}


class Source(Protocol):
    """What gives frames: a scanner behind its keeper."""

    def capture(self, timeout_s: float) -> ScanEvent:
        """See ``drivers.fingers.FingerprintScanner``."""

    def await_off(self, timeout_s: float) -> bool:
        """See ``drivers.fingers.FingerprintScanner``."""


@dataclass(frozen=True, slots=True)
class Frame:
    """The frame that is kept: ``quality`` 0..100 of the gate, ``tries`` that were made, ``at`` its last byte."""

    image: FingerImage = field(repr=False)
    quality: int
    passed: bool
    tries: int
    at: float


class Taking:
    """One finger. ``mono`` gives seconds, ``withdrawn`` says that nobody waits for it any more."""

    def __init__(
        self, source: Source, tell: Tell, *, wait_s: float, tries: int, mono: Callable[[], float],
        withdrawn: Callable[[], bool],
    ) -> None:
        self._source, self._tell = source, tell
        self._wait_s, self._tries, self._mono, self._withdrawn = wait_s, tries, mono, withdrawn

    def run(self) -> Frame | None:
        """The best frame; None if no finger came, or none that could be used. Raises DeviceError."""
        best: Frame | None = None
        until = self._mono() + self._wait_s
        self._tell("place", "", 1)
        for number in range(1, self._tries + 1):
            event = self._await(until)
            if event is None:
                break
            if isinstance(event, Retry):
                instruction = RETRIES[event.reason]
            else:
                frame, instruction = _judged(event, number)
                best = _better(best, frame)
                if frame.passed:
                    return best
            if number < self._tries:
                self._tell("lift", str(instruction), number + 1)
                self._source.await_off(min(OFF_S, max(0.0, until - self._mono())))
                self._tell("retry", str(instruction), number + 1)
        if best is not None and best.quality < USABLE:
            erase_image(best.image)
            return None
        return best

    def _await(self, until: float) -> FingerCapture | Retry | None:
        while not self._withdrawn():
            left = until - self._mono()
            if left <= 0:
                return None
            event = self._source.capture(min(SLICE_S, left))
            if event is not None:
                return event
        return None


def image_of(capture: FingerCapture) -> FingerImage:
    """The capture as an image whose memory is ours, so that it can be overwritten."""
    pixels = np.frombuffer(capture.pixels, np.uint8).reshape(capture.height, capture.width).copy()
    return FingerImage(pixels, capture.ppi)


def _judged(capture: FingerCapture, number: int) -> tuple[Frame, Instruction]:
    image = image_of(capture)
    found = judge(image)
    return Frame(image, found.score, found.passed, number, capture.at), found.instruction


def _better(old: Frame | None, new: Frame) -> Frame:
    """The one to keep; the other is overwritten. Its ``tries`` counts all that were made."""
    if old is None:
        return new
    keep, drop = (new, old) if new.passed or new.quality > old.quality else (old, new)
    erase_image(drop.image)
    return Frame(keep.image, keep.quality, keep.passed, new.tries, keep.at)
