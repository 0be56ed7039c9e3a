"""The first 4 KiB of a base or an overlay: what it is, of which list and generation, and where everything lies.

Laws:
1. Big-endian. Magic, kind, version, list id, key id, generations, dates, counts, digest of the whole set, layers;
   zeros; in the last 32 bytes the SHA-256 of all before. One wrong bit refuses the file.
2. Offsets are not stored but follow from the counts: rows, tombstones, both directories, chunk hashes, end. A file of
   another length is refused.
3. Layers rise strictly, so that the order of layer indices in a file is the order of their sequences.
4. Chunks are 1 MiB of what lies between header and hashes; the header holds the SHA-256 of all their hashes.
"""

from __future__ import annotations

import hashlib
import hmac
import struct
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from edge.core.errors import LayoutError
from edge.core.keyed.record import ROW_SIZE

SIZE: Final = 4096
CHUNK: Final = 1 << 20
HASH: Final = 32
BASE: Final = 1
OVERLAY: Final = 2
VERSION: Final = 1
MAX_ROWS: Final = (1 << 32) - 1
MAX_OVERLAY_ROWS: Final = 4_000_000     # adds and tombstones each: beyond it a list is compacted or published anew
MAX_GENERATION: Final = 9_999_999_999   # as a manifest's
MAX_LAYERS: Final = 255
MAX_LAYER: Final = (1 << 32) - 1
MAX_BITS: Final = 24
MAX_SECONDS: Final = 253_402_300_799    # end of the year 9999
ROWS_PER_BUCKET: Final = 256
MAX_BUCKET: Final = 4096                # rows that one look-up may read: 64 KiB

_MAGIC: Final = b"BPKEYED\0"
_FIXED: Final = struct.Struct(">8sHH40s8sQQQQQ32sQQBBIH")
_END: Final = SIZE - HASH


