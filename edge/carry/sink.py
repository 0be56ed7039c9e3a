"""Writes a stream of bytes to a file that is whole or not there, or to one that is open already.

Laws:
1. A file is written beside its name, flushed, and gets its name by rename; the folder is flushed.
2. What has the name before, a link too, is replaced and never written through; a mode is given to what is open, so that
   it falls upon no other file.
"""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from edge.core.provisioning.codes import Code, ProvisioningError

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


@dataclass(frozen=True, slots=True)
class Slot:
    """One plain ``name`` in a folder that is open (``folder``: its descriptor), and the mode of what comes there."""

    folder: int
    name: str
    mode: int = 0o600


Target = Path | BinaryIO | Slot
"""Where a stream goes: a path (mode 0600), an open file, a name in an open folder."""


def write_out(target: Target, blocks: Iterable[bytes]) -> int:
    """Write ``blocks``; how many bytes they were. A path or slot gets them by rename, after an fsync.

    Raises ProvisioningError (DISK_FULL, DISK_ERROR); nothing of a path or slot is left behind then.
    """
    try:
        if isinstance(target, Slot):
            return _by_rename(target, blocks)
        if not isinstance(target, Path):
            return sum(target.write(block) for block in blocks)
        folder = os.open(target.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            return _by_rename(Slot(folder, target.name), blocks)
        finally:
            os.close(folder)
    except OSError as error:
        code = Code.DISK_FULL if error.errno in _FULL else Code.DISK_ERROR
        raise ProvisioningError(code, error.strerror or type(error).__name__) from error


def _by_rename(slot: Slot, blocks: Iterable[bytes]) -> int:
    partial, folder = slot.name + ".partial", slot.folder
    with contextlib.suppress(FileNotFoundError):
        os.unlink(partial, dir_fd=folder)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
    handle = os.open(partial, flags, 0o600, dir_fd=folder)
    try:
        with os.fdopen(handle, "wb") as file:
            size = sum(file.write(block) for block in blocks)
            file.flush()
            os.fchmod(file.fileno(), slot.mode)
            os.fsync(file.fileno())
        os.replace(partial, slot.name, src_dir_fd=folder, dst_dir_fd=folder)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(partial, dir_fd=folder)
        raise
    os.fsync(folder)
    return size
