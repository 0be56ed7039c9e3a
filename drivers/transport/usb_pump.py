"""Keeps a read of one IN endpoint under way, in a thread of its own, and what came in a queue.

Laws:
1. Transfers go in slices: libusb cannot abort one, so none is without a limit.
2. When ``MAX_PACKETS`` wait, reading pauses, and the device holds the rest back. A fault is told only after the packets
   that came before it.
3. A halted endpoint is cleared once; if it halts again before a packet came, the device is at fault.
4. Empty packets are none.
"""

from __future__ import annotations

import errno
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any, NamedTuple, TypeAlias

import usb.core

MAX_PACKETS = 4096
JOIN_S = 2.0
UsbDevice: TypeAlias = Any  # pyusb carries no types


class Packet(NamedTuple):
    """What came, and when by the pump's clock."""

    data: bytes
    at: float

    def __repr__(self) -> str:
        """Without the bytes: they may be keys or registers, and what a person's document says."""
        return f"Packet({len(self.data)} bytes, at={self.at:.3f})"


class Pump:
    """The thread and the queue. ``endpoint`` is pyusb's; ``size`` is that of one packet in bytes."""

    def __init__(
        self, endpoint: UsbDevice, size: int, slice_s: float, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._endpoint, self._size, self._slice_s, self._clock = endpoint, size, slice_s, clock
        self._packets: deque[Packet] = deque()
        self._news = threading.Condition()
        self._woken = self._stopping = False
        self.problem: OSError | None = None  # why it ended by itself
        self._thread = threading.Thread(target=self._run, name="usb packets", daemon=True)
        self._thread.start()

    def take(self, most: int, wait_s: float) -> list[Packet]:
        """Up to ``most`` packets; none when none came in time, on ``wake``, or after the end."""
        with self._news:
            self._news.wait_for(lambda: self._packets or self._woken or self.problem, max(0.0, wait_s))
            if not self._packets:
                self._woken = False
                return []
            packets = [self._packets.popleft() for _ in range(min(most, len(self._packets)))]
            self._news.notify_all()
        return packets

    def wake(self) -> None:
        """End a waiting ``take``."""
        with self._news:
            self._woken = True
            self._news.notify_all()

    def stop(self) -> bool:
        """End the thread; False if its transfer does not end (libusb is stuck)."""
        with self._news:
            self._stopping = True
            self._news.notify_all()
        self._thread.join(self._slice_s + JOIN_S)
        return not self._thread.is_alive()

    def _run(self) -> None:
        halted = False
        try:
            while self._room():
                try:
                    packet = bytes(self._endpoint.read(self._size, int(self._slice_s * 1000)))
                except usb.core.USBTimeoutError:
                    continue
                except usb.core.USBError as problem:
                    if problem.errno != errno.EPIPE or halted:
                        raise
                    halted = True
                    self._endpoint.clear_halt()
                    continue
                if packet:
                    halted = False
                    self._keep(packet)
        except OSError as problem:
            self._end(problem)
        except Exception as problem:  # the owner must learn of it: without this thread the port would seem quiet
            self._end(OSError(errno.ENOSYS, f"not possible with this USB library: {problem!r}"))

    def _room(self) -> bool:
        with self._news:
            self._news.wait_for(lambda: self._stopping or len(self._packets) < MAX_PACKETS)
            return not self._stopping

    def _keep(self, packet: bytes) -> None:
        with self._news:
            self._packets.append(Packet(packet, self._clock()))
            self._news.notify_all()

    def _end(self, problem: OSError) -> None:
        with self._news:
            self.problem = problem
            self._news.notify_all()
