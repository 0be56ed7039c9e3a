"""USB sticks as images: a partition table and one FAT file system, as bought ones have. No root, no mount.

Laws:
1. The first sector holds an MBR with one partition, type 0C (FAT32 LBA), that begins at 1 MiB; the rest is the file
   system. Under FAT32's least number of clusters it is FAT16, type 0E. (Microsoft "FAT32 File System
   Specification" 1.03, p. 14: 65525 clusters.)
2. Names, contents and times are those of the folder; nothing else is on it.
3. Reading an image changes nothing in it.
"""

from __future__ import annotations

import os
import shutil
import struct
import subprocess
from pathlib import Path

SECTOR = 512
FIRST = 2048  # sectors before the partition
LEAST_FAT32_MIB = 48  # with clusters of one sector: well over 65525 of them
LABEL = "BORDERPOST"
PROGRAMS = ("mkfs.vfat", "mcopy", "mlabel")
MAX_MIB = 4096
RUN_S = 300.0
FAT16_LBA, FAT32_LBA = 0x0E, 0x0C
BEYOND_CHS = b"\xfe\xff\xff"  # "look at the LBA fields"


class StickError(AssertionError):
    """The image could not be made or read; the text is what the program said."""


def missing() -> str:
    """The reason with which a test is skipped where an image cannot be made; empty if it can."""
    absent = [name for name in PROGRAMS if _found(name) is None]
    return f"{', '.join(absent)} not on PATH (dosfstools, mtools)" if absent else ""


def partition_table(sectors: int, kind: int) -> bytes:
    """The first sector of a medium of so many sectors with one partition of that type, from FIRST to its end."""
    entry = struct.pack("<B3sB3sII", 0, BEYOND_CHS, kind, BEYOND_CHS, FIRST, sectors - FIRST)
    return bytes(446) + entry + bytes(48) + b"\x55\xaa"


def make_stick(image: Path, folder: Path, *, label: str = LABEL, mib: int = 64) -> Path:
    """A stick of ``mib`` MiB (4 to 4096) that holds what is in ``folder``; the file is sparse.

    Raises StickError when it does not fit, or its size is none.
    """
    if not 4 <= mib <= MAX_MIB:
        raise StickError(f"a stick of {mib} MiB: 4 to {MAX_MIB} can be made")
    sectors = mib * 1024 * 1024 // SECTOR
    fat32 = mib >= LEAST_FAT32_MIB
    image.unlink(missing_ok=True)
    with image.open("xb") as file:
        file.truncate(sectors * SECTOR)
        file.write(partition_table(sectors, FAT32_LBA if fat32 else FAT16_LBA))
    shape = ["-F", "32", "-s", "1" if mib < 256 else "8"] if fat32 else ["-F", "16", "-s", "1" if mib < 16 else "4"]
    blocks = str((sectors - FIRST) // 2)
    _run("mkfs.vfat", *shape, "-n", label, "-h", str(FIRST), "--offset", str(FIRST), str(image), blocks)
    put(image, folder)
    return image


def put(image: Path, folder: Path) -> None:
    """Copy what is in a folder onto a stick, over what is there. Raises StickError."""
    names = sorted(str(path) for path in folder.iterdir())
    if names:
        _run("mcopy", "-i", _file_system(image), "-s", "-m", "-o", "-Q", *names, "::")


def read_stick(image: Path, to: Path) -> Path:
    """Copy what is on a stick into a folder that it makes anew, which is returned. Raises StickError (law 3)."""
    if to.exists():
        shutil.rmtree(to)
    to.mkdir(parents=True)
    listed = _run("mdir", "-i", _file_system(image), "-b", "::").splitlines()
    names = [name.rstrip("/") for name in listed if name.startswith("::/")]
    if names:
        _run("mcopy", "-i", _file_system(image), "-s", "-m", "-n", "-Q", *names, str(to))
    return to


def label_of(image: Path) -> str:
    """The label as the file system has it."""
    said = _run("mlabel", "-i", _file_system(image), "-s", "::")
    return said.strip().rpartition(" is ")[2].split(" ")[0]


def faults(image: Path) -> str:
    """What a check of the file system says of it, "" if it is whole: a stick pulled in a write need not be."""
    part = _partition(image, image.with_name(image.name + ".part"))
    try:
        done = _execute("fsck.vfat", "-n", str(part))
        return "" if done.returncode == 0 else done.stdout.decode("utf-8", "replace")
    finally:
        part.unlink(missing_ok=True)


def _partition(image: Path, to: Path) -> Path:
    """The one partition of an image, in a file of its own."""
    with image.open("rb") as whole, to.open("wb") as copy:
        whole.seek(FIRST * SECTOR)
        shutil.copyfileobj(whole, copy, 1024 * 1024)
    return to


def _file_system(image: Path) -> str:
    return f"{image}@@{FIRST * SECTOR}"


def _found(name: str) -> str | None:
    return shutil.which(name) or shutil.which(name, path="/usr/sbin:/sbin")


def _run(name: str, *words: str) -> str:
    done = _execute(name, *words)
    if done.returncode != 0:
        said = (done.stderr or done.stdout).decode("utf-8", "replace").strip()
        raise StickError(f"{name}: {done.returncode}: {said}")
    return done.stdout.decode("utf-8", "replace")


def _execute(name: str, *words: str) -> subprocess.CompletedProcess[bytes]:
    program = _found(name)
    if program is None:
        raise StickError(f"{name} not on PATH (dosfstools, mtools)")
    bare = {"PATH": os.environ.get("PATH", ""), "LC_ALL": "C.UTF-8", "MTOOLSRC": "/dev/null"}
    return subprocess.run([program, *words], stdin=subprocess.DEVNULL, capture_output=True, timeout=RUN_S, check=False,
                          env=bare)
