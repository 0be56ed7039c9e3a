"""A stick's files, read without following anything.

Laws:
1. ``survey`` looks at every name below BORDERPOST before a byte of any file is read: what is no plain file or folder,
   a name that is not UTF-8, too long, or equal to another but for case, refuses the whole stick; so do too many.
2. What is opened later is opened anew from the top, each step without links, and must be a plain file of this very
   file system; that it was one at the survey proves nothing.
3. Names that begin with a dot are what PCs leave behind: they are counted and otherwise left alone.
4. No text of an error repeats a name that is not made of plain characters: it may be anything.
"""

from __future__ import annotations

import contextlib
import errno
import re
import stat
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from edge.core.provisioning.codes import Code, ProvisioningError
from edge.core.provisioning.papers import ROOT_FOLDER
from provisioning.stick.layer import FOLDER, READ, Layer, opened
from provisioning.stick.limits import BLOCK, Deadline, Limits
from provisioning.stick.medium import Medium

_PLAIN: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,60}")
_CODES: Final = {
    errno.ELOOP: Code.ODD_FILE, errno.ENOTDIR: Code.ODD_FILE, errno.ENXIO: Code.ODD_FILE, errno.EISDIR: Code.ODD_FILE,
    errno.ENAMETOOLONG: Code.ODD_FILE, errno.ENOSPC: Code.STICK_FULL, errno.EDQUOT: Code.STICK_FULL,
    errno.EFBIG: Code.STICK_FULL, errno.EROFS: Code.STICK_READ_ONLY, errno.EACCES: Code.STICK_READ_ONLY,
    errno.EPERM: Code.STICK_READ_ONLY,
}


@dataclass(frozen=True, slots=True)
class Entry:
    """One name of a stick. ``inside``: what a folder holds, by folded name; None for a file."""

    name: str
    size: int = 0
    inside: Mapping[str, Entry] | None = None

    def find(self, *names: str) -> Entry | None:
        """What stands under these names, whatever their case; None if it is not there."""
        at: Entry | None = self
        for name in names:
            at = (at.inside or {}).get(fold(name)) if at is not None else None
        return at

    def files(self) -> list[Entry]:
        """The files of a folder, by name."""
        return [entry for _, entry in sorted((self.inside or {}).items()) if entry.inside is None]


