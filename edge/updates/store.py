"""Verified metadata on disk: written beside, synced, renamed, and the folder synced.

Laws:
1. tuf's client neither syncs a file nor replaces its root link in one step; a power cut could leave an empty
   ``timestamp.json``. Here every file is whole, the old one or the new one.
2. Nothing that is not verified to its end is written (the client hands over a whole update at once).
3. The cache may be lost without harm: what guards against going back are the marks (``edge.updates.marks``).
"""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from common.files import open_regular
from edge.updates.errors import UpdateError

MAX_BYTES: Final = 5_000_000  # of one metadata file
_NAME: Final = re.compile(r"([0-9]+\.root|[a-z0-9-]+)\.json")
FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT})


class MetadataStore:
    """The folder of cached metadata: ``timestamp.json``, ``snapshot.json``, each role, ``N.root.json``."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            for left in folder.glob("*.new"):
                left.unlink()
        except OSError as error:
            raise disk_error(error) from error

    def read(self, name: str) -> bytes:
        """The bytes of a cached file. Raises OSError, which tuf takes for "not there"."""
        if not _NAME.fullmatch(name):
            raise FileNotFoundError(errno.ENOENT, "no such metadata", name)
        with open_regular(self._folder / name) as file:
            return file.read(MAX_BYTES + 1)

    def write(self, files: Mapping[str, bytes]) -> None:
        """Put every file in its place, in this order. Raises UpdateError ``no_space`` or ``disk``."""
        try:
            for name, data in files.items():
                replace(self._folder / name, data)
            if files:
                sync_folder(self._folder)
        except OSError as error:
            raise disk_error(error) from error


def replace(path: Path, data: bytes) -> None:
    """Write ``data`` beside ``path``, sync, rename; the caller syncs the folder."""
    beside = path.with_name(path.name + ".new")
    with beside.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)


def sync_folder(path: Path) -> None:
    """Let the names in a folder reach the disk."""
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def disk_error(error: OSError) -> UpdateError:
    """The box's own disk refused."""
    return UpdateError("no_space" if error.errno in FULL else "disk", error.strerror or "")
