"""Which file system a stick has, from its first sector alone: FAT and exFAT are mounted, nothing else is.

So the kernel's parsers of ext4, NTFS, ISO 9660 and the rest are never shown a stranger's stick.
Sources: Microsoft, "FAT: General Overview of On-Disk Format" 1.03 (BIOS parameter block); "exFAT file system
specification", section 3.1 (main boot sector).
"""

from __future__ import annotations

import errno
import mmap
import os
import stat
from pathlib import Path
from typing import Final

from edge.core.provisioning.codes import Code, ProvisioningError

SECTOR: Final = 512  # bytes
DIRECT: Final = 4096  # bytes that every device reads past the kernel's caches (open(2), O_DIRECT)
_SIGNATURE: Final = b"\x55\xaa"


def kind_of(sector: bytes) -> str | None:
    """``vfat``, ``exfat``, or None, of a first sector of ``SECTOR`` bytes; shorter ones are None."""
    if len(sector) < SECTOR or sector[510:512] != _SIGNATURE:
        return None
    if sector[3:11] == b"EXFAT   ":
        return "exfat" if not any(sector[11:64]) and 9 <= sector[108] <= 12 else None
    jump = sector[0] == 0xE9 or (sector[0] == 0xEB and sector[2] == 0x90)
    bytes_a_sector = int.from_bytes(sector[11:13], "little")
    sectors_a_cluster = sector[13]
    sane = (
        bytes_a_sector in (512, 1024, 2048, 4096)
        and sectors_a_cluster in (1, 2, 4, 8, 16, 32, 64, 128)
        and int.from_bytes(sector[14:16], "little") >= 1  # reserved sectors
        and sector[16] in (1, 2)  # tables
        and sector[21] in (0xF0, *range(0xF8, 0x100))  # media
        and any(sector[19:21] + sector[32:36])  # a size
    )
    named = sector[54:57] == b"FAT" or sector[82:87] == b"FAT32"
    return "vfat" if jump and sane and named else None


def probe(device: Path) -> str:
    """The file system of a block device, or of an image file. Raises WRONG_FILE_SYSTEM or READ_ERROR."""
    try:
        handle = os.open(device, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
        try:
            mode = os.fstat(handle).st_mode
            if not (stat.S_ISBLK(mode) or stat.S_ISREG(mode)):
                raise ProvisioningError(Code.WRONG_FILE_SYSTEM, "no block device")
            sector = os.pread(handle, SECTOR, 0)
        finally:
            os.close(handle)
    except OSError as error:
        raise ProvisioningError(Code.READ_ERROR, error.strerror or "") from error
    found = kind_of(sector)
    if found is None:
        raise ProvisioningError(Code.WRONG_FILE_SYSTEM, "neither FAT nor exFAT")
    return found


def settle(device: Path) -> None:
    """Until the tables of the file system on a block device, as the kernel holds them, are on it. Raises OSError.

    That is what a file's own fsync(2) does last on a FAT, after the name that stands on them (Linux, fs/fat/file.c).
    """
    handle = os.open(device, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def answers(device: Path) -> bool:
    """True while a block device reads its first bytes anew; the kernel's caches go on answering for one that is gone.

    A bad sector elsewhere, or a file of its that cannot be read, makes no difference.
    """
    try:
        handle = os.open(device, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC | os.O_DIRECT)
        try:
            with mmap.mmap(-1, DIRECT) as block:
                return os.preadv(handle, [block], 0) > 0
        finally:
            os.close(handle)
    except OSError as error:
        return error.errno == errno.EINVAL  # an image below a file system that has no such reading: nothing to pull
