"""A file system of its own with little room, for tests of full and refusing disks; skips where none can be mounted."""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest


@contextlib.contextmanager
def small_disk(place: Path, limits: str) -> Iterator[Path]:
    """A tmpfs at ``place``; ``limits`` as mount takes them: ``size=8m,nr_inodes=100``."""
    if os.geteuid() != 0:
        pytest.skip("needs root to mount a small tmpfs")
    place.mkdir()
    words = ["mount", "-t", "tmpfs", "-o", f"{limits},mode=0700", "tmpfs", str(place)]
    mounted = subprocess.run(words, capture_output=True, check=False)
    if mounted.returncode:
        pytest.skip(f"a tmpfs cannot be mounted here: {mounted.stderr.decode().strip()}")
    yield place
    subprocess.run(["umount", "-l", place], check=True)


def fill(place: Path) -> Path:
    """Take every byte that is left."""
    filler = place / "filler"
    with filler.open("ab", buffering=0) as file:
        for size in (1 << 20, 4096, 512):
            try:
                while True:
                    file.write(b"\xff" * size)
            except OSError:
                continue
    return filler
