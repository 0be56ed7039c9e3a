"""Where a demo lives: a folder of its own that others can find while it is open to them.

Laws:
1. The name of the folder cannot be foreseen and it is closed to other users, so nobody can put one there first.
2. A demo is open as long as it holds the lock in its folder; the lock goes with the process, however it ends. No
   demo touches another's folder.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

LOCK = "open"


def prefix() -> str:
    """How the folders of this user's demos begin."""
    return f"borderpost-demo-{os.getuid()}-"


def make() -> Path:
    """A new folder."""
    return Path(tempfile.mkdtemp(prefix=prefix()))


@contextlib.contextmanager
def opened(folder: Path) -> Iterator[None]:
    """While this lasts, ``newest`` finds the folder."""
    with (folder / LOCK).open("wb") as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield


def newest() -> Path | None:
    """The folder of this user's demo that opened last and is open still, or None."""
    found = [p for p in Path(tempfile.gettempdir()).glob(f"{prefix()}*") if _is_ours(p) and _is_open(p)]
    return max(found, key=lambda p: (p / LOCK).stat().st_mtime_ns, default=None)


def _is_ours(folder: Path) -> bool:
    try:
        status = folder.lstat()
    except OSError:
        return False
    return stat.S_ISDIR(status.st_mode) and status.st_uid == os.getuid()


def _is_open(folder: Path) -> bool:
    try:
        with (folder / LOCK).open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        pass
    return False
