"""A document that did not come through: when the officer is told to present it again.

Pure: monotonic seconds come in as arguments. ``edge.readers`` asks it, one a reader.

Laws:
1. A frame that broke is told of once the line has been without a read for SPARE_S: many devices send it again, or are
   asked to, and then nobody has to know.
2. A noisy line is the technician's affair (``reader_fault``), and an officer who is told of nothing stops looking: so
   it is told at most every PAUSE_S, and at most TIMES until a good read comes.
"""

from __future__ import annotations

from math import inf

SPARE_S = 1.5   # ELYCTIS asks again within 1.3 s; a row that comes alone is waited for as long
PAUSE_S = 10.0
TIMES = 3


class Unread:
    """Owned by the reader's thread."""

    def __init__(self) -> None:
        self._since: float | None = None  # the first frame that broke and was not told of
        self._told_at, self._told = -inf, 0

    def broken(self, now: float) -> None:
        """A frame had begun and did not end well."""
        if self._since is None:  # a line that breaks one frame after another is told of too
            self._since = now

    def read(self) -> None:
        """A document, a row or a bar code came whole."""
        self._since, self._told, self._told_at = None, 0, -inf

    def settled(self) -> None:
        """Nobody has to be told: the device gave word that nothing is lost, or is gone, which the screen shows."""
        self._since = None

    def due(self, now: float, *, reading: bool) -> bool:
        """True if the officer is to be told now; ``reading``: the next frame has begun."""
        if self._since is None or reading or now - self._since < SPARE_S:
            return False
        self._since = None
        if self._told >= TIMES or now - self._told_at < PAUSE_S:
            return False
        self._told_at, self._told = now, self._told + 1
        return True
