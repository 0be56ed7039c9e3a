"""A file with a finger in it, put on disk whole and readable by its owner alone.

Laws:
1. Either the whole file is there or the old state: it is written beside its place, synced, then moved.
2. A file that is there stays, unless replacing is asked for.
3. Nobody but its owner may read it (0600), from its first byte on.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
from pathlib import Path

from edge.core.fingerprints.model import FingerError

MODE = 0o600


def check_free(path: Path, *, replace: bool) -> None:
    """Before the work: whether ``save`` would refuse the name. Raises FingerError."""
    if not replace and os.path.lexists(path):
        raise _there(path)


def save(path: Path, data: bytes, *, replace: bool) -> None:
    """Write ``data`` to ``path``. Raises FingerError with the next step, and leaves nothing behind then."""
    check_free(path, replace=replace)
    try:
        handle, name = tempfile.mkstemp(prefix=f".{path.name[:100]}.", dir=path.parent)
    except OSError as error:
        raise _failed(path, error) from error
    try:
        with os.fdopen(handle, "wb") as file:
            os.fchmod(file.fileno(), MODE)
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        _place(Path(name), path, replace=replace)
        _sync_folder(path.parent)
    except OSError as error:
        raise _failed(path, error) from error
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(name)  # noqa: PTH108 - gone already where all went well


def _place(made: Path, path: Path, *, replace: bool) -> None:
    """A link fails where the name is taken, also by a file that came meanwhile; a stick (FAT) knows no links."""
    if not replace:
        try:
            os.link(made, path)
        except FileExistsError as error:
            raise _there(path) from error
        except OSError:
            if os.path.lexists(path):
                raise _there(path) from None
        else:
            return
    made.replace(path)


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _there(path: Path) -> FingerError:
    return FingerError(f"{path}: is there already", advice="give another name, or --force to replace it")


def _failed(path: Path, error: OSError) -> FingerError:
    return FingerError(
        f"{path}: cannot be written: {error.strerror or error}",
        advice="check the folder, its rights and the free space",
    )
