"""Damaged journals that were set aside: their names, which of them are done with, and how many of those are kept.

Laws:
1. A file is done with when a mark beside it says so: its rows are in the new journal, and that is told. A file without
   a mark is never taken away, whoever set it aside: one of a former version may hold the only copy of its rows.
2. Of those that are done with, which hold the audit chain up to their day, the newest ``MAX_KEPT`` stay, within twice
   the journal's quota.
3. No number is given twice, so no mark speaks of another file than it was made for.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Collection
from pathlib import Path
from typing import Final

MAX_KEPT: Final = 8
_SIDES: Final = ("-wal", "-shm")


def set_aside(path: Path) -> str:
    """Rename the damaged file (with its WAL) to ``NAME.corrupt-N``; the new name."""
    target = _name(path, max([*numbers(path), *_numbers(path, "aside-*.done", ".done")], default=0) + 1)
    for suffix in _SIDES:
        side = path.with_name(path.name + suffix)
        if side.exists():
            side.rename(target.with_name(target.name + suffix))
    path.rename(target)
    return target.name


def numbers(path: Path) -> list[int]:
    """The numbers of the files that were set aside, ascending."""
    return _numbers(path, "corrupt-*")


def unfinished(path: Path) -> list[Path]:
    """The files that are not done with, oldest first."""
    return [_name(path, n) for n in numbers(path) if not _mark(path, _name(path, n).name).exists()]


def finish(path: Path, name: str) -> None:
    """Its rows are in the new journal and that is told; '' for none. Without room for the mark it is told again."""
    if name:
        with contextlib.suppress(OSError):
            os.close(os.open(_mark(path, name), os.O_CREAT | os.O_WRONLY, 0o600))


def prune(path: Path, names: Collection[str], quota_bytes: int) -> None:
    """Take away the oldest of those that are done with, beyond what law 2 keeps; ``names`` are not done with."""
    kept, size = 0, 0
    for number in reversed(numbers(path)):
        file = _name(path, number)
        if file.name in names or not _mark(path, file.name).exists():
            continue
        with contextlib.suppress(OSError):
            kept, size = kept + 1, size + file.stat().st_size
            if kept > MAX_KEPT or (kept > 1 and size > 2 * quota_bytes):
                for suffix in (*_SIDES, ""):
                    file.with_name(file.name + suffix).unlink(missing_ok=True)
                _mark(path, file.name).unlink(missing_ok=True)


def _numbers(path: Path, pattern: str, end: str = "") -> list[int]:
    names = (p.name.removesuffix(end).rpartition("-")[2] for p in path.parent.glob(f"{path.stem}.{pattern}"))
    return sorted(int(name) for name in names if name.isascii() and name.isdecimal())


def _name(path: Path, number: int) -> Path:
    return path.with_name(f"{path.stem}.corrupt-{number}")


def _mark(path: Path, name: str) -> Path:
    return path.with_name(f"{path.stem}.aside-{name.rpartition('-')[2]}.done")
