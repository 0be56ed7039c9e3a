"""The repository as files: ``metadata/`` and ``targets/`` are what posts read, ``pending/`` waits for signatures.

Laws:
1. One writer at a time (a lock). Whatever posts read appears by rename, after file and folder were synced.
2. Versioned metadata are never changed; ``timestamp.json`` is replaced, last of all.
3. Targets stand under the digest of their content (``DIGEST.NAME``), so that two editions never share a name.
"""

from __future__ import annotations

import fcntl
import os
import re
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Final

from tuf.api.exceptions import RepositoryError
from tuf.api.metadata import Metadata
from tuf.api.serialization.json import JSONSerializer

from hq.distribution.errors import PublishError

MAX_METADATA: Final = 5_000_000  # bytes of one file, as a box allows
_VERSIONED: Final = re.compile(r"([0-9]+)\.([a-z0-9-]+)\.json")
_SERIALIZER: Final = JSONSerializer(compact=True)


class Folder:
    """A repository folder; ``with`` locks it for writing. Raises PublishError for whatever the disk refuses.

    ``begins``: it may be one that is not there yet.
    """

    def __init__(self, root: Path, *, begins: bool = False) -> None:
        self.root, self._begins = root, begins
        self.metadata, self.targets, self.pending = root / "metadata", root / "targets", root / "pending"
        self._lock = -1

    def __enter__(self) -> Folder:
        """Make what is not there, and lock. Raises PublishError for a folder that is no repository."""
        if not self._begins and not self.version("root") and self.waiting("root") is None:
            raise PublishError(f"{self.root} is no repository", advice="begin with `borderpost-hq publish init`")
        try:
            for folder in (self.metadata, self.targets, self.pending):
                folder.mkdir(parents=True, exist_ok=True)
            self._lock = os.open(self.root / ".lock", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o644)
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise PublishError("somebody else is publishing into this folder", advice="wait until it ended") from error
        except OSError as error:
            raise cannot(error) from error
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:  # fmt: skip
        """Unlock."""
        os.close(self._lock)

    def latest(self, role: str) -> Metadata[Any] | None:
        """The newest published metadata of a role, or None."""
        version = self.version(role)
        if not version:
            return None
        return _load(self.metadata / f"{version}.{role}.json")

    def version(self, role: str) -> int:
        """The newest published version of a role; 0 where there is none."""
        return max((v for v, name in self._versions() if name == role), default=0)

    def timestamp(self) -> Metadata[Any] | None:
        """The timestamp metadata, or None before the first."""
        path = self.metadata / "timestamp.json"
        return _load(path) if path.exists() else None

    def roles(self) -> list[str]:
        """Every role with published metadata but the timestamp."""
        return sorted({name for _, name in self._versions()})

    def _versions(self) -> list[tuple[int, str]]:
        if not self.metadata.is_dir():
            return []
        found = (_VERSIONED.fullmatch(path.name) for path in self.metadata.iterdir())
        return [(int(match[1]), match[2]) for match in found if match]

    def before(self, versions: Mapping[str, int]) -> list[Path]:
        """Metadata files (name without version -> version) that are older than these."""
        found = ((path, _VERSIONED.fullmatch(path.name)) for path in self.metadata.iterdir())
        return [path for path, match in found if match and int(match[1]) < versions.get(f"{match[2]}.json", 0)]

    def waiting(self, role: str) -> Metadata[Any] | None:
        """Metadata of a role that still want signatures, or None."""
        path = self.pending / f"{role}.json"
        return _load(path) if path.exists() else None

    def all_waiting(self) -> list[str]:
        """The roles that want signatures."""
        return sorted(path.stem for path in self.pending.glob("*.json")) if self.pending.is_dir() else []

    def put_waiting(self, role: str, metadata: Metadata[Any]) -> None:
        """Keep metadata until they have enough signatures."""
        write(self.pending / f"{role}.json", metadata.to_bytes(_SERIALIZER))

    def publish(self, role: str, metadata: Metadata[Any]) -> bytes:
        """Put metadata in their place, and forget what waited. Gives the bytes as posts will read them."""
        data = metadata.to_bytes(_SERIALIZER)
        if len(data) > MAX_METADATA:
            raise PublishError(f"the metadata of {role} are larger than a box reads", advice="keep fewer deltas")
        name = "timestamp.json" if role == "timestamp" else f"{metadata.signed.version}.{role}.json"
        write(self.metadata / name, data)
        (self.pending / f"{role}.json").unlink(missing_ok=True)
        return data

    def raw(self, role: str) -> bytes:
        """The bytes of a role's newest published metadata."""
        try:
            return (self.metadata / f"{self.version(role)}.{role}.json").read_bytes()
        except OSError as error:
            raise cannot(error) from error


def write(path: Path, data: bytes) -> None:
    """Write beside, sync, rename, sync the folder. Raises PublishError."""
    beside = path.with_name(f".{path.name}.new")
    try:
        with beside.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
        sync_folder(path.parent)
    except OSError as error:
        raise cannot(error) from error


def sync_folder(path: Path) -> None:
    """Let the names in a folder reach the disk."""
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def cannot(error: OSError) -> PublishError:
    """What the disk refused, as an error that says what to do."""
    return PublishError(
        f"the repository cannot be written: {error.filename or ''} {error.strerror}".replace(":  ", ": "),
        advice="check its path, rights and free space",
    )


def _load(path: Path) -> Metadata[Any]:
    try:
        return Metadata.from_bytes(path.read_bytes())
    except OSError as error:
        raise cannot(error) from error
    except (RepositoryError, ValueError) as error:
        raise PublishError(f"{path} is damaged", advice="restore it from the last stick or backup") from error
