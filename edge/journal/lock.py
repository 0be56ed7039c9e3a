"""One process a journal: a lock file beside it, held as long as the process lives."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from edge.journal.model import JournalBusyError, JournalUnavailableError


def take_lock(path: Path) -> int:
    """Take the lock beside the journal at ``path``; the descriptor that holds it. Raises JournalError's kin."""
    try:
        handle = os.open(path.with_name(path.name + ".lock"), os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise JournalUnavailableError(
            f"the folder of the journal {path.name} cannot be written: {error.strerror}",
            advice="create the folder and give it to the service's user",
        ) from error
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(handle)
        raise JournalBusyError(
            f"the journal {path.name} is open in another process",
            advice="stop the other 'borderpost run', or give this one its own state folder",
        ) from error
    return handle
