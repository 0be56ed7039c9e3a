"""The thread that keeps the extracting child: a stop waits for nothing that loads, a bug leaves no closed door."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from common.fingers.child import Child
from edge.core.fingerprints.model import FingerError
from edge.core.screening import Screener
from edge.core.trusted import ClockState, Trusted
from edge.fingers.hands import ChildHands
from edge.fingers.searcher import Searcher, SearchPolicy

SOON_S = 5.0
SEARCHER = Searcher(
    tuple, Screener(), lambda: Trusted(ClockState.UNTRUSTED, None, None), SearchPolicy(0.01, 5.0, 512, None)
)
SILENT = "import sys\nopen(sys.argv[0] + '.begun', 'w').close()\nwhile True:\n    sys.stdin.read(1)\n"


def hands_of(child: Child) -> ChildHands:
    made = ChildHands("mindtct", SEARCHER, work_s=5.0, memory_mib=512)
    made._child = child
    return made


class Turns(threading.Event):
    """A stop that comes after so many waits; with ``bug`` it is a bug instead. Waits take no time."""

    def __init__(self, count: int, *, bug: bool = False) -> None:
        super().__init__()
        self.left, self.bug = count, bug

    def wait(self, timeout: float | None = None) -> bool:
        self.left -= 1
        if self.left < 0 and self.bug:
            raise ZeroDivisionError
        if self.left < 0:
            self.set()
        return self.is_set()


def test_a_stop_ends_a_child_that_loads_without_a_word_of_trouble(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "never_ready.py").write_text(SILENT)
    monkeypatch.syspath_prepend(str(tmp_path))
    hands, stop = hands_of(Child({}, module="never_ready")), threading.Event()
    thread = threading.Thread(target=hands.run, args=(stop,))
    with capture_logs() as lines:
        thread.start()
        while not (tmp_path / "never_ready.py.begun").exists():
            thread.join(0.01)
        stop.set()
        hands.stop()
        thread.join(SOON_S)
    assert not thread.is_alive()
    assert hands._child.pid is None
    assert (lines, hands.problem) == ([], "")


def test_a_child_that_cannot_begin_is_said_once_and_its_mending_too() -> None:
    hands = hands_of(Child({}, module="no_such_module"))
    with capture_logs() as lines:
        hands.run(Turns(5))
        assert "ended" in hands.problem or "start" in hands.problem
    assert [line["event"] for line in lines] == ["extractor_away"]
    hands._child = Child({})
    with capture_logs() as lines:
        hands.run(Turns(2))
    assert [line["event"] for line in lines] == ["extractor_ready"]
    assert hands.health() == {"problem": "", "starts": 1}


def test_a_thread_that_died_is_started_again_and_has_its_child() -> None:
    hands = hands_of(Child({}))
    with pytest.raises(ZeroDivisionError):
        hands.run(Turns(2, bug=True))
    hands.run(Turns(2))
    assert hands.problem == ""
    with pytest.raises(FingerError):
        hands._child.start()  # after a stop there is none any more
