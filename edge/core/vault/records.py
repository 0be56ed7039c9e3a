"""Records of persons sealed one by one: they stay in the file, and only those of candidates are opened.

Laws:
1. A record is AES-256-GCM of its own, bound to list, base key, and its number: blobs cannot be exchanged.
2. The nonce is derived from number and content (HMAC, 96 bits), so that no nonce meets two contents, and the same
   content gives the same bytes.
3. Records are filled up to multiples of ``PAD`` bytes: their lengths do not tell who has many birth dates.
4. A blob that does not open raises ``VaultError``.

A blob: nonce (12), ciphertext of (length u16 little-endian, record, zeros), tag (16).
The tail of a sealed ``persons.bin``: number of records u64, where each begins and the last one ends (u64 each, from the
first blob), blobs. All little-endian. The index that is opened into memory holds no record.
"""

from __future__ import annotations

import hashlib
import hmac
from itertools import pairwise
from typing import Final

import numpy as np

from edge.core import sealing
from edge.core.vault.ring import RingEntry, derived
from edge.core.vault.segments import Buffer, VaultError
from edge.core.watch.layout import KIND_PERSONS, U64, Array, Sections, pack

PAD: Final = 64                 # bytes
MAX_RECORD: Final = 0xFFFF      # bytes of one record
_NONCE: Final = 12
OFFSETS, BLOBS = "rec_off", "rec_blob"


class RecordKey:
    """Seals and opens the records of one list under one of its keys."""

    __slots__ = ("_aead", "_context", "_nonces")

    def __init__(self, entry: RingEntry) -> None:
        self._aead = sealing.AeadKey(derived(entry.key, b"vault|records|" + entry.list_id.encode("ascii")))
        self._nonces = derived(entry.key, b"vault|record nonces|" + entry.list_id.encode("ascii"))
        self._context = b"record|" + entry.list_id.encode("ascii") + b"|"

    def seal(self, number: int, record: Buffer) -> bytes:
        """The blob of record ``number`` (0 to 2^32 - 1). ``ValueError`` for more than ``MAX_RECORD`` bytes."""
        if len(record) > MAX_RECORD:
            raise ValueError(f"a record has more than {MAX_RECORD} bytes")
        plain = len(record).to_bytes(2, "little") + bytes(record)
        plain += bytes(-len(plain) % PAD)
        named = number.to_bytes(4, "little")
        nonce = hmac.new(self._nonces, named + plain, hashlib.sha256).digest()[:_NONCE]
        return nonce + self._aead.seal(nonce, plain, self._context + named)

    def open(self, number: int, blob: Buffer) -> bytes:
        """The record. Raises ``VaultError``."""
        view = memoryview(blob)
        try:
            plain = self._aead.open(bytes(view[:_NONCE]), view[_NONCE:], self._context + number.to_bytes(4, "little"))
        except (sealing.SealError, OverflowError) as error:
            raise VaultError("a person's record does not open under its key") from error
        length = int.from_bytes(plain[:2], "little")
        if length + 2 > len(plain):
            raise VaultError("a person's record does not open under its key")
        return plain[2 : 2 + length]


class SealedRecords:
    """The records of one sealed ``persons.bin``, opened by number where they stand."""

    __slots__ = ("_blobs", "_key", "_offsets")

    def __init__(self, tail: Buffer, entry: RingEntry) -> None:
        """``tail`` as ``segments.tail_of`` gives it. Raises ``VaultError`` for one that breaks the layout."""
        view = memoryview(tail).cast("B")
        count = int.from_bytes(view[:8], "little")
        start = 8 * (count + 2)
        if len(view) < 16 or start > len(view):
            raise VaultError("the records of a sealed file are shorter than their directory")
        self._offsets: Array = np.frombuffer(view, dtype=U64, count=count + 1, offset=8)
        self._blobs = view[start:]
        self._key = RecordKey(entry)

    def __len__(self) -> int:
        return len(self._offsets) - 1

    def open(self, number: int, _record: Buffer = b"") -> bytes:
        """One record (``PersonTable``'s ``open_record``). Raises ``VaultError``."""
        if not 0 <= number < len(self):
            raise VaultError("a person's record is not there")
        first, last = int(self._offsets[number]), int(self._offsets[number + 1])
        return self._key.open(number, self._blobs[first:last])


def seal_records(persons: Buffer, entry: RingEntry) -> tuple[bytes, bytes]:
    """A ``persons.bin`` -> the same without its records, and the tail that holds them sealed.

    Raises ``LayoutError`` for another file.
    """
    sections = Sections(persons, KIND_PERSONS)
    offsets = sections.array(OFFSETS, U64)
    records = sections.bytes(BLOBS)
    key = RecordKey(entry)
    blobs = [
        key.seal(number, records[int(first) : int(last)]) for number, (first, last) in enumerate(pairwise(offsets))
    ]
    found: dict[str, Array | bytes] = {tag: _whole(sections, tag) for tag in sections.tags()}
    found[OFFSETS] = np.zeros(len(offsets), dtype=U64)
    found[BLOBS] = b""
    ends = np.append(0, np.cumsum([len(b) for b in blobs], dtype=np.uint64)).astype(U64)
    tail = b"".join([len(blobs).to_bytes(8, "little"), ends.tobytes(), *blobs])
    return pack(KIND_PERSONS, found), tail


def _whole(sections: Sections, tag: str) -> Array | bytes:
    size = sections.item_size(tag)
    return bytes(sections.bytes(tag)) if size == 1 else sections.array(tag, np.dtype(f"V{size}"))
