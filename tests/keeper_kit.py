"""What tests of the keeper of a reader share: a played device, a clock that jumps, waits that take no time."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

from structlog.testing import capture_logs

from drivers.api import (
    DeviceBusy,
    DeviceGone,
    DeviceStuck,
    DocumentRead,
    Feedback,
    Noise,
    OtherRead,
    ReaderEvent,
    ReaderStatus,
    Tier,
)
from edge.lifecycle import STEADY_S
from edge.readers import ReaderKeeper

GONE = DeviceGone("the port is not there", advice="plug the reader in")
BUSY = DeviceBusy("another program holds it", advice="stop it")
STUCK = DeviceStuck("the device takes no bytes", advice="switch it off and on")
READ = DocumentRead("swipe-1", ("I<UTO",), b"", 1.0)
OTHER = OtherRead("swipe-1", b"0012345", 1.0)
Step = ReaderEvent | Exception | Callable[[], None] | None


class Clock:
    """Monotonic seconds that pass only when somebody waits."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Bell:
    """A sleep that takes no time; ``rings`` are the seconds at which it is rung."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.waits: list[float] = []
        self.rings: list[float] = []

    def ring(self) -> None:
        self.rings.append(self.clock.now)

    def wait(self, timeout_s: float) -> bool:
        assert timeout_s <= 1, "a stop must be noticed within a second"
        timeout_s = max(0.0, timeout_s)
        self.waits.append(timeout_s)
        due = [at for at in self.rings if at <= self.clock.now + timeout_s]
        self.rings = [at for at in self.rings if at not in due]
        self.clock.now = max(self.clock.now, min(due)) if due else self.clock.now + timeout_s
        return bool(due)


class Device:
    """Plays a script: the outcome of each ``open`` and of each ``read``. When the reads are used up, it is quiet.

    A step may be a call that changes the device; such a read finds nothing.
    """

    def __init__(self, clock: Clock, opens: Sequence[Exception | None], reads: Sequence[Step]) -> None:
        self.name = "swipe-1"
        self.clock = clock
        self.opens, self.reads = list(opens), list(reads)
        self.is_open = False
        self.plugged: bool | None = None
        self.reading = False
        self.serial = ""
        self.closed = self.cycled = 0
        self.opened_at: list[float] = []
        self.signs: list[Feedback] = []

    def present(self) -> bool | None:
        return self.plugged

    def open(self) -> None:
        assert not self.is_open, "opened twice without close"
        self.opened_at.append(self.clock.now)
        outcome = self.opens.pop(0) if self.opens else None
        if outcome:
            raise outcome
        self.is_open = True

    def read(self, timeout_s: float) -> ReaderEvent | None:
        assert self.is_open
        assert 0 < timeout_s <= 1
        step = self.reads.pop(0) if self.reads else None
        if isinstance(step, Exception):
            raise step
        if step is None or isinstance(step, Noise) or callable(step):
            self.clock.now += timeout_s
        if callable(step):
            step()
            return None
        return step

    def status(self) -> ReaderStatus:
        return ReaderStatus(
            name=self.name, driver="played", tier=Tier.VIRTUAL, port="none", open=self.is_open, serial=self.serial
        )

    def signal(self, feedback: Feedback) -> None:
        self.signs.append(feedback)

    def power_cycle(self) -> None:
        assert self.is_open
        self.cycled += 1
        self.is_open = False

    def close(self) -> None:
        self.closed += 1
        self.is_open = False


class Stopping(threading.Event):
    """The stop flag: set once the played time is over; its own waits take no time."""

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self.clock, self.end, self.waits = clock, clock.now, 0

    def is_set(self) -> bool:
        return super().is_set() or self.clock.now >= self.end

    def wait(self, timeout: float | None = None) -> bool:
        assert timeout is not None
        self.waits += 1
        self.clock.now += timeout
        return super().is_set()


class Rig:
    def __init__(
        self, opens: Sequence[Exception | None] = (), reads: Sequence[Step] = (), *, jitter: float = 0.5,
        differs: Callable[[str], str | None] = lambda _own: "",
    ) -> None:
        self.clock = Clock()
        self.bell = Bell(self.clock)
        self.stopping = Stopping(self.clock)
        self.device = Device(self.clock, opens, reads)
        self.tapped: list[DocumentRead | OtherRead] = []
        self.delivered: list[DocumentRead | OtherRead] = []
        self.announced: list[str] = []
        self.alarms: list[tuple[str, str]] = []
        self.lines: list[dict[str, object]] = []
        self.deliver: Callable[[DocumentRead | OtherRead], None] = self.delivered.append
        self.keeper = ReaderKeeper(
            self.device, deliver=self._deliver, tap=self.tapped.append,
            announce=lambda _name, state: self.announced.append(state),
            alarm=lambda code, name: self.alarms.append((code, name)), differs=differs,
            jitter=lambda: jitter, mono=self.clock, bell=self.bell,
        )

    def _deliver(self, read: DocumentRead | OtherRead) -> None:
        self.deliver(read)

    def run(self, seconds: float = 30.0) -> list[str]:
        """Let so many seconds pass; what was logged meanwhile."""
        self.stopping.end = self.clock.now + seconds
        with capture_logs() as lines:
            while not self.stopping.is_set():
                self.keeper.step(self.stopping)
        self.lines += [dict(line) for line in lines]
        return [line["event"] for line in lines]


def steady(rig: Rig) -> None:
    """Open, and quiet for long enough that a loss is no flapping."""
    rig.run(STEADY_S + 1)
