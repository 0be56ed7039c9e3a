"""The made-up fingers behave as fingers: one finger agrees with itself, two do not, and the bytes never change."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.virtual.prints import TURN, main, png, synthetic_print, touch

WIDTH, HEIGHT = 384, 290
FINGERS, IMPRESSIONS = range(5), range(3)


def test_the_same_words_give_the_same_bytes() -> None:
    first = synthetic_print(7, 256, 288, impression=3)
    assert len(first) == 256 * 288
    assert synthetic_print(7, 256, 288, impression=3) == first
    assert synthetic_print(7, 256, 288, impression=4) != first
    assert synthetic_print(8, 256, 288, impression=3) != first


def test_ridges_are_dark_on_light_glass() -> None:
    grey = np.frombuffer(synthetic_print(7, 400, 400), np.uint8).reshape(400, 400)
    assert grey[:10, :10].mean() > 220
    middle = grey[150:250, 150:250]
    assert 0.35 < (middle < 140).mean() < 0.65


def test_the_ridges_are_as_far_apart_as_an_adults_whatever_the_sensor() -> None:
    for ppi in (500, 569, 1000):
        side = int(0.4 * ppi)
        grey = np.frombuffer(synthetic_print(3, side, side, ppi), np.uint8).reshape(side, side).astype(float)
        power = np.abs(np.fft.fft2((grey - grey.mean()) * np.outer(np.hanning(side), np.hanning(side)))) ** 2
        turns = np.hypot(*np.meshgrid(np.fft.fftfreq(side), np.fft.fftfreq(side)))
        period_mm = 25.4 / ppi / ((power * turns).sum() / power.sum())
        assert 0.33 < period_mm < 0.6


@given(st.integers(0, 2**40), st.integers(1, 2**20))
@settings(max_examples=60)
def test_an_impression_stays_within_what_is_promised(seed: int, impression: int) -> None:
    how = touch(seed, impression)
    assert abs(how.turn) <= TURN
    assert max(map(abs, how.shift)) <= 2.5
    assert 0 <= how.dry <= 1
    assert 0 <= how.wet <= 1
    assert not (how.dry and how.wet)


@pytest.mark.parametrize("words", [(1, 8, 100, 500.0, 0), (1, 100, 5000, 500.0, 0), (-1, 100, 100, 500.0, 0),
                                   (1, 100, 100, 50.0, 0), (1, 100, 100, 500.0, -1)])
def test_a_sensor_that_cannot_be_is_refused(words: tuple[int, int, int, float, int]) -> None:
    with pytest.raises(ValueError, match=r"seed|sensor"):
        synthetic_print(*words[:4], impression=words[4])


def test_one_finger_agrees_with_itself_and_not_with_another() -> None:
    nbis = pytest.importorskip("nbis")
    extractor = nbis.new_nbis_extractor(nbis.NbisExtractorSettings(
        min_quality=0.0, get_center=False, check_fingerprint=False, compute_nfiq2=False, ppi=500.0))
    found = {
        (finger, number): extractor.extract_minutiae(
            png(synthetic_print(finger, WIDTH, HEIGHT, impression=number), WIDTH, HEIGHT))
        for finger in FINGERS for number in IMPRESSIONS
    }
    counts = [len(minutiae.get()) for minutiae in found.values()]
    assert 25 <= sorted(counts)[len(counts) // 2] <= 60
    assert min(counts) >= 20
    assert max(counts) <= 80
    same = [found[f, a].compare(found[f, b]) for f in FINGERS for a in IMPRESSIONS for b in range(a)]
    other = [found[f, 0].compare(found[g, 1]) for f in FINGERS for g in FINGERS if f != g]
    assert min(same) > 40
    assert max(other) < 30


def test_the_command_writes_a_picture_that_says_its_resolution(tmp_path: Path) -> None:
    out = tmp_path / "finger.png"
    words = ["--seed", "7", "--impression", "1", "--width", "100", "--height", "80", "--out", str(out)]
    assert main(words) == 0
    data = out.read_bytes()
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    assert struct.unpack(">II", data[16:24]) == (100, 80)
    per_metre = struct.unpack(">II", data[data.index(b"pHYs") + 4 :][:8])
    assert per_metre == (19685, 19685)  # 500 per inch
    at = data.index(b"IDAT")
    rows = zlib.decompress(data[at + 4 : at + 4 + struct.unpack(">I", data[at - 4 : at])[0]])
    pixels = b"".join(rows[row * 101 + 1 : (row + 1) * 101] for row in range(80))
    assert pixels == synthetic_print(7, 100, 80, impression=1)


def test_the_command_says_what_to_do_when_it_cannot(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--seed", "1", "--out", str(tmp_path / "nowhere" / "x.png")]) == 1
    assert "next:" in capsys.readouterr().err
    assert main(["--seed", "-1", "--out", str(tmp_path / "x.png")]) == 1
    assert "next:" in capsys.readouterr().err
