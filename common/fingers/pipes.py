"""Frames through a child's pipes, each within a time.

Laws:
1. Every wait ends at ``until`` of the clock given; what is there by then is taken, so each looks at least once.
2. Both pipes are non-blocking; whatever ends the talk is a LostError.
"""

from __future__ import annotations

import os
import select
from collections.abc import Callable
from typing import IO, TypeVar

import msgspec

from common.fingers.frames import HEAD, MAX_FRAME, Fault

T = TypeVar("T")


class LostError(Exception):
    """The talk is over; ``child`` makes ChildFailedError of it once the process has been looked at."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.value)
        self.fault = fault


class Pipe:
    """One end of a pipe that a process has the other of; ``mono`` is the clock of every ``until``."""

    def __init__(self, file: IO[bytes] | None, mono: Callable[[], float]) -> None:
        assert file is not None
        self._file, self._mono = file, mono
        os.set_blocking(file.fileno(), False)

    def close(self) -> None:
        """Close it; harmless when repeated."""
        self._file.close()

    def write(self, data: bytearray, until: float) -> None:
        """All of it. Raises LostError."""
        left = memoryview(data)
        while left:
            self._wait(select.POLLOUT, until)
            try:
                left = left[os.write(self._file.fileno(), left) :]
            except BlockingIOError:
                continue
            except OSError:
                raise LostError(Fault.KILLED) from None

    def wait(self, until: float) -> None:
        """Until there is anything to read, or nothing ever again. Raises LostError."""
        self._wait(select.POLLIN, until)

    def read(self, until: float) -> bytearray:
        """One frame. Raises LostError."""
        length = int.from_bytes(self._bytes(HEAD, until), "big")
        if length > MAX_FRAME:
            raise LostError(Fault.GARBAGE)
        return self._bytes(length, until)

    def read_as(self, kind: type[T], until: float) -> T:
        """One frame that holds a ``kind``. Raises LostError."""
        try:
            return msgspec.msgpack.decode(self.read(until), type=kind)
        except msgspec.MsgspecError:
            raise LostError(Fault.GARBAGE) from None

    def _bytes(self, count: int, until: float) -> bytearray:
        data = bytearray(count)
        left = memoryview(data)
        while left:
            self._wait(select.POLLIN, until)
            try:
                came = os.readv(self._file.fileno(), [left])
            except BlockingIOError:
                continue
            except OSError:
                came = 0
            if not came:
                raise LostError(Fault.KILLED)
            left = left[came:]
        return data

    def _wait(self, event: int, until: float) -> None:
        poll = select.poll()
        poll.register(self._file.fileno(), event)
        if not poll.poll(max(0.0, until - self._mono()) * 1000):
            raise LostError(Fault.HUNG)
