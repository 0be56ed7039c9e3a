"""Lists in memory, made by the real builders: what ``edge.watchlists`` opens, without the disk."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

import msgspec

from edge.core.keyed.card import Card
from edge.core.screening.lists import KeyedStore
from edge.core.trusted import ClockState, Trusted
from edge.core.watch import (
    DocumentEntry,
    DocumentTable,
    FileDigest,
    Lost,
    Manifest,
    PersonEntry,
    PersonTable,
    Policy,
    Records,
    Thresholds,
    build_documents,
    build_persons,
)

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
TRUSTED = Trusted(ClockState.SIGNED, NOW, NOW)
UNTRUSTED = Trusted(ClockState.UNTRUSTED, None, None)


@dataclass(frozen=True, slots=True)
class MemoryList:
    list_id: str
    manifest: Manifest | None
    documents: DocumentTable | None
    persons: PersonTable | None
    problem: str | None = None
    behind: bool = False
    erased: object | None = None
    keyed: KeyedStore | None = None
    card: Card | None = None
    fingers: bool = False


def memory_list(
    list_id: str,
    *,
    persons: Iterable[PersonEntry] = (),
    documents: Iterable[DocumentEntry] = (),
    silent: bool = False,
    action: str = "Ask the second line. Confirm with the NCB.",
    source_date: datetime = datetime(2026, 2, 27, tzinfo=UTC),
    thresholds: Thresholds | None = None,
    policy: Policy | None = None,
) -> MemoryList:
    """One sound list; documents of persons are put into the document table as the publisher does."""
    people = tuple(persons)
    papers = [*documents, *(d for p in people for d in p.documents)]
    document_table = DocumentTable(build_documents(papers))
    person_table = PersonTable(build_persons(people))
    digest = FileDigest(0, "0" * 64)
    manifest = Manifest(
        list_id=list_id,
        title=list_id,
        generation=1,
        source_date=source_date,
        built_at=source_date,
        records=Records(len(document_table), len(person_table), person_table.n_names),
        lost=Lost(0, len(people) + len(papers)),
        files={"documents.bin": digest, "persons.bin": digest},
        silent=silent,
        action=action,
        thresholds=thresholds or Thresholds(),
        policy=policy or msgspec.UNSET,
    )
    return MemoryList(list_id, manifest, document_table, person_table)
