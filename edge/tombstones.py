"""What stands in a list's folder once the list was erased: which generation, when, and by what demand.

Laws:
1. The stone is on the disk before the first file of the list goes, so that a power cut leaves a list that is going to
   be erased, and never one of which nobody knows why it is gone.
2. No generation at or below a stone's is ever opened again: an erased list does not come back from a stick or a copy.
   Only a list that begins anew under new keys lifts its stone (``edge.erasure``).
3. A stone that cannot be read is no stone; then the list is missing, which no verdict takes for CLEAR either.
4. It holds no personal data: numbers, times, names of keys.

Layout: ``ROOT/<list_id>/ERASED``.
"""

from __future__ import annotations

import os
from datetime import datetime
from pathlib import Path
from typing import Annotated, Final

import msgspec

from common.files import open_regular
from edge.core.watch.manifest import MAX_GENERATION
from edge.keyed_folder import sync_folder

FILE_NAME: Final = "ERASED"
MAX_BYTES: Final = 8192
MAX_KEYS: Final = 64


class Tombstone(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """An erased list: its newest erased generation, of sources of ``source_date``. ``keys`` are ids (hex) of list keys
    that opened what was erased; they may be dropped once nothing newer is sealed by them. ``gallery`` is there where it
    was one of fingers: no verdict on a document waits for it."""

    list_id: Annotated[str, msgspec.Meta(max_length=40)]
    generation: Annotated[int, msgspec.Meta(ge=1, le=MAX_GENERATION)]
    source_date: datetime
    erased_at: datetime
    erase_after_s: Annotated[int, msgspec.Meta(ge=1)]
    keys: Annotated[tuple[str, ...], msgspec.Meta(max_length=MAX_KEYS)] = ()
    format: Annotated[int, msgspec.Meta(ge=1, le=1)] = 1
    gallery: bool = False

    @property
    def said(self) -> str:
        """What `status` and `doctor` say of the list."""
        days = self.erase_after_s / 86_400
        return (
            f"generation {self.generation} was erased on {self.erased_at:%Y-%m-%d}, "
            f"as the list's own policy demands at {days:g} days"
        )


def read(folder: Path) -> Tombstone | None:
    """The stone of the list in ``folder``; None if there is none that can be read."""
    try:
        with open_regular(folder / FILE_NAME) as file:
            stone = msgspec.json.decode(file.read(MAX_BYTES), type=Tombstone)
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    aware = stone.source_date.tzinfo is not None and stone.erased_at.tzinfo is not None
    return stone if aware and stone.list_id == folder.name else None


def buries(folder: Path, generation: int) -> bool:
    """True if this generation of the list in ``folder`` was erased, or an even newer one."""
    stone = read(folder)
    return stone is not None and generation <= stone.generation


def write(folder: Path, stone: Tombstone) -> None:
    """Put the stone there for good (synced, renamed). Raises ``OSError``; then the old one stands, if there was one."""
    part = folder / f".{FILE_NAME}.part"
    target = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        with os.fdopen(target, "wb") as file:
            file.write(msgspec.json.encode(stone))
            file.flush()
            os.fsync(file.fileno())
        part.rename(folder / FILE_NAME)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    sync_folder(folder)
