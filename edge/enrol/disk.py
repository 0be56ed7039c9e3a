"""Every change that enrolment makes on the disk, each durable when the call returns.

Laws:
1. A file is written beside its name, flushed, given its name by rename, and the folder is flushed: whoever looks finds
   the whole old file or the whole new one.
2. Each call may be made again after a power cut in the middle of it.
3. Before every flush, rename, link and removal ``step`` is called with the operation's name: a test can end the process
   there.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from common.files import open_regular
from edge.core.provisioning.codes import Code, ProvisioningError

PARTIAL: Final = ".partial"  # ends the name of what is being written
FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT})
_FOLDER: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC


def disk_error(error: OSError) -> ProvisioningError:
    """The outcome of a disk that refuses."""
    what = error.strerror or type(error).__name__
    return ProvisioningError(Code.DISK_FULL if error.errno in FULL else Code.DISK_ERROR, what)


class Disk:
    """``step(name)`` is called before each operation that a power cut can fall upon."""

    def __init__(self, step: Callable[[str], None] = lambda _name: None) -> None:
        self._step = step

    def write(self, path: Path, data: bytes, mode: int = 0o600) -> None:
        """Make or replace one file. Raises OSError."""
        folder = os.open(path.parent, _FOLDER)
        try:
            self.write_in(folder, path.name, data, mode)
        finally:
            os.close(folder)

    def write_in(self, folder: int, name: str, data: bytes, mode: int = 0o600) -> None:
        """The same for one plain name in a folder that is open: what has the name, a link too, is replaced."""
        beside = name + PARTIAL
        self._fill(beside, data, mode, folder)
        self._step("rename")
        os.replace(beside, name, src_dir_fd=folder, dst_dir_fd=folder)
        self.sync(folder)

    def write_tree(self, folder: Path, files: Mapping[str, bytes]) -> None:
        """Make a folder of new files (names may have ``/``), whole or not at all; one that is there stays."""
        beside = folder.with_name(folder.name + PARTIAL)
        self.remove_tree(beside)
        folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        beside.mkdir(mode=0o700)
        for name, data in files.items():
            place = beside / name
            place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._fill(place, data, 0o600)
        for inner in sorted({(beside / name).parent for name in files} | {beside}):
            self.sync_folder(inner)
        self._step("rename")
        beside.rename(folder)
        self.sync_folder(folder.parent)

    def point(self, link: Path, target: str) -> None:
        """Have the symbolic link lead to ``target``, a name beside it."""
        beside = link.with_name(link.name + PARTIAL)
        with contextlib.suppress(FileNotFoundError):
            beside.unlink()
        self._step("symlink")
        beside.symlink_to(target)
        self._step("rename")
        beside.replace(link)
        self.sync_folder(link.parent)

    def remove(self, path: Path) -> None:
        """Remove one file or link; one that is gone is no fault."""
        self._step("unlink")
        try:
            path.unlink()
        except FileNotFoundError:
            return
        self.sync_folder(path.parent)

    def remove_tree(self, path: Path) -> None:
        """Remove a folder, or whatever has the name, and all below; links are not followed."""
        try:
            kind = path.lstat().st_mode
        except FileNotFoundError:
            return
        if not stat.S_ISDIR(kind):
            self.remove(path)
            return
        for one in sorted(path.iterdir()):
            self.remove_tree(one)
        self._step("rmdir")
        path.rmdir()
        self.sync_folder(path.parent)

    def shred(self, path: Path) -> None:
        """Overwrite a small file where it lies, then remove it. What a flash disk keeps of the old block is why keys
        are sealed under a second secret as well."""
        try:
            size = path.lstat().st_size
        except FileNotFoundError:
            return
        if path.is_file() and not path.is_symlink():
            descriptor = os.open(path, os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
            try:
                os.write(descriptor, os.urandom(size))
                self._step("fsync")
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
        self.remove(path)

    def folder(self, path: Path, mode: int = 0o700) -> Path:
        """Have the folder be there."""
        if not path.is_dir():
            path.mkdir(mode=mode, parents=True, exist_ok=True)
            self.sync_folder(path.parent)
        return path

    def sync_folder(self, path: Path) -> None:
        """Flush a folder's names."""
        descriptor = os.open(path, _FOLDER)
        try:
            self.sync(descriptor)
        finally:
            os.close(descriptor)

    def sync(self, folder: int) -> None:
        """Flush the names of a folder that is open."""
        self._step("fsync folder")
        os.fsync(folder)

    def _fill(self, path: Path | str, data: bytes, mode: int, folder: int | None = None) -> None:
        with contextlib.suppress(FileNotFoundError):
            # of an attempt that was cut: nothing is written through a name that somebody else chose
            os.unlink(path, dir_fd=folder)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        descriptor = os.open(path, flags, mode, dir_fd=folder)
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fchmod(file.fileno(), mode)
            self._step("fsync")
            os.fsync(file.fileno())


def read(path: Path | str, limit: int, folder: int | None = None) -> bytes | None:
    """The bytes of a regular file, None if there is none; ``folder`` as ``open_regular`` takes it.

    Raises ProvisioningError for one above ``limit`` bytes, OSError.
    """
    try:
        with open_regular(path, folder) as file:
            data = file.read(limit + 1)
    except FileNotFoundError:
        return None
    if len(data) > limit:
        raise ProvisioningError(Code.TOO_LARGE_PAPER, Path(path).name)
    return data
