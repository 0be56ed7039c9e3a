"""A delta: what leads from one generation of a keyed list to another.

Laws:
1. Header (2048 bytes, big-endian): magic, version, list, key id, generations, dates, counts, digest and count of the
   whole set before and after, layers; then additions, then tombstones, each as rows of 16 bytes that rise strictly;
   in the last 32 bytes the SHA-256 of all before. Bytes that break this raise ``LayoutError``, whatever they are.
2. A tombstone names a whole row (key, layer, masked payload): the change of a record is a tombstone and an addition.
3. Additions have layers above every layer that the list had before, so that none can be there already.
4. The digest shows damage. Who may say what a list holds is told by the signature, which the caller has verified.
"""

from __future__ import annotations

import hashlib
import hmac
import struct
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from edge.core.errors import LayoutError
from edge.core.keyed import header as headers
from edge.core.keyed import rows as tables
from edge.core.keyed import setdigest
from edge.core.keyed.base import BaseFile
from edge.core.keyed.header import MAX_GENERATION, MAX_LAYER, MAX_LAYERS, MAX_ROWS, MAX_SECONDS
from edge.core.keyed.record import ROW_SIZE
from edge.core.keyed.rows import Rows

SIZE: Final = 2048
MAX_DELTA_ROWS: Final = 4_000_000       # 61 MiB: a delta fits one target of the distribution
VERSION: Final = 1
_MAGIC: Final = b"BPKDELTA"
_FIXED: Final = struct.Struct(">8sH40s8sQQQQIIQQ32s32sIH")
_HASH: Final = 32


@dataclass(frozen=True, slots=True, eq=False)
class Delta:
    """``count_before`` and ``digest_before`` are of the whole set at generation ``since``; ``_after`` at ``to``."""

    list_id: str
    key_id: bytes
    since: int
    to: int
    created: int
    as_of: int
    count_before: int
    count_after: int
    digest_before: bytes
    digest_after: bytes
    last_layer: int
    adds: Rows
    tombs: Rows


def encode(delta: Delta) -> bytes:
    """The file. Raises ``LayoutError`` for what the layout does not allow."""
    layers = tables.common_layers(delta.adds.layers, delta.tombs.layers)
    adds, tombs = delta.adds.within(layers), delta.tombs.within(layers)
    if max(len(adds), len(tombs)) > MAX_DELTA_ROWS:
        raise LayoutError(f"a delta has more than {MAX_DELTA_ROWS} additions or removals: publish a base")
    _check(delta, layers)
    fixed = _FIXED.pack(
        _MAGIC, VERSION, delta.list_id.encode("ascii"), delta.key_id, delta.since, delta.to, delta.created, delta.as_of,
        len(adds), len(tombs), delta.count_before, delta.count_after, delta.digest_before, delta.digest_after,
        delta.last_layer, len(layers),
    )
    header = fixed + b"".join(layer.to_bytes(4, "big") for layer in layers)
    body = header.ljust(SIZE, b"\0") + adds.to_bytes() + tombs.to_bytes()
    return body + hashlib.sha256(body).digest()


def decode(data: bytes) -> Delta:
    """The delta of a file's bytes. Raises ``LayoutError``."""
    if len(data) < SIZE + _HASH:
        raise LayoutError("a delta is shorter than its header")
    if data[:8] != _MAGIC:
        raise LayoutError("a delta does not start with its mark")
    if not hmac.compare_digest(hashlib.sha256(memoryview(data)[:-_HASH]).digest(), data[-_HASH:]):
        raise LayoutError("a delta is damaged")
    (
        _, version, list_id, key_id, since, to, created, as_of, n_adds, n_tombs, count_before, count_after,
        digest_before, digest_after, last_layer, n_layers,
    ) = _FIXED.unpack_from(data)
    if version != VERSION:
        raise LayoutError(f"a delta has layout version {version}, this program reads {VERSION}")
    if max(n_adds, n_tombs) > MAX_DELTA_ROWS or n_layers > MAX_LAYERS:
        raise LayoutError("a delta holds more than the layout allows")
    if len(data) != SIZE + (n_adds + n_tombs) * ROW_SIZE + _HASH:
        raise LayoutError("a delta is not as long as its header says")
    layers: tuple[int, ...] = struct.unpack_from(f">{n_layers}I", data, _FIXED.size)
    if any(data[_FIXED.size + 4 * n_layers : SIZE]):
        raise LayoutError("a delta holds something where nothing belongs")
    middle = SIZE + n_adds * ROW_SIZE
    adds = tables.from_bytes(data[SIZE:middle], layers)
    tombs = tables.from_bytes(data[middle:-_HASH], layers)
    delta = Delta(
        headers.list_id_of(list_id), key_id, since, to, created, as_of, count_before, count_after, digest_before,
        digest_after, last_layer, adds, tombs,
    )
    _check(delta, layers)
    return delta


