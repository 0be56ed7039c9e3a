"""One counter's place for fingers: a thread that owns its scanner and works off orders to take a finger.

Laws:
1. The counter never waits for it: ``offer`` and ``withdraw`` return at once. One order at a time; one more is taken
   while a withdrawn one comes to its end, for the traveller who is next.
2. Every accepted order is answered once, with a ``problem`` where nothing came of it, also when the box stops.
3. What happens to a scanner or to a child process is the end of one order: "capture failed, try again"; where another
   try does not help (the scanner is away, no child can work, ``IN_VAIN`` fingers in a row failed in one) it says so.
   A stop, and who withdraws, end what the scanner does; what it took by then is not worked on any more.
4. Between the last byte of an image and the result nothing depends on which lists hold a candidate (ARCHITECTURE
   law 8): what is published meanwhile is ``working`` and nothing else. What is published before it depends on the
   scanner and on what its frames show. A finger that shows too few minutiae is a failed one, and not searched.
5. What nobody takes is overwritten, whatever ends the work on it.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol

import structlog

from drivers.api import DeviceError
from edge.bell import Waiting
from edge.core.errors import BorderpostError
from edge.core.fingerprints.answers import FingerTaken, SearchAnswer
from edge.core.fingerprints.model import FingerImage, Position, Template
from edge.core.fingerprints.thresholds import LEAST_MINUTIAE, TOO_LITTLE
from edge.crew import Stopping
from edge.fingers.keeper import ScannerKeeper
from edge.fingers.orders import AWAY, FingerOrder, FingerResult, erase, erase_image, erase_template
from edge.fingers.taking import Frame, Taking
from edge.lifecycle import OPEN, ReaderState

FAILED = "capture failed, try again"
NO_FINGER = "no finger was taken in time, try again"
BROKEN = "fingers cannot be worked on at this box: call the technician"
STOPPED = "the box is stopping"
WITHDRAWN = "it was no longer wanted"
IN_VAIN = 2
DELIVER_TRIES, DELIVER_PAUSE_S = 20, 0.1  # a full inbox is tried for two seconds

log = structlog.get_logger("fingers")


class Hands(Protocol):
    """The work on an image, done in child processes. Each call ends within ``work_s`` and raises FingerError."""

    @property
    def problem(self) -> str:
        """Why nothing can be extracted, empty while it can."""

    def extract(self, image: FingerImage, position: Position) -> tuple[Template, int]:
        """The template of a finger, and its NFIQ 2 score (0..100, 255 unknown)."""

    def pack(self, image: FingerImage) -> bytes:
        """WSQ for the report while a gallery of this box wants images at all, else empty. Never raises."""

    def search(self, template: Template, position: Position) -> SearchAnswer:
        """1:N over the galleries."""

    def second(self, template: Template, position: Position, answer: SearchAnswer) -> SearchAnswer:
        """Another finger of the candidates of ``answer``."""

    def verify(self, probe: Template, reference: Template) -> tuple[float, bool]:
        """1:1: comparison score, and whether it reaches the threshold of a verification."""


@dataclass(frozen=True, slots=True)
class StationSettings:
    """``wait_s`` seconds for a finger, ``tries`` frames of one."""

    wait_s: float
    tries: int


class Station:
    """Takes fingers for one counter.

    ``deliver`` (counter, result) may raise queue.Full; ``publish`` takes a message for the screen.
    """

    def __init__(
        self, counter: str, keeper: ScannerKeeper, hands: Hands, *, settings: StationSettings, bell: Waiting,
        deliver: Callable[[str, FingerResult], None], publish: Callable[[Mapping[str, Any]], None],
        mono: Callable[[], float],
    ) -> None:
        self.counter, self.keeper = counter, keeper
        self._hands, self._settings, self._bell = hands, settings, bell
        self._deliver, self._publish, self._mono = deliver, publish, mono
        self._lock = threading.Lock()
        self._order: FingerOrder | None = None  # accepted and not answered
        self._next: FingerOrder | None = None   # the same, behind a withdrawn one
        self._withdrawn = self._next_withdrawn = False
        self._closed = False
        self._in_vain = 0  # fingers in a row that failed in a child
        self.taken = self.failed = 0

    def offer(self, order: FingerOrder) -> bool:
        """Accept an order, or not; from any thread, at once."""
        with self._lock:
            if self._closed:
                return False
            if self._order is None and self.keeper.ready:
                self._order, self._withdrawn = order, False
            elif self._order is not None and self._withdrawn and self._next is None and self.keeper.state in OPEN:
                self._next, self._next_withdrawn = order, False
            else:
                return False
        self._bell.ring()
        return True

    def withdraw(self, order: FingerOrder) -> None:
        """Nobody waits for it any more; from any thread, at once."""
        with self._lock:
            if self._next is order:
                self._next_withdrawn = True
            if self._order is not order:
                return
            self._withdrawn = True
        self.keeper.scanner.cancel()

    def stop(self) -> None:
        """The box stops (``run`` was told so before): end every wait of the scanner; from any thread, at once."""
        self.keeper.stop()

    def wake(self) -> None:
        """Something was plugged in or out."""
        self._bell.ring()

    @property
    def away(self) -> bool:
        """True while there is no scanner that could take a finger, be it after another one."""
        return self.keeper.state not in OPEN

    @property
    def busy(self) -> bool:
        """True while an order is under way."""
        return self._order is not None

    def health(self) -> dict[str, Any]:
        """For `status`; JSON values."""
        return {**self.keeper.health(), "counter": self.counter, "taken": self.taken, "failed": self.failed}

    def run(self, stopping: Stopping) -> None:
        """Work off orders until ``stopping`` is set."""
        with self._lock:
            self._closed = False
        try:
            while not stopping.is_set():
                order = self._order
                if order is None:
                    self.keeper.tend()
                else:
                    self._answer(self._work(order, stopping), stopping)
        finally:
            with self._lock:
                self._closed = True
            why = STOPPED if stopping.is_set() else FAILED  # else a bug ends this thread, which starts anew
            while (order := self._order) is not None:
                self._answer(_without(order, why), stopping)
            self.keeper.close()

    def _work(self, order: FingerOrder, stopping: Stopping) -> FingerResult:
        if self.keeper.state not in OPEN:
            return _without(order, AWAY)  # lost between the offer and now
        try:
            frame = self._take(order, stopping)
        except DeviceError:
            lost = self.keeper.state in (ReaderState.ABSENT, ReaderState.BACKOFF)
            return _without(order, AWAY if lost else FAILED)
        gone = STOPPED if stopping.is_set() else WITHDRAWN if self._withdrawn else ""
        if frame is None:
            return _without(order, gone or NO_FINGER)
        if gone:  # since it was taken
            erase_image(frame.image)
            return _without(order, gone)
        self._tell(order, "working", "", frame.tries)
        try:
            result = self._judge(order, frame)
        except BorderpostError as error:
            log.warning("finger_failed", counter=self.counter, reason=error.message, advice=error.advice)
            self._in_vain += 1
            return _without(order, BROKEN if self._hands.problem or self._in_vain >= IN_VAIN else FAILED)
        self._in_vain = 0
        return result

    def _take(self, order: FingerOrder, stopping: Stopping) -> Frame | None:
        def tell(step: str, instruction: str, number: int) -> None:
            self._tell(order, step, instruction, number)

        return Taking(
            self.keeper, tell, wait_s=self._settings.wait_s, tries=self._settings.tries, mono=self._mono,
            withdrawn=lambda: self._withdrawn or stopping.is_set(),
        ).run()

    def _judge(self, order: FingerOrder, frame: Frame) -> FingerResult:
        try:
            template, nfiq2 = self._hands.extract(frame.image, order.position)
        except BaseException:
            erase_image(frame.image)
            raise
        taken = FingerTaken(order.position, template, frame.image, frame.quality, nfiq2, frame.tries)
        if len(template) < LEAST_MINUTIAE:
            erase(taken)
            return _without(order, TOO_LITTLE)
        try:
            if order.purpose != "verify":  # wanted or not: the time that it takes tells nothing
                taken = replace(taken, packed=self._hands.pack(frame.image))
            return self._asked(order, FingerResult(order, taken, None, None, None, at=frame.at), template)
        except BaseException:
            erase(taken)
            raise

    def _asked(self, order: FingerOrder, result: FingerResult, template: Template) -> FingerResult:
        if order.purpose == "verify" and order.reference is not None:
            score, same = self._hands.verify(template, order.reference)
            return replace(result, score=score, same=same)
        if order.purpose == "second" and order.answer is not None:
            return replace(result, answer=self._hands.second(template, order.position, order.answer))
        return replace(result, answer=self._hands.search(template, order.position))

    def _answer(self, result: FingerResult, stopping: Stopping) -> None:
        """Law 2."""
        self.taken += result.taken is not None
        self.failed += bool(result.problem)
        if result.problem:
            self._tell(result.order, "failed", result.problem, 0)
        with self._lock:
            self._order, self._next = self._next, None
            self._withdrawn = self._next_withdrawn
        for _ in range(DELIVER_TRIES):
            try:
                self._deliver(result.order.home, result)
            except queue.Full:
                if stopping.wait(DELIVER_PAUSE_S):
                    break
            else:
                return
        if result.taken is not None:
            erase(result.taken)
        if result.order.reference is not None:
            erase_template(result.order.reference)
        log.error("finger_dropped", counter=self.counter,
                  advice="the counter does not keep up: see `borderpost doctor`")

    def _tell(self, order: FingerOrder, step: str, instruction: str, number: int) -> None:
        self._publish({
            "type": "finger", "passage": order.passage, "counter": order.home, "scanner": self.keeper.name,
            "step": step, "position": order.position.name.lower().replace("_", "-"), "purpose": order.purpose,
            "instruction": instruction, "try": number, "of": self._settings.tries,
        })


def _without(order: FingerOrder, problem: str) -> FingerResult:
    return FingerResult(order, None, None, None, None, problem=problem)
