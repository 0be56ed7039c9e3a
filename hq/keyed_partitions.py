"""Entries of a keyed list on their way to a base: 256 files by the first byte of the key.

Laws:
1. An entry is 24 bytes: key, payload, masked payload, each u64 big-endian. No number stands there, only its keyed hash.
2. Memory is 64 KiB a partition while they are written, and one partition while they are read (13 MB of 140 million
   entries).
3. A folder takes the entries of one build alone: what a killed one left is never mixed in.
"""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from edge.core.errors import BorderpostError
from edge.core.keyed.keys import ListKey
from edge.core.keyed.rows import Rows, U64Array

PARTITIONS: Final = 256
_ENTRY: Final = 24          # bytes
_BUFFER: Final = 1 << 16    # bytes of a partition that wait in memory
_EVERY: Final = 100_000     # entries between two calls of progress
_U64: Final = np.dtype(">u8")

Progress = Callable[[str, int], None]
"""``progress(what is being done, records so far)``."""


class KeyedBuildError(BorderpostError):
    """A base or delta could not be made; nothing was published."""


def spread(
    folder: Path, entries: Iterable[tuple[str, int]], key: ListKey, layer: int, progress: Progress | None = None
) -> int:
    """Write entries (key text, ``Record.pack()``) into the partitions of a folder; how many they were.

    Entries without a key text are left out. Several processes may fill a folder each. Raises ``KeyedBuildError``.
    """
    count = 0
    buffers = [bytearray() for _ in range(PARTITIONS)]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if any(folder.glob("part-*")):
            raise KeyedBuildError(
                f"{folder} holds partitions of another build", advice="remove that folder, or name another one"
            )
        for text, payload in entries:
            if not text:
                continue
            if payload >> 56:
                raise ValueError("a payload has 56 bits")
            mac = key.mac(text)
            hidden = payload ^ int.from_bytes(key.mask(layer, text), "big")
            buffer = buffers[mac[0]]
            buffer += mac[:8] + payload.to_bytes(8, "big") + hidden.to_bytes(8, "big")
            if len(buffer) >= _BUFFER:
                _append(folder, mac[0], buffer)
            count += 1
            if progress is not None and count % _EVERY == 0:
                progress("keys", count)
        for part, buffer in enumerate(buffers):
            _append(folder, part, buffer)
    except OSError as error:
        raise cannot(folder, error) from error
    return count


def entries_in(folders: Sequence[Path]) -> int:
    """How many entries were spread over these folders."""
    return sum(path.stat().st_size for folder in folders for path in folder.glob("part-*")) // _ENTRY


def sorted_part(folders: Sequence[Path], part: int, layer: int) -> tuple[Rows, U64Array, int]:
    """One partition: its rows in a new layer, their payloads, and how many entries stood there more than once.

    Raises ``OSError``, and ``KeyedBuildError`` for a partition that was cut.
    """
    data = b"".join(path.read_bytes() for f in folders if (path := f / _part_name(part)).exists())
    if len(data) % _ENTRY:
        raise KeyedBuildError("a partition ends in the middle of an entry", advice="build the list again")
    table: npt.NDArray[np.uint64] = np.frombuffer(data, dtype=_U64).reshape(-1, 3).astype(np.uint64)
    order = np.lexsort((table[:, 1], table[:, 0]))
    table = table[order]
    keep = np.ones(len(table), dtype=bool)
    keep[1:] = (table[1:, 0] != table[:-1, 0]) | (table[1:, 1] != table[:-1, 1])
    repeated = len(table) - int(keep.sum())
    table = table[keep]
    order = np.lexsort((table[:, 2], table[:, 0]))  # the order of masked payloads, which is the base's
    table = table[order]
    return Rows(table[:, 0].copy(), table[:, 2].copy(), (layer,)), table[:, 1].copy(), repeated


def _append(folder: Path, part: int, buffer: bytearray) -> None:
    if buffer:
        with (folder / _part_name(part)).open("ab") as file:
            file.write(buffer)
        buffer.clear()


def _part_name(part: int) -> str:
    return f"part-{part:02x}"


def cannot(folder: Path, error: OSError) -> KeyedBuildError:
    """What whoever builds is told."""
    full = error.errno in (errno.ENOSPC, errno.EDQUOT)
    return KeyedBuildError(
        f"the base of a keyed list cannot be built in {folder}: {error.strerror or 'input/output error'}",
        advice="free some space on that disk (48 bytes a record)" if full else "check that folder and its rights",
    )
