"""A megabyte set aside, so that a disk filled by somebody else leaves room to make room.

SQLite needs a little space even to delete. On a disk that is full the ballast is given back piece by piece, never at
once: whatever fills the disk would take the rest. It is put back as soon as the disk has eight times its size free.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

_PLENTY = 8
STEP = 64 * 1024  # bytes given back at once


class Ballast:
    """The file of ``size`` bytes at ``path``; 0 bytes means none is wanted."""

    def __init__(self, path: Path, size: int) -> None:
        self._path, self.size = path, size

    @property
    def left(self) -> int:
        """Bytes that are set aside now."""
        try:
            return self._path.stat().st_size
        except OSError:
            return 0

    def give(self, size: int = STEP, *, keep: int = 0) -> bool:
        """Give ``size`` bytes back, but no byte of the last ``keep``; True if there were any."""
        left = self.left
        rest = max(keep, left - size)
        if rest >= left:
            return False
        try:
            if rest:
                os.truncate(self._path, rest)
            else:
                self._path.unlink()
        except OSError:
            return False
        return True

    def restore(self) -> bool:
        """Set the space aside if there is plenty; True if all of it is there now, or none is wanted."""
        if not self.size or self.left >= self.size:
            return True
        return self.free() >= _PLENTY * self.size and self._set_aside(self.size)

    def save(self) -> None:
        """Set aside what the disk has, up to the size, in steps: before somebody else takes it."""
        size = min(self.size, self.left + self.free() // STEP * STEP)
        while size > self.left and not self._set_aside(size):
            size -= STEP

    def free(self) -> int:
        """Bytes that the disk has for us."""
        try:
            space = os.statvfs(self._path.parent)
        except OSError:
            return 0
        return space.f_bavail * space.f_frsize

    def _set_aside(self, size: int) -> bool:
        before = self.left
        try:
            handle = os.open(self._path, os.O_CREAT | os.O_WRONLY, 0o600)
            try:
                os.posix_fallocate(handle, 0, size)
            except OSError:
                os.ftruncate(handle, before)
                raise
            finally:
                os.close(handle)
        except OSError:
            if not before:
                with contextlib.suppress(OSError):
                    self._path.unlink()
            return False
        return True
