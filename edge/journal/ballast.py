"""A megabyte set aside, so that a disk filled by somebody else leaves room to make room.

SQLite needs a little space in the WAL even to delete. When the disk is full the ballast goes first;
it is put back as soon as the disk has eight times its size free.
"""

from __future__ import annotations

import os
from pathlib import Path

_PLENTY = 8


class Ballast:
    """The file of ``size`` bytes at ``path``; 0 bytes means none is wanted."""

    def __init__(self, path: Path, size: int) -> None:
        self._path, self._size = path, size

    def release(self) -> bool:
        """Give the space back; True if there was any."""
        try:
            self._path.unlink()
        except OSError:
            return False
        return True

    def restore(self) -> bool:
        """Set the space aside if there is plenty; True if it is there now, or none is wanted."""
        try:
            if not self._size or self._path.exists():
                return True
            if self._free() < _PLENTY * self._size:
                return False
            handle = os.open(self._path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
            try:
                os.posix_fallocate(handle, 0, self._size)
            finally:
                os.close(handle)
        except OSError:
            self.release()
            return False
        return True

    def _free(self) -> int:
        space = os.statvfs(self._path.parent)
        return space.f_bavail * space.f_frsize
