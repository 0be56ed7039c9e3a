"""A second serial port, wired to the PC (a null-modem cable, or a USB gadget)."""

from __future__ import annotations

import errno
import os
import select
from collections.abc import Callable

from drivers.api import DriverError
from edge.passthrough.lane import Lane
from edge.passthrough.output import Line, OpenLine, Output, Unusable, hear


class SerialOutput(Output):
    """A path. Whether a PC hangs on the cable cannot be seen: the bytes go out all the same."""

    def __init__(self, to: str, mono: Callable[[], float], open_line: OpenLine, baud: int, parity: str) -> None:
        super().__init__(to, mono)
        self._open_line, self._baud, self._parity = open_line, baud, parity
        self._line: Line | None = None
        self._lane: Lane | None = None

    @property
    def connected(self) -> int:
        """See Output."""
        return int(self._open)

    def _interest(self) -> list[tuple[int, int]]:
        lane = self._lane
        assert lane is not None
        return [(lane.fd, select.POLLIN | (select.POLLOUT if len(lane) else 0))]

    def _start(self) -> None:
        try:
            line = self._open_line(self.to, self._baud, self._parity)
        except DriverError as problem:
            raise Unusable(problem.message, advice=problem.advice) from None
        try:
            fd = line.fileno()
            os.set_blocking(fd, False)
        except OSError as problem:  # unplugged at this moment
            line.close()
            raise Unusable(
                f"{self.to}: the port cannot be set up: {problem.strerror or problem}",
                advice="check the cable to the PC; the box opens the port again by itself",
            ) from None
        self._line, self._lane = line, Lane(fd, self.tally)

    def _send(self, frame: bytes, now: float) -> None:
        lane = self._lane
        assert lane is not None
        lane.push(frame, now)

    def _tend(self, now: float) -> None:
        lane = self._lane
        assert lane is not None
        if not hear(lane.fd):
            raise OSError(errno.EIO, "the port hung up")
        lane.pump(now)

    def _lanes(self) -> list[Lane]:
        return [] if self._lane is None else [self._lane]

    def _end(self) -> Line | None:
        lane, self._lane = self._lane, None
        line, self._line = self._line, None
        if lane is not None:
            lane.clear()
        return line
