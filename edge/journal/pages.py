"""The file format of SQLite, as far as rows can be read out of a damaged file. Pure: bytes in, records out.

Source: "Database File Format" of SQLite (sqlite.org/fileformat2.html), sections 1.3 (header), 1.6 (b-tree pages,
overflow), 2.1 (record format) and 4 (write-ahead log).

Laws:
1. Every page speaks for itself: no tree is walked, so a damaged page costs the rows on it and no others.
2. Nothing raises on data but ``BrokenCellError``; no count, length or offset of the file is believed unchecked.
3. Of the write-ahead log only frames count that SQLite itself would take: salts and checksums fit, up to the last
   commit. Later frames of a page replace earlier ones, and what stands in the file.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

TABLE_LEAF: Final = 0x0D
INDEX_LEAF: Final = 0x0A
DEFAULT_PAGE: Final = 4096  # bytes; where the header does not say it
MAX_PAYLOAD: Final = 1 << 20  # bytes of one record; the longest of a journal is a body of some 41 kB
MAX_COLUMNS: Final = 32
_MAGIC: Final = b"SQLite format 3\x00"
_WAL_MAGICS: Final = {0x377F0682: "<", 0x377F0683: ">"}
_WAL_HEADER, _FRAME_HEADER = 32, 24
_FIXED: Final = (0, 1, 2, 3, 4, 6, 8, 8, 0, 0)  # bytes by serial type 0..9

Value = int | float | bytes | str | None


class BrokenCellError(Exception):
    """A cell that cannot be read."""


@dataclass(frozen=True, slots=True)
class Record:
    """One row: its rowid (0 in an index) and its values."""

    rowid: int
    values: tuple[Value, ...]


class Pages:
    """A database file and its write-ahead log as pages, numbered from 1. Both may be any bytes at all.

    ``read`` gives that many bytes from an offset of the file, fewer or none where they cannot be had; ``length`` is
    the file's size in bytes.
    """

    def __init__(self, read: Callable[[int, int], bytes], length: int, wal: bytes = b"") -> None:
        self._read = read
        self.size, self._usable = _sizes(read(0, 100), wal)
        self._newer = dict(_frames(memoryview(wal), self.size))
        self.count = max([-(-length // self.size), *self._newer])
        self._last: tuple[int, bytes] = (0, b"")

    def page(self, number: int) -> bytes:
        """One page; shorter than ``size``, or empty, where the file ends or cannot be read."""
        if self._last[0] != number:
            newer = self._newer.get(number)
            found = self._read((number - 1) * self.size, self.size) if newer is None else bytes(newer)
            self._last = number, found
        return self._last[1]

    def kind(self, number: int) -> int:
        """The type of a b-tree page (section 1.6), or whatever byte stands there; -1 beyond the end."""
        page, start = self.page(number), _start(number)
        return page[start] if len(page) > start else -1

    def cells(self, number: int) -> tuple[int, ...]:
        """Offsets of the cells of a leaf page, those alone that lie within it."""
        page, start = self.page(number), _start(number)
        if len(page) < start + 8:
            return ()
        count = min(int.from_bytes(page[start + 3 : start + 5], "big"), (len(page) - start - 8) // 2)
        offsets = struct.unpack_from(f">{count}H", page, start + 8)
        return tuple(o for o in offsets if start + 8 + 2 * count <= o < len(page) - 3)

    def record(self, number: int, offset: int) -> Record:
        """The record of one cell of a leaf page. Raises BrokenCellError."""
        rowid, payload = self._payload(number, offset)
        return Record(rowid, tuple(_values(payload)))

    def records(self, number: int) -> Iterator[Record]:
        """Every record of a leaf page that can be read."""
        for offset in self.cells(number):
            try:
                yield self.record(number, offset)
            except BrokenCellError:
                continue

    def _payload(self, number: int, offset: int) -> tuple[int, bytes]:
        page = self.page(number)
        table = self.kind(number) == TABLE_LEAF
        size, at = varint(page, offset)
        rowid, at = varint(page, at) if table else (0, at)
        if size > MAX_PAYLOAD or rowid > 1 << 62:
            raise BrokenCellError
        local = _local(size, self._usable, table=table)
        whole = bytearray(page[at : at + local])
        if len(whole) != local:
            raise BrokenCellError
        if local < size:
            self._overflow(int.from_bytes(page[at + local : at + local + 4], "big"), size, whole)
        return rowid, bytes(whole)

    def _overflow(self, following: int, size: int, whole: bytearray) -> None:
        for _ in range(size // (self._usable - 4) + 1):
            page = self.page(following) if 0 < following <= self.count else b""
            if len(page) < self._usable:
                raise BrokenCellError
            whole += page[4 : min(self._usable, 4 + size - len(whole))]
            if len(whole) == size:
                return
            following = int.from_bytes(page[:4], "big")
        raise BrokenCellError


def varint(data: bytes, at: int) -> tuple[int, int]:
    """A variable-length integer of 1 to 9 bytes (section 1.6) and the offset after it. Raises BrokenCellError."""
    value = 0
    for place in range(at, at + 8):
        if place >= len(data):
            raise BrokenCellError
        byte = data[place]
        value = value << 7 | byte & 0x7F
        if byte < 0x80:
            return value, place + 1
    if at + 8 >= len(data):
        raise BrokenCellError
    return value << 8 | data[at + 8], at + 9


def _start(number: int) -> int:
    return 100 if number == 1 else 0


def _sizes(head: bytes, wal: bytes) -> tuple[int, int]:
    """Page size and usable bytes of a page; from the log where the file's header does not say it."""
    size, reserved = DEFAULT_PAGE, 0
    for field in (head[16:18], wal[8:12]):
        stated = int.from_bytes(field, "big")
        stated = 65536 if stated == 1 else stated
        if 512 <= stated <= 65536 and stated & (stated - 1) == 0:
            size, reserved = stated, head[20] if head[:16] == _MAGIC and len(head) > 20 else 0
            break
    return size, size - reserved if size - reserved >= 480 else size


