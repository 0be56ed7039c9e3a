"""Files of the authority: read with a limit, written so that a power cut leaves the old one or the new one.

Laws:
1. What replaces a file is written beside it, synced, renamed over it, and the folder synced.
2. What must not be replaced (a key) is made new or not at all.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import Final

from common.files import open_regular
from provisioning.errors import AuthorityError

PRIVATE: Final = 0o600
PUBLIC: Final = 0o644


def read(path: Path, limit: int, *, advice: str) -> bytes:
    """At most ``limit`` bytes of a regular file. Raises AuthorityError, also for a longer one."""
    try:
        with open_regular(path) as file:
            data = file.read(limit + 1)
    except OSError as error:
        raise AuthorityError(f"{path}: {error.strerror}", advice=advice) from error
    if len(data) > limit:
        raise AuthorityError(f"{path}: larger than {limit:,} bytes", advice=advice)
    return data


def replace(path: Path, data: bytes, mode: int = PUBLIC) -> None:
    """Law 1, one at a time for a path. Raises OSError; what was written beside is gone then, or at the next try."""
    beside = path.with_name(f".{path.name}.new")
    try:
        beside.unlink(missing_ok=True)
        write_new(beside, data, mode)
        beside.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            beside.unlink()
        raise
    sync_folder(path.parent)


def write_new(path: Path, data: bytes, mode: int) -> None:
    """Law 2: FileExistsError where there is one; synced."""
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, mode)
    with os.fdopen(handle, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def sync_folder(path: Path) -> None:
    """Let the names in a folder reach the disk (FAT drivers in user space cannot, and are let off)."""
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        with contextlib.suppress(OSError):
            os.fsync(handle)
    finally:
        os.close(handle)
