"""The container of all list files, and the small functions that writer and reader must agree on.

Laws:
1. Little-endian. A file is a header, a section table, and sections at multiples of 8 bytes.
2. Header (32 bytes): magic ``BPWATCH\\0``, kind (4 bytes), version u32, number of sections u32,
   zero u32, total length u64. Section (32 bytes): tag (8 bytes), offset u64, items u64, item size
   u32, zero u32.
3. Everything is found by offset, and every offset is checked before it is used. Bytes that break a
   rule raise ``LayoutError``; no other exception leaves this package, whatever the bytes.
4. Arrays are views of the buffer (``numpy.frombuffer``), never copies.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from hashlib import blake2b
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from edge.core.errors import LayoutError as LayoutError  # noqa: PLC0414
from edge.core.normal import normal_number as normal_number  # noqa: PLC0414

Buffer = bytes | bytearray | memoryview

MAGIC: Final = b"BPWATCH\0"
MAX_SECTIONS: Final = 64
KIND_DOCUMENTS: Final = b"DOCS"
KIND_PERSONS: Final = b"PERS"
KIND_GALLERY: Final = b"GALL"
KIND_GALLERY_DELTA: Final = b"GDLT"
VERSIONS: Final = {KIND_DOCUMENTS: 1, KIND_PERSONS: 2, KIND_GALLERY: 1, KIND_GALLERY_DELTA: 1}  # of the layout

_HEADER: Final = struct.Struct("<8s4sIIIQ")
_SECTION: Final = struct.Struct("<8sQQII")

U8: Final = np.dtype("u1")
U16: Final = np.dtype("<u2")
U32: Final = np.dtype("<u4")
U64: Final = np.dtype("<u8")
I16: Final = np.dtype("<i2")
I32: Final = np.dtype("<i4")

Array = npt.NDArray[Any]


Content = Array | bytes | Sequence[Array]
"""Of a section: an array, bytes, or arrays of one type that stand one behind the other."""


def pack(kind: bytes, sections: Mapping[str, Content]) -> bytes:
    """One container of these sections; tags are 1..8 ASCII characters."""
    return b"".join(pack_parts(kind, sections))


def pack_parts(kind: bytes, sections: Mapping[str, Content]) -> list[Buffer]:
    """The same as buffers that are joined by whoever needs them in one piece: of arrays nothing is copied.

    A section given as several arrays has at least one, so that its type is known.
    """
    table: list[Buffer] = []
    body: list[Buffer] = []
    offset = _HEADER.size + _SECTION.size * len(sections)
    for tag, content in sections.items():
        size, pieces = _pieces(content)
        length = sum(len(piece) for piece in pieces)
        table.append(_SECTION.pack(tag.encode("ascii"), offset, length // size, size, 0))
        padding = -length % 8
        body += [*pieces, bytes(padding)]
        offset += length + padding
    header = _HEADER.pack(MAGIC, kind, VERSIONS[kind], len(sections), 0, offset)
    return [header, *table, *body]


def _pieces(content: Content) -> tuple[int, list[memoryview]]:
    """Bytes of one item, and the bytes of the section in their order."""
    if isinstance(content, bytes):
        return 1, [memoryview(content)]
    arrays = [content] if isinstance(content, np.ndarray) else content
    size = arrays[0].dtype.itemsize
    return size, [np.ascontiguousarray(one).reshape(-1).data.cast("B") for one in arrays if one.size]


class Sections:
    """The sections of one container, opened with every bound checked."""

    def __init__(self, buffer: Buffer, kind: bytes) -> None:
        view = memoryview(buffer).cast("B")
        if len(view) < _HEADER.size:
            raise LayoutError("a list file is shorter than its header")
        magic, found, version, count, zero, total = _HEADER.unpack_from(view)
        if magic != MAGIC or found != kind:
            raise LayoutError("a list file does not start with the mark of its kind")
        if version != VERSIONS[kind]:
            raise LayoutError(f"a list file has layout version {version}, this program reads {VERSIONS[kind]}")
        if count > MAX_SECTIONS or zero or total != len(view):
            raise LayoutError("a list file is not as long as its header says")
        start = _HEADER.size + _SECTION.size * count
        if start > total:
            raise LayoutError("a list file is shorter than its section table")
        self._view = view
        self._table: dict[bytes, tuple[int, int, int]] = {}
        for i in range(count):
            tag, offset, items, size, reserved = _SECTION.unpack_from(view, _HEADER.size + _SECTION.size * i)
            bad = reserved or offset % 8 or offset < start or size == 0 or offset > total
            if bad or items > (total - offset) // size or tag in self._table:
                raise LayoutError("a section of a list file lies outside the file")
            self._table[tag] = (offset, items, size)

    def array(self, tag: str, dtype: np.dtype[Any], *, items: int | None = None) -> Array:
        """The section as a read-only view; ``items`` is the length it must have."""
        offset, count, size = self._find(tag)
        if size != dtype.itemsize or (items is not None and count != items):
            raise LayoutError(f"section {tag} has another shape than the layout says")
        found = np.frombuffer(self._view, dtype=dtype, count=count, offset=offset)
        found.flags.writeable = False
        return found

    def bytes(self, tag: str) -> memoryview:
        """The section as bytes."""
        offset, count, size = self._find(tag)
        if size != 1:
            raise LayoutError(f"section {tag} has another shape than the layout says")
        return self._view[offset : offset + count]

    def tags(self) -> tuple[str, ...]:
        """The tags of all sections, in their order."""
        return tuple(tag.rstrip(b"\0").decode("ascii", "replace") for tag in self._table)

    def item_size(self, tag: str) -> int:
        """Bytes of one item of the section."""
        return self._find(tag)[2]

    def _find(self, tag: str) -> tuple[int, int, int]:
        found = self._table.get(tag.encode("ascii").ljust(8, b"\0"))
        if found is None:
            raise LayoutError(f"section {tag} is missing")
        return found


def check_offsets(offsets: Array, end: int, what: str) -> None:
    """Refuse an offset array that does not rise from 0 to ``end``."""
    if len(offsets) == 0 or offsets[0] != 0 or offsets[-1] != end or bool((offsets[1:] < offsets[:-1]).any()):
        raise LayoutError(f"the offsets of {what} do not rise to its end")


def check_below(values: Array, limit: int, what: str) -> None:
    """Refuse an array of indices that names an item beyond ``limit``."""
    if len(values) and int(values.max()) >= limit:
        raise LayoutError(f"{what} names an item that is not there")


def number_key(number: str, salt: bytes) -> tuple[int, int]:
    """The 16-byte BLAKE2b of a normal number as two u64: sort key, confirmation.

    At 140 million records a false agreement of 128 bits has a chance below 1e-30 per look-up.
    """
    raw = number.encode("ascii", "replace")
    digest = blake2b(raw, digest_size=16, salt=salt, person=b"bp-doc-1").digest()
    return int.from_bytes(digest[:8], "big"), int.from_bytes(digest[8:], "big")


def skeleton_hash(skeleton: str) -> int:
    """64 bits of BLAKE2b of a consonant skeleton; 0 for an empty one, which leads to nothing."""
    if not skeleton:
        return 0
    return int.from_bytes(blake2b(skeleton.encode(), digest_size=8).digest(), "little") or 1


def letter_mask(token: str) -> int:
    """26 bits, one for each letter A-Z that occurs in the token."""
    mask = 0
    for c in token:
        bit = ord(c) - 65
        if 0 <= bit < 26:
            mask |= 1 << bit
    return mask
