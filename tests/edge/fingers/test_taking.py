"""Taking one finger: the gate on every frame, up to three tries, the best kept, the rest overwritten."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest
from finger_desk import Clock, ScriptedScanner, Step, blank, capture_of

import edge.fingers.taking as taking_module
from drivers.api import DeviceError, DeviceGone
from drivers.fingers import FingerCapture, Retry, RetryReason
from edge.core.fingerprints.model import FingerImage
from edge.fingers.source import LOST, ScannerSource
from edge.fingers.taking import REMOVALS, RETRIES, SLICE_S, Frame, Taking

POOR = 0.2  # of a finger on the glass
LATER_S = 20.0  # longest wait for another thread of ours


class Desk:
    def __init__(self, script: list[Step], *, tries: int = 3, wait_s: float = 30.0) -> None:
        self.clock = Clock()
        self.scanner = ScriptedScanner(script, self.clock)
        self.told: list[tuple[str, str, int]] = []
        self.withdrawn = False
        self.heard = threading.Condition()
        self.tries, self._wait_s = tries, wait_s

    @property
    def steps(self) -> list[tuple[str, int]]:
        return [(step, number) for step, _, number in self.told]

    def tell(self, step: str, instruction: str, number: int) -> None:
        with self.heard:
            self.told.append((step, instruction, number))
            self.heard.notify_all()

    def take(self) -> Frame | None:
        return Taking(
            ScannerSource(self.scanner), self.tell, wait_s=self._wait_s, tries=self.tries, mono=self.clock,
            withdrawn=lambda: self.withdrawn,
        ).run()

    def until_told(self, step: str) -> bool:
        with self.heard:
            return self.heard.wait_for(lambda: any(said[0] == step for said in self.told), LATER_S)

    def slow(self, seed: int) -> Callable[[], FingerCapture]:
        """An image that takes so long that it is told."""
        def read() -> FingerCapture:
            assert self.until_told("reading")
            return capture_of(seed)

        return read

    def until_cancelled(self) -> None:
        """A transfer that only a cancel ends, and one that came before it began does not."""
        self.scanner.cancelled.clear()
        self.withdrawn = True
        assert self.scanner.cancelled.wait(LATER_S)


@pytest.fixture
def images(monkeypatch: pytest.MonkeyPatch) -> list[FingerImage]:
    """Every image that was made of a capture; its pixels are those that were worked on."""
    found: list[FingerImage] = []
    real = taking_module.image_of

    def note(capture: FingerCapture) -> FingerImage:
        found.append(real(capture))
        return found[-1]

    monkeypatch.setattr(taking_module, "image_of", note)
    return found


def left(images: list[FingerImage]) -> int:
    """How many of them still show something."""
    return sum(bool(image.pixels.any()) for image in images)


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
    assert desk.steps == [("place", 1), ("lift", 2), ("retry", 2)]
    assert all(instruction for step, instruction, _ in desk.told if step != "place")
    assert desk.scanner.offs == 1


def test_after_the_last_try_the_best_is_kept_and_the_others_are_overwritten(images: list[FingerImage]) -> None:
    desk = Desk([capture_of(7, share=0.12), capture_of(7, share=0.3), capture_of(7, share=0.12)])
    frame = desk.take()
    assert frame is not None
    assert not frame.passed
    assert frame.tries == 3
    assert frame.image.pixels.any()
    assert (len(images), left(images)) == (3, 1)


def test_glass_without_a_finger_is_no_finger(images: list[FingerImage]) -> None:
    desk = Desk([blank(), blank(), blank()])
    assert desk.take() is None
    assert (len(images), left(images)) == (3, 0)


@pytest.mark.parametrize("reason", [RetryReason.CENTER_FINGER, RetryReason.PRESS_HARDER, RetryReason.TOO_FAST])
def test_what_the_device_says_to_the_person_is_a_try_and_is_told(reason: RetryReason) -> None:
    desk = Desk([Retry(reason), capture_of(7)])
    frame = desk.take()
    assert frame is not None
    assert frame.tries == 2
    assert ("retry", str(RETRIES[reason]), 2) in desk.told


def test_a_finger_that_lies_there_already_is_to_be_lifted_first_which_is_no_try() -> None:
    desk = Desk([Retry(RetryReason.REMOVE_FINGER), capture_of(7)], tries=1)
    frame = desk.take()
    assert frame is not None
    assert frame.tries == 1
    assert desk.told == [("place", "", 1), ("lift", "lift", 1), ("place", "", 1)]


def test_a_finger_that_is_left_there_may_be_lifted_as_long_as_a_finger_is_waited_for() -> None:
    desk = Desk([Retry(RetryReason.REMOVE_FINGER), capture_of(7)], wait_s=30)
    desk.scanner.lifts.extend([False] * round(25 / SLICE_S))
    frame = desk.take()
    assert frame is not None
    assert (frame.passed, frame.tries) == (True, 1)
    assert desk.told == [("place", "", 1), ("lift", "lift", 1), ("place", "", 1)]


def test_a_finger_that_is_never_lifted_ends_with_the_wait_and_is_told_once() -> None:
    desk = Desk([Retry(RetryReason.REMOVE_FINGER), capture_of(7)], wait_s=30)
    desk.scanner.lifts.extend([False] * 200)
    began = desk.clock.now
    assert desk.take() is None
    assert desk.clock.now - began == pytest.approx(30, abs=SLICE_S)
    assert desk.told == [("place", "", 1), ("lift", "lift", 1)]


def test_a_device_that_goes_on_telling_of_a_finger_that_was_lifted_comes_to_an_end() -> None:
    desk = Desk([Retry(RetryReason.REMOVE_FINGER)] * 50)
    assert desk.take() is None
    assert len(desk.told) < 2 * (REMOVALS + desk.tries) + 2
    assert desk.scanner.script


def test_a_lost_image_is_the_scanners_and_costs_no_try() -> None:
    lost = Retry(RetryReason.TRY_AGAIN)
    desk = Desk([lost, lost, capture_of(7, share=POOR), capture_of(7)], tries=2)
    frame = desk.take()
    assert frame is not None
    assert (frame.passed, frame.tries) == (True, 2)
    assert desk.steps == [("place", 1), ("lift", 1), ("retry", 1), ("lift", 1), ("retry", 1), ("lift", 2), ("retry", 2)]
    assert {said for step, said, number in desk.told[1:5]} == {"lost"}


def test_images_that_are_all_lost_are_a_fault_of_the_device_over_several_orders_too() -> None:
    lost = Retry(RetryReason.TRY_AGAIN)
    with pytest.raises(DeviceError, match="images were lost") as told:
        Desk([lost] * 9).take()
    assert "cable" in told.value.advice
    clock = Clock()
    scanner = ScriptedScanner([*[lost] * (LOST - 1), capture_of(7), *[lost] * LOST], clock)
    source = ScannerSource(scanner)
    for _ in range(2 * LOST - 1):
        source.capture(1.0)
    with pytest.raises(DeviceError, match="images were lost"):
        source.capture(1.0)


def test_only_so_many_tries() -> None:
    desk = Desk([Retry(RetryReason.TOO_FAST)] * 9, tries=3)
    assert desk.take() is None
    assert len(desk.scanner.script) == 6


def test_nobody_comes() -> None:
    desk = Desk([], wait_s=30)
    began = desk.clock.now
    assert desk.take() is None
    assert desk.clock.now - began == pytest.approx(30, abs=0.51)


def test_an_image_that_takes_long_is_said_once_and_a_quick_one_not() -> None:
    desk = Desk([lambda: capture_of(7, share=POOR)])
    desk.scanner.script.append(desk.slow(8))
    frame = desk.take()
    assert frame is not None
    assert frame.passed
    assert desk.steps == [("place", 1), ("lift", 2), ("retry", 2), ("reading", 2)]


def test_a_withdrawn_order_ends_at_once() -> None:
    desk = Desk([], wait_s=300)
    desk.withdrawn = True
    began = desk.clock.now
    assert desk.take() is None
    assert desk.clock.now == began


def test_withdrawing_ends_a_wait_for_a_finger_to_be_lifted_within_a_slice(images: list[FingerImage]) -> None:
    desk = Desk([capture_of(7, share=0.3), capture_of(7)])
    desk.scanner.lifts.extend([False] * 20)
    desk.scanner.at_off = lambda: setattr(desk, "withdrawn", True)
    began = desk.clock.now
    assert desk.take() is None
    assert desk.clock.now - began <= SLICE_S
    assert desk.steps == [("place", 1), ("lift", 2)]
    assert len(desk.scanner.script) == 1
    assert (len(images), left(images)) == (1, 0)


def test_withdrawing_cancels_an_image_that_is_being_read_although_an_earlier_cancel_was_forgotten() -> None:
    desk = Desk([])
    desk.scanner.script.append(desk.until_cancelled)
    assert desk.take() is None


def test_a_frame_that_comes_after_withdrawing_is_neither_judged_nor_kept(images: list[FingerImage]) -> None:
    desk = Desk([capture_of(7, share=0.3)])

    def late() -> FingerCapture:
        desk.until_cancelled()
        return capture_of(7)

    desk.scanner.script.append(late)
    assert desk.take() is None
    assert (len(images), left(images)) == (1, 0)


@pytest.mark.parametrize("fault", [DeviceGone("it is gone", advice="plug it in"), ZeroDivisionError()])
def test_a_fault_is_its_keepers_matter_and_leaves_no_frame(fault: Exception, images: list[FingerImage]) -> None:
    with pytest.raises(type(fault)):
        Desk([capture_of(7, share=0.3), fault]).take()
    assert (len(images), left(images)) == (1, 0)


def test_a_frame_that_cannot_be_judged_is_overwritten_too(
    images: list[FingerImage], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(_image: FingerImage) -> None:
        raise MemoryError

    monkeypatch.setattr(taking_module, "judge", fails)
    with pytest.raises(MemoryError):
        Desk([capture_of(7)]).take()
    assert (len(images), left(images)) == (1, 0)