def _local(size: int, usable: int, *, table: bool) -> int:
    """Bytes of a payload that stand on the leaf page itself (section 1.6)."""
    most = usable - 35 if table else (usable - 12) * 64 // 255 - 23
    if size <= most:
        return size
    least = (usable - 12) * 32 // 255 - 23
    kept = least + (size - least) % (usable - 4)
    return kept if kept <= most else least


def _values(payload: bytes) -> Iterator[Value]:
    end, at = varint(payload, 0)
    place = end
    if not at <= end <= len(payload) or end > MAX_COLUMNS * 9:
        raise BrokenCellError
    while at < end:
        kind, at = varint(payload, at)
        size = _FIXED[kind] if kind < 10 else (kind - 12) // 2
        if kind in (10, 11) or place + size > len(payload):
            raise BrokenCellError
        yield _value(kind, payload[place : place + size])
        place += size


def _value(kind: int, raw: bytes) -> Value:
    if kind == 0:
        return None
    if kind in (8, 9):
        return kind - 8
    if kind == 7:
        return float(struct.unpack(">d", raw)[0])
    if kind < 7:
        return int.from_bytes(raw, "big", signed=True)
    if kind % 2 == 0:
        return raw
    try:
        return raw.decode()
    except UnicodeDecodeError:
        raise BrokenCellError from None


def _frames(wal: memoryview, size: int) -> Iterator[tuple[int, memoryview]]:
    """(page number, page) of every committed frame, in order (section 4)."""
    order = _WAL_MAGICS.get(int.from_bytes(wal[:4], "big"))
    if order is None or len(wal) < _WAL_HEADER or int.from_bytes(wal[8:12], "big") != size:
        return
    sums = _summed(wal[:24], (0, 0), order)
    if sums != struct.unpack(">II", wal[24:32]):
        return
    salts, held = wal[16:24], []
    for at in range(_WAL_HEADER, len(wal) - _FRAME_HEADER - size + 1, _FRAME_HEADER + size):
        head, page = wal[at : at + _FRAME_HEADER], wal[at + _FRAME_HEADER : at + _FRAME_HEADER + size]
        sums = _summed(page, _summed(head[:8], sums, order), order)
        if head[8:16] != salts or sums != struct.unpack(">II", head[16:24]):
            return
        number, committed = struct.unpack(">II", head[:8])
        held.append((number, page))
        if committed:
            yield from held
            held = []


def _summed(data: memoryview, sums: tuple[int, int], order: str) -> tuple[int, int]:
    first, second = sums
    for one, two in struct.iter_unpack(f"{order}II", data):
        first = (first + one + second) & 0xFFFFFFFF
        second = (second + two + first) & 0xFFFFFFFF
    return first, second