@dataclass(frozen=True, slots=True)
class Header:
    """Dates are seconds since 1970 in UTC; ``as_of`` is the day of the sources. ``count`` and ``digest`` are of the
    whole set: of an overlay, of base and overlay together."""

    kind: int
    list_id: str
    key_id: bytes
    generation: int
    base_generation: int
    created: int
    as_of: int
    count: int
    digest: bytes
    rows: int
    tombs: int
    row_bits: int
    tomb_bits: int
    last_layer: int
    layers: tuple[int, ...]
    hashes: bytes = bytes(HASH)

    @property
    def tombs_at(self) -> int:
        """Where the tombstones begin."""
        return SIZE + self.rows * ROW_SIZE

    @property
    def row_directory_at(self) -> int:
        """Where the directory of the rows begins."""
        return self.tombs_at + self.tombs * ROW_SIZE

    @property
    def tomb_directory_at(self) -> int:
        """Where the directory of the tombstones begins."""
        return self.row_directory_at + directory_size(self.row_bits)

    @property
    def hashes_at(self) -> int:
        """Where the body ends and the chunk hashes begin."""
        return self.tomb_directory_at + directory_size(self.tomb_bits)

    @property
    def chunks(self) -> int:
        """How many chunks the body has."""
        return -(-(self.hashes_at - SIZE) // CHUNK)

    @property
    def size(self) -> int:
        """Length of the file in bytes."""
        return self.hashes_at + self.chunks * HASH


def directory_size(bits: int) -> int:
    """Bytes of a bucket directory: one u32 a bucket and one for the end."""
    return 4 * ((1 << bits) + 1)


def bucket_bits(rows: int) -> int:
    """How many leading bits of the key number the buckets, so that one holds about 256 rows."""
    return min(MAX_BITS, max(0, (rows * 3 // (ROWS_PER_BUCKET * 4)).bit_length()))


def is_list_id(text: str) -> bool:
    """2 to 40 of a-z, 0-9, hyphen."""
    return 2 <= len(text) <= 40 and all(c in "abcdefghijklmnopqrstuvwxyz0123456789-" for c in text)


def list_id_of(field: bytes) -> str:
    """The list id in a field of 40 bytes. Raises ``LayoutError``."""
    text = field.rstrip(b"\0").decode("ascii", "replace")
    if not is_list_id(text):
        raise LayoutError("a keyed list file names no list")
    return text


def check_layers(layers: tuple[int, ...], last: int) -> None:
    """Refuse a table of layers that does not rise, is too long, or goes beyond ``last``."""
    if len(layers) > MAX_LAYERS or any(a >= b for a, b in pairwise(layers)):
        raise LayoutError("the layers of a keyed list file do not rise")
    if layers and layers[-1] > last:
        raise LayoutError("a keyed list file holds a layer beyond its last")


def encode(header: Header) -> bytes:
    """4096 bytes. Raises ``LayoutError`` for what the layout does not allow."""
    _check(header)
    fixed = _FIXED.pack(
        _MAGIC, header.kind, VERSION, header.list_id.encode("ascii"), header.key_id, header.generation,
        header.base_generation, header.created, header.as_of, header.count, header.digest, header.rows, header.tombs,
        header.row_bits, header.tomb_bits, header.last_layer, len(header.layers),
    )
    layers = b"".join(layer.to_bytes(4, "big") for layer in header.layers)
    text = (fixed + header.hashes + layers).ljust(_END, b"\0")
    return text + hashlib.sha256(text).digest()


def decode(data: bytes) -> Header:
    """The header of a file's first 4096 bytes. Raises ``LayoutError``."""
    if len(data) < SIZE:
        raise LayoutError("a keyed list file is shorter than its header")
    text = data[:_END]
    if text[:8] != _MAGIC:
        raise LayoutError("a keyed list file does not start with its mark")
    if not hmac.compare_digest(hashlib.sha256(text).digest(), data[_END:SIZE]):
        raise LayoutError("the header of a keyed list file is damaged")
    (
        _, kind, version, list_id, key_id, generation, base_generation, created, as_of, count, digest, rows, tombs,
        row_bits, tomb_bits, last_layer, n_layers,
    ) = _FIXED.unpack_from(text)
    if version != VERSION:
        raise LayoutError(f"a keyed list file has layout version {version}, this program reads {VERSION}")
    if n_layers > MAX_LAYERS:
        raise LayoutError("a keyed list file has too many layers")
    at = _FIXED.size + HASH
    layers = struct.unpack_from(f">{n_layers}I", text, at)
    if any(text[at + 4 * n_layers :]):
        raise LayoutError("a keyed list file holds something where nothing belongs")
    header = Header(
        kind, list_id_of(list_id), key_id, generation, base_generation, created, as_of, count, digest, rows, tombs,
        row_bits, tomb_bits, last_layer, tuple(layers), text[_FIXED.size : at],
    )
    _check(header)
    return header


def _check(h: Header) -> None:
    if h.kind not in (BASE, OVERLAY) or not is_list_id(h.list_id) or len(h.key_id) != 8 or len(h.digest) != HASH:
        raise LayoutError("the header of a keyed list file names no kind, list or key")
    if not 1 <= h.base_generation <= h.generation <= MAX_GENERATION:
        raise LayoutError("the generations of a keyed list file are out of bounds")
    if not (0 <= h.created <= MAX_SECONDS and 0 <= h.as_of <= MAX_SECONDS):
        raise LayoutError("the dates of a keyed list file are out of bounds")
    limit = MAX_ROWS if h.kind == BASE else MAX_OVERLAY_ROWS
    if not (0 <= h.rows <= limit and 0 <= h.tombs <= limit and 0 <= h.count <= MAX_ROWS):
        raise LayoutError("a keyed list file holds more records than the layout allows")
    if h.row_bits > MAX_BITS or h.tomb_bits > MAX_BITS:
        raise LayoutError("the bucket directory of a keyed list file is too long")
    if h.kind == BASE and (h.tombs or h.count != h.rows or h.base_generation != h.generation):
        raise LayoutError("a base of a keyed list holds what belongs into an overlay")
    if not 0 <= h.last_layer <= MAX_LAYER:
        raise LayoutError("the last layer of a keyed list file is out of bounds")
    check_layers(h.layers, h.last_layer)
