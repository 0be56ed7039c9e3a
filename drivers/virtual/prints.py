"""Synthetic fingerprints: fingers that belong to nobody, for virtual scanners, tests and the demo.

    synthetic_print(seed=7, width=384, height=290)                  # finger 7
    synthetic_print(seed=7, width=384, height=290, impression=1)    # the same finger, laid down anew

Laws:
1. ``seed`` is the finger, ``impression`` how it was laid down: shift, turn up to 15 degrees, stretched skin, pressure,
   dry or wet skin, how much of it touches. Impression 0 is laid down straight and well.
2. The same words give the same bytes. Nothing is read from anywhere: clock, machine, files.
3. Ridges are dark, the empty glass is light; a pixel is a byte.

``python -m drivers.virtual.prints --seed 7 --impression 1 --out finger.png`` writes one as a picture.
"""

from __future__ import annotations

import argparse
import struct
import sys
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from drivers.virtual.prints_master import HEIGHT, PPI, WIDTH, Field, master, smooth

MAX_SIDE = 2048        # pixels
MM = PPI / 25.4        # pixels of the pattern in a millimetre
TURN = 15.0            # degrees, law 1
COARSE = 8             # slow noise is made so many times smaller


@dataclass(frozen=True, slots=True)
class Touch:
    """How a finger lies on the glass. Lengths in millimetres, y downwards."""

    turn: float = 0.0            # degrees
    shift: tuple[float, float] = (0.0, 0.0)
    stretch: float = 0.0         # how far skin is moved at most
    pressure: float = 0.0        # -1 light, thin ridges .. 1 hard, thick ridges
    dry: float = 0.0             # 0 .. 1: share of ridge that leaves gaps
    wet: float = 0.0             # 0 .. 1: valleys that fill
    middle: tuple[float, float] = (0.0, 0.0)  # of the skin that touches, seen from the middle of the finger
    size: tuple[float, float] = (8.6, 11.8)   # half axes of that skin
    noise: float = 5.0           # grey levels


def touch(seed: int, impression: int) -> Touch:
    """Law 1."""
    if impression == 0:
        return Touch()
    source = np.random.default_rng([seed, 2, impression])
    skin = source.uniform(-1, 1)  # dry .. wet
    return Touch(
        turn=float(np.clip(source.normal(0, 6), -TURN, TURN)),
        shift=(float(np.clip(source.normal(0, 1.0), -2, 2)), float(np.clip(source.normal(0, 1.2), -2.5, 2.5))),
        stretch=float(source.uniform(0.1, 0.35)),
        pressure=float(source.uniform(-0.7, 0.7)),
        dry=float(max(0.0, -skin) * 0.6), wet=float(max(0.0, skin) * 0.5),
        middle=(float(source.uniform(-1.2, 1.2)), float(source.uniform(-1.8, 1.8))),
        size=(float(source.uniform(7.0, 8.8)), float(source.uniform(8.5, 12.0))),
        noise=float(source.uniform(4, 9)),
    )


def synthetic_print(seed: int, width: int, height: int, ppi: float = PPI, *, impression: int = 0) -> bytes:
    """Impression ``impression`` of finger ``seed`` on a sensor of ``width`` x ``height`` pixels at ``ppi``.

    ``width * height`` bytes row by row, 0 black to 255 white, ridges dark. ``seed`` and ``impression`` 0 or more,
    sides 16 to 2048 pixels, ppi 100 to 2000. Raises ValueError outside of them. The first impression of a finger
    costs about 0.2 s of a core, each further one some 30 ms.
    """
    if not (16 <= width <= MAX_SIDE and 16 <= height <= MAX_SIDE and 100 <= ppi <= 2000):
        raise ValueError("a sensor has 16 to 2048 pixels a side and 100 to 2000 ppi")
    if seed < 0 or impression < 0:
        raise ValueError("seed and impression are 0 or more")
    how = touch(seed, impression)
    source = np.random.default_rng([seed, 3, impression])
    x, y = on_the_finger(how, width, height, ppi, source)
    ridge = sampled(master(seed), x, y)
    ink = inked(ridge, how, source) * contact(x, y, how, source)
    grey = blurred(238 - 190 * ink) + source.normal(0, how.noise, ink.shape).astype(np.float32)
    return np.clip(np.rint(grey), 0, 255).astype(np.uint8).tobytes()


