"""Opening a file that somebody else put there."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import BinaryIO


class NotRegularError(OSError):
    """The path leads to a pipe, a device, a folder: nothing that has an end and waits for nobody."""


def open_regular(path: Path | str, folder: int | None = None) -> BinaryIO:
    """Open a regular file (or a symbolic link to one) for reading; never waits, as a named pipe would make us.

    With ``folder``, an open descriptor, ``path`` is one plain name in it, and a link is not followed. Raises
    NotRegularError for anything else, OSError as ``open`` does (ELOOP for a link that is not followed).
    """
    follow = os.O_NOFOLLOW if folder is not None else 0
    flags = os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC | follow
    descriptor = os.open(path, flags, dir_fd=folder)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise NotRegularError(errno.EINVAL, "not a regular file", str(path))
    return os.fdopen(descriptor, "rb")
