"""One folder of an inbox, held open: what another process put there is read, what goes back is written.

Laws:
1. The folder and ``out`` are opened once and never through a link; everything in them is named by that descriptor and
   one plain name, and no link there is followed: no name that the other process lays leads anywhere else.
2. ``out`` is the daemon's own: one that belongs to another user, or is no folder, is refused (ODD_FILE).
3. A mode is given to what was just made and is open; never one with a setuid or setgid bit, which the unit forbids
   (RestrictSUIDSGID): the inbox hands its group down by itself.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from common.files import NotRegularError
from edge.carry.sink import Slot
from edge.core.provisioning import inbox
from edge.core.provisioning.codes import Code, ProvisioningError
from edge.enrol.disk import Disk, read

FILE_MODE: Final = 0o640  # of what goes out: the stick's process reads it by its group
FOLDER_MODE: Final = 0o770  # and removes it
_FOLDER: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_ODD: Final = frozenset({errno.ELOOP, errno.ENOTDIR, errno.ENXIO})


@dataclass(slots=True)
class Hatch:
    """``with Hatch.opened(...)``. Whatever is not described raises OSError."""

    disk: Disk
    path: Path
    _top: int
    _out: int = -1

    @classmethod
    def opened(cls, disk: Disk, path: Path) -> Self:
        """Open the folder (law 1). Raises OSError: gone, a link, no folder, not ours to read."""
        return cls(disk, path, os.open(path, _FOLDER))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for descriptor in (self._out, self._top):
            if descriptor >= 0:
                os.close(descriptor)

    def read(self, name: str, limit: int) -> bytes | None:
        """A staged file, None if there is none. Raises ProvisioningError: ODD_FILE, TOO_LARGE_PAPER."""
        try:
            return read(name, limit, self._top)
        except OSError as error:
            if error.errno in _ODD or isinstance(error, NotRegularError):
                raise ProvisioningError(Code.ODD_FILE, name) from error
            raise

    def has(self, name: str) -> bool:
        """True if something has that name."""
        return _mode(name, self._top) != 0

    def has_folder(self, name: str) -> bool:
        """True if that name is a folder, and no link to one."""
        return stat.S_ISDIR(_mode(name, self._top))

    def stamp(self) -> int:
        """When the offer was written, nanoseconds."""
        return os.stat(inbox.OFFER, dir_fd=self._top, follow_symlinks=False).st_mtime_ns

    def answer(self, data: bytes) -> None:
        """Write the outcome."""
        self.disk.write_in(self._top, inbox.OUTCOME, data, FILE_MODE)

    def went_out(self, name: str) -> bool:
        """True if something with that name goes back already."""
        return self.has(inbox.OUT) and _mode(name, self.out()) != 0

    def put(self, name: str, data: bytes) -> None:
        """Have a file go back. Raises ProvisioningError(ODD_FILE) (law 2)."""
        self.disk.write_in(self.out(), name, data, FILE_MODE)

    def slot(self, name: str) -> Slot:
        """Where a stream that goes back is written. Raises as ``put``."""
        return Slot(self.out(), name, FILE_MODE)

    def out(self) -> int:
        """The folder of what goes back, made if it is not there. Raises as ``put``."""
        if self._out < 0:
            self._out = self._own_folder(inbox.OUT)
        return self._out

    def _own_folder(self, name: str) -> int:
        with contextlib.suppress(FileExistsError):
            os.mkdir(name, FOLDER_MODE, dir_fd=self._top)
            self.disk.sync(self._top)
        try:
            descriptor = os.open(name, _FOLDER, dir_fd=self._top)
        except OSError as error:
            if error.errno in _ODD:
                raise ProvisioningError(Code.ODD_FILE, f"{name} is no folder of the box") from error
            raise
        try:
            found = os.fstat(descriptor)
            if found.st_uid != os.geteuid():
                raise ProvisioningError(Code.ODD_FILE, f"{name} is not the box's own")
            if found.st_mode & FOLDER_MODE != FOLDER_MODE:
                os.fchmod(descriptor, FOLDER_MODE)  # under another mask than the unit's
        except BaseException:
            os.close(descriptor)
            raise
        return descriptor


def _mode(name: str, folder: int) -> int:
    try:
        return os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode
    except FileNotFoundError:
        return 0
