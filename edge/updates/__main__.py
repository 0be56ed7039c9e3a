"""The process that the daemon updates in: ``python -m edge.updates`` reads a Task from standard input.

Laws:
1. It writes one Report to standard output, and nothing else.
2. It runs at the lowest priority, disk included where the kernel has such a thing: officers feel nothing of it.
3. It may be killed at any moment, and is the first to be when the box runs short of memory.
4. Galleries and deltas are opened here to be checked and composed: it is guarded before it reads its task (``guard``).
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import platform
import sys
from datetime import UTC, datetime
from typing import Final

import msgspec

from edge.update_report import Task
from edge.updates.guard import guard

MAX_TASK: Final = 64 * 1024  # bytes
_IOPRIO_SET: Final = {"x86_64": 251, "aarch64": 30}  # system call numbers: Python has no name for it
_IDLE: Final = 3 << 13  # IOPRIO_CLASS_IDLE


def lowest_priority() -> None:
    """Work when nobody else wants to, as far as the system allows."""
    with contextlib.suppress(OSError):
        os.nice(19)
    with contextlib.suppress(OSError, AttributeError):
        os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
    number = _IOPRIO_SET.get(platform.machine())
    if number is not None:
        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(None, use_errno=True).syscall(number, 1, 0, _IDLE)


def main() -> int:
    """Exit code 0 with a report, 2 without a task."""
    guard(first_to_go=True)
    try:
        task = msgspec.json.decode(sys.stdin.buffer.read(MAX_TASK), type=Task)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        sys.stderr.write("usage: python -m edge.updates, with a task on standard input\n")
        return 2
    lowest_priority()
    from edge.updates.run import update

    report = update(task, now=datetime.now(UTC))
    sys.stdout.buffer.write(msgspec.json.encode(report))
    return 0


if __name__ == "__main__":
    sys.exit(main())
