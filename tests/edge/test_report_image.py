"""The WSQ of a report: what a scanner gives fits and comes back; what cannot be packed leaves the report without."""

from __future__ import annotations

import journal_kit
import numpy as np
import pytest

from common.fingers.images import decode_image
from drivers.virtual.prints import synthetic_print
from edge.core.fingerprints.model import FingerImage
from edge.core.padding import IMAGE_SIZE, MAX_IMAGE, unpad
from edge.core.trusted import ClockState
from edge.core.verdicts import Outcome
from edge.core.wire import FingersBody, decode_body, fit_block
from edge.fingers.report_image import packed


def a_print() -> FingerImage:
    return FingerImage(np.frombuffer(synthetic_print(7, 355, 391), np.uint8).reshape(391, 355).copy())


def test_an_image_of_a_scanner_fits_the_report_and_comes_back() -> None:
    pytest.importorskip("wsq", reason="the extra 'fingers' is not installed")
    image = a_print()
    made = packed(image)
    assert 2_000 < len(made) <= MAX_IMAGE
    body = FingersBody(
        passage="p", counter="c", at=journal_kit.START, clock=ClockState.SIGNED, purpose="search", positions=(2,),
        outcome=Outcome.POSSIBLE, shown=Outcome.POSSIBLE, image=made,
    )
    read = decode_body(unpad(fit_block(body, IMAGE_SIZE)))
    assert isinstance(read, FingersBody)
    assert (read.image, read.trimmed) == (made, 0)
    back = decode_image(read.image, "report").pixels
    assert back.shape == image.pixels.shape
    assert np.abs(back.astype(int) - image.pixels).mean() < 16


@pytest.mark.parametrize("pixels", [np.zeros((8, 8), np.uint8), np.zeros((0, 0), np.uint8)])
def test_what_cannot_be_packed_is_left_out(pixels: np.ndarray[tuple[int, ...], np.dtype[np.uint8]]) -> None:
    assert packed(FingerImage(pixels)) == b""


def test_what_is_too_long_is_left_out() -> None:
    pytest.importorskip("wsq", reason="the extra 'fingers' is not installed")
    noise = np.random.default_rng(1).integers(0, 255, (2000, 2000)).astype(np.uint8)
    assert packed(FingerImage(noise)) == b""
