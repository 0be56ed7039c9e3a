"""A child that loads for long: who waits gives up, the process loads on, and the next one has more time (law 6)."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from common.fingers.child import LONGEST_S, START_S, Child, ChildFailedError
from common.fingers.frames import Fault
from edge.core.fingerprints.model import FingerError

HERE = Path(__file__).resolve().parent
PATIENCE_S = 60.0  # for a process that may load: nothing waits so long


class Clock:
    """Stands still until it is told to go on."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


class Gate:
    """Behind it every child waits while it loads, until ``let`` opens it for one."""

    def __init__(self, path: Path) -> None:
        os.mkfifo(path)
        self.path, self._end = path, os.open(path, os.O_RDWR)

    def let(self) -> None:
        os.write(self._end, b".")

    def close(self) -> None:
        os.close(self._end)


@pytest.fixture
def gate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Gate]:
    monkeypatch.syspath_prepend(str(HERE))
    one = Gate(tmp_path / "gate")
    yield one
    one.close()


@pytest.fixture
def clock() -> Clock:
    return Clock()


def made(gate: Gate, clock: Clock, **options: object) -> Child:
    return Child({"act": {"gate": str(gate.path), **options}}, module="crashing_child", mono=clock)


def echo(child: Child) -> object:
    return child.call("act", ("echo", msgspec.Raw(msgspec.msgpack.encode("here"))), object, PATIENCE_S)


def fails(child: Child, why: str) -> None:
    """Nobody waits any longer: the child is looked at once."""
    with pytest.raises(ChildFailedError, match=why) as caught:
        child.ready(0.0)
    assert caught.value.fault is Fault.NOT_STARTED


def ended(pid: int | None) -> None:
    """Wait until the process has ended, and leave it for its owner to reap."""
    assert pid is not None
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)


def test_who_waits_gives_up_and_the_process_loads_on(gate: Gate, clock: Clock) -> None:
    with made(gate, clock) as child:
        pid = child.pid
        fails(child, "it is still loading")
        clock.now += 1
        fails(child, "it is still loading")
        assert child.pid == pid
        gate.let()
        assert echo(child) == "here"
        assert (child.pid, child.starts) == (pid, 1)


def test_a_call_waits_no_longer_than_its_own_time_for_a_process_with_more(gate: Gate) -> None:
    """On the real clock: the second process has twice the time of the caller."""
    child = Child({"act": {"gate": str(gate.path)}}, module="crashing_child", start_s=0.05)
    with child:
        with pytest.raises(ChildFailedError, match="still loading after"):
            echo(child)
        assert child.load_s == 0.1
        with pytest.raises(ChildFailedError, match="still loading"):
            echo(child)


def test_each_process_that_was_too_slow_gives_the_next_one_twice_the_time(gate: Gate, clock: Clock) -> None:
    with made(gate, clock) as child:
        given = []
        for number in range(1, 7):
            pid, limit = child.pid, child.load_s
            given.append(limit)
            clock.now += limit - 1
            fails(child, "it is still loading")
            assert child.pid == pid
            clock.now += 1
            fails(child, f"it was still loading after {limit:.0f} s")
            assert not Path(f"/proc/{pid}").exists()
            assert child.starts == number + 1, "the next one loads already"
        assert given == [30, 60, 120, 240, 240, 240]
        assert given[-1] == LONGEST_S
        gate.let()
        child.ready(PATIENCE_S)
        assert child.pid is not None
        os.kill(child.pid, signal.SIGKILL)
        ended(child.pid)
        gate.let()
        assert echo(child) == "here"
        assert child.load_s == LONGEST_S, "the next start on such a box is as slow"


def test_a_process_that_died_while_it_loaded_gives_no_time_and_costs_the_next_call_nothing(
    gate: Gate, clock: Clock
) -> None:
    with made(gate, clock) as child:
        fails(child, "it is still loading")
        assert child.pid is not None
        os.kill(child.pid, signal.SIGKILL)
        ended(child.pid)
        gate.let()
        assert echo(child) == "here"
        assert (child.starts, child.load_s) == (2, START_S)


@pytest.mark.parametrize("late_s", [0.0, 2 * START_S])
def test_what_a_process_refused_while_nobody_waited_is_told_and_not_tried_again(
    gate: Gate, clock: Clock, late_s: float
) -> None:
    with made(gate, clock, refuse=True) as child:
        fails(child, "it is still loading")
        gate.let()
        ended(child.pid)
        clock.now += late_s
        with pytest.raises(FingerError, match="the model is missing"):
            child.ready()
        assert (child.pid, child.starts) == (None, 1)
