"""What screening asks of an opened list, and a list as it is asked."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Protocol

from edge.core.keyed.card import Card
from edge.core.keyed.header import Header
from edge.core.keyed.store import Found
from edge.core.verdicts import ReasonKind
from edge.core.watch import DocumentTable, Manifest, PersonTable, Policy

if TYPE_CHECKING:
    from edge.core.screening.by_person import Thresholds


class KeyedStore(Protocol):
    """A keyed list as it is asked (``edge.keyed_files.KeyedList``)."""

    @property
    def header(self) -> Header:
        """Of its newest file."""
    @property
    def damaged(self) -> bool:
        """True if a part of it is known to be damaged: then what is not found may have stood there."""

    def find(self, text: str) -> tuple[Found, ...]:
        """The records of a key text. Raises ``BorderpostError`` where the files cannot be read or believed."""


class ScreenList(Protocol):
    """An opened list (``edge.watchlists.OpenList``): a manifest with tables, or a keyed store with its card.

    All are None when no generation can be used.
    """

    @property
    def list_id(self) -> str:
        """The list's id."""
    @property
    def manifest(self) -> Manifest | None:
        """The manifest of the generation in use."""
    @property
    def documents(self) -> DocumentTable | None:
        """Its documents."""
    @property
    def persons(self) -> PersonTable | None:
        """Its persons."""
    @property
    def problem(self) -> str | None:
        """What is wrong with the newest generation, if anything."""
    @property
    def behind(self) -> bool:
        """True if the generation in use is older than one that was accepted before."""
    @property
    def erased(self) -> object | None:
        """Not None if the list was erased at the age that its policy demands, and nothing newer came since."""
    @property
    def keyed(self) -> KeyedStore | None:
        """What answers for a keyed list."""
    @property
    def card(self) -> Card | None:
        """What a keyed list's header does not say; it may be there without ``keyed``, where the files do not open."""
    @property
    def fingers(self) -> bool:
        """True for a gallery of fingers, usable or not: it has no part in a document's verdict."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What is to be told of a list in use, whatever its files are.

    ``records``: documents and persons, things, or templates.
    """

    generation: int
    source_date: datetime
    records: int
    silent: bool
    action: str
    title: str
    ages: Policy


def facts_of(one: ScreenList) -> Facts | None:
    """The facts of a list; None when no generation can be used."""
    if one.keyed is not None and one.card is not None:
        header, card = one.keyed.header, one.card
        as_of = datetime.fromtimestamp(header.as_of, UTC)
        return Facts(header.generation, as_of, header.count, card.silent, card.action, card.title, card.ages)
    m = one.manifest
    if m is None or (not one.fingers and (one.documents is None or one.persons is None)):
        return None
    return Facts(m.generation, m.source_date, m.held, m.silent, m.action, m.title, m.ages)


@dataclass(frozen=True, slots=True)
class AskedKeyed:
    """One keyed list with what its card says about every record."""

    list_id: str
    store: KeyedStore
    silent: bool
    action: str
    kind: ReasonKind


@dataclass(frozen=True, slots=True)
class Asked:
    """One list with what its manifest says about every record."""

    list_id: str
    documents: DocumentTable | None
    persons: PersonTable | None
    silent: bool
    action: str
    thresholds: Thresholds
