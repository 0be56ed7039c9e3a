"""Writes a base or an overlay from sorted rows, in one pass and bounded memory.

Laws:
1. Body first (rows, tombstones, directories, chunk hashes), header last: a file that was not finished has none.
2. Rows must come sorted, block after block; the maker refuses what does not rise (``LayoutError``).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np

from edge.core.errors import LayoutError
from edge.core.keyed import header as headers
from edge.core.keyed import setdigest
from edge.core.keyed.header import BASE, CHUNK, MAX_BUCKET, OVERLAY, Header, bucket_bits
from edge.core.keyed.rows import Rows

_KEY_BITS: Final = 64
_BLOCK: Final = 32_768  # rows turned into bytes at a time: other threads wait for a millisecond, not for thirty


@dataclass(frozen=True, slots=True)
class About:
    """What a file is of. ``last_layer`` is the highest layer that the list ever had, in use or not."""

    list_id: str
    key_id: bytes
    generation: int
    base_generation: int
    created: int
    as_of: int
    last_layer: int
    layers: tuple[int, ...]


class Maker:
    """``write`` takes the body from offset 4096 on; ``finish`` gives the 4096 bytes that belong before it."""

    def __init__(self, about: About, write: Callable[[bytes], None], *, expected: int, tombs: int = 0) -> None:
        """``expected`` and ``tombs`` (numbers of rows) size the directories; a guess is good enough."""
        headers.check_layers(about.layers, about.last_layer)
        self._about = about
        self._write = write
        self._chunk = hashlib.sha256()
        self._in_chunk = 0
        self._hashes: list[bytes] = []
        self._rows = _Counter(bucket_bits(expected))
        self._tombs = _Counter(bucket_bits(tombs))
        self.digest = setdigest.EMPTY

    @property
    def written(self) -> int:
        """Rows written so far."""
        return self._rows.count

    def add(self, rows: Rows) -> None:
        """The next rows."""
        if self._tombs.count:
            raise LayoutError("rows come before tombstones")
        self._put(self._rows, rows)
        self.digest = setdigest.plus(self.digest, setdigest.of(rows))

    def add_tombs(self, rows: Rows) -> None:
        """The next tombstones; they do not count in ``digest``."""
        self._put(self._tombs, rows)

    def finish(self, *, count: int | None = None, digest: bytes | None = None) -> bytes:
        """The header. A base counts itself; an overlay's ``count`` and ``digest`` are of base and overlay together."""
        self._out(self._rows.directory())
        self._out(self._tombs.directory())
        if self._in_chunk:
            self._hashes.append(self._chunk.digest())
        hashes = b"".join(self._hashes)
        self._write(hashes)
        about = self._about
        base = count is None or digest is None
        return headers.encode(Header(
            kind=BASE if base else OVERLAY, list_id=about.list_id, key_id=about.key_id, generation=about.generation,
            base_generation=about.base_generation, created=about.created, as_of=about.as_of,
            count=self._rows.count if count is None else count, digest=self.digest if digest is None else digest,
            rows=self._rows.count, tombs=self._tombs.count, row_bits=self._rows.bits, tomb_bits=self._tombs.bits,
            last_layer=about.last_layer, layers=about.layers, hashes=hashlib.sha256(hashes).digest(),
        ))

    def _put(self, counter: _Counter, rows: Rows) -> None:
        rows = rows.within(self._about.layers)
        for start in range(0, len(rows), _BLOCK):
            block = Rows(rows.keys[start : start + _BLOCK], rows.tails[start : start + _BLOCK], rows.layers)
            counter.take(block)
            self._out(block.to_bytes())

    def _out(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            part = view[: CHUNK - self._in_chunk]
            self._chunk.update(part)
            self._in_chunk += len(part)
            view = view[len(part) :]
            if self._in_chunk == CHUNK:
                self._hashes.append(self._chunk.digest())
                self._chunk = hashlib.sha256()
                self._in_chunk = 0
        self._write(data)


class _Counter:
    """Counts the rows of every bucket."""

    def __init__(self, bits: int) -> None:
        self.bits = bits
        self.count = 0
        self._buckets = np.zeros((1 << bits) + 1, dtype=np.int64)
        self._last = (-1, -1)

    def take(self, rows: Rows) -> None:
        first = (int(rows.keys[0]), int(rows.tails[0]))
        if first <= self._last:
            raise LayoutError("the rows of a keyed list do not rise")
        self._last = (int(rows.keys[-1]), int(rows.tails[-1]))
        self.count += len(rows)
        if self.count > headers.MAX_ROWS:
            raise LayoutError("a keyed list holds more records than the layout allows")
        if not self.bits:
            self._buckets[1] += len(rows)
            return
        bucket = (rows.keys >> np.uint64(_KEY_BITS - self.bits)).astype(np.int64)
        low = int(bucket[0]) + 1  # entry 0 of the directory stays 0
        counts = np.bincount(bucket - int(bucket[0]))
        self._buckets[low : low + len(counts)] += counts

    def directory(self) -> bytes:
        if int(self._buckets.max()) > MAX_BUCKET:
            raise LayoutError(f"more than {MAX_BUCKET} records of a keyed list fall into one bucket")
        return np.cumsum(self._buckets).astype(">u4").tobytes()


def about(header: Header) -> About:
    """What an opened file is of."""
    return About(
        header.list_id, header.key_id, header.generation, header.base_generation, header.created, header.as_of,
        header.last_layer, header.layers,
    )