def slow(source: np.random.Generator, height: int, width: int, waves: int) -> Field:
    """Slow noise over the sensor, made small and enlarged."""
    down, across = -(-height // COARSE) + 1, -(-width // COARSE) + 1
    small = smooth(source, down, across, waves)
    y, x = np.mgrid[0:height, 0:width].astype(np.float32) / COARSE
    return sampled(small, x, y)


def on_the_finger(
    how: Touch, width: int, height: int, ppi: float, source: np.random.Generator
) -> tuple[Field, Field]:
    """Where each pixel of the sensor lies on the pattern (its pixels, x and y)."""
    down, across = np.mgrid[0:height, 0:width].astype(np.float32)
    scale = np.float32(PPI / ppi)
    across, down = (across - (width - 1) / 2) * scale, (down - (height - 1) / 2) * scale
    across, down = across - how.shift[0] * MM, down - how.shift[1] * MM
    cosine, sine = np.cos(np.deg2rad(how.turn)), np.sin(np.deg2rad(how.turn))
    x, y = cosine * across + sine * down, cosine * down - sine * across
    if how.stretch:
        x = x + how.stretch * MM * slow(source, height, width, 1)
        y = y + how.stretch * MM * slow(source, height, width, 1)
    return np.asarray(x + (WIDTH - 1) / 2, np.float32), np.asarray(y + (HEIGHT - 1) / 2, np.float32)


def sampled(field: Field, x: Field, y: Field) -> Field:
    """``field`` at ``x``, ``y``, bilinear; its edge goes on for ever."""
    height, width = field.shape
    x, y = np.clip(x, 0, width - 1.001), np.clip(y, 0, height - 1.001)
    left, top = x.astype(np.int32), y.astype(np.int32)
    u, v = (x - left).astype(np.float32), (y - top).astype(np.float32)
    flat, at = field.ravel(), top * width + left
    upper = flat[at] * (1 - u) + flat[at + 1] * u
    lower = flat[at + width] * (1 - u) + flat[at + width + 1] * u
    return np.asarray(upper * (1 - v) + lower * v, np.float32)


def inked(ridge: Field, how: Touch, source: np.random.Generator) -> Field:
    """How dark each pixel is, 0 to 1: pressure widens ridges, wet skin fills valleys, dry skin leaves gaps."""
    height, width = ridge.shape
    uneven = slow(source, height, width, 3)
    level = 0.35 * how.pressure + 0.15 * uneven + how.wet * (0.35 + 0.25 * slow(source, height, width, 4))
    ink = 1 / (1 + np.exp(-5.0 * (ridge + level - 0.05)))
    if how.dry:
        grain = blurred(source.standard_normal(ridge.shape).astype(np.float32)) * 2.4
        gaps = 1 / (1 + np.exp(-4.0 * (grain + how.dry * 2.2 - 2.4 + 0.3 * uneven)))
        ink = ink * (1 - 0.9 * gaps)
    return np.asarray(ink, np.float32)


def contact(x: Field, y: Field, how: Touch, source: np.random.Generator) -> Field:
    """1 where skin touches the glass, 0 where it does not, with a soft and uneven edge."""
    across = ((x - (WIDTH - 1) / 2) / MM - how.middle[0]) / how.size[0]
    down = ((y - (HEIGHT - 1) / 2) / MM - how.middle[1]) / how.size[1]
    edge = (np.abs(across) ** 2.3 + np.abs(down) ** 2.3) ** (1 / 2.3)
    height, width = x.shape
    edge = edge + 0.03 * slow(source, height, width, 6)
    return np.asarray(1 / (1 + np.exp(30.0 * (edge - 1))), np.float32)


def blurred(field: Field) -> Field:
    """The optics: a little of each neighbour (1 2 1 both ways)."""
    padded = np.pad(field, 1, mode="edge")
    rows = padded[:-2] + 2 * padded[1:-1] + padded[2:]
    return np.asarray((rows[:, :-2] + 2 * rows[:, 1:-1] + rows[:, 2:]) / 16, np.float32)


def png(pixels: bytes, width: int, height: int, ppi: float = PPI) -> bytes:
    """A PNG file of 8-bit grey pixels that says its resolution (PNG 1.2, sections 3, 4.1 and 4.2.4.2)."""

    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    per_metre = round(ppi / 0.0254)
    rows = b"".join(b"\0" + pixels[row * width : (row + 1) * width] for row in range(height))
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
        + chunk(b"pHYs", struct.pack(">IIB", per_metre, per_metre, 1))
        + chunk(b"IDAT", zlib.compress(rows, 6))
        + chunk(b"IEND", b"")
    )


def main(words: Sequence[str] | None = None) -> int:
    """Write one print as PNG; the exit code."""
    top = argparse.ArgumentParser(prog="python -m drivers.virtual.prints", description="A finger of nobody, as PNG.")
    top.add_argument("--seed", type=int, required=True, help="which finger")
    top.add_argument("--impression", type=int, default=0, help="how it is laid down (0: straight and well)")
    top.add_argument("--width", type=int, default=384, help="pixels")
    top.add_argument("--height", type=int, default=384, help="pixels")
    top.add_argument("--ppi", type=float, default=float(PPI))
    top.add_argument("--out", type=Path, required=True)
    given = top.parse_args(words)
    try:
        pixels = synthetic_print(given.seed, given.width, given.height, given.ppi, impression=given.impression)
    except ValueError as problem:
        sys.stderr.write(f"error: {problem}\nnext:  correct the numbers\n")
        return 1
    try:
        given.out.write_bytes(png(pixels, given.width, given.height, given.ppi))
    except OSError as problem:
        sys.stderr.write(f"error: {given.out}: {problem.strerror}\nnext:  give --out in an existing folder\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
