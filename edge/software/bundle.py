"""A version as it travels: an archive ``tar.xz`` with one folder in it, and how it is unpacked.

Laws:
1. What is unpacked was signed by two of two; it is looked at as if it were not. Plain files, folders and links alone;
   a link leads to a place within the version, or to the system's own Python. Nothing is written through a link.
2. Limits: ``MAX_MEMBERS``, ``MAX_BYTES``, and room on the disk for them.
3. A version appears below ``versions`` by rename, after every byte is on the disk.
"""

from __future__ import annotations

import lzma
import os
import posixpath
import re
import shutil
import tarfile
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Final

from edge.core.distribution.software import MANIFEST, MAX_MANIFEST, Manifest, read_manifest
from edge.updates.errors import UpdateError
from edge.updates.store import disk_error, sync_folder

MAX_MEMBERS: Final = 60_000
MAX_BYTES: Final = 2 << 30
SPARE: Final = 64 << 20  # bytes that stay free
BLOCK: Final = 1 << 20
PYTHON: Final = re.compile(r"/usr/bin/python3(\.[0-9]+)?")


@dataclass(slots=True)
class _Count:
    members: int = 0
    bytes: int = 0


def manifest_of(version: Path) -> Manifest | None:
    """The manifest of an unpacked version; None for what is none (a checkout)."""
    try:
        with (version / MANIFEST).open("rb") as file:
            return read_manifest(file.read(MAX_MANIFEST + 1))
    except OSError:
        return None


def manifest_in(archive: Path) -> Manifest:
    """The manifest of a version that is still packed. Raises UpdateError ``not_usable``."""
    try:
        with tarfile.open(archive, "r|xz") as tar:
            for count, member in enumerate(tar):
                if count > MAX_MEMBERS:
                    break
                if member.isreg() and PurePosixPath(member.name).parts[1:] == (MANIFEST,):
                    file = tar.extractfile(member)
                    assert file is not None
                    if (found := read_manifest(file.read(MAX_MANIFEST + 1))) is not None:
                        return found
                    break
    except (tarfile.TarError, lzma.LZMAError, EOFError, OSError, ValueError) as error:
        raise UpdateError("not_usable", f"{archive.name} is no version of the software") from error
    raise UpdateError("not_usable", f"{archive.name} has no sound {MANIFEST}")


def unpack(archive: Path, versions: Path, *, platform: str, base: int) -> Manifest:
    """Unpack a version below ``versions``; one that is there already stays as it is.

    Raises UpdateError: ``not_usable`` for what does not fit this box or is no version, ``no_space``, ``disk``.
    """
    manifest = manifest_in(archive)
    if manifest.platform != platform:
        raise UpdateError("not_usable", f"it is for {manifest.platform}, this box is {platform}")
    if manifest.needs_base > base:
        raise UpdateError("not_usable", f"it needs package base {manifest.needs_base}, this box has {base}")
    place = versions / manifest.version
    if place.is_dir():
        return manifest
    partial = versions / (manifest.version + ".partial")
    try:
        if partial.exists():
            shutil.rmtree(partial)
        partial.mkdir(mode=0o755)
        _extract(archive, partial, manifest.version)
        if manifest_of(partial) != manifest:
            raise UpdateError("not_usable", f"{MANIFEST} stands in it twice")
        os.sync()  # some thousand files: one call for all of them
        partial.rename(place)
        sync_folder(versions)
    except OSError as error:
        raise disk_error(error) from error
    except (tarfile.TarError, lzma.LZMAError, EOFError, ValueError) as error:
        raise UpdateError("not_usable", "the archive is damaged inside") from error
    return manifest


def _extract(archive: Path, into: Path, version: str) -> None:
    folders, count = {PurePosixPath()}, _Count()
    with tarfile.open(archive, "r|xz") as tar:
        for member in tar:
            path = _within(member.name, version)
            count.members += 1
            count.bytes += member.size
            if count.members > MAX_MEMBERS or count.bytes > MAX_BYTES:
                raise UpdateError("not_usable", f"more than {MAX_MEMBERS} files or {MAX_BYTES >> 20} MiB")
            if member.isdir():
                if path not in folders:
                    _known(path.parent, folders)
                    (into / path).mkdir(mode=0o755)
                    folders.add(path)
                continue
            _known(path.parent, folders)  # law 1: a parent is a folder that was made here
            if member.issym():
                (into / path).symlink_to(_target(member.linkname, path))
            elif member.isreg():
                _room(into, member.size)
                file = tar.extractfile(member)
                assert file is not None
                _write(file, into / path, 0o755 if member.mode & 0o100 else 0o644)
            else:
                raise UpdateError("not_usable", f"{path.name} is no plain file")


def _within(name: str, version: str) -> PurePosixPath:
    """The path below the version's folder."""
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or not path.parts or path.parts[0] != version or "\0" in name:
        raise UpdateError("not_usable", "a file lies beside its version")
    return PurePosixPath(*path.parts[1:])


def _known(parent: PurePosixPath, folders: set[PurePosixPath]) -> None:
    if parent not in folders:
        raise UpdateError("not_usable", "a file lies in no folder of its version")


def _target(link: str, path: PurePosixPath) -> str:
    """Where a link may lead (law 1)."""
    if PYTHON.fullmatch(link):
        return link
    led = posixpath.normpath(posixpath.join(*path.parent.parts, link))
    if link.startswith("/") or led == ".." or led.startswith("../"):
        raise UpdateError("not_usable", f"the link {path.name} leads out of its version")
    return link


def _write(file: IO[bytes], to: Path, mode: int) -> None:
    with to.open("xb") as out:
        shutil.copyfileobj(file, out, BLOCK)
        os.fchmod(out.fileno(), mode)


def _room(into: Path, size: int) -> None:
    if size > BLOCK:  # small ones are covered by what stays free
        disk = os.statvfs(into)
        if disk.f_bavail * disk.f_frsize < size + SPARE:
            raise UpdateError("no_space", f"a version of the software, and {SPARE >> 20} MiB beside it")
