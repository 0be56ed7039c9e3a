"""A descriptor that another thread rings, so that a waiting poll ends.

Law: ringing and closing exclude each other. The kernel gives a closed descriptor's number to the next file that is
opened, by anyone in this process: a ring that came a moment too late would write eight bytes into that file.
"""

from __future__ import annotations

import contextlib
import os
import threading


class Bell:
    """An eventfd. Raises OSError where no descriptor is to be had."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._number = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)

    def fileno(self) -> int:
        """The descriptor, to be polled for POLLIN; -1 once it is closed."""
        return self._number

    def ring(self) -> None:
        """From any thread, at any time; after ``close`` it does nothing. Never raises."""
        with self._lock:
            if self._number >= 0:
                with contextlib.suppress(BlockingIOError):  # rung 2**64 - 2 times: loud enough
                    os.eventfd_write(self._number, 1)

    def hush(self) -> None:
        """Take the ringing back, by the thread that polls. Never raises."""
        with contextlib.suppress(OSError, ValueError):  # it was not rung; it is closed
            os.eventfd_read(self._number)

    def close(self) -> None:
        """Never raises; a second time does nothing."""
        with self._lock:
            number, self._number = self._number, -1
            if number >= 0:
                with contextlib.suppress(OSError):
                    os.close(number)
