"""A sorted file of rows, asked by key with one read of one bucket.

Laws:
1. Header, hashes and directories are verified when a file is opened; rows when ``verify`` goes over them, and at the
   latest before a row of their chunk is believed. What agreed once stays verified for this object.
2. A look-up reads one bucket (about 256 rows, 4 KiB); only a key that is found makes it read its chunk, once.
3. Whatever the bytes, nothing but ``LayoutError`` leaves this file.
4. Nothing here needs numpy: a process that only asks stays small. Memory is the directory, 4 bytes for 256 rows.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from edge.core.errors import LayoutError
from edge.core.keyed import header as headers
from edge.core.keyed.header import CHUNK, HASH, MAX_BUCKET, Header
from edge.core.keyed.record import ROW_SIZE

Read = Callable[[int, int], bytes]
"""``read(offset, length)``: the bytes that lie there, fewer at the end of the file."""

_SPAN: Final = struct.Struct(">II")


@dataclass(frozen=True, slots=True)
class Row:
    """A row as it stands: its layer's sequence and the masked payload (56 bits)."""

    layer: int
    masked: int


class BaseFile:
    """An opened file. Safe to ask from several threads if ``read`` is."""

    def __init__(self, read: Read, header: Header, hashes: bytes, start: int) -> None:
        self._read = read
        self.header = header
        self._hashes = hashes
        self._sound = bytearray(header.chunks)
        directories = self._verified(start, header.hashes_at - start)
        cut = headers.directory_size(header.row_bits)
        self._rows = _Table(headers.SIZE, header.rows, header.row_bits, directories[:cut])
        self._tombs = _Table(header.tombs_at, header.tombs, header.tomb_bits, directories[cut:])

    @classmethod
    def open(cls, read: Read, size: int) -> BaseFile:
        """``size`` is the length of the file in bytes. Raises ``LayoutError``."""
        header = headers.decode(read(0, headers.SIZE))
        if header.size != size:
            raise LayoutError("a keyed list file is not as long as its header says")
        hashes = read(header.hashes_at, header.chunks * HASH)
        if hashlib.sha256(hashes).digest() != header.hashes:
            raise LayoutError("the chunk hashes of a keyed list file are damaged")
        return cls(read, header, hashes, header.row_directory_at)

    def find(self, key: bytes) -> list[Row]:
        """The rows of this key (8 bytes), verified. Raises ``LayoutError``."""
        return self._find(self._rows, key)

    def find_tombs(self, key: bytes) -> list[Row]:
        """The tombstones of this key. Raises ``LayoutError``."""
        return self._find(self._tombs, key)

    def verify(self) -> Iterator[int]:
        """Go over all chunks not yet verified; yields the number of each, so that the caller may rest or stop."""
        for chunk in range(self.header.chunks):
            if not self._sound[chunk]:
                self._check(chunk)
                yield chunk

    def row_blocks(self) -> Iterator[bytes]:
        """All rows as bytes, a MiB at a time, each verified before it is given out."""
        left = self.header.rows * ROW_SIZE
        for chunk in range(-(-left // CHUNK)):
            yield self._check(chunk)[: left - chunk * CHUNK]

    def rows_bytes(self, first: int, last: int) -> bytes:
        """Rows ``first`` to ``last`` as bytes, for whoever copies a file. Not verified: see ``verify``."""
        return self._exactly(headers.SIZE + first * ROW_SIZE, (last - first) * ROW_SIZE)

    def tombs_bytes(self) -> bytes:
        """All tombstones as bytes."""
        return self._exactly(self.header.tombs_at, self.header.tombs * ROW_SIZE)

    def span(self, bits: int, part: int) -> tuple[int, int]:
        """First and last row of the keys that begin with ``part`` (0 to 2^bits - 1); bits up to the directory's."""
        return self._rows.span(part << (self.header.row_bits - bits), (part + 1) << (self.header.row_bits - bits))

    def _find(self, table: _Table, key: bytes) -> list[Row]:
        if not table.count:
            return []
        bucket = int.from_bytes(key, "big") >> (64 - table.bits)
        first, last = table.span(bucket, bucket + 1)
        if last - first > MAX_BUCKET:
            raise LayoutError("a bucket of a keyed list file is too long")
        offset = table.at + first * ROW_SIZE
        bucket_bytes = self._exactly(offset, (last - first) * ROW_SIZE)
        found: list[Row] = []
        at = bucket_bytes.find(key)
        while at >= 0:
            if at % ROW_SIZE == 0:
                found.append(self._row(bucket_bytes, at))
                at += ROW_SIZE - 1
            at = bucket_bytes.find(key, at + 1)
        if found and self._believe(offset, len(bucket_bytes)):
            return self._find(table, key)  # read before its chunk was verified: ask the verified bytes
        return found

    def _row(self, data: bytes, at: int) -> Row:
        index = data[at + 8]
        if index >= len(self.header.layers):
            raise LayoutError("a row of a keyed list file names a layer that is not there")
        return Row(self.header.layers[index], int.from_bytes(data[at + 9 : at + ROW_SIZE], "big"))

    def _believe(self, offset: int, length: int) -> bool:
        """Verify the chunks of these bytes; True if any of them had not been before."""
        fresh = False
        for chunk in range((offset - headers.SIZE) // CHUNK, (offset + length - 1 - headers.SIZE) // CHUNK + 1):
            if not self._sound[chunk]:
                self._check(chunk)
                fresh = True
        return fresh

    def _check(self, chunk: int) -> bytes:
        start = headers.SIZE + chunk * CHUNK
        data = self._exactly(start, min(CHUNK, self.header.hashes_at - start))
        if hashlib.sha256(data).digest() != self._hashes[chunk * HASH : (chunk + 1) * HASH]:
            raise LayoutError(f"chunk {chunk} of a keyed list file is damaged")
        self._sound[chunk] = 1
        return data

    def _verified(self, start: int, length: int) -> bytes:
        """These bytes, cut out of verified chunks."""
        parts = []
        first = (start - headers.SIZE) // CHUNK
        for chunk in range(first, self.header.chunks):
            begin = headers.SIZE + chunk * CHUNK
            parts.append(self._check(chunk)[max(0, start - begin) :])
        return b"".join(parts)[:length]

    def _exactly(self, offset: int, length: int) -> bytes:
        data = self._read(offset, length)
        if len(data) != length:
            raise LayoutError("a keyed list file ends before its end")
        return data


@dataclass(frozen=True, slots=True)
class _Table:
    """Rows and their bucket directory: entry i is the first row of bucket i, the last entry the number of rows."""

    at: int
    count: int
    bits: int
    directory: bytes

    def span(self, first: int, last: int) -> tuple[int, int]:
        if last == first + 1:
            begin, end = _SPAN.unpack_from(self.directory, 4 * first)
        else:
            begin = int.from_bytes(self.directory[4 * first : 4 * first + 4], "big")
            end = int.from_bytes(self.directory[4 * last : 4 * last + 4], "big")
        if not begin <= end <= self.count:
            raise LayoutError("the bucket directory of a keyed list file is damaged")
        return begin, end
