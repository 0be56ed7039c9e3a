"""Fingers for tests: patterns with a known minutia, and the synthetic prints of the virtual scanners."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from drivers.virtual.prints import synthetic_print
from edge.core.fingerprints.model import FingerImage, Pixels

PERIOD = 9  # pixels from ridge to ridge


def one_minutia(turn: float, *, ending: bool = True, side: int = 320) -> FingerImage:
    """Straight ridges with one minutia in the middle; its ridge (valley) runs off at ``turn`` degrees, anticlockwise.

    A ridge ends where the phase of the waves turns once around a point: on one side there is half a period more.
    """
    y, x = np.mgrid[0:side, 0:side].astype(np.float64) - side / 2
    angle = np.radians(turn)
    along, across = x * np.cos(angle) - y * np.sin(angle), x * np.sin(angle) + y * np.cos(angle)
    phase = 2 * np.pi * across / PERIOD + np.arctan2(across, along) + (np.pi if ending else 0)
    inside = (x / (0.41 * side)) ** 2 + (y / (0.44 * side)) ** 2 < 1
    return FingerImage(np.where(inside, 127 + 100 * np.cos(phase), 255).astype(np.uint8))


@lru_cache(maxsize=64)
def finger(seed: int, impression: int = 0, width: int = 384, height: int = 290, ppi: float = 500) -> FingerImage:
    """A synthetic print as a scanner would give it."""
    return FingerImage(pixels_of(synthetic_print(seed, width, height, ppi, impression=impression), width, height), ppi)


def pixels_of(data: bytes, width: int, height: int) -> Pixels:
    """Bytes row by row as an array."""
    return np.frombuffer(data, np.uint8).reshape(height, width)
