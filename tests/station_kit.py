"""A station whose turns a test makes itself: a scripted scanner, work on fingers from a table."""

from __future__ import annotations

import queue
import threading
from collections.abc import Mapping
from typing import Any

import numpy as np
from finger_desk import Clock, ScriptedScanner, Step

from edge.bell import Bell
from edge.core.fingerprints.answers import SearchAnswer
from edge.core.fingerprints.model import FingerImage, Position, Template
from edge.core.fingerprints.thresholds import LEAST_MINUTIAE
from edge.fingers.keeper import ScannerKeeper
from edge.fingers.orders import FingerOrder, FingerResult
from edge.fingers.station import Station, StationSettings

RIGHT = Position.RIGHT_INDEX
ANSWER = SearchAnswer((), (), "leader-x")


def a_template(minutiae: int = LEAST_MINUTIAE) -> Template:
    one = np.ones(minutiae, np.uint8)
    return Template("leader-x", RIGHT, 256, 288, one.astype(np.int16), one.astype(np.int16), one, one, one)


class TableHands:
    """Answers from a table; each may be an error."""

    def __init__(self) -> None:
        self.extracted: list[FingerImage] = []
        self.made: list[Template] = []
        self.packed = 0
        self.problem = ""
        self.fault: Exception | None = None
        self.later: Exception | None = None  # of what is done with a template
        self.minutiae = LEAST_MINUTIAE

    def extract(self, image: FingerImage, position: Position) -> tuple[Template, int]:
        self.extracted.append(image)
        if self.fault:
            raise self.fault
        self.made.append(a_template(self.minutiae))
        return self.made[-1], 61

    def pack(self, image: FingerImage) -> bytes:
        assert self.extracted[-1] is image
        self.packed += 1
        return b"a finger as WSQ"

    def search(self, template: Template, position: Position) -> SearchAnswer:
        if self.later:
            raise self.later
        return ANSWER

    def second(self, template: Template, position: Position, answer: SearchAnswer) -> SearchAnswer:
        assert answer is ANSWER
        return SearchAnswer((), (), "second")

    def verify(self, probe: Template, reference: Template) -> tuple[float, bool]:
        return 9.5, True


class Place:
    """One station whose turns the test makes itself."""

    def __init__(self, script: list[Step]) -> None:
        self.clock = Clock()
        self.scanner = ScriptedScanner(script, self.clock)
        self.hands = TableHands()
        self.said: list[Mapping[str, Any]] = []
        self.announced: list[tuple[str, str]] = []
        self.results: queue.Queue[tuple[str, FingerResult]] = queue.Queue(1)
        bell = Bell()
        self.keeper = ScannerKeeper(
            self.scanner, announce=lambda *a: self.announced.append(a), alarm=lambda *_: None,
            differs=lambda _own: "", jitter=lambda: 0.5, mono=self.clock, bell=bell,
        )
        self.station = Station(
            "lane-1", self.keeper, self.hands, settings=StationSettings(30, 3), bell=bell,
            deliver=lambda home, result: self.results.put_nowait((home, result)),
            publish=self.said.append, mono=self.clock,
        )
        self.stop = threading.Event()

    def made_ready(self) -> Place:
        for _ in range(3):
            if not self.keeper.ready:
                self.keeper.tend()
        assert self.keeper.ready
        return self

    def run_once(self) -> tuple[str, FingerResult]:
        """Let the station work until it has answered."""
        thread = threading.Thread(target=self.station.run, args=(self.stop,))
        thread.start()
        try:
            return self.results.get(timeout=20)
        finally:
            self.stop.set()
            thread.join(20)
            assert not thread.is_alive()
            self.stop.clear()

    @property
    def steps(self) -> list[str]:
        return [one["step"] for one in self.said]


def order(**more: Any) -> FingerOrder:
    return FingerOrder("K7QZ4-M2X9P", "lane-1", RIGHT, more.pop("purpose", "search"), **more)
