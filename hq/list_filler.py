"""Puts entries into the two files of a list, with the list's own defaults."""

from __future__ import annotations

from dataclasses import dataclass, replace

from edge.core.errors import BorderpostError
from edge.core.watch.documents_build import DocumentBuilder
from edge.core.watch.entries import DocumentEntry
from edge.core.watch.objects import FirearmEntry, VehicleEntry
from edge.core.watch.persons_build import PersonBuilder
from hq.sources.base import Entry
from hq.sources.finger_entry import FingerEntry, FingerRead


class EntryError(BorderpostError):
    """An entry does not fit into the files of a list."""


@dataclass(frozen=True, slots=True)
class Filler:
    """Takes the entries of one source. ``file`` is its name, for what goes wrong."""

    file: str
    documents: DocumentBuilder
    persons: PersonBuilder
    silent: bool
    action: str

    def take(self, entry: Entry) -> None:
        """Add one entry and, of a person, the documents. Raises ``EntryError``."""
        if isinstance(entry, VehicleEntry | FirearmEntry | FingerEntry | FingerRead):
            raise EntryError(
                f"{self.file} holds objects or fingers, which a generation of documents and persons cannot hold",
                advice="check the source with `borderpost-hq lists check`",
            )
        filled = replace(entry, silent=entry.silent or self.silent, action=entry.action or self.action)
        try:
            if isinstance(filled, DocumentEntry):
                self.documents.add(filled)
                return
            person = len(self.persons)
            self.persons.add(filled)
            for document in filled.documents:
                self.documents.add(
                    replace(
                        document,
                        person=person,
                        silent=filled.silent,
                        action=filled.action,
                        review_date=document.review_date or filled.review_date,
                    )
                )
        except ValueError as error:
            raise EntryError(
                f"{self.file}: {error}", advice="split the source into two lists with KIND@LISTID:PATH"
            ) from error
