"""Journals out of a whole disk, a partition or an image of one, without mounting it: by ``debugfs`` of e2fsprogs.

Laws:
1. The disk is opened for reading alone, here and by debugfs (which opens read-only unless told otherwise); no journal
   of the file system is replayed. A disk that the kernel refuses to mount may still give its files so.
2. Only files of the journal are copied, into a folder of our own, and only from ``PLACES``. They hold sealed rows.
3. Tables of partitions are data: read with limits, and believed only as far as an ext file system stands there.

MBR: four entries of 16 bytes at 446, start in sectors of 512 at +8. GPT: header in sector 1 with signature ``EFI
PART``, entries' start LBA at +32 of each (UEFI 2.10, section 5.3). ext2/3/4: magic 0xEF53 at 1080 of the partition.
"""

from __future__ import annotations

import os
import re
import shutil
import stat
import subprocess
from pathlib import Path

from edge.carry.rescue import MAX_JOURNALS, RescueError

SECTOR = 512
MAX_PARTITIONS = 128
EXT_MAGIC, EXT_AT = b"\x53\xef", 1080
SQLITE = b"SQLite format 3\x00"
# Where a box keeps its journal, on the root file system or on one of its own for /var or its state
PLACES = ("/var/lib/borderpost", "/lib/borderpost", "/borderpost", "/")
WAIT_S = 600.0
_JOURNAL = re.compile(r"journal\.(sqlite|corrupt-\d{1,6})(-wal)?")
_MOUNT = "mount its partition read-only (mount -o ro,noload), and give the folder"


def is_disk(source: Path) -> bool:
    """True for a block device, and for a file that holds a table of partitions or an ext file system."""
    try:
        mode = source.stat().st_mode
        if stat.S_ISBLK(mode):
            return True
        if not stat.S_ISREG(mode):
            return False
        with source.open("rb") as file:
            head = file.read(EXT_AT + 2)
    except OSError:
        return False
    return not head.startswith(SQLITE) and (head[510:512] == b"\x55\xaa" or head[EXT_AT:] == EXT_MAGIC)


def journals_of(source: Path, into: Path) -> list[Path]:
    """Copy the journals of every ext file system of ``source`` below ``into``. Raises RescueError."""
    program = shutil.which("debugfs", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
    if program is None:
        raise RescueError("there is no debugfs to read a disk with", advice=f"install e2fsprogs, or {_MOUNT}")
    found: list[Path] = []
    starts = partitions(source)
    for offset in starts:
        found += _from_partition(program, f"{source}?offset={offset}" if offset else str(source), into / str(offset))
    if not found:
        raise RescueError(
            f"{source}: no journal of a box on it: looked into {len(starts)} ext file systems, at {' '.join(PLACES)}",
            advice=f"if its file system is not ext4, {_MOUNT}",
        )
    return found


def partitions(source: Path) -> list[int]:
    """Where ext file systems begin on the disk, in bytes, ascending. Raises RescueError if it cannot be read."""
    try:
        with source.open("rb") as file:
            starts = {0, *_mbr(_at(file.fileno(), 0, SECTOR)), *_gpt(file.fileno())}
            return sorted(at for at in starts if _at(file.fileno(), at + EXT_AT, 2) == EXT_MAGIC)
    except OSError as error:
        raise RescueError(f"{source}: {error.strerror}", advice="run this as root, or copy the disk first") from error


def _mbr(sector: bytes) -> list[int]:
    if sector[510:512] != b"\x55\xaa":
        return []
    return [SECTOR * int.from_bytes(sector[at + 8 : at + 12], "little") for at in range(446, 510, 16)]


def _gpt(handle: int) -> list[int]:
    header = _at(handle, SECTOR, 92)
    if header[:8] != b"EFI PART":
        return []
    entries, count, size = (int.from_bytes(header[a:b], "little") for a, b in ((72, 80), (80, 84), (84, 88)))
    if not 128 <= size <= 4096 or entries > 1 << 48:
        return []
    table = (_at(handle, SECTOR * entries + n * size, 48) for n in range(min(count, MAX_PARTITIONS)))
    firsts = (int.from_bytes(entry[32:40], "little") for entry in table if entry[:16].strip(b"\0"))
    return [SECTOR * first for first in firsts if 0 < first < 1 << 48]


def _at(handle: int, offset: int, size: int) -> bytes:
    return os.pread(handle, size, offset)


def _from_partition(program: str, device: str, into: Path) -> list[Path]:
    found: list[Path] = []
    for number, place in enumerate(PLACES):
        names = sorted(set(filter(_JOURNAL.fullmatch, _run(program, device, f"ls -p {place}").split("/"))))
        folder = into / str(number)
        for name in names[:MAX_JOURNALS]:
            folder.mkdir(parents=True, exist_ok=True)
            _run(program, device, f'dump "{place.rstrip("/")}/{name}" "{folder / name}"')
            if not name.endswith("-wal") and (folder / name).is_file():
                found.append(folder / name)
        if found:
            break
    return found


def _run(program: str, device: str, request: str) -> str:
    """What debugfs says; ``ls -p`` gives /inode/mode/uid/gid/name/size/ lines."""
    try:
        done = subprocess.run(
            [program, "-R", request, device], capture_output=True, timeout=WAIT_S, check=False,
            stdin=subprocess.DEVNULL,
            env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C", "DEBUGFS_PAGER": "cat"},
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired) as error:
        raise RescueError(f"debugfs: {type(error).__name__}", advice=_MOUNT) from error
    return done.stdout.decode("utf-8", "replace")
