"""The WSQ of a report: what a scanner gives fits and comes back; what cannot be packed leaves the report without."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator

import journal_kit
import numpy as np
import pytest

from common.fingers import image_service
from common.fingers.child import Child
from common.fingers.images import decode_image
from drivers.virtual.prints import synthetic_print
from edge.core.fingerprints.model import FingerImage
from edge.core.padding import IMAGE_SIZE, MAX_IMAGE, unpad
from edge.core.trusted import ClockState
from edge.core.verdicts import Outcome
from edge.core.wire import FingersBody, decode_body, fit_block
from edge.fingers.report_image import packed


@pytest.fixture(scope="module")
def child() -> Iterator[Child]:
    with Child({image_service.NAME: {}}, no_new_code=True) as one:
        yield one


def a_print() -> FingerImage:
    return FingerImage(np.frombuffer(synthetic_print(7, 355, 391), np.uint8).reshape(391, 355).copy())


def test_an_image_of_a_scanner_fits_the_report_and_comes_back(child: Child) -> None:
    pytest.importorskip("wsq", reason="the extra 'fingers' is not installed")
    image = a_print()
    made = packed(child, image)
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
def test_what_cannot_be_packed_is_left_out(
    child: Child, pixels: np.ndarray[tuple[int, ...], np.dtype[np.uint8]]
) -> None:
    assert packed(child, FingerImage(pixels)) == b""
    assert child.starts == 1


def test_what_is_too_long_is_left_out(child: Child) -> None:
    pytest.importorskip("wsq", reason="the extra 'fingers' is not installed")
    noise = np.random.default_rng(1).integers(0, 255, (2000, 2000)).astype(np.uint8)
    assert packed(child, FingerImage(noise)) == b""


def test_the_end_of_the_child_costs_the_image_alone(child: Child) -> None:
    """What a crash of the C code below it comes to: the next finger finds a fresh child."""
    pytest.importorskip("wsq", reason="the extra 'fingers' is not installed")
    child.ready()
    pid, starts = child.pid, child.starts
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)  # it is at work when it dies
    killer = threading.Timer(0.3, os.kill, (pid, signal.SIGKILL))
    killer.start()
    began = time.monotonic()
    assert packed(child, a_print()) == b""
    assert time.monotonic() - began < 5
    killer.join()
    assert packed(child, a_print())
    assert child.starts == starts + 1
