"""Where an update comes from. A source gives bytes by relative path; nothing it gives is believed.

Laws:
1. A path is at most 400 characters of plain names; no ``..``, no absolute path, whatever signed metadata say.
2. From a folder: only regular files inside it; no symbolic link is followed at any step, a named pipe is never
   waited for.
3. Nothing is kept in temporary files: metadata are read into memory up to their limit, targets go where they belong.
"""

from __future__ import annotations

import abc
import errno
import os
import re
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import IO, Final

from tuf.api.exceptions import DownloadError, DownloadHTTPError, DownloadLengthMismatchError
from tuf.ngclient import FetcherInterface

from edge.update_report import holds_update
from edge.updates.errors import UpdateError

BLOCK: Final = 256 * 1024  # bytes read at a time
MAX_PATH: Final = 400  # characters
_NAME: Final = re.compile(r"[A-Za-z0-9%_-][A-Za-z0-9%._-]*")


class Fetcher(FetcherInterface, abc.ABC):
    """A source for tuf's client and for our own parts."""

    @abc.abstractmethod
    def open(self, path: str, offset: int = 0) -> Iterator[bytes]:
        """The bytes of a file from ``offset`` on.

        Raises DownloadHTTPError 404 for a missing file (tuf ends its walk of root files with it), UpdateError else.
        A source that cannot begin at ``offset`` raises ``OffsetError``.
        """

    def _fetch(self, url: str) -> Iterator[bytes]:
        return self.open(url)

    def fetch(self, url: str) -> Iterator[bytes]:
        """As tuf wants it, but our own errors pass."""
        try:
            return self._fetch(url)
        except (DownloadError, UpdateError):
            raise
        except OSError as error:
            raise UpdateError("medium_unreadable", error.strerror or "") from error

    @contextmanager
    def download_file(self, url: str, max_length: int) -> Iterator[IO[bytes]]:
        """Small files alone pass here, and stay in memory (law 3)."""
        taken = BytesIO()
        for block in self.fetch(url):
            if taken.tell() + len(block) > max_length:
                raise DownloadLengthMismatchError(f"{url} is longer than {max_length} bytes")
            taken.write(block)
        taken.seek(0)
        yield taken


def not_there(path: str) -> DownloadHTTPError:
    """What ``open`` raises for a missing file."""
    return DownloadHTTPError(f"{path} is not there", 404)


class OffsetError(Exception):
    """The source cannot begin there: begin anew."""


def checked(path: str) -> list[str]:
    """The names of a relative path. Raises UpdateError ``unsafe_path`` (law 1)."""
    names = path.split("/")
    if len(path) > MAX_PATH or not all(_NAME.fullmatch(name) for name in names):
        raise UpdateError("unsafe_path")
    return names


class DirFetcher(Fetcher):
    """A folder: a mounted stick, or a copy of the repository. Raises UpdateError if there is no ``metadata`` in it."""

    def __init__(self, root: Path) -> None:
        self._root = root
        if not holds_update(root):
            raise UpdateError("nothing_there", str(root))

    def open(self, path: str, offset: int = 0) -> Iterator[bytes]:
        """Open every step without following links (law 2)."""
        names = checked(path)
        try:
            descriptor = self._descend(names)
        except FileNotFoundError as error:
            raise not_there(path) from error
        except OSError as error:
            code = "unsafe_path" if error.errno in (errno.ELOOP, errno.ENOTDIR, errno.ENXIO) else "medium_unreadable"
            raise UpdateError(code, f"{names[-1]}: {error.strerror}") from error
        return _blocks(descriptor, names[-1], offset)

    def _descend(self, names: list[str]) -> int:
        folder = os.open(self._root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            for name in names[:-1]:
                flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
                inner = os.open(name, flags, dir_fd=folder)
                os.close(folder)
                folder = inner
            flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
            descriptor = os.open(names[-1], flags, dir_fd=folder)
        finally:
            os.close(folder)
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            raise UpdateError("unsafe_path", f"{names[-1]} is no plain file")
        return descriptor


def _blocks(descriptor: int, name: str, offset: int) -> Iterator[bytes]:
    with os.fdopen(descriptor, "rb", buffering=0) as file:
        try:
            file.seek(offset)
            while block := file.read(BLOCK):
                yield block
        except OSError as error:  # a stick that was pulled, a bad block
            raise UpdateError("medium_unreadable", f"{name}: {error.strerror}") from error
