"""From document entries to the bytes of ``documents.bin``."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

import numpy as np

from edge.core.watch.documents import NO_PERSON, ROW, SILENT, directory_bits
from edge.core.watch.entries import MAX_ACTION, MAX_NUMBER, MAX_REFERENCE, DocumentEntry
from edge.core.watch.layout import KIND_DOCUMENTS, U32, U64, normal_number, number_key, pack
from edge.core.watch.strings import StringPool

_BLOCK = 65_536  # entries that become one array: bounds the Python objects alive at a time


def build_documents(entries: Iterable[DocumentEntry], *, salt: bytes = b"") -> bytes:
    """The file of these entries; entries of one number keep their order.

    ``salt`` (0..16 bytes) makes the hashes of two lists incomparable. It is stored in the file: it
    does not protect the numbers from someone who holds the file and tries them all.
    Raises ``ValueError`` for an entry beyond the limits of ``entries``.
    """
    pool, references = StringPool(), bytearray()
    keys: list[np.ndarray[tuple[int], np.dtype[np.uint64]]] = []
    rows: list[bytes] = []
    key_block: list[int] = []
    row_block: list[tuple[int, ...]] = []

    def flush() -> None:
        keys.append(np.array(key_block, dtype=U64))
        rows.append(np.array(row_block, dtype=ROW).tobytes())
        key_block.clear()
        row_block.clear()

    for entry in entries:
        key, row = _row(entry, salt, pool, references)
        key_block.append(key)
        row_block.append(row)
        if len(key_block) == _BLOCK:
            flush()
    flush()

    all_keys = np.concatenate(keys)
    order = np.argsort(all_keys, kind="stable")
    all_keys = all_keys[order]
    bits = directory_bits(len(all_keys))
    bounds = [i << (64 - bits) for i in range(1 << bits)] if bits else [0]
    directory = np.append(np.searchsorted(all_keys, np.array(bounds, dtype=U64)), len(all_keys))
    return pack(
        KIND_DOCUMENTS,
        {
            "keys": all_keys,
            "rows": np.frombuffer(b"".join(rows), dtype=ROW)[order],
            "buckets": directory.astype(U32),
            "refs": bytes(references),
            "salt": salt,
            "strings": pool.encode(),
        },
    )


def _row(
    entry: DocumentEntry, salt: bytes, pool: StringPool, references: bytearray
) -> tuple[int, tuple[int, ...]]:
    number = normal_number(entry.number)
    reference = entry.reference.encode()
    if not 0 < len(number) <= MAX_NUMBER:
        raise ValueError(f"a document number has 1 to {MAX_NUMBER} characters")
    if len(entry.reference) > MAX_REFERENCE or len(reference) > 255 or len(entry.action) > MAX_ACTION:
        raise ValueError("a document's reference or action text is too long")
    key, confirm = number_key(number, salt)
    start = len(references)
    references += reference
    return key, (
        confirm,
        pool.index(entry.issuing_state),
        pool.index(entry.document_type),
        pool.index(entry.fraud_category),
        pool.index(entry.action),
        pool.index(entry.theft_state),
        SILENT if entry.silent else 0,
        len(reference),
        _ordinal(entry.reported),
        _ordinal(entry.issued),
        _ordinal(entry.expires),
        _ordinal(entry.review_date),
        NO_PERSON if entry.person is None else entry.person,
        start,
        0,
    )


def _ordinal(value: date | None) -> int:
    return value.toordinal() if value else 0
