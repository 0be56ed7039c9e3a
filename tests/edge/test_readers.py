"""A reader is kept alive: the table, lost once and back once, the growing pause, bugs that escape."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from drivers.api import (
    DeviceBusy,
    DeviceError,
    DeviceForbidden,
    DeviceGone,
    DeviceStuck,
    DocumentRead,
    DriverMisuse,
    Noise,
    ReaderEvent,
    ReaderStatus,
    Tier,
)
from edge.readers import BACKOFF_MAX_S, BACKOFF_MIN_S, TRANSITIONS, Happening, ReaderKeeper, ReaderState

GONE = DeviceGone("the port is not there", advice="plug the reader in")
READ = DocumentRead("swipe-1", ("I<UTO",), b"", 1.0)
Step = ReaderEvent | Exception | None


class Device:
    """Plays a script: ``opens`` and ``reads`` in order; when both are used up it says so by ``done``."""

    def __init__(self, opens: Sequence[Exception | None], reads: Sequence[Step], done: Callable[[], None]) -> None:
        self.name = "swipe-1"
        self.opens, self.reads, self.done = list(opens), list(reads), done
        self.is_open = False
        self.closed = 0

    def open(self) -> None:
        assert not self.is_open, "opened twice without close"
        outcome = self.opens.pop(0)
        if not self.opens and not self.reads:
            self.done()
        if outcome:
            raise outcome
        self.is_open = True

    def read(self, timeout_s: float) -> ReaderEvent | None:
        assert self.is_open
        assert 0 < timeout_s <= 1
        if not self.reads:
            self.done()
            return None
        step = self.reads.pop(0)
        if isinstance(step, Exception):
            raise step
        return step

    def status(self) -> ReaderStatus:
        return ReaderStatus(name=self.name, driver="played", tier=Tier.VIRTUAL, port="none", open=self.is_open)

    def close(self) -> None:
        self.closed += 1
        self.is_open = False


class Stopping(threading.Event):
    """The stop flag; its ``wait`` takes no time and is remembered."""

    def __init__(self, at_most: int = 10_000) -> None:
        super().__init__()
        self.waits: list[float] = []
        self.at_most = at_most

    def wait(self, timeout: float | None = None) -> bool:
        assert timeout is not None
        self.waits.append(timeout)
        if len(self.waits) >= self.at_most:
            self.set()
        return self.is_set()


class Rig:
    def __init__(self, opens: Sequence[Exception | None], reads: Sequence[Step] = (), jitter: float = 0.5) -> None:
        self.stopping = Stopping()
        self.device = Device(opens, reads, self.stopping.set)
        self.delivered: list[DocumentRead] = []
        self.announced: list[ReaderState] = []
        self.keeper = ReaderKeeper(
            self.device, deliver=self.delivered.append,
            announce=lambda _name, state: self.announced.append(state), jitter=lambda: jitter,
        )

    def run(self) -> list[str]:
        with capture_logs() as lines:
            self.keeper.run(self.stopping)
        return [line["event"] for line in lines]


def test_the_table_knows_a_way_on_from_every_state_and_back_to_ready() -> None:
    assert {state for state, _ in TRANSITIONS} == set(ReaderState)
    assert {happening for _, happening in TRANSITIONS} == set(Happening)
    reaching = {ReaderState.READY}
    for _ in ReaderState:
        reaching |= {state for (state, _), following in TRANSITIONS.items() if following in reaching}
    assert reaching == set(ReaderState)


@pytest.mark.parametrize(
    ("state", "happening"), [(s, h) for s in ReaderState for h in Happening if (s, h) not in TRANSITIONS], ids=str
)
def test_what_the_table_does_not_know_is_a_bug(state: ReaderState, happening: Happening) -> None:
    with pytest.raises(KeyError):
        TRANSITIONS[state, happening]


def test_documents_are_delivered_and_noise_is_not() -> None:
    rig = Rig([None], [Noise(12), READ, None, READ])
    assert rig.run() == ["reader_ready"]
    assert rig.delivered == [READ, READ]
    assert rig.device.closed == 1


def test_a_reader_that_stays_away_is_said_to_be_lost_once_and_back_once() -> None:
    rig = Rig([GONE, GONE, GONE, None], [READ])
    assert rig.run() == ["reader_lost", "reader_ready"]
    assert rig.announced == [ReaderState.BACKOFF, ReaderState.READY]
    assert rig.delivered == [READ]


def test_a_reader_that_disappears_and_returns_goes_on_reading() -> None:
    rig = Rig([None, GONE, GONE, None], [READ, GONE, READ])
    assert rig.run() == ["reader_ready", "reader_lost", "reader_ready"]
    assert rig.announced == [ReaderState.READY, ReaderState.BACKOFF, ReaderState.READY]
    assert rig.delivered == [READ, READ]
    assert rig.keeper.state is ReaderState.READY


@pytest.mark.parametrize("kind", [DeviceGone, DeviceBusy, DeviceForbidden, DeviceStuck])
@pytest.mark.parametrize("where", ["open", "read"])
def test_every_fault_of_a_device_is_survived_and_logged_with_advice(kind: type[DeviceError], where: str) -> None:
    fault = kind("something about the port", advice="do this")
    rig = Rig([fault, None] if where == "open" else [None, None], [READ] if where == "open" else [fault, READ])
    with capture_logs() as lines:
        rig.keeper.run(rig.stopping)
    (lost,) = [line for line in lines if line["event"] == "reader_lost"]
    assert (lost["reader"], lost["reason"], lost["advice"]) == ("swipe-1", "something about the port", "do this")
    assert rig.delivered == [READ]


@pytest.mark.parametrize("bug", [DriverMisuse("not open", advice="call open"), ZeroDivisionError()])
@pytest.mark.parametrize("where", ["open", "read"])
def test_a_bug_escapes_and_the_port_is_let_go(bug: Exception, where: str) -> None:
    rig = Rig([bug, None] if where == "open" else [None, None], [] if where == "open" else [bug])
    with pytest.raises(type(bug)):
        rig.keeper.run(rig.stopping)
    assert rig.device.closed == 1


def test_the_pause_doubles_to_its_limit_and_begins_anew_after_a_return() -> None:
    rig = Rig([*[GONE] * 9, None, GONE, None], [GONE])
    rig.run()
    assert rig.stopping.waits == [1, 2, 4, 8, 16, 32, 60, 60, 60, 1, 2]


@given(jitter=st.floats(0, 1, exclude_max=True), failures=st.integers(1, 12))
def test_the_pause_stays_within_half_and_one_and_a_half_of_its_step(jitter: float, failures: int) -> None:
    rig = Rig([*[GONE] * failures, None], jitter=jitter)
    rig.run()
    assert len(rig.stopping.waits) == failures
    for number, pause in enumerate(rig.stopping.waits):
        step = min(BACKOFF_MIN_S * 2**number, BACKOFF_MAX_S)
        assert 0.5 * step <= pause <= 1.5 * step


def test_a_stop_ends_the_wait_at_once() -> None:
    rig = Rig([GONE] * 5)
    rig.stopping.at_most = 1
    rig.run()
    assert len(rig.device.opens) == 4


def test_reads_for_a_full_counter_are_counted_and_the_reader_goes_on() -> None:
    rig = Rig([None], [READ, READ, READ])
    full: queue.Queue[DocumentRead] = queue.Queue(1)
    keeper = ReaderKeeper(rig.device, deliver=full.put_nowait, announce=lambda *_: None, jitter=lambda: 0.5)
    keeper.run(rig.stopping)
    assert keeper.overflow == 2
    assert keeper.health()["overflow"] == 2
    assert full.qsize() == 1


def test_health_says_state_and_the_devices_own_counters() -> None:
    rig = Rig([None])
    assert rig.keeper.health()["state"] == "absent"
    rig.run()
    health = rig.keeper.health()
    assert health["state"] == "ready"
    assert health["driver"] == "played"
    assert health["noise_bytes"] == 0
