"""One collector a store: a lock beside the database that ends with its process."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from types import TracebackType

from hq.errors import StoreError


class StoreLock:
    """Held as a context by whoever collects into the database at ``path``. The lock file is left behind, empty."""

    def __init__(self, path: Path) -> None:
        self._path = path.with_name(path.name + ".lock")
        self._handle = -1

    def __enter__(self) -> StoreLock:
        """Take the lock. Raises StoreError at once if another process has it, or it cannot be made."""
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._handle = os.open(self._path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise StoreError(
                f"{self._path}: {error.strerror}", advice="check the folder of store.path and its rights"
            ) from error
        try:
            fcntl.flock(self._handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(self._handle)
            raise StoreError(
                f"another collector is running on the store of {self._path.name.removesuffix('.lock')}",
                advice="stop it first; a second one needs its own store.path, keys and broker.client_id",
            ) from error
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Give it back."""
        os.close(self._handle)
