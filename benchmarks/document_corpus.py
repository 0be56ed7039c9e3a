"""The invented documents of ``benchmarks.document_store``: number i and its record, without keeping any of them.

No list of real documents was used: a State, a letter and a running number.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import date, timedelta

from edge.core.keyed.keys import ListKey, document_text
from edge.core.keyed.record import CATEGORIES, Record
from edge.core.states import CODES, family_of

KEY = hashlib.sha256(b"benchmark").digest()
LIST = ListKey(KEY)
RING = {LIST.ident: KEY}
LIST_ID = "sltd"
FAMILIES = sorted({family_of(code) for code in CODES})
RECORDS = tuple(
    Record(kind, category, silent, date(2026, 1, 1) + timedelta(days=37 * day))
    for kind in ("P", "I", "V", "O") for category in CATEGORIES[1:6] for silent in (False, True) for day in range(100)
)
PAYLOADS = tuple(record.pack() for record in RECORDS)


def text(i: int) -> str:
    """The key text of document number i."""
    return f"v1|D|{FAMILIES[i % len(FAMILIES)]}|{'ABCDEFGHKLMNPRSTUVWXYZ'[i % 22]}{i:08d}"


def record(i: int) -> Record:
    """Its record."""
    return RECORDS[i % 3989]


def entries(first: int, last: int) -> Iterator[tuple[str, int]]:
    """What a source would give."""
    assert text(first) == document_text(FAMILIES[first % len(FAMILIES)], text(first).rsplit("|", 1)[1])
    for i in range(first, last):
        yield text(i), PAYLOADS[i % 3989]
