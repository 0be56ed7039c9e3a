"""Lists at rest: key rings, files sealed in segments, and records sealed one by one. Pure code over buffers.

``edge.list_keys`` finds the ring on a box, ``edge.secret_memory`` gives the memory that files are opened into.
"""

from __future__ import annotations

from edge.core.vault.records import RecordKey, SealedRecords, seal_records
from edge.core.vault.ring import KeyRing, RingEntry, RingError, key_id, open_ring, seal_ring
from edge.core.vault.segments import (
    SEGMENT,
    Header,
    VaultError,
    header_of,
    is_sealed,
    key_id_of,
    open_into,
    seal_file,
    sealed_pieces,
    tail_of,
)

__all__ = [
    "SEGMENT", "Header", "KeyRing", "RecordKey", "RingEntry", "RingError", "SealedRecords", "VaultError",
    "header_of", "is_sealed", "key_id", "key_id_of", "open_into", "open_ring", "seal_file", "seal_records", "seal_ring",
    "sealed_pieces", "tail_of",
]
