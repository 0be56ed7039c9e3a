"""Operations on files, one system call each: what is done to a stick's files, and to what is staged, goes through here.

What is done to the stick as a whole (mounts, its device) is medium.py's.

Laws:
1. Everything but the top folder is named by its parent's descriptor and one plain name; no link is followed.
2. A test puts another layer in the place of this one, which fails from the n-th operation on: a stick that was pulled.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

FOLDER: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW
READ: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY  # a named pipe is not waited for
NEW: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_NOCTTY


class Layer:
    """The real one. Everything raises OSError."""

    def top(self, path: Path) -> int:
        """Open the folder that everything else is named from; its own path is ours, and may hold links."""
        return os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)

    def open(self, name: str, flags: int, folder: int) -> int:
        """Open ``name`` inside ``folder``; a new file gets mode 0660 under the process's mask."""
        return os.open(name, flags | os.O_CLOEXEC, 0o660, dir_fd=folder)

    def close(self, descriptor: int) -> None:
        """Close; what the medium says then is too late to matter: what must be there was synced before."""
        with contextlib.suppress(OSError):
            os.close(descriptor)

    def names(self, folder: int) -> Iterator[str]:
        """The names in a folder, one after the other, however many; what is no UTF-8 holds surrogates."""
        with os.scandir(folder) as found:
            for entry in found:
                yield entry.name

    def look(self, name: str, folder: int) -> os.stat_result:
        """What stands under that name itself (lstat)."""
        return os.stat(name, dir_fd=folder, follow_symlinks=False)

    def status(self, descriptor: int) -> os.stat_result:
        """What is open (fstat)."""
        return os.fstat(descriptor)

    def read(self, descriptor: int, size: int) -> bytes:
        """At most ``size`` bytes; none at the end."""
        return os.read(descriptor, size)

    def seek(self, descriptor: int, offset: int) -> None:
        """Go on from that byte."""
        os.lseek(descriptor, offset, os.SEEK_SET)

    def write(self, descriptor: int, data: memoryview) -> int:
        """How many bytes were taken."""
        return os.write(descriptor, data)

    def sync(self, descriptor: int) -> None:
        """Until it has reached the medium."""
        os.fsync(descriptor)

    def make(self, name: str, folder: int) -> None:
        """A new folder, mode 0770 under the process's mask (what is setgid above makes it setgid)."""
        os.mkdir(name, 0o770, dir_fd=folder)

    def rename(self, name: str, to: str, folder: int) -> None:
        """Give another name, in place of what has it."""
        os.rename(name, to, src_dir_fd=folder, dst_dir_fd=folder)

    def remove(self, name: str, folder: int) -> None:
        """Remove a file."""
        os.unlink(name, dir_fd=folder)

    def room(self, descriptor: int) -> int:
        """Bytes that may still be written."""
        disk = os.fstatvfs(descriptor)
        return disk.f_bavail * disk.f_frsize


@contextlib.contextmanager
def opened(layer: Layer, name: str, flags: int, folder: int) -> Iterator[int]:
    """Open for as long as the block lasts."""
    descriptor = layer.open(name, flags, folder)
    try:
        yield descriptor
    finally:
        layer.close(descriptor)


def write_all(layer: Layer, descriptor: int, data: bytes) -> None:
    """Every byte. Raises OSError."""
    left = memoryview(data)
    while left:
        left = left[layer.write(descriptor, left):]
