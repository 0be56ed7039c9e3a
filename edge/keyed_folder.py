"""The folder of one keyed list on disk: which files serve, and how they change without ever being half there.

Laws:
1. ``CURRENT`` names the base and the overlay that serve. It is replaced by one rename, after the files it names and the
   folder have been synced: after a power cut there is the old generation or the new one, and never a mixture.
2. A file is written under a name of its own that nobody opens, synced, and renamed; a file with a final name is whole.
3. One writer at a time (a lock on ``LOCK``, let go by the kernel when its holder dies). Readers need no lock: they hold
   their files open, and a file that is removed stays readable for them.
4. What a killed writer left behind is removed by the next writer, never by a reader.
5. A ``CURRENT`` that is damaged is replaced in memory by the newest pair whose files open; that is said in ``problem``.

Layout: ``FOLDER/{CURRENT, LOCK, base-<generation>.sdl, overlay-<generation>.sdo}``, generations in ten digits.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from common.files import NotRegularError, open_regular
from edge.core.errors import BorderpostError
from edge.core.keyed.header import SIZE, is_list_id

CURRENT: Final = "CURRENT"
LOCK: Final = "LOCK"
MAX_FILES: Final = 1000     # names of a folder that are looked at
_WRITE: Final = 1 << 20     # bytes handed to the kernel at a time
# Bytes after which they are put on the disk. A look-up whose page is not in memory waits behind what is being put
# there: with 64 MiB at a time such reads had p99 17-20 ms on a virtual disk and up to 134 ms, with 8 MiB p99 4-8 ms.
_SYNC: Final = 8 << 20
_MAX_CURRENT: Final = 256   # bytes
_NAMES: Final = re.compile(r"(base|overlay)-([0-9]{10})\.(sdl|sdo)")
_UNFINISHED: Final = re.compile(r"(base|overlay|CURRENT)[-.0-9a-z]*\.part")


class KeyedError(BorderpostError):
    """A keyed list on disk cannot be read or changed."""


class BusyError(KeyedError):
    """Another process is changing the list now (a compaction takes minutes)."""


@dataclass(frozen=True, slots=True)
class Pair:
    """The generations of the base and the overlay that serve; equal when there is no overlay."""

    base: int
    newest: int

    @property
    def overlay(self) -> int | None:
        """The generation of the overlay, or None."""
        return self.newest if self.newest != self.base else None


def base_name(generation: int) -> str:
    """The file of a base."""
    return f"base-{generation:010d}.sdl"


def overlay_name(generation: int) -> str:
    """The file of an overlay."""
    return f"overlay-{generation:010d}.sdo"


def read_current(folder: Path, list_id: str) -> Pair | None:
    """The pair that serves; None if the folder or CURRENT is not there. Raises ``KeyedError`` for a damaged one."""
    try:
        with open_regular(folder / CURRENT) as file:
            data = file.read(_MAX_CURRENT)
    except FileNotFoundError:
        return None
    except NotRegularError as error:
        raise _unreadable(folder, "CURRENT is no regular file") from error
    except OSError as error:
        raise _unreadable(folder, error.strerror or "input/output error") from error
    found = re.fullmatch(rb"keyed 1 ([a-z0-9-]{2,40}) ([0-9]{10}) ([0-9]{10}) ([0-9a-f]{16})\n", data)
    if found is None or _current(found[1].decode(), Pair(int(found[2]), int(found[3]))) != data:
        raise _unreadable(folder, "CURRENT is damaged")
    pair = Pair(int(found[2]), int(found[3]))
    if found[1].decode() != list_id or not 1 <= pair.base <= pair.newest:
        raise _unreadable(folder, "CURRENT belongs to another list")
    return pair


def candidates(folder: Path) -> list[Pair]:
    """Every pair that the files of the folder may form, newest generation first."""
    bases: list[int] = []
    overlays: list[int] = []
    for name in _names(folder):
        found = _NAMES.fullmatch(name)
        if found:
            (bases if found[1] == "base" else overlays).append(int(found[2]))
    pairs = {Pair(b, b) for b in bases} | {Pair(b, o) for b in bases for o in overlays if o > b}
    return sorted(pairs, key=lambda p: (p.newest, p.base), reverse=True)


def stamp(folder: Path, pair: Pair) -> str:
    """What tells the files of a pair from others of the same names, without reading them."""
    found = []
    for name in (base_name(pair.base), overlay_name(pair.overlay) if pair.overlay else ""):
        with contextlib.suppress(OSError):
            stat = (folder / name).lstat() if name else None
            found.append(f"{name}:{stat.st_ino}:{stat.st_mtime_ns}" if stat else "")
    return " ".join(found)


@contextlib.contextmanager
def writing(folder: Path, list_id: str) -> Iterator[None]:
    """Hold the folder for writing, and remove what killed writers left. Raises ``BusyError``, ``KeyedError``."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        raise cannot_write(folder, error) from error
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise BusyError(
                f"the keyed list {folder.name} is being changed by another process",
                advice="wait until its compaction is over, then try again",
            ) from error
        for name in _names(folder):
            if _UNFINISHED.fullmatch(name):
                with contextlib.suppress(OSError):
                    (folder / name).unlink()
        with contextlib.suppress(KeyedError):
            serving = read_current(folder, list_id)
            if serving is not None:
                sweep(folder, serving)  # what a writer left that died between its last rename and its sweep
        yield
    finally:
        os.close(lock)


