"""Damaged journals that were set aside: their names, which of them are not done with, and how many are kept.

Laws:
1. A mark stands beside a file from before it is set aside until its rows are in the new journal and that is told: a
   file with a mark is never taken away.
2. Of those that are done with, which hold the audit chain up to their day, the newest ``MAX_KEPT`` stay, within twice
   the journal's quota.
"""

from __future__ import annotations

import contextlib
from collections.abc import Collection
from pathlib import Path
from typing import Final

MAX_KEPT: Final = 8
_SIDES: Final = ("-wal", "-shm")


def set_aside(path: Path) -> str:
    """Rename the damaged file (with its WAL) to ``NAME.corrupt-N``; the new name."""
    target = _name(path, max(numbers(path), default=0) + 1)
    _mark(path, target.name).touch(mode=0o600)
    for suffix in _SIDES:
        side = path.with_name(path.name + suffix)
        if side.exists():
            side.rename(target.with_name(target.name + suffix))
    path.rename(target)
    return target.name


def numbers(path: Path) -> list[int]:
    """The numbers of the files that were set aside, ascending."""
    names = (p.name.rpartition("-")[2] for p in path.parent.glob(f"{path.stem}.corrupt-*"))
    return sorted(int(name) for name in names if name.isascii() and name.isdecimal())


def unfinished(path: Path) -> list[Path]:
    """For a new journal: the files that bear a mark, and the last of all, oldest first."""
    known = numbers(path)
    return [_name(path, n) for n in known if n == known[-1] or _mark(path, _name(path, n).name).exists()]


def finish(path: Path, name: str) -> None:
    """Its rows are in the new journal and that is told: take the mark off."""
    with contextlib.suppress(OSError):
        _mark(path, name).unlink(missing_ok=True)


def prune(path: Path, names: Collection[str], quota_bytes: int) -> None:
    """Take away the oldest of those that are done with, beyond what law 2 keeps; ``names`` are not done with."""
    kept, size = 0, 0
    for number in reversed(numbers(path)):
        file = _name(path, number)
        if file.name in names or _mark(path, file.name).exists():
            continue
        with contextlib.suppress(OSError):
            kept, size = kept + 1, size + file.stat().st_size
            if kept > MAX_KEPT or (kept > 1 and size > 2 * quota_bytes):
                for suffix in (*_SIDES, ""):
                    file.with_name(file.name + suffix).unlink(missing_ok=True)


def _name(path: Path, number: int) -> Path:
    return path.with_name(f"{path.stem}.corrupt-{number}")


def _mark(path: Path, name: str) -> Path:
    return path.with_name(f"{path.stem}.aside-{name.rpartition('-')[2]}.partial")
