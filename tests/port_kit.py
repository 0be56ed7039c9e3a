"""A port that the test plays, and a reader open on it: for the laws of the thin driver."""

from __future__ import annotations

from collections import deque

from drivers.api import Tier
from drivers.reader import FramedReader
from drivers.virtual.elyctis_device import ElyctisDevice


class Script:
    """A port whose reads are listed: bytes, or an exception to raise. Time moves by waiting and resting."""

    def __init__(self, *reads, write_fault: Exception | None = None, good_writes: int = 0) -> None:
        self.reads, self.now, self.rests = deque(reads), 0.0, []
        self.write_fault, self.good_writes, self.writes = write_fault, good_writes, []

    def clock(self) -> float:
        return self.now

    def read(self, size: int, wait_s: float) -> bytes:
        if not self.reads:
            self.now += wait_s
            return b""
        self.now += 0.001
        step = self.reads.popleft()
        if isinstance(step, Exception):
            raise step
        return step

    def write(self, data: bytes) -> None:
        self.writes.append(data)
        if self.write_fault and len(self.writes) > self.good_writes:
            raise self.write_fault

    def rest(self, seconds: float) -> None:
        self.rests.append(seconds)
        self.now += seconds

    def wake(self) -> None:
        pass

    def reset(self) -> None:
        pass

    def close(self) -> None:
        pass


def reader_on(script: Script, codec) -> FramedReader:
    reader = FramedReader(
        name="north", driver="x", tier=Tier.VIRTUAL, port="script", clock=script.clock, codec=codec,
        connect=lambda: script,
    )
    reader.open()
    return reader


class Answering(Script):
    """A port with an ELYCTIS reader behind it."""

    def __init__(self) -> None:
        super().__init__()
        self.device = ElyctisDevice()

    def write(self, data: bytes) -> None:
        super().write(data)
        if answer := self.device.receive(data):
            self.reads.append(answer)
