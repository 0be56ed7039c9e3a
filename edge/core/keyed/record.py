"""What a record says, in 56 bits.

Laws:
1. From the highest bit: kind 4, category 4, silent 1, spare 1, review date 16 (days since 2000-01-01, 0 = none),
   detail 30 (number of the record's detail + 1, 0 = none).
2. Writing refuses what does not fit (``ValueError``). Reading never raises: a kind or category of a later edition reads
   as ``other``, because a hit that is not understood is still a hit.
3. A row of a file is 16 bytes: key u64, index of its layer in the file's table u8, masked payload 7; big-endian, so
   that rows sort as bytes do.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

ROW_SIZE: Final = 16
PAYLOAD_SIZE: Final = 7
MAX_DETAIL: Final = (1 << 30) - 2
EPOCH: Final = date(2000, 1, 1)
LAST_REVIEW: Final = EPOCH + timedelta(days=0xFFFF)  # 2179-06-06

KINDS: Final = ("", "P", "I", "V", "O", "plate", "vin", "firearm")
"""Passport or travel document, identity card, visa, other document; vehicle by plate or VIN; firearm."""

CATEGORIES: Final = (
    "", "stolen_blank", "stolen", "lost", "revoked", "invalid", "listed_person", "tdawn", "sought", "other",
    "embezzled", "stolen_plates", "trafficked",
)
"""The fraud categories of SLTD; a listed person's own document; TDAWN (answers as a person alert); things sought;
what else happened to vehicles and firearms."""

_OTHER: Final = "other"
_SILENT: Final = 1 << 47


@dataclass(frozen=True, slots=True)
class Record:
    """One listed thing. ``detail`` is the number of its further particulars in the list's details, or None."""

    kind: str = ""
    category: str = ""
    silent: bool = False
    review_date: date | None = None
    detail: int | None = None

    def pack(self) -> int:
        """56 bits. Raises ``ValueError`` for what they cannot hold; a review date beyond 2179 is cut to that."""
        if self.kind not in KINDS or self.category not in CATEGORIES:
            raise ValueError("a record has a kind or category that the layout does not know")
        if self.detail is not None and not 0 <= self.detail <= MAX_DETAIL:
            raise ValueError(f"the number of a record's detail is not 0 to {MAX_DETAIL}")
        return (
            KINDS.index(self.kind) << 52
            | CATEGORIES.index(self.category) << 48
            | (_SILENT if self.silent else 0)
            | _days(self.review_date) << 30
            | (0 if self.detail is None else self.detail + 1)
        )


def unpack(payload: int) -> Record:
    """The record of 56 bits; see law 2."""
    kind, category = payload >> 52 & 15, payload >> 48 & 15
    days, detail = payload >> 30 & 0xFFFF, payload & 0x3FFF_FFFF
    return Record(
        kind=KINDS[kind] if kind < len(KINDS) else _OTHER,
        category=CATEGORIES[category] if category < len(CATEGORIES) else _OTHER,
        silent=bool(payload & _SILENT),
        review_date=EPOCH + timedelta(days=days) if days else None,
        detail=detail - 1 if detail else None,
    )


def _days(day: date | None) -> int:
    """Days since the epoch; a date on or before it is told as the first day, so that it still expires."""
    if day is None:
        return 0
    return min(max((day - EPOCH).days, 1), 0xFFFF)


def masked(payload: int, mask: bytes) -> int:
    """Payload and mask laid over each other; the same call takes the mask off."""
    return payload ^ int.from_bytes(mask, "big")
