"""Documents of one list, asked by number.

Laws:
1. The file holds no number, only its salted 16-byte hash; rows are sorted by it.
2. The key is the number alone. The issuing State is in the payload, because a zone may print
   another code of the same family, or a visa the nationality in its place: the caller compares.
3. A look-up reads two directory words and one bucket (about 128 rows), whatever the list's size.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

import numpy as np

from edge.core.watch.layout import (
    KIND_DOCUMENTS,
    U32,
    U64,
    Array,
    Buffer,
    LayoutError,
    Sections,
    normal_number,
    number_key,
)
from edge.core.watch.strings import open_strings, string_at

ROW: Final = np.dtype(
    {
        "names": [
            "confirm", "issuer", "type", "fraud", "action", "theft", "flags", "reference_length",
            "reported", "issued", "expires", "review", "person", "reference", "zero",
        ],
        "formats": [
            "<u8", "<u2", "<u2", "<u2", "<u2", "<u2", "u1", "u1",
            "<i4", "<i4", "<i4", "<i4", "<u4", "<u4", "<u4",
        ],
        "offsets": [0, 8, 10, 12, 14, 16, 18, 19, 20, 24, 28, 32, 36, 40, 44],
        "itemsize": 48,
    }
)
"""48 bytes a row; dates are proleptic ordinals (``date.toordinal``), 0 = not stated."""

SILENT: Final = 1
NO_PERSON: Final = 0xFFFF_FFFF
ROWS_PER_BUCKET: Final = 128
MAX_DIRECTORY_BITS: Final = 24


@dataclass(frozen=True, slots=True)
class DocumentRecord:
    """One listed document. ``person`` is the index of its bearer in the list's ``PersonTable``."""

    issuing_state: str
    document_type: str
    fraud_category: str
    reported: date | None
    review_date: date | None
    reference: str
    person: int | None
    silent: bool
    action: str
    issued: date | None = None
    expires: date | None = None
    theft_state: str = ""


def directory_bits(rows: int) -> int:
    """How many leading bits of the key number the buckets."""
    return min(MAX_DIRECTORY_BITS, max(0, (rows // ROWS_PER_BUCKET).bit_length()))


class DocumentTable:
    """A view of one ``documents.bin``; holds the buffer and nothing else of the list in memory."""

    def __init__(self, buffer: Buffer) -> None:
        """Check the frame of the file. Raises ``LayoutError``."""
        sections = Sections(buffer, KIND_DOCUMENTS)
        self._rows: Array = sections.array("rows", ROW)
        self._keys: Array = sections.array("keys", U64, items=len(self._rows))
        self._bits = directory_bits(len(self._rows))
        self._directory: Array = sections.array("buckets", U32, items=(1 << self._bits) + 1)
        self._references = sections.bytes("refs")
        self._salt = bytes(sections.bytes("salt"))
        self._strings = open_strings(sections)
        if len(self._salt) > 16:
            raise LayoutError("the salt of a document file is too long")

    def __len__(self) -> int:
        return len(self._rows)

    def find(self, number: str) -> Iterator[DocumentRecord]:
        """The records of this number (normalised here), in the order they were listed.

        Raises ``LayoutError`` if the rows that the number leads to are damaged.
        """
        normal = normal_number(number)
        if not normal or not len(self._rows):
            return
        key, confirm = number_key(normal, self._salt)
        bucket = key >> (64 - self._bits) if self._bits else 0
        first, last = int(self._directory[bucket]), int(self._directory[bucket + 1])
        if not first <= last <= len(self._keys):
            raise LayoutError("the bucket directory of a document file is damaged")
        keys = self._keys[first:last]
        wanted = np.uint64(key)
        at = int(np.searchsorted(keys, wanted, "left"))
        while at < len(keys) and keys[at] == wanted:
            row = self._rows[first + at]
            if int(row["confirm"]) == confirm:
                yield self._record(row)
            at += 1

    def columns(self) -> tuple[Array, Array]:
        """All keys (u64, sorted) and rows (``ROW``) as read-only views; texts in a row are indices for ``text``."""
        return self._keys, self._rows

    def text(self, index: int) -> str:
        """One of the file's distinct texts. Raises ``LayoutError`` beyond them."""
        return string_at(self._strings, index)

    def references(self) -> memoryview:
        """All references as UTF-8, one after the other; a row's ``reference`` and ``reference_length`` say where."""
        return self._references

    def _record(self, row: Any) -> DocumentRecord:
        start, length = int(row["reference"]), int(row["reference_length"])
        if start + length > len(self._references):
            raise LayoutError("a document's reference lies outside the file")
        try:
            reference = str(self._references[start : start + length], "utf-8")
        except UnicodeDecodeError as error:
            raise LayoutError("a document's reference cannot be read") from error
        person = int(row["person"])
        return DocumentRecord(
            issuing_state=string_at(self._strings, int(row["issuer"])),
            document_type=string_at(self._strings, int(row["type"])),
            fraud_category=string_at(self._strings, int(row["fraud"])),
            reported=day(int(row["reported"])),
            review_date=day(int(row["review"])),
            reference=reference,
            person=None if person == NO_PERSON else person,
            silent=bool(int(row["flags"]) & SILENT),
            action=string_at(self._strings, int(row["action"])),
            issued=day(int(row["issued"])),
            expires=day(int(row["expires"])),
            theft_state=string_at(self._strings, int(row["theft"])),
        )


def day(ordinal: int) -> date | None:
    """A stored date; None for 0. Raises ``LayoutError`` for what is no day of years 1..9999."""
    if ordinal == 0:
        return None
    try:
        return date.fromordinal(ordinal)
    except (ValueError, OverflowError) as error:
        raise LayoutError("a record holds a date that does not exist") from error
