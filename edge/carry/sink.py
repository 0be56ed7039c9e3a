"""Writes a stream of bytes to a file that is whole or not there, or to one that is open already."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO

from edge.core.provisioning.codes import Code, ProvisioningError

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


def write_out(target: Path | BinaryIO, blocks: Iterable[bytes]) -> int:
    """Write ``blocks``; how many bytes they were. A path gets them by rename, mode 0600, after an fsync.

    Raises ProvisioningError (DISK_FULL, DISK_ERROR); nothing of a path is left behind then.
    """
    try:
        if not isinstance(target, Path):
            return sum(target.write(block) for block in blocks)
        return _by_rename(target, blocks)
    except OSError as error:
        code = Code.DISK_FULL if error.errno in _FULL else Code.DISK_ERROR
        raise ProvisioningError(code, error.strerror or type(error).__name__) from error


def _by_rename(target: Path, blocks: Iterable[bytes]) -> int:
    partial = target.with_name(target.name + ".partial")
    partial.unlink(missing_ok=True)
    handle = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        with os.fdopen(handle, "wb") as file:
            size = sum(file.write(block) for block in blocks)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(target)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
    folder = os.open(target.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
    return size
