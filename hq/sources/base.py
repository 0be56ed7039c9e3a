"""What every source reader gives: entries and complaints, in the order of the file.

Laws:
1. A row that cannot be read is one ``Complaint`` with ``lost=True`` and nothing else; a part of a
   row that cannot be read is a complaint with ``lost=False``, and the rest of the row is kept.
2. Rows read = entries + lost complaints: every row of a file is one or the other.
3. A reason never holds a name, a number or a date of a record.
4. Only a fault of the file as a whole (not readable, not the format, cut short) raises
   ``SourceError``: then nobody can say how many rows were lost.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol, runtime_checkable

from edge.core.errors import BorderpostError
from edge.core.watch.entries import DocumentEntry, PersonEntry
from edge.core.watch.objects import FirearmEntry, VehicleEntry
from hq.sources.finger_entry import FingerEntry, FingerRead


@dataclass(frozen=True, slots=True)
class Complaint:
    """Something in a source that could not be used. ``line`` counts from 1."""

    file: str
    line: int
    reason: str
    lost: bool


class SourceError(BorderpostError):
    """A source as a whole cannot be used."""


Entry = DocumentEntry | PersonEntry | VehicleEntry | FirearmEntry | FingerEntry | FingerRead
Item = Entry | Complaint


class Source(Protocol):
    """One source file, read once from start to end."""

    @property
    def source_date(self) -> datetime | None:
        """The date the source states of itself (UTC); known once reading has begun."""

    @property
    def files(self) -> tuple[Path, ...]:
        """What was read, once reading has ended: a source without a date is as old as the oldest of them."""

    @property
    def remarks(self) -> tuple[str, ...]:
        """What was ignored on purpose (unknown columns, entities), for the report."""

    def __iter__(self) -> Iterator[Item]:
        """Stream the file. Raises ``SourceError``."""


@runtime_checkable
class Marked(Protocol):
    """A source whose files end with a mark of their own."""

    @property
    def unended(self) -> tuple[str, ...]:
        """Names of the files that were read and have no end mark: they may be cut short."""
