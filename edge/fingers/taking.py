"""Takes one finger: asks for it, judges every frame, tells the person what to do, keeps the best of a few tries.

Laws:
1. Every wait has an end: ``wait_s`` for the finger in all, within it ``OFF_S`` for it to be lifted between two tries.
2. A frame that passes the gate ends it; else the best of ``tries`` frames is kept, if there is a finger on it at all.
   What is not kept is overwritten (ARCHITECTURE law 9), whatever ends it.
3. A Retry of the device is a try as well; it is told as an instruction to the person. An image that was lost on its
   way is none: it is told as the device's, and costs the person no try (``edge.fingers.source`` ends a row of them).
4. A finger that lies there already is not the one that was asked for: it is to be lifted first, which is no try and
   may take what is left of ``wait_s``. From ``REMOVALS`` in a row on, without anything else between, it is a try.
5. Who gave the order may withdraw it, which ends every wait and a transfer (``edge.fingers.watching``).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TypeAlias

import numpy as np

from drivers.fingers import FingerCapture, Retry, RetryReason
from edge.core.fingerprints.frame_quality import Instruction, judge
from edge.core.fingerprints.model import FingerImage
from edge.fingers.orders import erase_image
from edge.fingers.source import Source
from edge.fingers.watching import Watch

SLICE_S = 0.5  # of waiting for a finger, on the glass or off it
OFF_S = 5.0    # longest wait for a finger to be lifted
REMOVALS = 5   # a device that goes on telling of a finger that was lifted
USABLE = 10    # of 100: below it a frame is not worth an extraction

Tell: TypeAlias = Callable[[str, str, int], None]
"""``tell(step, instruction, try)``: place, reading, lift, retry. ``reading`` comes from another thread."""

RETRIES = {
    RetryReason.TRY_AGAIN: Instruction.LOST,
    RetryReason.CENTER_FINGER: Instruction.CENTRE,
    RetryReason.PRESS_HARDER: Instruction.PRESS_HARDER,
    RetryReason.TOO_FAST: Instruction.HOLD_STILL,
    RetryReason.REMOVE_FINGER: Instruction.LIFT,
}


@dataclass(frozen=True, slots=True)
class Frame:
    """The frame that is kept: ``quality`` 0..100 of the gate, ``tries`` that were made, ``at`` its last byte."""

    image: FingerImage = field(repr=False)
    quality: int
    passed: bool
    tries: int
    at: float


class Taking:
    """One finger. ``mono`` gives seconds, ``withdrawn`` says that nobody waits for it any more, to any thread."""

    def __init__(
        self, source: Source, tell: Tell, *, wait_s: float, tries: int, mono: Callable[[], float],
        withdrawn: Callable[[], bool],
    ) -> None:
        self._source, self._tell = source, tell
        self._wait_s, self._tries, self._mono, self._withdrawn = wait_s, tries, mono, withdrawn
        self._until = 0.0
        self._number = 1
        self._removals = 0  # in a row
        self._best: Frame | None = None
        self._watch = Watch(source, withdrawn=withdrawn, long=lambda: tell("reading", "", self._number))

    def run(self) -> Frame | None:
        """The best frame; None if no finger came, none that could be used, or nobody wants it. Raises DeviceError.

        To be called once.
        """
        self._until = self._mono() + self._wait_s
        try:
            with self._watch:
                self._work()
            best = self._best
            if self._withdrawn() or (best is not None and not best.passed and best.quality < USABLE):
                self._drop()
        except BaseException:
            self._drop()
            raise
        return self._best

    def _work(self) -> None:
        self._tell("place", "", 1)
        while (event := self._awaited()) is not None:
            instruction = RETRIES[event.reason] if isinstance(event, Retry) else self._judged(event)
            if instruction is Instruction.NONE:
                return
            self._removals = self._removals + 1 if instruction is Instruction.LIFT else 0
            if 0 < self._removals < REMOVALS:
                self._clear()
                continue
            self._number += instruction is not Instruction.LOST
            if self._number > self._tries:
                return
            self._ask_again(instruction)

    def _awaited(self) -> FingerCapture | Retry | None:
        while not self._withdrawn() and (left := self._until - self._mono()) > 0:
            with self._watch.frame():
                event = self._source.capture(min(SLICE_S, left))
            if event is not None:
                return None if self._withdrawn() else event
        return None

    def _ask_again(self, instruction: Instruction) -> None:
        """Have the finger lifted and laid down again."""
        self._tell("lift", str(instruction), self._number)
        self._lifted(min(self._until, self._mono() + OFF_S))
        if not self._withdrawn():
            self._tell("retry", str(instruction), self._number)

    def _clear(self) -> None:
        """Law 4: which finger lies there nobody knows, so that none is named."""
        self._tell("lift", str(Instruction.LIFT), self._number)
        if self._lifted(self._until) and not self._withdrawn():
            self._tell("place", "", self._number)

    def _lifted(self, until: float) -> bool:
        while not self._withdrawn() and (left := until - self._mono()) > 0:
            if self._source.await_off(min(SLICE_S, left)):
                return True
        return False

    def _judged(self, capture: FingerCapture) -> Instruction:
        """What is wrong with a frame; the better one is kept."""
        image = image_of(capture)
        try:
            found = judge(image)
        except BaseException:
            erase_image(image)
            raise
        new, old = Frame(image, found.score, found.passed, self._number, capture.at), self._best
        if old is None or new.passed or new.quality > old.quality:
            self._drop()
            self._best = new
        else:
            erase_image(image)
            self._best = replace(old, tries=self._number)
        return found.instruction

    def _drop(self) -> None:
        best, self._best = self._best, None
        if best is not None:
            erase_image(best.image)


def image_of(capture: FingerCapture) -> FingerImage:
    """The capture as an image whose memory is ours, so that it can be overwritten."""
    pixels = np.frombuffer(capture.pixels, np.uint8).reshape(capture.height, capture.width).copy()
    return FingerImage(pixels, capture.ppi)
