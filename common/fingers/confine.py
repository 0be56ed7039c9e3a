"""What a child process gives up before it loads anything: Linux's prctl(2) and setrlimit(2).

Laws:
1. The process dies with the thread that started it (PR_SET_PDEATHSIG counts threads), and at once if that is gone.
2. No core dump, no debugger of the same user: what is in its memory is personal data. What is given back of it is
   overwritten (``common.freed``): the native libraries work on images, and leave theirs behind.
3. Its private writable memory is limited (RLIMIT_DATA), so that a hostile image takes this process and not the box.
4. When the box runs short of memory it is the first to go (oom_score_adj of proc(5)), before what waits for it.
5. With ``no_new_code`` no memory can become executable (PR_SET_MDWE, Linux 6.3), as under systemd's
   MemoryDenyWriteExecute. An older kernel answers no; systemd's own filter is inherited anyway.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import resource
import signal
from pathlib import Path
from typing import Final

from common.freed import overwrite_freed

SET_PDEATHSIG: Final = 1
SET_DUMPABLE: Final = 4
SET_MDWE: Final = 65
MDWE_REFUSE_EXEC_GAIN: Final = 1
FIRST_TO_GO: Final = 500  # of -1000 to 1000; a process may always raise its own


def confine(parent: int, *, memory_mib: int, no_new_code: bool) -> bool:
    """Give these things up, for good. True if ``no_new_code`` was asked for and granted by this kernel.

    ``parent`` is the process that must be ours: if it is another by now (it died before this was called), the process
    ends. ``memory_mib`` of private writable memory, 0 for no limit.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    granted = no_new_code and libc.prctl(SET_MDWE, MDWE_REFUSE_EXEC_GAIN, 0, 0, 0) == 0
    libc.prctl(SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)
    if os.getppid() != parent:
        os._exit(0)
    with contextlib.suppress(OSError):  # before the next line: it gives /proc/self to root
        Path("/proc/self/oom_score_adj").write_text(str(FIRST_TO_GO), encoding="ascii")
    libc.prctl(SET_DUMPABLE, 0, 0, 0, 0)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    overwrite_freed()
    if memory_mib:
        hard = resource.getrlimit(resource.RLIMIT_DATA)[1]
        limit = memory_mib << 20
        limit = limit if hard == resource.RLIM_INFINITY else min(limit, hard)
        resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
    return bool(granted)
