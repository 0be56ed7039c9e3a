"""What wakes the uplink's thread: a pipe that any thread may write to, and one thread waits for."""

from __future__ import annotations

import os
import select
from collections.abc import Callable


class Bell:
    """``fd`` becomes readable when it was rung."""

    def __init__(self) -> None:
        self.fd, self._write = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)

    def ring(self) -> None:
        """Cheap; safe from any thread and from a signal handler."""
        try:
            os.write(self._write, b"w")
        except BlockingIOError:
            return  # the pipe is full of rings already

    def quiet(self) -> None:
        """Forget the rings until now."""
        try:
            while os.read(self.fd, 4096):
                pass
        except BlockingIOError:
            return

    def sleep(self, seconds: float, *, mono: Callable[[], float], ended: Callable[[], bool]) -> None:
        """Wait that long, or until ``ended`` is true at a ring."""
        until = mono() + seconds
        while not ended() and (left := until - mono()) > 0:
            poll = select.poll()
            poll.register(self.fd, select.POLLIN)
            poll.poll(left * 1000)
            self.quiet()
