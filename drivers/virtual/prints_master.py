"""The whole ridge pattern of one made-up finger: orientation, ridge distance, growth. No person's finger is in it.

Laws:
1. The pattern follows from the seed alone; the same NumPy gives the same pattern.
2. Orientation is the zero-pole model (Sherlock and Monro 1993): each core turns it by +1/2, each delta by -1/2; bent
   smoothly, so that two loops are not one loop.
3. Ridges grow out of noise by repeated filtering with oriented band-passes (Cappelli's SFinGe, Handbook of Fingerprint
   Recognition, 2nd ed., section 6): minutiae appear where ridges of the field cannot meet, none is drawn by hand.
4. Growth runs at 250 pixels per inch, where a ridge is 4 to 5 pixels, and is doubled exactly (band-limited).
"""

from __future__ import annotations

import enum
import functools
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Field = NDArray[np.float32]

PPI = 500
WIDTH, HEIGHT = 400, 560          # pixels of the pattern at 500 per inch: 20 x 28 mm
GROW_WIDTH, GROW_HEIGHT = WIDTH // 2, HEIGHT // 2
ANGLES = 16                       # orientations of the filters over half a turn
STEPS = 7                         # rounds of growth
PERIODS = (4.2, 5.2)              # pixels at 250 ppi between ridges: 0.43 and 0.53 mm, as adults have them
SPREAD = 0.24                     # radians: how sharply a filter is oriented
BAND = 0.030                      # cycles per pixel: how sharply it is tuned
KEPT = 32                         # patterns remembered in a process (0.9 MB each)


class Pattern(enum.Enum):
    """Henry's classes, with their shares among people (Wilson and others 1994)."""

    ARCH = 0.04
    TENTED_ARCH = 0.03
    LEFT_LOOP = 0.34
    RIGHT_LOOP = 0.31
    WHORL = 0.28


@dataclass(frozen=True, slots=True)
class Plan:
    """What a finger is before it grows; points in millimetres from the middle, x right, y up."""

    pattern: Pattern
    cores: tuple[complex, ...]
    deltas: tuple[complex, ...]


def plan(source: np.random.Generator) -> Plan:
    """Draw a pattern and where its cores and deltas lie."""
    shares = np.array([pattern.value for pattern in Pattern])
    pattern = list(Pattern)[int(source.choice(len(shares), p=shares / shares.sum()))]

    def near(x: float, y: float, by: float) -> complex:
        return complex(x + source.uniform(-by, by), y + source.uniform(-by, by))

    core = near(0, 1.5, 1.3)
    if pattern is Pattern.ARCH:
        return Plan(pattern, (), ())
    if pattern is Pattern.TENTED_ARCH:
        return Plan(pattern, (core,), (core + near(0, -5.0, 0.7),))
    if pattern is Pattern.WHORL:
        low = core + near(0, -source.uniform(1.5, 4.5), 1.0)
        return Plan(pattern, (core, low), (near(-7.0, -6.5, 1.5), near(7.0, -6.5, 1.5)))
    side = 1 if pattern is Pattern.LEFT_LOOP else -1  # the delta lies opposite to where the loop opens
    return Plan(pattern, (core,), (near(6.0 * side, -7.0, 1.5),))


def smooth(source: np.random.Generator, height: int, width: int, waves: int) -> Field:
    """Smooth noise of spread about 1: at most ``waves`` waves across the field in each direction."""
    down, across = np.mgrid[0:height, 0:width].astype(np.float32)
    out = np.zeros((height, width), np.float32)
    count = 3 * waves
    for _ in range(count):
        turn = source.uniform(-waves, waves, 2)
        out += np.cos(2 * np.pi * (turn[0] * down / height + turn[1] * across / width) + source.uniform(0, 2 * np.pi))
    return np.asarray(out * np.sqrt(2 / count), np.float32)


