"""Taking one finger: the gate on every frame, up to three tries, the best kept, the rest overwritten."""

from __future__ import annotations

import pytest
from finger_desk import Clock, ScriptedScanner, blank, capture_of

import edge.fingers.taking as taking_module
from drivers.api import DeviceError, DeviceGone
from drivers.fingers import Retry, RetryReason, ScanEvent
from edge.core.fingerprints.model import FingerImage
from edge.fingers.taking import RETRIES, Frame, Taking


class Desk:
    def __init__(self, script: list[ScanEvent | Exception], *, tries: int = 3, wait_s: float = 30.0) -> None:
        self.clock = Clock()
        self.scanner = ScriptedScanner(script, self.clock)
        self.told: list[tuple[str, str, int]] = []
        self.withdrawn = False
        self._tries, self._wait_s = tries, wait_s

    def take(self) -> Frame | None:
        return Taking(
            self.scanner, lambda *said: self.told.append(said), wait_s=self._wait_s, tries=self._tries,
            mono=self.clock, withdrawn=lambda: self.withdrawn,
        ).run()


@pytest.fixture
def erased(monkeypatch: pytest.MonkeyPatch) -> list[FingerImage]:
    """The images that were overwritten; they are still overwritten for real."""
    found: list[FingerImage] = []
    real = taking_module.erase_image

    def note(image: FingerImage) -> None:
        real(image)
        found.append(image)

    monkeypatch.setattr(taking_module, "erase_image", note)
    return found


def test_a_good_frame_ends_it_at_once() -> None:
    desk = Desk([capture_of(7, at=5.0), capture_of(8)])
    frame = desk.take()
    assert frame is not None
    assert frame.passed
    assert (frame.tries, frame.at) == (1, 5.0)
    assert desk.told == [("place", "", 1)]
    assert desk.scanner.offs == 0


def test_a_poor_frame_is_tried_again_with_an_instruction() -> None:
    desk = Desk([capture_of(7, share=0.2), capture_of(7)])
    frame = desk.take()
    assert frame is not None
    assert frame.passed
    assert frame.tries == 2
    steps = [(step, number) for step, _, number in desk.told]
    assert steps == [("place", 1), ("lift", 2), ("retry", 2)]
    assert all(instruction for step, instruction, _ in desk.told if step != "place")
    assert desk.scanner.offs == 1


def test_after_the_last_try_the_best_is_kept_and_the_others_are_overwritten(erased: list[FingerImage]) -> None:
    desk = Desk([capture_of(7, share=0.12), capture_of(7, share=0.3), capture_of(7, share=0.12)])
    frame = desk.take()
    assert frame is not None
    assert not frame.passed
    assert frame.tries == 3
    assert frame.image.pixels.any()
    assert len(erased) == 2
    assert not any(image.pixels.any() for image in erased)


def test_glass_without_a_finger_is_no_finger(erased: list[FingerImage]) -> None:
    desk = Desk([blank(), blank(), blank()])
    assert desk.take() is None
    assert len(erased) == 3


@pytest.mark.parametrize("reason", list(RetryReason))
def test_what_the_device_says_to_the_person_is_a_try_and_is_told(reason: RetryReason) -> None:
    desk = Desk([Retry(reason), capture_of(7)])
    frame = desk.take()
    assert frame is not None
    assert ("retry", str(RETRIES[reason]), 2) in desk.told


def test_only_so_many_tries() -> None:
    desk = Desk([Retry(RetryReason.TOO_FAST)] * 9, tries=3)
    assert desk.take() is None
    assert len(desk.scanner.script) == 6


def test_nobody_comes() -> None:
    desk = Desk([], wait_s=30)
    began = desk.clock.now
    assert desk.take() is None
    assert desk.clock.now - began == pytest.approx(30, abs=0.51)


def test_a_withdrawn_order_ends_within_a_slice() -> None:
    desk = Desk([], wait_s=300)
    desk.withdrawn = True
    began = desk.clock.now
    assert desk.take() is None
    assert desk.clock.now == began


def test_a_fault_of_the_device_is_its_keepers_matter() -> None:
    with pytest.raises(DeviceError):
        Desk([DeviceGone("it is gone", advice="plug it in")]).take()
