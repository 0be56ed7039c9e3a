"""Makes list generations from sources. The only writer of list files.

Laws:
1. Nothing is published unless every source was read to its end, none lost more than the stated
   share of its rows, and every file written opens again.
2. A generation appears by one rename, after its files and its folder have been synced; what is not
   finished stands in a hidden folder that the next build removes.
3. Generations only rise. A published one is never touched again.
4. The list is as old as its oldest source.
5. The same sources give the same bytes (but for the dates in the manifest), so that a build can be
   checked by repeating it.
6. Keyed lists (``hq.keyed_lists``) and galleries (``hq.gallery_build``) are made in the same run, under the same rules.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from edge.core.watch import manifest as manifests
from edge.core.watch.documents import DocumentTable
from edge.core.watch.documents_build import DocumentBuilder
from edge.core.watch.layout import LayoutError
from edge.core.watch.manifest import (
    DOCUMENTS,
    PERSONS,
    FileDigest,
    GalleryInfo,
    Lost,
    Manifest,
    Policy,
    Records,
    Thresholds,
)
from edge.core.watch.persons import PersonTable
from edge.core.watch.persons_build import PersonBuilder
from hq import keyed_lists
from hq.build_options import (
    BuildError,
    BuildOptions,
    SourceSpec,
    check_losses,
    check_options,
    check_specs,
    settle_date,
)
from hq.build_report import BuildReport, ListReport, SourceReport
from hq.list_filler import Filler
from hq.list_folder import ListFolder
from hq.list_kinds import check_kinds
from hq.source_reading import Hear, Progress, read_source
from hq.sources.catalog import KINDS

__all__ = ["BuildError", "BuildOptions", "SourceSpec", "build"]


@dataclass(frozen=True, slots=True)
class _Built:
    """One list, finished in memory."""

    list_id: str
    title: str
    action: str
    silent: bool
    thresholds: Thresholds
    ages: Policy | None
    source_date: datetime
    records: Records
    lost: Lost
    files: Mapping[str, bytes]
    gallery: GalleryInfo | None = None


def build(
    out: Path,
    specs: Sequence[SourceSpec],
    *,
    now: datetime,
    options: BuildOptions | None = None,
    progress: Progress | None = None,
    hear: Hear | None = None,
) -> BuildReport:
    """Read all sources, then publish one new generation of every list they name, below ``out``.

    ``now`` (UTC) becomes the build date; ``hear`` is told every complaint. Raises ``BuildError`` or
    ``SourceError``; then nothing was published, and what had been there stands as before.
    """
    options = options or BuildOptions()
    ids = list(dict.fromkeys(spec.list_id for spec in specs))
    galleries = {spec.list_id for spec in specs if KINDS[spec.kind].fingers}
    check_specs(specs, options.keyed, options.extractor)
    check_options(ids, options, galleries)
    check_kinds(out, ids, options.keyed, galleries)
    reports: list[SourceReport] = []
    built, spread = [], []
    with ExitStack() as stack:
        folder = stack.enter_context(ListFolder(out)) if options.keyed or galleries else None
        if folder is not None:
            for list_id in galleries:
                folder.next_generation(list_id, options.generation)  # refused before hours of extracting
        for list_id in ids:
            mine = [spec for spec in specs if spec.list_id == list_id]
            reading = keyed_lists.Reading(options, now, reports, progress, hear)
            if folder is not None and list_id in options.keyed:
                spread.append(keyed_lists.spread_list(folder, list_id, mine, reading))
            else:
                make = _build_gallery if list_id in galleries else _build_list
                built.append(make(list_id, mine, options, now=now, reports=reports, progress=progress, hear=hear))
        check_losses(reports, options)
        folder = folder or stack.enter_context(ListFolder(out))
        keyed = tuple(keyed_lists.assemble_list(folder, one, now, progress) for one in spread)
        staged = []
        for made in built:
            generation = folder.next_generation(made.list_id, options.generation)
            manifest = _manifest(made, generation, now)
            files = {manifests.FILE_NAME: manifests.encode(manifest), **made.files}
            folder.stage(made.list_id, generation, files)
            staged.append(manifest)
        folder.publish()
    return BuildReport(tuple(_list_report(m) for m in staged), tuple(reports), keyed)


def _build_list(
    list_id: str,
    specs: Sequence[SourceSpec],
    options: BuildOptions,
    *,
    now: datetime,
    reports: list[SourceReport],
    progress: Progress | None,
    hear: Hear | None,
) -> _Built:
    kind = KINDS[specs[0].kind]
    action = manifests.with_ncb(options.actions.get(list_id, kind.action))
    silent = list_id in options.silent
    documents = DocumentBuilder(salt=hashlib.sha256(list_id.encode()).digest()[:16])
    persons = PersonBuilder()
    mine = []
    for spec in specs:
        report = SourceReport(spec.path.name, spec.kind, list_id)
        reports.append(report)
        mine.append(report)
        take = Filler(spec.path.name, documents, persons, silent, action).take
        read_source(spec.path, report, take, today=now.date(), hear=hear, progress=progress)
        settle_date(spec, report, options, now)
    files = {DOCUMENTS: documents.finish(), PERSONS: persons.finish()}
    return _Built(
        list_id=list_id,
        title=kind.title,
        action=action,
        silent=silent,
        thresholds=options.thresholds.get(list_id, Thresholds()),
        ages=options.ages.get(list_id),
        source_date=min(r.source_date for r in mine if r.source_date),
        records=_counted(files),
        lost=Lost(rows=sum(r.lost for r in mine), of=sum(r.rows for r in mine)),
        files=files,
    )


def _build_gallery(
    list_id: str,
    specs: Sequence[SourceSpec],
    options: BuildOptions,
    *,
    now: datetime,
    reports: list[SourceReport],
    progress: Progress | None,
    hear: Hear | None,
) -> _Built:
    from hq.gallery_build import build_gallery  # the extractors' room is entered for fingers alone

    kind = KINDS[specs[0].kind]
    before = len(reports)
    made = build_gallery(list_id, specs, options, now=now, reports=reports, progress=progress, hear=hear)
    mine = reports[before:]
    return _Built(
        list_id=list_id,
        title=kind.title,
        action=manifests.with_ncb(options.actions.get(list_id, kind.action)),
        silent=list_id in options.silent,
        thresholds=Thresholds(),
        ages=options.ages.get(list_id),
        source_date=min(r.source_date for r in mine if r.source_date),
        records=made.records,
        lost=Lost(rows=sum(r.lost for r in mine), of=sum(r.rows for r in mine)),
        files=made.files,
        gallery=made.info,
    )


def _counted(files: Mapping[str, bytes]) -> Records:
    """Open what was built, as the box will, and count it."""
    try:
        documents, persons = DocumentTable(files[DOCUMENTS]), PersonTable(files[PERSONS])
    except LayoutError as error:
        raise BuildError(
            f"what was built cannot be opened: {error.message}", advice="report this fault"
        ) from error
    return Records(documents=len(documents), persons=len(persons), names=persons.n_names)


def _manifest(made: _Built, generation: int, now: datetime) -> Manifest:
    return Manifest(
        list_id=made.list_id,
        title=made.title,
        generation=generation,
        source_date=made.source_date.astimezone(UTC),
        built_at=now.astimezone(UTC),
        records=made.records,
        lost=made.lost,
        files={name: _digest(data) for name, data in made.files.items()},
        silent=made.silent,
        action=made.action,
        thresholds=made.thresholds,
        policy=made.ages or msgspec.UNSET,
        gallery=made.gallery or msgspec.UNSET,
    )


def _digest(data: bytes) -> FileDigest:
    return FileDigest(bytes=len(data), sha256=hashlib.sha256(data).hexdigest())


def _list_report(manifest: Manifest) -> ListReport:
    return ListReport(
        list_id=manifest.list_id,
        generation=manifest.generation,
        source_date=manifest.source_date,
        records=manifest.records,
        bytes=sum(f.bytes for f in manifest.files.values()),
        silent=manifest.silent,
        gallery=manifest.fingers,
    )
