"""What screening asks of an opened list, and a list as it is asked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from edge.core.watch import DocumentTable, Manifest, PersonTable

if TYPE_CHECKING:
    from edge.core.screening.by_person import Thresholds


class ScreenList(Protocol):
    """An opened list (``edge.watchlists.OpenList``): all None together when no generation can be used."""

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


@dataclass(frozen=True, slots=True)
class Asked:
    """One list with what its manifest says about every record."""

    list_id: str
    documents: DocumentTable | None
    persons: PersonTable | None
    silent: bool
    action: str
    thresholds: Thresholds
