"""Headquarters' side of a stick: papers are written below ``DIR/BORDERPOST``, requests of boxes read from there.

Laws:
1. Nothing is written outside ``DIR/BORDERPOST``; what is there already as a link or as another thing than a folder is
   refused. Nothing is removed but by a newer paper of the same name.
2. A paper is written beside its place, synced and renamed: pulled out early, a stick holds the old one or the new one.
3. What boxes wrote is read with limits, and believed for nothing: a request proves itself (``edge.core.provisioning``).
"""

from __future__ import annotations

import errno
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from edge.core.provisioning.papers import MAX_PAPER, ROOT_FOLDER
from provisioning import files
from provisioning.errors import AuthorityError, StickError

CLAIM, PROV, RESET, TIME, OUT = "claim", "prov", "reset", "time", "out"
MAX_BOXES: Final = 4096  # folders of boxes that are looked at
REQUEST: Final = "request.json"


@dataclass(frozen=True, slots=True)
class StickTree:
    """The stick (or any folder) at ``root``."""

    root: Path

    def write(self, kind: str, name: str, data: bytes) -> Path:
        """Put ``kind/name`` (``prov/abc.prov``) there. Raises StickError, and the stick is as it was."""
        try:
            if not self.root.is_dir():
                raise StickError(f"{self.root}: no folder", advice="give the folder that the stick is mounted at")
            place = self._folder(self._folder(self.root, ROOT_FOLDER), kind) / name
            if place.is_symlink():
                raise StickError(f"{place}: is a link", advice="empty the stick, or take another")
            files.replace(place, data)
        except OSError as error:
            advice = {
                errno.ENOSPC: "make room on the stick", errno.EROFS: "take the stick's write protection off",
            }.get(error.errno or 0, "take another stick")  # fmt: skip
            raise StickError(f"{self.root}: {error.strerror}", advice=advice) from error
        return place

    def requests(self) -> list[Path]:
        """The requests that boxes left, by serial. Raises StickError."""
        out = self.root / ROOT_FOLDER / OUT
        if not self.root.is_dir():
            raise StickError(f"{self.root}: no folder", advice="give the folder that the stick is mounted at")
        try:
            if out.is_symlink() or not out.is_dir():
                return []
            names = sorted(path.name for path in out.iterdir())[:MAX_BOXES]
        except OSError as error:
            raise StickError(f"{out}: {error.strerror}", advice="look at the stick on another machine") from error
        return [out / name / REQUEST for name in names if _plain(out / name / REQUEST)]

    def request(self) -> Path:
        """The one request that is there. Raises StickError for none and for more."""
        found = self.requests()
        if len(found) != 1:
            names = ", ".join(path.parent.name for path in found[:8])
            raise StickError(
                f"{self.root}: {len(found)} requests: {names}" if found else f"{self.root}: no request",
                advice="name the one that is meant" if found else "put the claim stick into the box first",
            )
        return found[0]

    def _folder(self, parent: Path, name: str) -> Path:
        place = parent / name
        if not place.is_symlink() and not place.exists():
            place.mkdir()
            files.sync_folder(parent)
        if place.is_symlink() or not place.is_dir():
            raise StickError(f"{place}: is no folder", advice="empty the stick, or take another")
        return place


def read_request(path: Path) -> bytes:
    """A request file, ``request.json`` in a folder (``out/SERIAL``), or the one of a stick. Raises StickError."""
    if (path / ROOT_FOLDER).is_dir():
        path = StickTree(path).request()
    elif path.is_dir():
        path /= REQUEST
    if path.is_symlink():
        raise StickError(f"{path}: is a link", advice="copy the file itself")
    try:
        return files.read(path, MAX_PAPER, advice="give the request.json that the box wrote")
    except AuthorityError as error:
        raise StickError(error.message, advice=error.advice) from error


def _plain(path: Path) -> bool:
    try:
        return stat.S_ISREG(path.lstat().st_mode) and not path.parent.is_symlink()
    except OSError:
        return False
