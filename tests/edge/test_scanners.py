"""The scanners of a box as its crew has them: a stop in the midst of a slow transfer is noticed at once."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path

import msgspec
from scanner_rigs import ZfmRig

from edge.config import FingersConfig, ScannerConfig
from edge.core.fingerprints.model import Position
from edge.core.screening import Screener
from edge.core.trusted import ClockState, Trusted
from edge.crew import Crew
from edge.fingers.orders import FingerOrder, FingerResult
from edge.fingers.station import STOPPED
from edge.scanners import MadeScanner, Scanners

SOON_S = 3.0  # a transfer takes nine seconds at this speed
LATER_S = 30.0


class Post:
    """Scanners with one serial module at one counter."""

    def __init__(self, rig: ZfmRig) -> None:
        self.results: list[FingerResult] = []
        self.steps: list[str] = []
        config = ScannerConfig(name="flat", port=str(rig.link), driver="zfm")
        self.scanners = Scanners(
            [MadeScanner(config, rig.scanner(), "lane-1")], FingersConfig(extractor="mindtct"), lists=tuple,
            screener=Screener(), now=lambda: Trusted(ClockState.UNTRUSTED, None, None),
            deliver=lambda _counter, result: self.results.append(result),
            publish=lambda data: self.steps.append(msgspec.json.decode(data)["step"]),
            announce=lambda *_: None, alarm=lambda *_: None, mono=time.monotonic, jitter=lambda: 0.5,
        )
        self.station = self.scanners.stations["lane-1"]


def until(met: Callable[[], bool], what: str) -> None:
    end = time.monotonic() + LATER_S
    while not met():
        assert time.monotonic() < end, what
        threading.Event().wait(0.01)


def test_a_stop_in_the_midst_of_a_transfer_ends_every_thread_soon(tmp_path: Path) -> None:
    rig = ZfmRig(tmp_path, paced=True)
    with rig:
        post, crew = Post(rig), Crew()
        post.scanners.hire(crew.hire)
        try:
            until(lambda: post.station.keeper.ready, "the module is found")
            assert post.scanners.offer(FingerOrder("P1", "lane-1", Position.RIGHT_INDEX, "search"))
            rig.finger(7)
            until(lambda: "reading" in post.steps, "the officer sees that it is read")
        finally:
            began = time.monotonic()
            crew.stop()
            post.scanners.stop()
            stuck = crew.join()
        took = time.monotonic() - began
    assert stuck == ()
    assert took < SOON_S
    assert [result.problem for result in post.results] == [STOPPED]
    assert post.steps == ["place", "reading", "failed"]
