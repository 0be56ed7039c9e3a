"""Every read goes on, unchanged and at once, to the officer's PC: a second serial port, a pty or a local socket.

Laws:
1. ``emit`` is called in the reader's own thread before anything else is done with a read. It never blocks, never
   raises, and needs neither screening, journal, uplink nor any other thread.
2. A PC gets whole frames or none: what it does not take within ``KEEP_S`` is dropped whole and counted. A warning says
   so when a PC is stuck, not over a single drop: ``STUCK_READS`` in a row, or nothing taken for ``STUCK_S``.
3. A PC that comes later gets nothing old.
4. One way only: what a PC sends is read and thrown away. It never reaches the reader.
5. An output that cannot be made is tried again for ever with growing pauses; it stops nothing else.
6. Nothing of what was read is logged.
"""

from __future__ import annotations

from edge.passthrough.frames import in_form
from edge.passthrough.keep import Keep, Nobody
from edge.passthrough.lane import KEEP_S, MAX_WAITING, STUCK_READS, STUCK_S
from edge.passthrough.output import OpenLine
from edge.passthrough.relay import PassThrough

__all__ = [
    "KEEP_S", "MAX_WAITING", "STUCK_READS", "STUCK_S", "Keep", "Nobody", "OpenLine", "PassThrough", "in_form",
]
