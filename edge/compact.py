"""Compacts one keyed list in a process of its own: ``python -m edge.compact FOLDER LIST_ID``.

Laws:
1. The daemon's process does none of this work: 2.2 GB are read and written at idle priority, and officers feel nothing.
2. Killed at any moment it leaves the list as it was; the next writer removes what it left.
3. It needs no list key, and while it runs no delta is applied (``BusyError``: the updater tries again).
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from edge import keyed_folder as folders
from edge.core.errors import BorderpostError
from edge.keyed_files import open_store
from edge.keyed_folder import KeyedError, Pair

_SPARE: Final = 64 << 20  # bytes of the disk that stay free beside the new base
_EVERY: Final = 5.0  # seconds between two lines of progress


def start(folder: Path, list_id: str) -> subprocess.Popen[bytes]:
    """Begin a compaction; its exit code is 0 when the new base serves (then ``KeyedList.refresh``)."""
    command = [sys.executable, "-m", "edge.compact", str(folder), list_id]
    return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, start_new_session=True)


def compact(folder: Path, list_id: str, step: Callable[[int], None] | None = None) -> int:
    """Make one base of base and overlay and let it serve. Bytes written; 0 if there is no overlay.

    Raises ``LayoutError``, ``KeyedError``, ``BusyError``; then the folder serves what it served.
    """
    from edge.core.keyed import merging

    with folders.writing(folder, list_id):
        pair = folders.read_current(folder, list_id)
        if pair is None:
            raise KeyedError(f"the keyed list {list_id} is not there", advice="copy the list from headquarters")
        if pair.overlay is None:
            return 0
        store = open_store(folder, list_id, pair)
        need = store.newest.count * 17 + _SPARE
        disk = os.statvfs(folder)
        if disk.f_bavail * disk.f_frsize < need:
            raise KeyedError(
                f"the keyed list {list_id} cannot be compacted: that needs {need >> 20} MiB of free disk",
                advice="free some space on the disk of the lists",
            )
        written = folders.write_file(
            folder, folders.base_name(pair.newest), lambda write: merging.compact(store, write, step)
        )
        after = Pair(pair.newest, pair.newest)
        folders.set_current(folder, list_id, after)
        folders.sweep(folder, after)
    return written


def main() -> int:
    """Exit code 0: done; 1: nothing changed, and why stands on standard error; 2: wrong usage."""
    if len(sys.argv) != 3:
        sys.stderr.write("usage: python -m edge.compact FOLDER LIST_ID\n")
        return 2
    with contextlib.suppress(OSError):
        os.nice(19)
    with contextlib.suppress(OSError, AttributeError):
        os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
    told = time.monotonic()

    def step(rows: int) -> None:
        nonlocal told
        if time.monotonic() - told >= _EVERY:
            told = time.monotonic()
            sys.stderr.write(f"{rows} records\n")

    try:
        compact(Path(sys.argv[1]), sys.argv[2], step)
    except BorderpostError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
