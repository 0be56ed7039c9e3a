"""What changes from one base of a keyed list to another: counts that a person can judge, and the delta.

Laws:
1. Both bases are verified to their last byte before a record is counted; they must be of one list and one list key.
2. A document with a record gone and a record come is *changed*; only what has nothing any more counts as removed.
3. The delta is made of what was compared, decoded again, and has its name only when it is whole and synced.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import numpy as np

from common.files import open_regular
from edge.core.errors import LayoutError
from edge.core.keyed import card as cards
from edge.core.keyed import delta as deltas
from edge.core.keyed import rows as tables
from edge.core.keyed.base import BaseFile
from hq.generation_files import GenerationError
from hq.keyed_build import delta_between, opened
from hq.keyed_lists import newest_base
from hq.list_keys import write_private

_ADVICE: Final = "name two bases of one list, for example lists/sltd/base-0000000006.sdl and …/base-0000000007.sdl"

Progress = Callable[[str, int], None]


@dataclass(frozen=True, slots=True)
class KeyedDifference:
    """One keyed list, two bases. Counts are of records; ``removed_share`` is 0..1 of the old ones."""

    list_id: str
    old: int
    new: int
    old_source_date: datetime
    new_source_date: datetime
    old_records: int
    new_records: int
    added: int
    removed: int
    changed: int
    warnings: tuple[str, ...]

    @property
    def removed_share(self) -> float:
        """Removed records of all old ones, 0..1."""
        return self.removed / self.old_records if self.old_records else 0.0


def base_of(place: Path) -> Path | None:
    """The base that a path names: a file, or the newest in a keyed list's folder; None for anything else."""
    return place if place.is_file() else newest_base(place)


def compare(old: Path, new: Path, *, progress: Progress | None = None) -> KeyedDifference:
    """The difference between two bases. Raises ``GenerationError``."""
    added = removed = changed = seen = 0
    with contextlib.ExitStack() as stack:
        try:
            before, after = (stack.enter_context(opened(path)) for path in (old, new))
            _check(before, after)
            for file in (before, after):
                for chunk in file.verify():
                    if progress is not None:
                        progress(f"generation {file.header.generation}: MiB verified", chunk & ~255)
            for ours, theirs in deltas.parts(before, after):
                gone, come, _ = tables.split(ours, theirs)
                stays = np.isin(gone.keys, come.keys)
                changed += int(stays.sum())
                removed += int((~stays).sum())
                added += int((~np.isin(come.keys, gone.keys)).sum())
                seen += len(ours)
                if progress is not None:
                    progress("records compared", seen & ~255)
        except LayoutError as error:
            raise GenerationError(f"the bases cannot be compared: {error.message}", advice=_ADVICE) from error
        except OSError as error:
            why = error.strerror or "input/output error"
            raise GenerationError(f"a base cannot be read: {why}", advice=_ADVICE) from error
    a, b = before.header, after.header
    warnings = []
    if b.generation <= a.generation:
        warnings.append("the second generation is not newer than the first")
    if b.as_of < a.as_of:
        warnings.append("the source of the second is older than that of the first")
    if a.count and not b.count:
        warnings.append("no record is left")
    return KeyedDifference(
        b.list_id, a.generation, b.generation, datetime.fromtimestamp(a.as_of, UTC),
        datetime.fromtimestamp(b.as_of, UTC), a.count, b.count, added, removed, changed,
        (*warnings, *_of_cards(old.parent, new.parent)),
    )


def write_delta(old: Path, new: Path, out: Path) -> int:
    """Write the delta between two bases to ``out``; its length in bytes. Raises ``GenerationError``."""
    try:
        data = delta_between(old, new)
        made = deltas.decode(data)
        with opened(new) as file:
            if (made.digest_after, made.count_after) != (file.header.digest, file.header.count):
                raise LayoutError("the delta does not lead to the new base")
        write_private(out, data)
    except LayoutError as error:
        raise GenerationError(f"no delta can be made: {error.message}", advice="publish the base") from error
    except OSError as error:
        why = error.strerror or "input/output error"
        raise GenerationError(f"{out} cannot be written: {why}", advice="check the path, rights and space") from error
    return len(data)


def _check(before: BaseFile, after: BaseFile) -> None:
    a, b = before.header, after.header
    if a.list_id != b.list_id:
        raise GenerationError(f"the bases are of two lists, {a.list_id} and {b.list_id}", advice=_ADVICE)
    if a.key_id != b.key_id:
        raise GenerationError(
            f"the bases were made by two keys, {a.key_id.hex()} and {b.key_id.hex()}: nobody can tell what changed",
            advice="compare the sources; boxes take the new one as a base",
        )


def _of_cards(old: Path, new: Path) -> tuple[str, ...]:
    """What the cards of two folders differ in that cannot be taken back. One folder has one card."""
    found = []
    for place in (old, new):
        try:
            with open_regular(place / cards.FILE_NAME) as file:
                found.append(cards.decode(file.read(cards.MAX_BYTES + 1)))
        except (OSError, LayoutError):
            return ("a card.json cannot be read: silence and action texts were not compared",)
    before, after = found
    warnings = []
    if before.silent and not after.silent:
        warnings.append("the list is no longer silent: counters will show it")
    if before.action != after.action:
        warnings.append("officers are told to do something else")
    if before.ages != after.ages:
        warnings.append("other ages make it old, too old or erased")
    return tuple(warnings)
