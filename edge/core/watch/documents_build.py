"""From document entries to the bytes of ``documents.bin``."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import Final

import numpy as np

from edge.core.watch.documents import NO_PERSON, ROW, SILENT, directory_bits
from edge.core.watch.entries import MAX_ACTION, MAX_NUMBER, MAX_REFERENCE, DocumentEntry
from edge.core.watch.layout import KIND_DOCUMENTS, U32, U64, Array, normal_number, number_key, pack
from edge.core.watch.strings import StringPool

_BLOCK: Final = 65_536  # entries that become one array: bounds the Python objects alive at a time


def build_documents(entries: Iterable[DocumentEntry], *, salt: bytes = b"") -> bytes:
    """The file of these entries; see ``DocumentBuilder``."""
    builder = DocumentBuilder(salt=salt)
    for entry in entries:
        builder.add(entry)
    return builder.finish()


class DocumentBuilder:
    """Takes entries one by one; entries of one number keep their order.

    ``salt`` (0..16 bytes) makes the hashes of two lists incomparable. It is stored in the file: it
    does not protect the numbers from someone who holds the file and tries them all.
    """

    def __init__(self, *, salt: bytes = b"") -> None:
        self._salt = salt
        self._pool = StringPool()
        self._references = bytearray()
        self._key_block: list[int] = []
        self._row_block: list[tuple[int, ...]] = []
        self._keys: list[Array] = []
        self._rows: list[bytes] = []

    def add(self, entry: DocumentEntry) -> None:
        """Raises ``ValueError`` for an entry beyond the limits of ``entries``."""
        number = normal_number(entry.number)
        reference = entry.reference.encode()
        if not 0 < len(number) <= MAX_NUMBER:
            raise ValueError(f"a document number has 1 to {MAX_NUMBER} characters")
        if len(entry.reference) > MAX_REFERENCE or len(reference) > 255 or len(entry.action) > MAX_ACTION:
            raise ValueError("a document's reference or action text is too long")
        key, confirm = number_key(number, self._salt)
        self._key_block.append(key)
        self._row_block.append((confirm, *self._payload(entry, len(reference)), len(self._references), 0))
        self._references += reference
        if len(self._key_block) == _BLOCK:
            self._flush()

    def finish(self) -> bytes:
        """The file of all entries added."""
        self._flush()
        keys = np.concatenate(self._keys)
        order = np.argsort(keys, kind="stable")
        keys = keys[order]
        bits = directory_bits(len(keys))
        bounds = np.array([i << (64 - bits) for i in range(1 << bits)] if bits else [0], dtype=U64)
        return pack(
            KIND_DOCUMENTS,
            {
                "keys": keys,
                "rows": np.frombuffer(b"".join(self._rows), dtype=ROW)[order],
                "buckets": np.append(np.searchsorted(keys, bounds), len(keys)).astype(U32),
                "refs": bytes(self._references),
                "salt": self._salt,
                "strings": self._pool.encode(),
            },
        )

    def _flush(self) -> None:
        self._keys.append(np.array(self._key_block, dtype=U64))
        self._rows.append(np.array(self._row_block, dtype=ROW).tobytes())
        self._key_block.clear()
        self._row_block.clear()

    def _payload(self, entry: DocumentEntry, reference_length: int) -> tuple[int, ...]:
        """The fields of a row between ``confirm`` and ``reference``."""
        index = self._pool.index
        return (
            index(entry.issuing_state),
            index(entry.document_type),
            index(entry.fraud_category),
            index(entry.action),
            index(entry.theft_state),
            SILENT if entry.silent else 0,
            reference_length,
            _ordinal(entry.reported),
            _ordinal(entry.issued),
            _ordinal(entry.expires),
            _ordinal(entry.review_date),
            NO_PERSON if entry.person is None else entry.person,
        )


def _ordinal(value: date | None) -> int:
    return value.toordinal() if value else 0
