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
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from edge.core.errors import BorderpostError
from edge.core.watch import manifest as manifests
from edge.core.watch.documents import DocumentTable
from edge.core.watch.documents_build import DocumentBuilder
from edge.core.watch.entries import MAX_ACTION
from edge.core.watch.layout import LayoutError
from edge.core.watch.manifest import DOCUMENTS, PERSONS, FileDigest, Lost, Manifest, Records, Thresholds
from edge.core.watch.persons import PersonTable
from edge.core.watch.persons_build import PersonBuilder
from hq.build_report import BuildReport, ListReport, SourceReport
from hq.list_filler import Filler
from hq.list_folder import ListFolder
from hq.source_reading import Hear, Progress, read_source
from hq.sources.catalog import KINDS

MAX_LOST: Final = 0.01  # share of a source's rows, 0..1
MAX_AHEAD: Final = timedelta(days=1)  # how far a source date may lie in the future (zones, clocks)


class BuildError(BorderpostError):
    """The build was stopped and published nothing. ``report`` says how far it came."""

    def __init__(self, message: str, *, advice: str, report: BuildReport | None = None) -> None:
        super().__init__(message, advice=advice)
        self.report = report


@dataclass(frozen=True, slots=True)
class SourceSpec:
    """Which file to read, as what, into which list."""

    kind: str
    list_id: str
    path: Path

    @classmethod
    def parse(cls, text: str) -> SourceSpec:
        """``KIND:PATH`` or ``KIND@LISTID:PATH``. Raises ``BuildError``."""
        what, colon, path = text.partition(":")
        kind, at, list_id = what.partition("@")
        if kind not in KINDS or not colon or not path:
            raise BuildError(
                "a source is not KIND:PATH or KIND@LISTID:PATH", advice=f"kinds are {', '.join(KINDS)}"
            )
        if at and not manifests.is_list_id(list_id):
            raise BuildError(
                "a list id is not 2 to 40 of a-z, 0-9 and hyphen",
                advice="write for example sltd-csv@sltd:FILE",
            )
        return cls(kind, list_id or KINDS[kind].list_id, Path(path))


@dataclass(frozen=True, slots=True)
class BuildOptions:
    """Everything that a build may be told; mappings go by list id."""

    source_date: datetime | None = None
    max_lost: float = MAX_LOST
    generation: int | None = None
    silent: Collection[str] = ()
    actions: Mapping[str, str] = field(default_factory=dict)
    thresholds: Mapping[str, Thresholds] = field(default_factory=dict)
    allow_empty: bool = False


@dataclass(frozen=True, slots=True)
class _Built:
    """One list, finished in memory."""

    list_id: str
    title: str
    action: str
    silent: bool
    thresholds: Thresholds
    source_date: datetime
    records: Records
    lost: Lost
    files: Mapping[str, bytes]


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
    _check_specs(specs)
    _check_options(ids, options)
    reports: list[SourceReport] = []
    built = []
    for list_id in ids:
        mine = [spec for spec in specs if spec.list_id == list_id]
        built.append(
            _build_list(list_id, mine, options, now=now, reports=reports, progress=progress, hear=hear)
        )
    _check_losses(reports, options)
    with ListFolder(out) as folder:
        staged = []
        for made in built:
            generation = folder.next_generation(made.list_id, options.generation)
            manifest = _manifest(made, generation, now)
            files = {manifests.FILE_NAME: manifests.encode(manifest), **made.files}
            folder.stage(made.list_id, generation, files)
            staged.append(manifest)
        folder.publish()
    return BuildReport(tuple(_list_report(m) for m in staged), tuple(reports))


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
        _date(spec, report, options, now)
    files = {DOCUMENTS: documents.finish(), PERSONS: persons.finish()}
    return _Built(
        list_id=list_id,
        title=kind.title,
        action=action,
        silent=silent,
        thresholds=options.thresholds.get(list_id, Thresholds()),
        source_date=min(r.source_date for r in mine if r.source_date),
        records=_counted(files),
        lost=Lost(rows=sum(r.lost for r in mine), of=sum(r.rows for r in mine)),
        files=files,
    )


def _no_room(spec: SourceSpec) -> BuildError:
    return BuildError(
        f"{spec.kind} gives objects, which a generation of documents and persons cannot hold",
        advice="check the source with `borderpost-hq lists check`",
    )


def _date(spec: SourceSpec, report: SourceReport, options: BuildOptions, now: datetime) -> None:
    """Settle how old the source is: what it says itself, else the option, else the file's time."""
    if report.source_date is None:
        report.source_date, report.source_date_from = options.source_date, "option"
    if report.source_date is None:
        report.source_date, report.source_date_from = report.file_date, "file time"
    if report.source_date is None:
        raise BuildError(
            f"how old {spec.path.name} is cannot be told", advice="state the date with --source-date"
        )
    if report.source_date > now + MAX_AHEAD:
        raise BuildError(
            f"the date of {spec.path.name} lies in the future",
            advice="set this computer's clock, or state the date with --source-date",
        )


def _check_specs(specs: Sequence[SourceSpec]) -> None:
    seen = set()
    for spec in specs:
        if KINDS[spec.kind].objects:
            raise _no_room(spec)
        place = (spec.list_id, spec.path.resolve())
        if place in seen:
            raise BuildError(f"the source {spec.path} is given twice", advice="leave out one of the two")
        seen.add(place)


def _check_options(ids: Sequence[str], options: BuildOptions) -> None:
    for named in (*options.silent, *options.actions, *options.thresholds):
        if named not in ids:
            raise BuildError(
                "an option names a list that this build does not make", advice=f"lists are {', '.join(ids)}"
            )
    for text in options.actions.values():
        if manifests.prejudges(text) or len(manifests.with_ncb(text)) > MAX_ACTION:
            raise BuildError(
                "an action text prejudges the person or is too long",
                advice=f"a hit is a lead: say what to do next, in at most {MAX_ACTION} characters",
            )
    if not (math.isfinite(options.max_lost) and 0 <= options.max_lost <= 1):
        raise BuildError("the share of lost rows is not between 0 and 1", advice="write for example 1%")


def _check_losses(reports: Sequence[SourceReport], options: BuildOptions) -> None:
    stopped = BuildReport((), tuple(reports))
    for report in reports:
        if report.lost_share > options.max_lost:
            raise BuildError(
                f"{report.file} lost {report.lost} of {report.rows} rows, more than {options.max_lost:.2%}",
                advice="correct the rows named above, or allow more with --max-lost",
                report=stopped,
            )
        if not report.rows and not options.allow_empty:
            raise BuildError(
                f"{report.file} holds no rows",
                advice="check the file; --allow-empty publishes an empty list",
                report=stopped,
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
    )
