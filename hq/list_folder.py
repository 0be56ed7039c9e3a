"""The lists folder as its one writer uses it: locked, staged, synced, renamed."""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Final

from edge.core.errors import BorderpostError
from edge.core.watch import manifest as manifests

_STAGED: Final = ".build-"
_LOCK: Final = ".lock"
_BASE: Final = re.compile(r"base-([0-9]{10})\.sdl")


class ListFolderError(BorderpostError):
    """The lists folder cannot be written as asked."""


class ListFolder:
    """A lists folder held by one writer. What was staged and not published is removed on leaving, also a list's
    folder that was made for it."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._staged: list[tuple[Path, Path]] = []
        self._workplaces: list[Path] = []
        self._made: list[Path] = []
        self._lock = -1

    def __enter__(self) -> ListFolder:
        """Lock the folder (made if absent). Raises ``ListFolderError``."""
        try:
            self._root.mkdir(parents=True, exist_ok=True)
            self._lock = os.open(self._root / _LOCK, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise _cannot(error) from error
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(self._lock)
            raise ListFolderError(
                "another build is writing to this lists folder", advice="wait until it has ended"
            ) from error
        self._sweep()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Remove what was not published, and unlock."""
        for place in (*(place for place, _ in self._staged), *self._workplaces):
            shutil.rmtree(place, ignore_errors=True)
        for folder in self._made:
            with contextlib.suppress(OSError):
                folder.rmdir()  # it stays where something stands in it
        os.close(self._lock)

    def next_generation(self, list_id: str, wanted: int | None) -> int:
        """The number of the next generation: ``wanted``, or one above the highest there."""
        folder = self._root / list_id
        names = [p.name for p in folder.iterdir()] if folder.is_dir() else []
        highest = max((_generation_of(name) for name in names), default=0)
        number = highest + 1 if wanted is None else wanted
        if number <= highest or number > manifests.MAX_GENERATION:
            raise ListFolderError(
                f"generation {number} of {list_id} is not above {highest}",
                advice="leave out --generation, or name a higher one",
            )
        return number

    def stage(self, list_id: str, generation: int, files: Mapping[str, bytes]) -> None:
        """Write a generation's files, synced, into a hidden folder beside its place."""
        try:
            folder = self._own(list_id)
            place = Path(tempfile.mkdtemp(prefix=_STAGED, dir=folder))
            self._staged.append((place, folder / manifests.folder_name(generation)))
            for name, data in files.items():
                write_synced(place / name, data)
            place.chmod(0o755)
            _sync_folder(place)
        except OSError as error:
            raise _cannot(error) from error

    def workplace(self, list_id: str) -> Path:
        """A hidden folder beside a list's files, removed on leaving."""
        try:
            folder = self._own(list_id)
            place = Path(tempfile.mkdtemp(prefix=_STAGED, dir=folder))
        except OSError as error:
            raise _cannot(error) from error
        self._workplaces.append(place)
        return place

    def _own(self, list_id: str) -> Path:
        """The folder of a list, made if absent."""
        folder = self._root / list_id
        try:
            folder.mkdir()
        except FileExistsError:
            return folder
        self._made.append(folder)
        return folder

    def hand_over(self, list_id: str, files: Sequence[Path]) -> None:
        """Stage files of a workplace, synced by whoever wrote them: they appear beside the list's others, in order."""
        self._staged += [(file, self._root / list_id / file.name) for file in files]

    def folder_of(self, list_id: str) -> Path:
        """Where a list's files are."""
        return self._root / list_id

    def publish(self) -> None:
        """Rename everything staged into its place; each generation appears whole or not at all."""
        while self._staged:
            place, final = self._staged[0]
            try:
                place.rename(final)
                self._staged.pop(0)
                _sync_folder(final.parent)
                _sync_folder(self._root)
            except OSError as error:
                raise _cannot(error) from error

    def _sweep(self) -> None:
        """Remove what a build that was killed left behind."""
        for folder in self._root.iterdir():
            if manifests.is_list_id(folder.name) and folder.is_dir():
                for left in folder.glob(f"{_STAGED}*"):
                    shutil.rmtree(left, ignore_errors=True)


def _generation_of(name: str) -> int:
    """The generation that a name in a list's folder stands for; 0 for none."""
    base = _BASE.fullmatch(name)
    return int(base[1]) if base else manifests.generation_of(name) or 0


def write_synced(path: Path, data: bytes) -> None:
    """Write a new file and put it on the disk. Raises ``OSError``."""
    with path.open("xb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _sync_folder(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _cannot(error: OSError) -> ListFolderError:
    return ListFolderError(
        f"the lists folder cannot be written: {error.strerror}",
        advice="check its path, rights and free space",
    )
