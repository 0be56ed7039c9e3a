"""What a process gives up before it opens galleries or list keys for an update.

Laws:
1. No core dump and no debugger of the same user: fingers and names of wanted persons stand in its memory.
2. What it holds in clear as a whole, a gallery or a delta, it overwrites (``wipe``), whatever came of it. Small copies
   on the way go back to the kernel with the process, which ends with the update.
3. When the box runs short of memory the update is the first to go, before the children of fingers (``common.fingers``),
   whose end an officer would notice: it may be killed at any moment and goes on where it stopped.
"""

from __future__ import annotations

import contextlib
import ctypes
from pathlib import Path
from typing import Final

from edge.secret_memory import guard_process

FIRST_TO_GO: Final = 600  # oom_score_adj of proc(5), -1000 to 1000; a process may always raise its own


def guard(*, first_to_go: bool) -> None:
    """Law 1, and with ``first_to_go`` law 3, for this process and for good, as far as the system allows."""
    if first_to_go:
        with contextlib.suppress(OSError):  # before the next line: it gives /proc/self to root
            Path("/proc/self/oom_score_adj").write_text(str(FIRST_TO_GO), encoding="ascii")
    guard_process()


def wipe(memory: memoryview) -> None:
    """Overwrite writable memory with zeros, without another block of its size."""
    if len(memory):
        ctypes.memset(ctypes.addressof(ctypes.c_char.from_buffer(memory)), 0, len(memory))