def orientation(chosen: Plan, source: np.random.Generator) -> Field:
    """Law 2: radians, counter-clockwise from the x axis, of the ridge at each pixel of the growing field."""
    y_mm, x_mm = np.mgrid[0:GROW_HEIGHT, 0:GROW_WIDTH].astype(np.float64) * (25.4 * 2 / PPI)
    x_mm, y_mm = x_mm - x_mm.mean(), y_mm.mean() - y_mm
    at = x_mm + 1j * y_mm
    angle = np.zeros(at.shape)
    for core in chosen.cores:
        angle += 0.5 * np.angle(at - core)
    for delta in chosen.deltas:
        angle -= 0.5 * np.angle(at - delta)
    angle += np.pi / 2 * (len(chosen.cores) - len(chosen.deltas))
    # Over the top ridges fall to both sides; below the pattern they run flat to the crease.
    height = np.clip((y_mm + 11) / 16, 0, 1)
    steep = source.uniform(0.75, 1.0) if not chosen.cores else source.uniform(0.35, 0.6)
    angle -= steep * height * np.tanh(x_mm / 5.0)
    angle += 0.10 * smooth(source, GROW_HEIGHT, GROW_WIDTH, 2)
    return np.asarray(angle, np.float32)


@functools.cache
def filters() -> NDArray[np.float32]:
    """Band-passes in the frequency plane: (period, angle, height, width / 2 + 1)."""
    v, u = np.meshgrid(-np.fft.fftfreq(GROW_HEIGHT), np.fft.rfftfreq(GROW_WIDTH), indexing="ij")
    radius, direction = np.hypot(u, v), np.arctan2(v, u)
    bank = np.empty((len(PERIODS), ANGLES, *u.shape), np.float32)
    for number, period in enumerate(PERIODS):
        band = np.exp(-((radius - 1 / period) ** 2) / (2 * BAND**2))
        for step in range(ANGLES):
            normal = step * np.pi / ANGLES + np.pi / 2  # waves stand across the ridge
            away = (direction - normal + np.pi / 2) % np.pi - np.pi / 2
            bank[number, step] = band * np.exp(-(away**2) / (2 * SPREAD**2))
    return bank


def weights(angle: Field, fine: Field) -> list[tuple[int, int, Field]]:
    """How much each filter counts at each pixel: (period, angle, share); nothing for those that count nowhere."""
    place = (angle / np.pi * ANGLES) % ANGLES
    out = []
    for step in range(ANGLES):
        away = np.abs((place - step + ANGLES / 2) % ANGLES - ANGLES / 2)
        share = np.clip(1 - away, 0, 1).astype(np.float32)
        for number, part in enumerate((fine, 1 - fine)):
            out.append((number, step, np.asarray(share * part, np.float32)))
    return out


def doubled(field: Field) -> Field:
    """Law 4: twice the pixels each way, the same waves."""
    height, width = field.shape
    waves = np.fft.rfft2(field)
    wide = np.zeros((2 * height, width + 1), waves.dtype)
    half = height // 2
    wide[:half, : width // 2 + 1] = waves[:half]
    wide[-half:, : width // 2 + 1] = waves[-half:]
    return np.asarray(4 * np.fft.irfft2(wide, s=(2 * height, 2 * width)), np.float32)


@functools.lru_cache(maxsize=KEPT)
def master(seed: int) -> Field:
    """The pattern of finger ``seed`` (0 to 2**63): shape (HEIGHT, WIDTH), about -1 in valleys to 1 on ridges.

    Read-only, since it is remembered. Takes about 0.15 s of one core the first time.
    """
    source = np.random.default_rng([seed, 1])
    angle = orientation(plan(source), source)
    fine = np.clip(0.5 + 0.35 * smooth(source, GROW_HEIGHT, GROW_WIDTH, 2), 0, 1).astype(np.float32)
    shares, bank = weights(angle, fine), filters()
    field = source.standard_normal((GROW_HEIGHT, GROW_WIDTH)).astype(np.float32)
    for _ in range(STEPS):
        waves = np.fft.rfft2(field)
        grown = np.zeros_like(field)
        for number, step, share in shares:
            grown += share * np.fft.irfft2(waves * bank[number, step], s=field.shape)
        field = np.tanh(1.5 * grown / (grown.std() + 1e-6))
    whole = doubled(field)
    whole.setflags(write=False)
    return whole
