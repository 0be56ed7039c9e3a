"""Builds the base of a keyed list from any number of entries in bounded memory, and the deltas between bases.

Laws:
1. Entries go through 256 partitions on disk (``hq.keyed_partitions``), one of which at a time is in memory. They are
   removed at the end.
2. A record that stood in the previous generation with the same payload keeps its layer and its masked bytes; what is
   new or changed comes in the new layer. So no later payload meets an earlier mask, and deltas hold changes alone.
3. Beside the base lies its *plain* file: the payload of every row without mask, in the base's order, and the SHA-256 of
   it all. It stays at headquarters; the next generation is compared with it.
4. A base has its name only when it is whole, verified and synced.
5. A 256th layer needs a base without a predecessor, and that needs a new list key: layers begin anew, masks must not.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, Final

import numpy as np

from common.files import open_regular
from edge.core.errors import LayoutError
from edge.core.keyed import rows as tables
from edge.core.keyed.base import BaseFile
from edge.core.keyed.delta import make_delta
from edge.core.keyed.header import SIZE
from edge.core.keyed.keys import ListKey
from edge.core.keyed.maker import About, Maker
from edge.core.keyed.rows import Rows, U64Array
from hq.keyed_partitions import PARTITIONS, KeyedBuildError, Progress, cannot, entries_in, sorted_part, spread

__all__ = [
    "Built", "Edition", "KeyedBuildError", "Progress", "assemble", "delta_between", "opened", "plain_of", "spread",
    "verify",
]

_U64: Final = np.dtype(">u8")
_HASH: Final = 32

@dataclass(frozen=True, slots=True)
class Edition:
    """What is built. Dates are seconds since 1970; ``layer`` rises with every generation of a list key."""

    list_id: str
    generation: int
    layer: int
    created: int
    as_of: int


@dataclass(frozen=True, slots=True)
class Built:
    """What came of it, against the previous generation (all is ``added`` where there is none)."""

    path: Path
    plain: Path
    count: int
    added: int
    removed: int
    kept: int
    repeated: int
    digest: bytes


@dataclass(slots=True)
class _Tally:
    added: int = 0
    removed: int = 0
    kept: int = 0
    repeated: int = 0
    hash: Any = field(default_factory=hashlib.sha256)


def assemble(
    out: Path, folders: Sequence[Path], edition: Edition, key: ListKey, *,
    previous: Path | None = None, progress: Progress | None = None,
) -> Built:
    """Make the base of what was spread over ``folders``, which are removed. ``out`` is the folder of bases.

    ``previous`` is the base before, its plain file beside it. Raises ``KeyedBuildError``, ``LayoutError``; then there
    is no new base, and the folders stay.
    """
    path = out / f"base-{edition.generation:010d}.sdl"
    plain = plain_of(path)
    tally = _Tally()
    try:
        out.mkdir(parents=True, exist_ok=True)
        with contextlib.ExitStack() as stack:
            before = _Previous(stack, previous, edition, key) if previous is not None else None
            body, side = stack.enter_context(_new_file(path)), stack.enter_context(_new_file(plain))
            body.seek(SIZE)
            layers = (edition.layer,) if before is None else tables.common_layers(before.layers, (edition.layer,))
            about = About(
                edition.list_id, key.ident, edition.generation, edition.generation, edition.created, edition.as_of,
                edition.layer, layers,
            )
            expected = entries_in(folders)
            maker = Maker(about, lambda data: _write(body, data), expected=expected)
            for part in range(PARTITIONS):
                rows, payloads, repeated = sorted_part(folders, part, edition.layer)
                tally.repeated += repeated
                if before is not None:
                    rows, payloads = before.compared(part, rows, payloads, layers, tally)
                else:
                    tally.added += len(rows)
                maker.add(rows)
                raw = payloads.astype(_U64).tobytes()
                tally.hash.update(raw)
                _write(side, raw)
                if progress is not None:
                    progress("base", maker.written)
            _write(side, tally.hash.digest())
            if before is not None:
                before.finish()
            header = maker.finish()
            body.seek(0)
            _write(body, header)
            verify(_part_of(path))
        for folder in folders:
            shutil.rmtree(folder, ignore_errors=True)
    except OSError as error:
        raise cannot(out, error) from error
    return Built(path, plain, maker.written, tally.added, tally.removed, tally.kept, tally.repeated, maker.digest)


def delta_between(old: Path, new: Path) -> bytes:
    """The delta from one base to a later one, both verified first. Raises ``KeyedBuildError``, ``LayoutError``."""
    with contextlib.ExitStack() as stack:
        try:
            files = [stack.enter_context(opened(path)) for path in (old, new)]
            for file in files:
                for _ in file.verify():
                    pass
            return make_delta(*files)
        except OSError as error:
            raise cannot(new.parent, error) from error


def verify(path: Path) -> None:
    """Read a base to its end. Raises ``LayoutError``, ``OSError``."""
    with opened(path) as file:
        for _ in file.verify():
            pass


@contextlib.contextmanager
def opened(path: Path) -> Iterator[BaseFile]:
    """A base, open as long as the block lasts."""
    with open_regular(path) as file:
        yield BaseFile.open(
            lambda offset, length: os.pread(file.fileno(), length, offset), os.fstat(file.fileno()).st_size
        )


class _Previous:
    """The generation before, read partition by partition."""

    def __init__(self, stack: contextlib.ExitStack, path: Path, edition: Edition, key: ListKey) -> None:
        self._file = stack.enter_context(opened(path))
        header = self._file.header
        if (header.list_id, header.key_id) != (edition.list_id, key.ident):
            raise LayoutError("the previous base is of another list or key")
        if edition.generation <= header.generation or edition.layer <= header.last_layer:
            raise LayoutError("a generation and its layer must be above the previous base's")
        for _ in self._file.verify():
            pass
        self.layers = header.layers
        self._plain = stack.enter_context(open_regular(plain_of(path)))
        self._hash = hashlib.sha256()
        self._at = 0
        # a list of a few thousand has less than 256 buckets: all of it, cut by key
        few = header.row_bits < 8
        self._few = tables.from_bytes(self._file.rows_bytes(0, header.rows), self.layers) if few else None

    def compared(
        self, part: int, new: Rows, payloads: U64Array, layers: tuple[int, ...], tally: _Tally
    ) -> tuple[Rows, U64Array]:
        """The rows of a partition as they will stand, and their payloads."""
        old, old_payloads = self._rows(part)
        old, new = old.within(layers), new.within(layers)
        keys = np.concatenate([old.keys, new.keys])
        plain = np.concatenate([old_payloads, payloads])
        tails = np.concatenate([old.tails, new.tails])
        order = np.lexsort((plain, keys))  # stable: the old one of two equals comes first
        keys, plain, tails, is_new = keys[order], plain[order], tails[order], order >= len(old)
        again = np.zeros(len(keys), dtype=bool)
        again[1:] = (keys[1:] == keys[:-1]) & (plain[1:] == plain[:-1]) & is_new[1:] & ~is_new[:-1]
        kept = np.zeros(len(keys), dtype=bool)
        kept[:-1] = again[1:]
        added = is_new & ~again
        tally.added += int(added.sum())
        tally.kept += int(kept.sum())
        tally.removed += len(old) - int(kept.sum())
        stays = kept | added
        keys, plain, tails = keys[stays], plain[stays], tails[stays]
        order = np.lexsort((tails, keys))
        return Rows(keys[order], tails[order], layers), plain[order]

    def finish(self) -> None:
        """Raises ``LayoutError`` unless the plain file was what had been written."""
        if self._plain.read(_HASH + 1) != self._hash.digest():
            raise LayoutError("the plain file of the previous base is damaged")

    def _rows(self, part: int) -> tuple[Rows, U64Array]:
        first = self._at
        if self._few is None:
            last = self._file.span(8, part)[1]
        else:
            last = int(np.searchsorted(self._few.keys >> np.uint64(56), part, side="right"))
        rows = tables.from_bytes(self._file.rows_bytes(first, last), self.layers)
        self._at = last
        raw = self._plain.read(8 * len(rows))
        self._hash.update(raw)
        if len(raw) != 8 * len(rows):
            raise LayoutError("the plain file of the previous base ends before its end")
        return rows, np.frombuffer(raw, dtype=_U64).astype(np.uint64)


def _part_of(path: Path) -> Path:
    return path.with_name(path.name + ".part")


def plain_of(path: Path) -> Path:
    """The plain file that belongs to a base."""
    return path.with_name(path.name.replace("base-", "plain-", 1)).with_suffix(".sdp")


@contextlib.contextmanager
def _new_file(path: Path) -> Iterator[BinaryIO]:
    """A file that gets its name when the block ended well and it is on the disk."""
    part = _part_of(path)
    try:
        with part.open("wb", buffering=0) as file:
            yield file
            os.fsync(file.fileno())
        part.rename(path)
        handle = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def _write(file: BinaryIO, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[file.write(view) :]
