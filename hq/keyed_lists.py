"""Makes keyed lists (``hq.keyed_build``) from sources, as ``hq.publisher`` makes generations.

Laws:
1. Entries are streamed: of a source nothing but its report stays in memory. No number stands on disk, only its keyed
   hash.
2. All is made in a hidden folder that is removed whatever happens, and appears by renames: what the box never sees (the
   plain file) first, then the card, then the base, which is the generation.
3. A layer is the running number of a generation under its key. So no layer comes twice under one key, even where
   earlier bases were lost. A base whose key is another than the one before starts anew.
4. Older bases stay, with their plain files: deltas are made between them.

Layout: ``OUT/<list_id>/{base-*.sdl, plain-*.sdp, card.json}``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from edge.core.errors import LayoutError
from edge.core.keyed import card as cards
from edge.core.keyed import keys
from edge.core.keyed.card import Card
from edge.core.keyed.keys import ListKey
from edge.core.keyed.record import CATEGORIES, KINDS, Record
from edge.core.states import is_known
from edge.core.vault import RingEntry
from edge.core.watch import manifest as manifests
from edge.core.watch.entries import LISTED_PERSON, DocumentEntry
from edge.core.watch.manifest import Policy
from edge.core.watch.objects import FirearmEntry, VehicleEntry
from hq.build_options import BuildError, BuildOptions, SourceSpec, settle_date
from hq.build_report import KeyedReport, SourceReport
from hq.keyed_build import Edition, assemble, opened, plain_of, spread
from hq.list_folder import ListFolder, write_synced
from hq.source_reading import Hear, Progress, entries_of
from hq.sources.base import Entry
from hq.sources.catalog import KINDS as SOURCE_KINDS
from hq.sources.finger_entry import FingerEntry, FingerRead

_ROUND: Final = ~255  # progress is told by rows, 256 at a time


@dataclass(frozen=True, slots=True)
class Reading:
    """What every source of a build is read with; ``reports`` takes one report a source."""

    options: BuildOptions
    now: datetime
    reports: list[SourceReport]
    progress: Progress | None = None
    hear: Hear | None = None


@dataclass(frozen=True, slots=True)
class Spread:
    """A list whose entries were read, and wait in ``parts`` to be assembled in ``place``."""

    card: Card
    generation: int
    entry: RingEntry
    source_date: datetime
    place: Path
    parts: tuple[Path, ...]


def spread_list(folder: ListFolder, list_id: str, specs: Sequence[SourceSpec], reading: Reading) -> Spread:
    """Read every source of a list. Raises ``BuildError``, ``KeyedBuildError``, ``SourceError``."""
    options = reading.options
    card = _card(list_id, specs, options)
    generation = folder.next_generation(list_id, options.generation)
    entry = options.keyed[list_id].for_generation(list_id, generation)
    if entry is None:
        raise BuildError(
            f"the ring holds no key for generation {generation} of {list_id}",
            advice=f"make one: borderpost-hq keys list-key --list {list_id} --generation {generation}",
        )
    key, place = ListKey(entry.key, entry.key_id), folder.workplace(list_id)
    parts, dates = [], []
    for number, spec in enumerate(specs):
        report = SourceReport(spec.path.name, spec.kind, list_id)
        reading.reports.append(report)
        found = entries_of(
            spec.path, report, today=reading.now.date(), hear=reading.hear, progress=reading.progress
        )
        own = _Own()
        parts.append(place / f"source-{number}")
        spread(parts[-1], _rows(found, own), key, _layer(entry, generation))
        if own.actions:
            report.remarks += (f"{own.actions:,} action texts of single records are left out: a keyed list has one",)
        settle_date(spec, report, options, reading.now)
        if report.source_date is not None:
            dates.append(report.source_date)
    return Spread(card, generation, entry, min(dates), place, tuple(parts))


def assemble_list(folder: ListFolder, one: Spread, now: datetime, progress: Progress | None = None) -> KeyedReport:
    """Make base, plain file and card of what was read, and stage them. Raises ``KeyedBuildError``, ``BuildError``."""
    list_id, key = one.card.list_id, ListKey(one.entry.key, one.entry.key_id)
    edition = Edition(
        list_id, one.generation, _layer(one.entry, one.generation), int(now.timestamp()),
        max(0, int(one.source_date.timestamp())),
    )
    previous = newest_base(folder.folder_of(list_id))
    since = _since(previous, key)

    def step(what: str, records: int) -> None:
        if progress is not None:
            progress(f"{list_id}: {what}", records & _ROUND)

    try:
        built = assemble(
            one.place, one.parts, edition, key, previous=previous if since is not None else None, progress=step
        )
    except LayoutError as error:
        raise BuildError(
            f"{list_id} cannot be built on the base before it: {error.message}",
            advice=f"make a new key, and with it a base without a predecessor: borderpost-hq keys list-key "
            f"--list {list_id} --generation {one.generation}",
        ) from error
    card = one.place / cards.FILE_NAME
    write_synced(card, cards.encode(one.card))
    folder.hand_over(list_id, (built.plain, card, built.path))
    return KeyedReport(
        list_id=list_id, thing=one.card.thing, generation=one.generation, since=since,
        source_date=one.source_date.astimezone(UTC), records=built.count, added=built.added, removed=built.removed,
        kept=built.kept, repeated=built.repeated, bytes=built.path.stat().st_size, key=key.ident.hex(),
        silent=one.card.silent,
    )


def newest_base(folder: Path) -> Path | None:
    """The base of the highest generation in a list's folder at headquarters."""
    return max(folder.glob("base-" + "[0-9]" * 10 + ".sdl"), default=None)


