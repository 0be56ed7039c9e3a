"""What a build read, kept, left out and published: for a person and for a program."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Final

from edge.core.watch.entries import DocumentEntry, PersonEntry
from edge.core.watch.manifest import GalleryInfo, Records
from edge.core.watch.objects import FirearmEntry, VehicleEntry
from hq.sources.base import Complaint, Item
from hq.sources.finger_entry import FingerEntry, FingerRead

LISTED_COMPLAINTS: Final = 50  # of one source; the rest is counted


@dataclass(slots=True)
class SourceReport:
    """One source: rows read = entries + lost.

    ``reasons`` counts every complaint, ``complaints`` lists the first ones.
    """

    file: str
    kind: str
    list_id: str
    rows: int = 0
    documents: int = 0
    persons: int = 0
    vehicles: int = 0
    firearms: int = 0
    fingers: int = 0
    lost: int = 0
    left_out: int = 0
    past_review: int = 0  # records that match no longer on the day of the build
    source_date: datetime | None = None
    source_date_from: str = "source"  # source | option | file time
    file_date: datetime | None = None  # when the oldest of the files read was written
    remarks: tuple[str, ...] = ()
    unended: tuple[str, ...] = ()  # files without the end mark that they should have: perhaps cut short
    reasons: Counter[str] = field(default_factory=Counter)
    complaints: list[Complaint] = field(default_factory=list)

    def count(self, item: Item, today: date) -> None:
        """Take one item of the source into account. ``documents`` counts persons' documents too."""
        if isinstance(item, Complaint):
            self.reasons[item.reason] += 1
            self.lost += item.lost
            self.rows += item.lost
            self.left_out += not item.lost
            if len(self.complaints) < LISTED_COMPLAINTS:
                self.complaints.append(item)
            return
        self.rows += 1
        self.past_review += item.review_date is not None and item.review_date < today
        if isinstance(item, PersonEntry):
            self.persons += 1
            self.documents += len(item.documents)
        elif isinstance(item, DocumentEntry):
            self.documents += 1
        elif isinstance(item, VehicleEntry):
            self.vehicles += 1
        elif isinstance(item, FirearmEntry):
            self.firearms += 1
        elif isinstance(item, FingerEntry | FingerRead):
            self.fingers += 1

    @property
    def kept(self) -> str:
        """What was kept, in words; persons and documents always, objects where there are any."""
        counts = {"persons": self.persons, "documents": self.documents}
        if self.vehicles or self.firearms:
            counts = {"vehicles": self.vehicles, "firearms": self.firearms}
        if self.fingers:
            counts = {"fingers": self.fingers}
        return ", ".join(f"{n:,} {what}" for what, n in counts.items())

    @property
    def lost_share(self) -> float:
        """Lost rows of all rows read, 0..1."""
        return self.lost / self.rows if self.rows else 0.0


@dataclass(frozen=True, slots=True)
class ListReport:
    """One published generation."""

    list_id: str
    generation: int
    source_date: datetime
    records: Records
    bytes: int
    silent: bool
    gallery: GalleryInfo | None = None


@dataclass(frozen=True, slots=True)
class KeyedReport:
    """One published generation of a keyed list, against the one before of the same key. ``since`` is that one's number;
    None if there is none, as after a new list key. ``repeated`` rows said what another said already."""

    list_id: str
    thing: str
    generation: int
    since: int | None
    source_date: datetime
    records: int
    added: int
    removed: int
    kept: int
    repeated: int
    bytes: int
    key: str
    silent: bool


@dataclass(frozen=True, slots=True)
class BuildReport:
    """A whole build; ``lists`` and ``keyed`` are empty when it was stopped."""

    lists: tuple[ListReport, ...]
    sources: tuple[SourceReport, ...]
    keyed: tuple[KeyedReport, ...] = ()
