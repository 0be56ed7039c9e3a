"""What changes from one generation of a list to another: counts that a person can judge before publishing.

Laws:
1. Both generations are verified before a record of them is counted; they must be of one list.
2. Nothing of a record is told but, where it is asked for, its reference.
3. The share removed is the larger of removed persons among the old persons and removed documents among the old
   documents. Above the stated share nothing goes on without ``force``: a source that came half or empty looks
   exactly like a great pardon.
4. What cannot be taken back is a warning of its own: records that are no longer silent, an action or threshold
   that is another, a generation that is not newer.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Final, Protocol

from edge.core.errors import BorderpostError
from edge.core.watch.layout import LayoutError
from edge.core.watch.manifest import Manifest
from edge.core.watch.persons import PersonRecord, PersonTable
from hq import diff_documents
from hq.diff_documents import DocumentChanges
from hq.generation_files import GenerationError, OpenGeneration, open_generation

MAX_REMOVED: Final = 0.05   # share of the old records, 0..1
MAX_REFERENCES: Final = 1_000  # that are kept for showing, of each kind

Progress = Callable[[str, int], None]
"""``progress(what, persons compared so far)``."""


class TooMuchRemovedError(BorderpostError):
    """The newer generation leaves out more of the older one than was allowed."""


@dataclass(slots=True)
class PersonChanges:
    """Counts, and the first references of each kind. ``fields`` counts what differs in the changed ones."""

    old: int = 0
    new: int = 0
    added: int = 0
    removed: int = 0
    changed: int = 0
    unsilenced: int = 0
    names_removed: int = 0
    fields: Counter[str] = field(default_factory=Counter)
    added_references: list[str] = field(default_factory=list)
    removed_references: list[str] = field(default_factory=list)
    changed_references: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Difference:
    """One list, two generations."""

    list_id: str
    old: int
    new: int
    old_source_date: datetime
    new_source_date: datetime
    persons: PersonChanges
    documents: DocumentChanges
    warnings: tuple[str, ...]

    @property
    def removed_share(self) -> float:
        """The larger of the two shares removed, 0..1."""
        kinds = (self.persons, self.documents)
        return max(k.removed / k.old if k.old else 0.0 for k in kinds)


def compare(old: Path, new: Path, *, progress: Progress | None = None) -> Difference:
    """The difference between the generations in two folders. Raises ``GenerationError``."""
    before, after = open_generation(old), open_generation(new)
    if before.manifest.list_id != after.manifest.list_id:
        raise GenerationError(
            f"the generations are of two lists, {before.manifest.list_id} and {after.manifest.list_id}",
            advice="name two generations of one list",
        )
    try:
        persons = _persons(before.persons, after.persons, progress)
        documents = diff_documents.compare(before.documents, after.documents)
    except LayoutError as error:
        raise GenerationError(f"a record cannot be read: {error.message}", advice="build the list again") from error
    return Difference(
        list_id=after.manifest.list_id,
        old=before.manifest.generation,
        new=after.manifest.generation,
        old_source_date=before.manifest.source_date,
        new_source_date=after.manifest.source_date,
        persons=persons,
        documents=documents,
        warnings=_warnings(before, after, persons.unsilenced + documents.unsilenced),
    )


class Judged(Protocol):
    """A difference as far as it is judged here."""

    @property
    def list_id(self) -> str:
        """The list."""
    @property
    def old(self) -> int:
        """The older generation."""
    @property
    def new(self) -> int:
        """The newer generation."""
    @property
    def removed_share(self) -> float:
        """What it removes, 0..1."""


def check_removed(found: Judged, max_removed: float, *, force: bool) -> None:
    """Refuse a difference that removes more than ``max_removed`` (0..1). Raises ``TooMuchRemovedError``."""
    if not (math.isfinite(max_removed) and 0 <= max_removed <= 1):
        raise TooMuchRemovedError(
            "the share that may be removed is not between 0 and 1", advice="write for example 5%"
        )
    if found.removed_share > max_removed and not force:
        raise TooMuchRemovedError(
            f"generation {found.new} of {found.list_id} leaves out {found.removed_share:.1%} of generation "
            f"{found.old}, more than {max_removed:.1%}",
            advice="check that the source came whole; publish it with --force if it did",
        )


def _warnings(before: OpenGeneration, after: OpenGeneration, unsilenced: int) -> tuple[str, ...]:
    old, new = before.manifest, after.manifest
    found = []
    if new.generation <= old.generation:
        found.append("the second generation is not newer than the first")
    if new.source_date < old.source_date:
        found.append("the source of the second is older than that of the first")
    if unsilenced:
        found.append(f"{unsilenced:,} records are no longer silent: counters will show them")
    if new.action != old.action:
        found.append("officers are told to do something else")
    if new.thresholds != old.thresholds:
        found.append("the thresholds of name scores are others")
    if new.ages != old.ages:
        found.append("the ages at which posts warn, give no CLEAR or erase the list are others")
    if _share(new) > _share(old) and new.lost.rows:
        found.append(f"{new.lost.rows:,} of {new.lost.of:,} rows were lost, more than before")
    if len(before.persons) and not len(after.persons):
        found.append("no person is left")
    if len(before.documents) and not len(after.documents):
        found.append("no document is left")
    return tuple(found)


def _share(manifest: Manifest) -> float:
    return manifest.lost.rows / manifest.lost.of if manifest.lost.of else 0.0


def _persons(old: PersonTable, new: PersonTable, progress: Progress | None) -> PersonChanges:
    """Persons go by their reference; several of one reference by their order."""
    found = PersonChanges(old=len(old), new=len(new))
    places = {key: i for i, key in enumerate(_references(old))}
    for i, key in enumerate(_references(new)):
        if progress:
            progress("persons", i)
        place = places.pop(key, None)
        if place is None:
            found.added += 1
            _keep(found.added_references, key[0])
            continue
        _one(old.person(place), new.person(i), found)
    found.removed = len(places)
    found.removed_references = [reference for reference, _ in list(places)[:MAX_REFERENCES]]
    return found


def _references(table: PersonTable) -> list[tuple[str, int]]:
    seen: Counter[str] = Counter()
    keys = []
    for i in range(len(table)):
        reference = table.person(i).reference
        keys.append((reference, seen[reference]))
        seen[reference] += 1
    return keys


def _one(old: PersonRecord, new: PersonRecord, found: PersonChanges) -> None:
    names_before = {n.text for n in old.names} | set(old.original_script)
    names_after = {n.text for n in new.names} | set(new.original_script)
    gone = names_before - names_after
    differs = {
        "names removed": bool(gone),
        "names added": bool(names_after - names_before),
        "name qualities": names_before == names_after and set(old.names) != set(new.names),
        "birth dates": set(old.births) != set(new.births),
        "sex": old.sex != new.sex,
        "nationalities": set(old.nationalities) != set(new.nationalities),
        "number of documents": old.documents != new.documents,
        "notice": old.notice != new.notice,
        "action": old.action != new.action,
        "silence": old.silent != new.silent,
        "review date": old.review_date != new.review_date,
    }
    if not any(differs.values()):
        return
    found.changed += 1
    found.names_removed += len(gone)
    found.unsilenced += old.silent and not new.silent
    found.fields.update(name for name, is_so in differs.items() if is_so)
    _keep(found.changed_references, new.reference)


def _keep(references: list[str], reference: str) -> None:
    if len(references) < MAX_REFERENCES:
        references.append(reference)
