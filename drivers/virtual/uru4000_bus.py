"""The image endpoint of a virtual U.are.U: what waits there, and the pace at which the bus carries it. Pure.

Laws:
1. What was sent first comes first; a transfer begins when the host asks for it, and not before.
2. With a pace it ends when its last byte is across. A host that takes its request back meanwhile has lost what was
   across by then; the rest waits for the next one. (USB 2.0, 5.8.4: a device does not know which request it feeds)
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

FULL_SPEED = 1_100_000.0  # bytes a second of bulk data: 17 packets of 64 bytes a millisecond, of 19 at most
PACKET = 64
MAX_WAITING = 8  # images


class ImageQueue:
    """Images and stalls (None) that wait; ``bytes_s`` is the pace of the bus, 0 for at once."""

    def __init__(self, clock: Callable[[], float], bytes_s: float) -> None:
        self._clock, self._bytes_s = clock, bytes_s
        self._waiting: deque[tuple[float, bytes | None]] = deque(maxlen=MAX_WAITING)
        self._began: float | None = None  # the transfer of the first of them

    def __len__(self) -> int:
        return len(self._waiting)

    def add(self, at: float, data: bytes | None) -> None:
        """It is there from the second ``at`` on."""
        self._waiting.append((at, data))

    def clear(self) -> None:
        """Nothing waits any more."""
        self._waiting.clear()
        self._began = None

    def next(self) -> bytes | None:
        """The host asks: the first of them once it is across whole."""
        if not self._waiting or self._waiting[0][0] > self._clock() or self._waiting[0][1] is None:
            return None
        if self._began is None:
            self._began = self._clock()
        if self._across_at(self._began) > self._clock():
            return None
        self._began = None
        return self._waiting.popleft()[1]

    def stalls(self) -> bool:
        """Is it time for the endpoint to stall?"""
        if self._waiting and self._waiting[0][1] is None and self._waiting[0][0] <= self._clock():
            self._waiting.popleft()
            return True
        return False

    def unasked(self) -> None:
        """The host does not ask: law 2."""
        began, self._began = self._began, None
        if began is not None and self._waiting:
            at, data = self._waiting.popleft()
            across = int((self._clock() - began) * self._bytes_s) // PACKET * PACKET
            self._waiting.appendleft((at, (data or b"")[across:]))

    @property
    def due(self) -> float | None:
        """When there is something to do next."""
        if not self._waiting:
            return None
        return self._waiting[0][0] if self._began is None else self._across_at(self._began)

    def _across_at(self, began: float) -> float:
        return began + (len(self._waiting[0][1] or b"") / self._bytes_s if self._bytes_s else 0.0)