def _since(previous: Path | None, key: ListKey) -> int | None:
    """The generation that the next base is compared with; None if the key is another."""
    if previous is None:
        return None
    try:
        with opened(previous) as file:
            if file.header.key_id != key.ident:
                return None
            if not plain_of(previous).is_file():
                raise BuildError(
                    f"{plain_of(previous).name}, which belongs to the base before, is not there",
                    advice="put it back from a copy; without it boxes need a whole new base under a new key",
                )
            return file.header.generation
    except (OSError, LayoutError) as error:
        raise BuildError(
            f"{previous.name}, the base before, cannot be read",
            advice="put it back from a copy; without it boxes need a whole new base under a new key",
        ) from error


def _layer(entry: RingEntry, generation: int) -> int:
    return generation - entry.generation + 1


def _card(list_id: str, specs: Sequence[SourceSpec], options: BuildOptions) -> Card:
    kind = SOURCE_KINDS[specs[0].kind]
    things = {SOURCE_KINDS[spec.kind].thing for spec in specs}
    if len(things) != 1 or kind.thing is None:
        raise BuildError(
            f"the sources of {list_id} give different things", advice="make a list of each with KIND@LISTID:PATH"
        )
    ages = options.ages.get(list_id, Policy())
    return Card(
        list_id, kind.title, kind.thing, list_id in options.silent,
        manifests.with_ncb(options.actions.get(list_id, kind.action)),
        ages.erase_after_s, ages.warn_after_s, ages.incomplete_after_s,
    )


@dataclass(slots=True)
class _Own:
    """What records say that a keyed list does not keep."""

    actions: int = 0


def _rows(entries: Iterable[Entry], own: _Own) -> Iterator[tuple[str, int]]:
    for entry in entries:
        own.actions += not isinstance(entry, FingerEntry | FingerRead) and bool(entry.action)
        yield from rows_of(entry)


def rows_of(entry: Entry) -> Iterator[tuple[str, int]]:
    """Key texts and payloads of one entry; none for a person."""
    if isinstance(entry, DocumentEntry):
        category = "tdawn" if entry.fraud_category == LISTED_PERSON else entry.fraud_category
        yield keys.document_text(entry.issuing_state, entry.number), _record(entry.document_type, category, entry)
    elif isinstance(entry, VehicleEntry):
        if entry.plate:
            state = entry.plate_state if is_known(entry.plate_state) else ""  # nobody would ask under it
            yield keys.plate_text(state, entry.plate), _record("plate", entry.category, entry)
        if entry.vin:
            yield keys.vin_text(entry.vin), _record("vin", entry.category, entry)
    elif isinstance(entry, FirearmEntry):
        payload = _record("firearm", entry.category, entry)
        for text in keys.firearm_rows(entry.make, entry.calibre, entry.serial):
            yield text, payload


def _record(kind: str, category: str, entry: DocumentEntry | VehicleEntry | FirearmEntry) -> int:
    return Record(
        kind if kind in KINDS else "O", category if category in CATEGORIES else "other", entry.silent,
        entry.review_date,
    ).pack()