@dataclass(slots=True)
class Tree:
    """A mounted stick, or a folder that looks like one. Close it; every method raises ProvisioningError."""

    root: Path
    layer: Layer
    limits: Limits
    deadline: Deadline
    medium: Medium
    top: int = field(init=False)
    _device: int = field(init=False)
    _count: int = field(init=False, default=0)

    def __post_init__(self) -> None:
        """Open the top folder."""
        with reading("the stick"):
            self.top = self.layer.top(self.root)
            self._device = self.layer.status(self.top).st_dev

    def close(self) -> None:
        """Let go of the stick."""
        self.layer.close(self.top)

    def survey(self) -> Entry:
        """The folder BORDERPOST with everything below it (law 1). NO_PAPERS where there is none."""
        with reading("the stick's top folder"):
            found: list[str] = []
            for count, name in enumerate(self.layer.names(self.top)):
                self.deadline.check()
                if count >= self.limits.root_names:
                    raise ProvisioningError(Code.TOO_MANY_FILES, f"more than {self.limits.root_names} at the top")
                if fold(name) == fold(ROOT_FOLDER):
                    found.append(name)
            if not found:
                raise ProvisioningError(Code.NO_PAPERS, f"there is no folder {ROOT_FOLDER}")
            if len(found) > 1:
                raise ProvisioningError(Code.ODD_FILE, f"{len(found)} folders {ROOT_FOLDER}, by case")
            self._count = 0
            return self._entry(found[0], self.top, 1, "the top folder")

    def _entry(self, name: str, folder: int, depth: int, where: str) -> Entry:
        status = self.layer.look(name, folder)
        if stat.S_ISREG(status.st_mode) and depth > 1:
            return Entry(name, status.st_size)
        if not stat.S_ISDIR(status.st_mode) or status.st_dev != self._device:
            raise ProvisioningError(Code.ODD_FILE, f"{told(name)} in {where} is no plain file or folder")
        if name.startswith("."):
            return Entry(name, inside={})
        if depth > self.limits.depth:
            raise ProvisioningError(Code.TOO_MANY_FILES, f"folders more than {self.limits.depth} deep")
        with opened(self.layer, name, FOLDER, folder) as inner:
            return Entry(name, inside=self._inside(inner, depth, told(name)))

    def _inside(self, folder: int, depth: int, where: str) -> dict[str, Entry]:
        found: dict[str, Entry] = {}
        for name in self.layer.names(folder):
            self.deadline.check()
            self._count += 1
            if self._count > self.limits.names:
                raise ProvisioningError(Code.TOO_MANY_FILES, f"more than {self.limits.names} files")
            if len(name) > self.limits.name_chars or not name.isprintable():  # surrogates are not printable
                raise ProvisioningError(Code.ODD_FILE, f"a name in {where} is too long, or not of plain characters")
            if fold(name) in found:
                raise ProvisioningError(Code.ODD_FILE, f"two names in {where} differ by case alone")
            found[fold(name)] = self._entry(name, folder, depth + 1, where)
        return {key: entry for key, entry in found.items() if not key.startswith(".")}

    def blocks(self, path: tuple[str, ...], limit: int, offset: int = 0) -> Iterator[bytes]:
        """A file's bytes from ``offset``, at most ``limit``, opened at the first of them (law 2).

        Raises TOO_LARGE_PAPER once there is one more.
        """
        where = told(path[-1])
        with reading(where), self._file(path) as descriptor:
            self.layer.seek(descriptor, offset)
            left = limit
            while block := self.layer.read(descriptor, min(BLOCK, left + 1)):
                self.deadline.check()
                if len(block) > left:
                    raise ProvisioningError(Code.TOO_LARGE_PAPER, f"{where} is longer than {limit} bytes")
                left -= len(block)
                yield block

    def read(self, path: tuple[str, ...], limit: int) -> bytes:
        """A whole small file."""
        return b"".join(self.blocks(path, limit))

    def alive(self) -> bool:
        """False if the stick is there no more; what the kernel still holds of its names proves nothing."""
        if not self.medium.answers():
            return False
        try:
            self.layer.look(ROOT_FOLDER, self.top)
        except FileNotFoundError:
            return True
        except OSError:
            return False
        return True

    @contextlib.contextmanager
    def _file(self, path: tuple[str, ...]) -> Iterator[int]:
        with contextlib.ExitStack() as held:
            folder = self.top
            for name in path[:-1]:
                folder = held.enter_context(opened(self.layer, name, FOLDER, folder))
            descriptor = held.enter_context(opened(self.layer, path[-1], READ, folder))
            status = self.layer.status(descriptor)
            if not stat.S_ISREG(status.st_mode) or status.st_dev != self._device:
                raise ProvisioningError(Code.ODD_FILE, f"{told(path[-1])} is no plain file")
            yield descriptor


@contextlib.contextmanager
def reading(where: str) -> Iterator[None]:
    """What the medium refuses, as ProvisioningError."""
    try:
        yield
    except OSError as error:
        raise stick_error(error, where) from error


def stick_error(error: OSError, where: str) -> ProvisioningError:
    """The code of what a stick refused; anything unknown is a stick that is damaged or was pulled out."""
    return ProvisioningError(_CODES.get(error.errno or 0, Code.READ_ERROR), f"{where}: {error.strerror or 'failed'}")


def fold(name: str) -> str:
    """What two names have in common that a PC takes for one."""
    return unicodedata.normalize("NFC", name).casefold()


def told(name: str) -> str:
    """A name as it may stand in a text (law 4)."""
    return name if _PLAIN.fullmatch(name) else "a file"
