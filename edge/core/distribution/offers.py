"""What a list's verified metadata offer: files, grouped into steps from one generation to another.

Laws:
1. An offer is taken whole or refused whole: a part that is missing, doubled, misnamed or of the wrong length refuses
   the list's offer (and no other list's), before a byte is fetched.
2. Every file of a step tells the same ``as_of``, records and digest.
3. Limits: ``MAX_TARGETS`` targets, ``MAX_PARTS`` parts a file.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import msgspec

from edge.core.distribution.targets import MAX_TARGETS, Described, is_file_name, part_sizes, target_path
from edge.core.errors import BorderpostError


class OfferError(BorderpostError):
    """Verified metadata that make no sense: headquarters signed something wrong."""

    def __init__(self, message: str) -> None:
        super().__init__(message, advice="ask headquarters to publish this list again")


@dataclass(frozen=True, slots=True)
class Part:
    """One target: path, length in bytes, SHA-256 (hex)."""

    path: str
    length: int
    sha256: str


@dataclass(frozen=True, slots=True)
class OfferedFile:
    """A file in its parts, in order."""

    name: str
    bytes: int
    parts: tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class Step:
    """The files that turn generation ``start`` (0: nothing) into generation ``to``."""

    list_id: str
    start: int
    to: int
    as_of: datetime
    records_after: int
    digest_after: str
    files: tuple[OfferedFile, ...]

    @property
    def bytes(self) -> int:
        """Length of all files."""
        return sum(file.bytes for file in self.files)


@dataclass(frozen=True, slots=True)
class Offer:
    """All steps of one list, by (start, to). ``newest`` is the highest generation, 0 where nothing is offered."""

    list_id: str
    steps: tuple[Step, ...]

    @property
    def newest(self) -> int:
        """The highest generation that a step gives."""
        return max((step.to for step in self.steps), default=0)

    @property
    def as_of(self) -> datetime | None:
        """How old the newest generation's data are."""
        return next((step.as_of for step in self.steps if step.to == self.newest), None)

    @property
    def digest(self) -> str:
        """The digest of the newest generation's whole set; empty where none is given."""
        return next((step.digest_after for step in self.steps if step.to == self.newest and step.digest_after), "")


@dataclass(frozen=True, slots=True)
class Row:
    """One target as the metadata name it; ``custom`` is what came, not yet looked at."""

    path: str
    length: int
    sha256: str
    custom: Any


def read_offer(list_id: str, rows: Iterable[Row]) -> Offer:
    """Group a role's targets into steps. Raises OfferError (law 1)."""
    found: dict[tuple[int, int], dict[str, list[tuple[Described, Part]]]] = {}
    for count, row in enumerate(rows, 1):
        if count > MAX_TARGETS:
            raise OfferError(f"list {list_id} offers more than {MAX_TARGETS} targets")
        described = _described(list_id, row)
        files = found.setdefault((described.start, described.to), {})
        files.setdefault(described.name, []).append((described, Part(row.path, row.length, row.sha256)))
    return Offer(list_id, tuple(_step(list_id, *numbers, found[numbers]) for numbers in sorted(found)))


def _described(list_id: str, row: Row) -> Described:
    try:
        described = msgspec.convert(row.custom, Described)
        described.as_of.astimezone(UTC)
    except (msgspec.ValidationError, ValueError, OverflowError, RecursionError) as error:
        raise OfferError(f"list {list_id} offers a target without a proper description") from error
    if described.list != list_id or described.to <= described.start or not is_file_name(described.name):
        raise OfferError(f"list {list_id} offers a target that is described wrongly")
    if row.path != target_path(described):
        raise OfferError(f"list {list_id} offers a target under a path that is not its own")
    if described.as_of.tzinfo is None:
        raise OfferError(f"list {list_id} offers a target dated without a zone")
    return described


def _step(
    list_id: str, start: int, to: int, files: dict[str, list[tuple[Described, Part]]]
) -> Step:  # fmt: skip
    told = {(d.as_of.astimezone(UTC), d.records_after, d.digest_after) for parts in files.values() for d, _ in parts}
    if len(told) != 1:
        raise OfferError(f"list {list_id}: the files of {start} to {to} contradict each other")
    (as_of, records, digest) = told.pop()
    whole = tuple(_file(list_id, name, files[name]) for name in sorted(files))
    return Step(list_id, start, to, as_of, records, digest, whole)


def _file(list_id: str, name: str, parts: Sequence[tuple[Described, Part]]) -> OfferedFile:
    ordered = sorted(parts, key=lambda pair: pair[0].part)
    first = ordered[0][0]
    sizes = part_sizes(first.bytes)
    agree = all(d.parts == len(sizes) and d.bytes == first.bytes for d, _ in ordered)
    if not agree or [d.part for d, _ in ordered] != list(range(len(sizes))):
        raise OfferError(f"list {list_id}: a file of generation {first.to} is not complete")
    if any(part.length != size for (_, part), size in zip(ordered, sizes, strict=True)):
        raise OfferError(f"list {list_id}: a part of generation {first.to} has another length than described")
    return OfferedFile(name, first.bytes, tuple(part for _, part in ordered))
