"""The gate that every frame of a scanner passes: is there a finger, is it enough of it, can its ridges be followed?

Some milliseconds a frame, in plain NumPy, so that the person is told at once what to do differently. NFIQ 2 is asked
of the kept frame only (``common.fingers.extraction``): it takes 0.1 s and needs a library.

Laws:
1. A frame is judged by what it shows, never by who it may be; nothing of it is kept.
2. The first cause in the order of ``_causes`` is the instruction: one at a time, what helps most first.
3. A frame without an instruction passes. ``score`` orders frames that do not: the best of them is kept after the last
   try.

Limits were set on the 320 images of FVC2002 (DB1 to DB4, B): of the three optical sets 237 of 240 pass, of the small
capacitive one (DB3, the worst to compare as well) 64 of 80, most others told dry. Synthetic prints stand in the tests.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from edge.core.fingerprints.foreground import BLOCK, block_statistics, foreground_blocks
from edge.core.fingerprints.model import PPI, FingerImage, Pixels

WINDOW: Final = 2 * BLOCK  # pixels of a window in which ridges are looked for: three to four of them
FINEST: Final = 5.0  # pixels from ridge to ridge at 500 per inch: a child's
COARSEST: Final = 14.0  # the same of a large thumb; beyond it is shading
PLAIN: Final = 0.35  # of a window's energy, within a narrow peak among the ridge frequencies: a ridge to follow
LEAST_AREA: Final = 75.0  # square millimetres of finger; of a small sensor a share of its frame
WHOLE_AREA: Final = 180.0  # a flat finger of an adult
FAINT: Final = 40.0  # grey values between ridge and valley
PLAIN_SHARE: Final = 0.5  # of the finger: below it skin that is too wet or too dry is told so
LEAST_PLAIN: Final = 0.25  # of the finger: too little to follow, whatever the cause
FAR_OFF: Final = 0.6  # of half the frame
NEAR_OFF: Final = 0.3  # the same where little of the finger is on the glass
BLACK: Final = 90  # grey value of a blot
SMOOTH: Final = 20  # deviation within a block that shows no ridge

_HANN: Final = np.outer(np.hanning(WINDOW), np.hanning(WINDOW)).astype(np.float32)


class Instruction(enum.StrEnum):
    """What the person is told to do differently; the words stand in the group ``finger`` of the texts."""

    NONE = ""
    NO_FINGER = "no_finger"
    CENTRE = "centre"
    PRESS_HARDER = "press_harder"
    TOO_WET = "too_wet"
    TOO_DRY = "too_dry"
    AGAIN = "again"
    HOLD_STILL = "hold_still"
    LIFT = "lift"
    LOST = "lost"  # the image, on its way from the device


@dataclass(frozen=True, slots=True)
class Measures:
    """What is measured of a frame.

    ``frame`` square millimetres of it all; ``blot`` how many of them are dark without any ridge; ``area`` square
    millimetres of finger; ``contrast`` grey values between ridge and valley (0 to 255); ``ridges`` the share of the
    finger on which ridges are plain; ``dark`` the share of the finger that is ridge; ``off`` how far its middle lies
    from the frame's, as a share of half the frame.
    """

    frame: float
    blot: float
    area: float
    contrast: float
    ridges: float
    dark: float
    off: float


@dataclass(frozen=True, slots=True)
class Judgement:
    """``passed``: good enough to extract from. ``score`` 0 to 100; ``instruction`` NONE where it passed."""

    passed: bool
    score: int
    instruction: Instruction
    measures: Measures


def judge(image: FingerImage) -> Judgement:
    """What the gate says of a frame of any size."""
    found = measure(image)
    cause = next((instruction for instruction, holds in _causes(found) if holds), Instruction.NONE)
    if cause is Instruction.NO_FINGER:
        return Judgement(False, 0, cause, found)
    wanted = min(WHOLE_AREA, 0.75 * found.frame)
    shares = (found.ridges / 0.8, found.ridges / 0.8, found.area / wanted, found.contrast / 80)
    good = float(np.prod([min(1.0, share) for share in shares])) ** 0.5
    passed = cause is Instruction.NONE
    return Judgement(passed, round(50 * good) + (50 if passed else 0), cause, found)


def _causes(found: Measures) -> tuple[tuple[Instruction, bool], ...]:
    """The table of law 2: what to say, and when."""
    least = min(LEAST_AREA, 0.35 * found.frame)
    small = found.area < least
    unclear = found.ridges < PLAIN_SHARE
    return (
        (Instruction.TOO_WET, least < found.blot < 0.95 * found.frame and found.blot > found.area),
        (Instruction.NO_FINGER, found.area < 0.3 * least),
        (Instruction.NO_FINGER, found.ridges < 0.1 and found.contrast < FAINT),
        (Instruction.CENTRE, found.off > FAR_OFF or (small and found.off > NEAR_OFF)),
        (Instruction.PRESS_HARDER, small or found.contrast < FAINT),
        (Instruction.TOO_WET, unclear and found.dark > 0.58),
        (Instruction.TOO_DRY, unclear and found.dark < 0.34),
        (Instruction.AGAIN, found.ridges < LEAST_PLAIN),
    )


def measure(image: FingerImage) -> Measures:
    """The measures of a frame of any size."""
    mean, deviation = block_statistics(image.pixels)
    blocks = foreground_blocks(deviation)
    side = BLOCK / image.ppi * 25.4
    frame = image.pixels.size / image.ppi**2 * 25.4**2
    blot = int(((mean < BLACK) & (deviation < SMOOTH)).sum()) * side * side
    count = int(blocks.sum())
    if not count:
        return Measures(frame=frame, blot=blot, area=0, contrast=0, ridges=0, dark=0, off=0)
    down, across = np.nonzero(blocks)
    off = max(
        abs(2 * (float(down.mean()) + 0.5) / blocks.shape[0] - 1),
        abs(2 * (float(across.mean()) + 0.5) / blocks.shape[1] - 1),
    )
    inside = np.repeat(np.repeat(blocks, BLOCK, 0), BLOCK, 1)[: image.pixels.shape[0], : image.pixels.shape[1]]
    grey = image.pixels[inside]
    low, high = (float(q) for q in np.percentile(grey, (10, 90)))
    return Measures(
        frame=frame, blot=blot, area=count * side * side, contrast=2.8 * float(np.median(deviation[blocks])),
        ridges=_ridges(image.pixels, blocks, image.ppi), dark=float((grey < (low + high) / 2).mean()), off=off,
    )  # fmt: skip


def _ridges(pixels: Pixels, blocks: NDArray[np.bool_], ppi: float) -> float:
    """Share of the windows on the finger whose energy lies on the ring of ridge frequencies, on one side of it."""
    rows, columns = pixels.shape[0] // WINDOW, pixels.shape[1] // WINDOW
    if not rows or not columns:
        return 0.0
    on = blocks[: 2 * rows, : 2 * columns].reshape(rows, 2, columns, 2).sum(axis=(1, 3)) >= 3
    if not on.any():
        return 0.0
    windows = pixels[: rows * WINDOW, : columns * WINDOW].reshape(rows, WINDOW, columns, WINDOW).swapaxes(1, 2)[on]
    return float((_plainness(windows, ppi) >= PLAIN).mean())


def _plainness(windows: NDArray[np.uint8], ppi: float) -> NDArray[np.float32]:
    """Of each window the share of its energy in the strongest peak (3 x 3) among the ridge frequencies."""
    grey = windows.astype(np.float32)
    grey -= grey.mean(axis=(1, 2), keepdims=True)
    power = np.abs(np.fft.rfft2(grey * _HANN)) ** 2
    across = np.arange(power.shape[2])
    down = np.fft.fftfreq(WINDOW, 1 / WINDOW)
    radius = np.hypot(down[:, np.newaxis], across) * (ppi / PPI)
    ring = (radius >= WINDOW / COARSEST) & (radius <= WINDOW / FINEST)
    wide = np.pad(power, ((0, 0), (1, 1), (1, 1)), mode="wrap")
    rows = wide[:, :-2] + wide[:, 1:-1] + wide[:, 2:]
    peaks = (rows[:, :, :-2] + rows[:, :, 1:-1] + rows[:, :, 2:])[:, ring].max(axis=1)
    total = power.sum(axis=(1, 2))
    return np.asarray(peaks / np.maximum(total, 1e-6), dtype=np.float32)

