"""The gate: what passes, what the person is told, and how long a frame takes."""

from __future__ import annotations

import dataclasses
import time

import numpy as np
import pytest
from finger_kit import finger, pixels_of
from hypothesis import given
from hypothesis import strategies as st

from drivers.virtual import prints
from edge.core.fingerprints.frame_quality import Instruction, judge
from edge.core.fingerprints.model import FingerImage, Pixels
from edge.core.texts import LANGUAGES, text

HEIGHT, WIDTH = 290, 384


def laid(monkeypatch: pytest.MonkeyPatch, **how: object) -> FingerImage:
    """Finger 1, laid down as told."""
    usual = prints.touch
    monkeypatch.setattr(prints, "touch", lambda s, i: dataclasses.replace(usual(s, i), **how))
    return FingerImage(pixels_of(prints.synthetic_print(1, WIDTH, HEIGHT), WIDTH, HEIGHT))


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("impression", range(3))
def test_good_prints_pass(seed: int, impression: int) -> None:
    found = judge(finger(seed, impression))
    assert found.passed
    assert found.instruction is Instruction.NONE
    assert found.score >= 80


@pytest.mark.parametrize(
    ("how", "told"),
    [
        ({"size": (1.2, 1.6)}, Instruction.NO_FINGER),
        ({"size": (3.0, 4.0)}, Instruction.PRESS_HARDER),
        ({"shift": (11.0, 0.0)}, Instruction.CENTRE),
        ({"size": (3.0, 4.0), "shift": (6.0, 0.0)}, Instruction.CENTRE),
    ],
)
def test_what_the_finger_lacks_is_told(
    how: dict[str, object], told: Instruction, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = judge(laid(monkeypatch, **how))
    assert found.instruction is told
    assert not found.passed
    assert found.score < 50


def changed(kind: str) -> Pixels:
    """Finger 1 as glass shows it that is faint, flooded, dotted or moved; and glass without a finger."""
    source = np.random.default_rng(4)
    grey = finger(1).pixels.astype(np.float64)
    dark = grey < 140
    if kind == "faint":
        grey = (grey - 230) * 0.12 + 230
    elif kind == "flooded":  # valleys filled but for pools: dark without a ridge to follow
        pools = np.kron(source.random((HEIGHT // 5, WIDTH // 4)) < 0.3, np.ones((5, 4)))[:HEIGHT, :WIDTH]
        grey = np.where(finger_area() & (pools < 1), 40, 235)
    elif kind == "dotted":  # dry skin touches with single points of its ridges
        grey = np.where(dark & (source.random(grey.shape) < 0.22), 60, 235)
    elif kind == "blot":
        grey = np.where(finger_area(), 30, 235) + source.normal(0, 3, grey.shape)
    elif kind == "noise":
        grey = source.normal(200, 12, grey.shape)
    else:
        grey = np.full_like(grey, 240)
    return np.clip(grey, 0, 255).astype(np.uint8)


def finger_area() -> np.ndarray[tuple[int, int], np.dtype[np.bool_]]:
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
    return ((x - WIDTH / 2) / 150) ** 2 + ((y - HEIGHT / 2) / 140) ** 2 < 1


@pytest.mark.parametrize(
    ("kind", "told"),
    [
        ("faint", Instruction.PRESS_HARDER),
        ("flooded", Instruction.TOO_WET),
        ("dotted", Instruction.TOO_DRY),
        ("blot", Instruction.TOO_WET),
        ("noise", Instruction.NO_FINGER),
        ("empty", Instruction.NO_FINGER),
    ],
)
def test_what_the_skin_lacks_is_told(kind: str, told: Instruction) -> None:
    found = judge(FingerImage(changed(kind)))
    assert (found.instruction, found.passed) == (told, False)


def test_the_same_finger_passes_at_other_resolutions() -> None:
    assert judge(finger(1, 0, 390, 295, 508)).passed
    assert judge(finger(1, 0, 200, 150, 250)).passed


def test_strong_noise_is_told_to_be_captured_again() -> None:
    noise = np.random.default_rng(1).integers(0, 256, (HEIGHT, WIDTH), dtype=np.uint8)
    assert judge(FingerImage(noise)).instruction is Instruction.AGAIN


@given(st.integers(1, 90), st.integers(1, 90), st.integers(0, 255), st.integers(0, 2**32 - 1))
def test_any_frame_is_judged(height: int, width: int, level: int, seed: int) -> None:
    source = np.random.default_rng(seed)
    pixels = np.clip(source.normal(level, 40, (height, width)), 0, 255).astype(np.uint8)
    found = judge(FingerImage(pixels))
    assert 0 <= found.score <= 100
    assert found.passed == (found.instruction is Instruction.NONE)


def test_a_frame_is_judged_within_twenty_milliseconds() -> None:
    image = finger(1)
    judge(image)
    began = time.process_time()
    for _ in range(5):
        judge(image)
    assert (time.process_time() - began) / 5 < 0.020


@pytest.mark.parametrize("instruction", [one for one in Instruction if one])
def test_every_instruction_has_words_in_every_language(instruction: Instruction) -> None:
    words = {text(language, f"finger.{instruction}") for language in LANGUAGES}
    assert len(words) == len(LANGUAGES)
    assert str(instruction) not in words