def _check(delta: Delta, layers: tuple[int, ...]) -> None:
    if not headers.is_list_id(delta.list_id) or len(delta.key_id) != 8:
        raise LayoutError("a delta names no list or key")
    if not 1 <= delta.since < delta.to <= MAX_GENERATION:
        raise LayoutError("the generations of a delta do not rise")
    if not (0 <= delta.created <= MAX_SECONDS and 0 <= delta.as_of <= MAX_SECONDS):
        raise LayoutError("the dates of a delta are out of bounds")
    if not (0 <= delta.count_before <= MAX_ROWS and 0 <= delta.count_after <= MAX_ROWS):
        raise LayoutError("the counts of a delta are out of bounds")
    if delta.count_after != delta.count_before + len(delta.adds) - len(delta.tombs):
        raise LayoutError("the counts of a delta do not agree")
    if not 0 <= delta.last_layer <= MAX_LAYER:
        raise LayoutError("the last layer of a delta is out of bounds")
    headers.check_layers(layers, delta.last_layer)
    change = setdigest.minus(setdigest.plus(delta.digest_before, setdigest.of(delta.adds)), setdigest.of(delta.tombs))
    if len(delta.digest_before) != setdigest.SIZE or change != delta.digest_after:
        raise LayoutError("the digests of a delta do not agree with its records")


def make_delta(old: BaseFile, new: BaseFile) -> bytes:
    """The delta from one base to a later one of the same list and key, read part by part.

    Raises ``LayoutError`` if they do not belong together or differ in more than a delta may hold.
    """
    a, b = old.header, new.header
    if (a.list_id, a.key_id) != (b.list_id, b.key_id) or a.tombs or b.tombs:
        raise LayoutError("two bases of different lists or keys have no delta")
    if b.generation <= a.generation or b.last_layer < a.last_layer:
        raise LayoutError("the generations of a delta do not rise")
    adds, tombs, n = [], [], 0
    for before, after in parts(old, new):
        gone, come, _ = tables.split(before, after)
        n += len(gone) + len(come)
        if n > 2 * MAX_DELTA_ROWS:
            raise LayoutError(f"a delta has more than {MAX_DELTA_ROWS} additions or removals: publish a base")
        adds.append(come)
        tombs.append(gone)
    added, removed = tables.trimmed(tables.joined(adds)), tables.trimmed(tables.joined(tombs))
    if added.layers and added.layers[0] <= a.last_layer:
        raise LayoutError("a generation adds records in a layer that was there before")
    return encode(Delta(
        a.list_id, a.key_id, a.generation, b.generation, b.created, b.as_of, a.count, b.count, a.digest, b.digest,
        b.last_layer, added, removed,
    ))


def parts(old: BaseFile, new: BaseFile) -> Iterable[tuple[Rows, Rows]]:
    """The rows of two files, one range of keys after the other: about 64,000 rows at a time."""
    bits = min(old.header.row_bits, new.header.row_bits)
    step = 1 << max(0, bits - 11)
    for part in range(0, 1 << bits, step):
        yield _part(old, bits, part, step), _part(new, bits, part, step)


def _part(file: BaseFile, bits: int, part: int, step: int) -> Rows:
    first, last = file.span(bits, part)[0], file.span(bits, part + step - 1)[1]
    return tables.from_bytes(file.rows_bytes(first, last), file.header.layers)
