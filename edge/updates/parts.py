"""Fetching one file in its parts, straight to where it belongs.

Laws:
1. The parts are appended to one file, ``NAME.partial``; there is no other copy. Every part is checked against its
   digest and synced before the next begins; the whole is renamed to NAME when its last part is.
2. After a cut everything that stands there is checked again, and the rest is fetched from the first byte that is
   missing. A part that does not agree, begun before, is fetched once more from its first byte.
3. Nothing longer than described is ever read, and room is looked for before the first byte.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, Final

from tuf.api.exceptions import DownloadHTTPError

from edge.core.distribution import OfferedFile, Part
from edge.updates.errors import UpdateError
from edge.updates.fetchers import Fetcher, OffsetError
from edge.updates.store import disk_error, sync_folder

BLOCK: Final = 1 << 20  # bytes read at a time
SPARE: Final = 16 * 1024 * 1024  # bytes that stay free on the disk

Progress = Callable[[str, int, int], None]
"""``progress(file name, bytes that are there, bytes of the whole)``, after every block."""


def fetch_file(source: Fetcher, file: OfferedFile, to: Path, progress: Progress | None = None) -> None:
    """Fetch ``file`` to ``to``; nothing is fetched that is there and sound. Raises UpdateError."""
    partial = to.with_name(to.name + ".partial")
    try:
        to.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        if to.exists():
            if _sound(to, file):
                return
            to.unlink()
        with partial.open("r+b" if partial.exists() else "w+b") as out:
            _room(out, file, to)
            at = 0
            for part in file.parts:
                _part(source, part, out, at, lambda done: progress(file.name, done, file.bytes) if progress else None)
                at += part.length
            out.truncate(at)
            os.fsync(out.fileno())
        partial.replace(to)
        sync_folder(to.parent)
    except OSError as error:
        raise disk_error(error) from error


def prefixed(part: Part) -> str:
    """Where a part stands in the source: under its digest."""
    folder, _, name = part.path.rpartition("/")
    return f"targets/{folder}/{part.sha256}.{name}"


def _part(source: Fetcher, part: Part, out: BinaryIO, at: int, told: Callable[[int], None]) -> None:
    digest, there = _hashed(out, at, part.length)
    if there == part.length and digest.hexdigest() == part.sha256:
        told(at + there)
        return
    if there == part.length:
        there = 0
    if there and _append(source, part, out, at, there, digest, told):
        return
    if not _append(source, part, out, at, 0, hashlib.sha256(), told):
        out.truncate(at)
        raise UpdateError("damaged", part.path)


def _append(
    source: Fetcher, part: Part, out: BinaryIO, at: int, there: int, digest: hashlib._Hash, told: Callable[[int], None]
) -> bool:  # fmt: skip
    """Fetch from ``there`` on; True if the part is whole and sound. What came stays for the next time (law 2)."""
    out.truncate(at + there)
    out.seek(at + there)
    try:
        blocks = source.open(prefixed(part), there)
        for block in blocks:
            there += len(block)
            if there > part.length:
                raise UpdateError("damaged", f"{part.path} is longer than described")
            digest.update(block)
            out.write(block)
            told(at + there)
    except OffsetError:
        return False
    except DownloadHTTPError as error:
        code = "incomplete" if error.status_code in (403, 404) else "source_unreachable"
        raise UpdateError(code, part.path) from error
    finally:
        out.flush()
    if there < part.length:
        raise UpdateError("incomplete", f"{part.path} has {there} of {part.length} bytes")
    os.fsync(out.fileno())
    return digest.hexdigest() == part.sha256


def _hashed(file: BinaryIO, at: int, length: int) -> tuple[hashlib._Hash, int]:
    """The digest of at most ``length`` bytes from ``at`` on, and how many there were."""
    digest = hashlib.sha256()
    file.seek(at)
    left = length
    while left and (block := file.read(min(BLOCK, left))):
        digest.update(block)
        left -= len(block)
    return digest, length - left


def _sound(path: Path, file: OfferedFile) -> bool:
    if path.stat().st_size != file.bytes:
        return False
    with path.open("rb") as there:
        at = 0
        for part in file.parts:
            digest, length = _hashed(there, at, part.length)
            if length != part.length or digest.hexdigest() != part.sha256:
                return False
            at += length
    return True


def _room(out: BinaryIO, file: OfferedFile, to: Path) -> None:
    missing = file.bytes - os.fstat(out.fileno()).st_size
    disk = os.statvfs(to.parent)
    free = disk.f_bavail * disk.f_frsize
    if missing > 0 and free < missing + SPARE:
        come, more = (-(-size // 1_000_000) for size in (missing, missing + SPARE - free))  # what is told is enough
        raise UpdateError(
            "no_space",
            f"{free / 1e6:.1f} MB are free; {come} MB are to come, and {SPARE // 1_000_000} MB beside them stay free "
            f"for the journal: make {more} MB more room",
        )
