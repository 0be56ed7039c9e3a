"""What changes from one generation of a gallery to another, in counts that a person can judge.

Laws: as of ``hq.list_diff``: both are verified first, nothing of a record is told, and what cannot be taken back is a
warning. A reference goes by record, reference and position; ``removed`` are references that are not there any more.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge.core.fingerprints.gallery import SILENT, GalleryTable
from edge.core.fingerprints.gallery_delta import DeltaHead, changes, make
from edge.core.fingerprints.model import Position
from edge.core.vault import KeyRing
from edge.core.watch.layout import LayoutError
from edge.core.watch.manifest import GalleryInfo, Manifest
from hq.gallery_files import OpenedGallery, open_gallery
from hq.generation_files import GenerationError


@dataclass(frozen=True, slots=True)
class GalleryDifference:
    """One gallery, two generations. ``delta`` is how many bytes lead from one to the other, 0 where no delta does."""

    list_id: str
    old: int
    new: int
    old_source_date: datetime
    new_source_date: datetime
    old_templates: int
    new_templates: int
    old_persons: int
    new_persons: int
    added: int
    removed: int
    changed: int
    unsilenced: int
    delta: int
    added_by: Counter[str] = field(default_factory=Counter)
    removed_by: Counter[str] = field(default_factory=Counter)
    warnings: tuple[str, ...] = ()

    @property
    def removed_share(self) -> float:
        """References that are gone, of the old ones: 0..1."""
        return self.removed / self.old_templates if self.old_templates else 0.0


def compare(old: Path, new: Path, ring: KeyRing | None = None) -> GalleryDifference:
    """The difference between the generations in two folders. Raises ``GenerationError``."""
    before, after = open_gallery(old, ring), open_gallery(new, ring)
    if before.manifest.list_id != after.manifest.list_id:
        raise GenerationError(
            f"the generations are of two lists, {before.manifest.list_id} and {after.manifest.list_id}",
            advice="name two generations of one list",
        )
    try:
        return _compared(before, after)
    except LayoutError as error:
        raise GenerationError(f"a reference cannot be read: {error.message}", advice="build the list again") from error


def _compared(before: OpenedGallery, after: OpenedGallery) -> GalleryDifference:
    gone, came = changes(before.table, after.table)
    old_keys, new_keys = before.table.keys(), after.table.keys()
    was = {old_keys[row]: row for row in gone.tolist()}
    both = {old: new for new in came.tolist() if (old := was.get(new_keys[new])) is not None}
    removed = np.array([row for row in gone.tolist() if row not in both], np.int64)
    added = np.setdiff1d(came, np.array(list(both.values()), np.int64))
    unsilenced = sum(
        bool(before.table.columns["flags"][a] & SILENT) and not after.table.columns["flags"][b] & SILENT
        for a, b in both.items()
    )
    old, new = before.manifest, after.manifest
    return GalleryDifference(
        list_id=new.list_id, old=old.generation, new=new.generation, old_source_date=old.source_date,
        new_source_date=new.source_date, old_templates=len(before.table), new_templates=len(after.table),
        old_persons=before.table.persons, new_persons=after.table.persons, added=len(added), removed=len(removed),
        changed=len(both), unsilenced=unsilenced, delta=_delta(before, after),
        added_by=_by_position(after.table, added), removed_by=_by_position(before.table, removed),
        warnings=_warnings(old, new, unsilenced),
    )  # fmt: skip


def _by_position(table: GalleryTable, rows: NDArray[np.int64]) -> Counter[str]:
    names = (Position(int(one)).name.lower().replace("_", "-") for one in table.columns["position"][rows])
    return Counter(names)


def _delta(before: OpenedGallery, after: OpenedGallery) -> int:
    if after.manifest.generation <= before.manifest.generation or before.table.head != after.table.head:
        return 0
    head = DeltaHead(
        after.manifest.list_id, before.manifest.generation, after.manifest.generation, before.digest
    )
    return len(make(head, before.table, after.table))


def _warnings(old: Manifest, new: Manifest, unsilenced: int) -> tuple[str, ...]:
    was, now = old.fingers, new.fingers
    assert was is not None
    assert now is not None
    found = []
    if new.generation <= old.generation:
        found.append("the second generation is not newer than the first")
    if new.source_date < old.source_date:
        found.append("the source of the second is older than that of the first")
    if unsilenced:
        found.append(f"{unsilenced:,} references are no longer silent: counters will show them")
    if new.action != old.action:
        found.append("officers are told to do something else")
    if new.ages != old.ages:
        found.append("the ages at which posts warn, give no CLEAR or erase the list are others")
    return (*found, *_gallery_warnings(was, now))


def _gallery_warnings(was: GalleryInfo, now: GalleryInfo) -> list[str]:
    found = []
    if was.extractor_id != now.extractor_id:
        found.append(f"the extractor is another, {now.extractor_id}: no delta leads there, and posts need it too")
    if now.image and not was.image:
        found.append("candidates will be reported with the image of the finger")
    if was.templates and not now.templates:
        found.append("no reference is left")
    if was.tail is not None and now.tail is None:
        found.append("there are too few strangers to fit an impostor tail any more")
    return found