def write_file(
    folder: Path, name: str, body: Callable[[Callable[[bytes], None]], bytes],
    check: Callable[[Path], None] | None = None,
) -> int:
    """Make one file: ``body(write)`` writes all from offset 4096 on and gives the header. Bytes written.

    The file has its final name only when it is whole and synced, and ``check`` had nothing to say of it. Raises
    ``KeyedError`` (a full disk, say); whatever ``body`` raises goes through, and nothing is left behind.
    """
    part = folder / f"{name}.part"
    try:
        target = os.open(part, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            written = _fill(target, body)
            os.fsync(target)
        finally:
            os.close(target)
        if check is not None:
            check(part)
        part.rename(folder / name)
        sync_folder(folder)
    except BaseException as error:
        with contextlib.suppress(OSError):
            part.unlink()
        if isinstance(error, OSError):
            raise cannot_write(folder, error) from error
        raise
    return written


def set_current(folder: Path, list_id: str, pair: Pair) -> None:
    """Let this pair serve from now on. Raises ``KeyedError``; then the old one serves on."""
    if not is_list_id(list_id):
        raise ValueError("not a list id")
    part = folder / f"{CURRENT}.part"
    try:
        target = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            os.write(target, _current(list_id, pair))
            os.fsync(target)
        finally:
            os.close(target)
        part.rename(folder / CURRENT)
        sync_folder(folder)
    except OSError as error:
        raise cannot_write(folder, error) from error


def sweep(folder: Path, keep: Pair) -> None:
    """Remove the files that ``keep`` does not name. Only while ``writing``."""
    wanted = {base_name(keep.base)} | ({overlay_name(keep.overlay)} if keep.overlay else set())
    for name in _names(folder):
        if _NAMES.fullmatch(name) and name not in wanted:
            with contextlib.suppress(OSError):
                (folder / name).unlink()


def sync_folder(folder: Path) -> None:
    """Make the names of a folder durable."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def cannot_write(folder: Path, error: OSError) -> KeyedError:
    """What a technician is told."""
    why = error.strerror or "input/output error"
    full = error.errno in (errno.ENOSPC, errno.EDQUOT)
    advice = "free some space on the disk of the lists" if full else "check the disk and the rights of the lists folder"
    return KeyedError(f"the keyed list {folder.name} cannot be written: {why}", advice=advice)


def _fill(target: int, body: Callable[[Callable[[bytes], None]], bytes]) -> int:
    position = SIZE

    def write(data: bytes) -> None:
        nonlocal position
        view = memoryview(data)
        while view:
            done = os.pwrite(target, view[:_WRITE], position)
            position += done
            view = view[done:]
            if position // _SYNC != (position - done) // _SYNC:
                os.fdatasync(target)

    head = body(write)
    if len(head) != SIZE or os.pwrite(target, head, 0) != SIZE:
        raise OSError(errno.EIO, "the header was not written whole")
    return position


def _current(list_id: str, pair: Pair) -> bytes:
    line = f"keyed 1 {list_id} {pair.base:010d} {pair.newest:010d}"
    return f"{line} {hashlib.sha256(line.encode()).hexdigest()[:16]}\n".encode()


def _names(folder: Path) -> list[str]:
    try:
        with os.scandir(folder) as entries:
            return sorted(entry.name for _, entry in zip(range(MAX_FILES), entries, strict=False))
    except OSError:
        return []


def _unreadable(folder: Path, why: str) -> KeyedError:
    return KeyedError(
        f"the keyed list {folder.name} cannot be read: {why}",
        advice="copy the list again from headquarters, or check the disk",
    )
