"""A gallery in the memory of the search child: opened once, scanned many times, wiped when it goes.

Laws:
1. A file is used only after its length and SHA-256 are what the box said, its seal names this list and generation, and
   its extractor and counts are the manifest's. Else LayoutError or FingerError, and what was opened is wiped.
2. References in clear stand in anonymous memory alone: locked where RLIMIT_MEMLOCK allows, in no core dump
   (``edge.secret_memory``). A gallery that came in clear is read the same way.
3. ``wipe`` overwrites them; nothing may use the gallery after it.
4. Nothing of a record or a finger is in a ``repr`` or an error.
"""

from __future__ import annotations

import hashlib
import mmap
import os
from bisect import bisect_left
from datetime import date
from functools import partial
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from common.files import open_regular
from edge.core import vault
from edge.core.errors import LayoutError
from edge.core.fingerprints.gallery import SILENT, GalleryTable
from edge.core.fingerprints.model import Position, same_extractor
from edge.core.fingerprints.shard import Shard
from edge.core.fingerprints.thresholds import Fallback
from edge.core.watch.manifest import GALLERY, SEALED_KINDS
from edge.fingers.search_talk import Load
from edge.secret_memory import allocate, locked

_CHUNK: Final = 1 << 20

Flags = NDArray[np.bool_]
Rows = NDArray[np.int64]


class LoadedGallery:
    """One generation of one list, ready to be scanned."""

    def __init__(self, order: Load, memory: memoryview, locked_bytes: int) -> None:
        """Raises LayoutError, FingerError (law 1)."""
        self.list_id, self.generation, self.action = order.list_id, order.generation, order.action
        self.tail = Fallback(*order.tail)
        self.locked = locked_bytes
        self._memory = memory
        self.table = table = GalleryTable(memory.toreadonly())
        same_extractor(order.extractor_id, table.extractor_id)
        if table.positions != order.positions:
            raise LayoutError("its counts differ from the manifest")
        table.keys()
        self._shards = {position: (table.shard(position), table.rows(position)) for position in Position}
        c = table.cylinders
        at = table.cylinders_at.astype(np.int64)
        self._whole = Shard(table.extractor_id, c["cyl_bits"], c["cyl_x"], c["cyl_y"], c["cyl_a"], at)
        self._places = np.empty(len(table), np.int64)  # cylinders stand in the order of the shards
        self._places[table.order] = np.arange(len(table))
        flags = (table.columns["flags"] & SILENT) != 0
        self._silent = np.ones(len(flags), np.bool_) if order.silent else flags
        self._review = table.columns["review"]

    def __len__(self) -> int:
        return len(self.table)

    @property
    def extractor_id(self) -> str:
        """Of every reference."""
        return self.table.extractor_id

    @property
    def held(self) -> int:
        """Bytes in clear."""
        return len(self._memory)

    def shards(self, position: Position) -> tuple[tuple[Shard, Rows], ...]:
        """What a finger at ``position`` is searched in, each with its rows: its own shard and that of unknown
        positions; all of them for one that is itself unknown."""
        wanted = tuple(Position) if position is Position.UNKNOWN else (position, Position.UNKNOWN)
        return tuple(self._shards[one] for one in wanted if len(self._shards[one][1]))

    def silent(self, rows: Rows) -> Flags:
        """Which of these references are silent."""
        return np.asarray(self._silent[rows])

    def valid(self, rows: Rows, today: int | None) -> Flags:
        """Which of these references count on ``today``: no review date, or one that is not past."""
        review = self._review[rows]
        if today is None or not 0 < today <= date.max.toordinal():
            return np.ones(len(rows), np.bool_)
        return np.asarray((review == 0) | (review >= today))

    def rows_of(self, record: str) -> range:
        """The references of a record: they stand together, in the order of code points."""
        rows = range(len(self.table))
        first = bisect_left(rows, record, key=lambda row: self.table.texts(row)[0])
        last = first
        while last < len(rows) and self.table.texts(last)[0] == record:
            last += 1
        return range(first, last)

    def position_of(self, row: int) -> Position:
        """The finger position of a reference."""
        return Position(int(self.table.columns["position"][row]))

    def described(self, rows: Rows) -> Shard:
        """These references in this order."""
        return self._whole.take(self._places[rows])

    def wipe(self) -> None:
        """Overwrite what was in clear (law 3)."""
        _wipe(self._memory)


def load(order: Load) -> LoadedGallery:
    """Read one generation. Raises LayoutError, FingerError, OSError, MemoryError."""
    memory, locked_bytes = _opened(order)
    try:
        return LoadedGallery(order, memory, locked_bytes)
    except BaseException:
        _wipe(memory)
        raise


def _opened(order: Load) -> tuple[memoryview, int]:
    """The file in clear, in memory of its own, and how many of its bytes are locked."""
    with open_regular(Path(order.path)) as file:
        size = os.fstat(file.fileno()).st_size
        if size != order.length or not size:
            raise LayoutError(f"{GALLERY} is not as long as the manifest says")
        mapping = mmap.mmap(file.fileno(), size, access=mmap.ACCESS_READ)
    mapped = memoryview(mapping)
    if _sha256(mapped) != order.sha256:
        raise LayoutError(f"{GALLERY} does not agree with its digest")
    sealed = vault.is_sealed(mapped)
    length = _length(mapped, order) if sealed else size
    granted: list[bool] = []
    memory = allocate(length, lock=partial(_noted, granted))
    if sealed and order.key is not None:
        vault.open_into(mapped, order.key, memory)
    else:
        memory[:] = mapped
    return memory, length if any(granted) else 0


def _length(mapped: memoryview, order: Load) -> int:
    header = vault.header_of(mapped)
    if (header.list_id, header.generation, header.kind) != (order.list_id, order.generation, SEALED_KINDS[GALLERY]):
        raise LayoutError(f"{GALLERY} was sealed as another file")
    if order.key is None:
        raise LayoutError(f"{GALLERY} is sealed, and no key came with it")
    return header.length


def _noted(granted: list[bool], mapping: mmap.mmap) -> bool:
    granted.append(locked(mapping))
    return granted[-1]


def _sha256(mapped: memoryview) -> str:
    digest = hashlib.sha256()
    for start in range(0, len(mapped), _CHUNK):
        digest.update(mapped[start : start + _CHUNK])
    return digest.hexdigest()


def _wipe(memory: memoryview) -> None:
    blank = bytes(_CHUNK)
    for start in range(0, len(memory), _CHUNK):
        piece = memory[start : start + _CHUNK]
        piece[:] = blank[: len(piece)]
