"""What a build of lists may be told, and what stops it before anything is published."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from edge.core.errors import BorderpostError
from edge.core.vault import KeyRing
from edge.core.watch import manifest as manifests
from edge.core.watch.entries import MAX_ACTION
from edge.core.watch.manifest import Policy, Thresholds
from hq.build_report import BuildReport, SourceReport
from hq.sources.catalog import KINDS

MAX_LOST: Final = 0.01  # share of a source's rows, 0..1
EXTRACTORS: Final = ("leader", "mindtct")
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
    allow_short: bool = False
    ages: Mapping[str, Policy] = field(default_factory=dict)
    keyed: Mapping[str, KeyRing] = field(default_factory=dict)  # lists that become keyed ones, and where their keys are
    extractor: str = ""  # of galleries: leader or mindtct
    assume_extractor: bool = False  # minutiae records of others are taken as if that extractor had made them
    templates: Path | None = None  # file of templates that were extracted before (``hq.gallery_cache``)
    images: Collection[str] = ()  # galleries whose candidates are reported with the image


def settle_date(spec: SourceSpec, report: SourceReport, options: BuildOptions, now: datetime) -> None:
    """Settle how old the source is: what it says itself, else the option, else the file's time."""
    if report.source_date is None:
        report.source_date, report.source_date_from = options.source_date, "option"
    if report.source_date is None:
        report.source_date, report.source_date_from = report.file_date, "file time"
    if report.source_date is None and not spec.path.exists():
        raise BuildError(f"{spec.path}: no such file", advice="mend the path of --source")
    if report.source_date is None:
        raise BuildError(
            f"how old {spec.path.name} is cannot be told", advice="state the date with --source-date"
        )
    if report.source_date > now + MAX_AHEAD:
        raise BuildError(
            f"the date of {spec.path.name} lies in the future",
            advice="set this computer's clock, or state the date with --source-date",
        )


def check_specs(specs: Sequence[SourceSpec], keyed: Collection[str], extractor: str = "") -> None:
    """Refuse sources that do not fit their list. Raises ``BuildError``."""
    _check_fingers(specs, keyed, extractor)
    seen = set()
    for spec in specs:
        _check_kind(spec, keyed)
        place = (spec.list_id, spec.path.resolve())
        if place in seen:
            raise BuildError(f"the source {spec.path} is given twice", advice="leave out one of the two")
        seen.add(place)


def _check_fingers(specs: Sequence[SourceSpec], keyed: Collection[str], extractor: str) -> None:
    galleries = {spec.list_id for spec in specs if KINDS[spec.kind].fingers}
    for list_id in galleries:
        if list_id in keyed or any(s.list_id == list_id and not KINDS[s.kind].fingers for s in specs):
            raise BuildError(
                f"{list_id} would hold fingers and something else", advice="give the fingers a list: KIND@LISTID:PATH"
            )
    if galleries and extractor not in EXTRACTORS:
        raise BuildError(
            f"a gallery needs an extractor: {' or '.join(EXTRACTORS)}",
            advice="add --extractor leader (finds more), or --extractor mindtct (four times faster)",
        )


def _check_kind(spec: SourceSpec, keyed: Collection[str]) -> None:
    kind, listed = KINDS[spec.kind], spec.list_id in keyed
    if listed and kind.thing is None:
        raise BuildError(
            f"{spec.kind} gives persons, whom a keyed list cannot hold", advice=f"leave out --keyed {spec.list_id}"
        )
    if kind.objects and not listed:
        raise BuildError(
            f"{spec.kind} gives {kind.thing}, which only a keyed list holds",
            advice=f"give its key: --keyed {spec.list_id}=keys/list-keys.ring",
        )


def check_options(ids: Sequence[str], options: BuildOptions, galleries: Collection[str] = ()) -> None:
    """Refuse options that name no list of this build, or that no list may have. Raises ``BuildError``."""
    galleries = set(galleries)
    told = (options.silent, options.actions, options.thresholds, options.ages, options.keyed, options.images)
    for named in (name for names in told for name in names):
        if named not in ids:
            raise BuildError(
                "an option names a list that this build does not make", advice=f"lists are {', '.join(ids)}"
            )
    for named in set(options.thresholds) & set(options.keyed):
        raise BuildError(
            f"{named} is a keyed list, which holds no names to score", advice=f"leave out --thresholds {named}=…"
        )
    for named in set(options.thresholds) & galleries:
        raise BuildError(f"{named} is a gallery, which holds no names to score", advice="leave out --thresholds")
    for named in set(options.images) - galleries:
        raise BuildError(f"{named} is no gallery, and has no image to report", advice="leave out --image")
    for text in options.actions.values():
        if manifests.prejudges(text) or len(manifests.with_ncb(text)) > MAX_ACTION:
            raise BuildError(
                "an action text prejudges the person or is too long",
                advice=f"a hit is a lead: say what to do next, in at most {MAX_ACTION} characters",
            )
    if not (math.isfinite(options.max_lost) and 0 <= options.max_lost <= 1):
        raise BuildError("the share of lost rows is not between 0 and 1", advice="write for example 1%")


def check_losses(reports: Sequence[SourceReport], options: BuildOptions) -> None:
    """Refuse sources that lost too much or hold nothing. Raises ``BuildError``."""
    stopped = BuildReport((), tuple(reports))
    for report in reports:
        if report.unended and not options.allow_short:
            raise BuildError(
                f"{', '.join(report.unended)} ends before its end: the end mark is missing",
                advice="fetch it again; `lists build --allow-short` takes it as it is",
                report=stopped,
            )
        if report.lost_share > options.max_lost:
            raise BuildError(
                f"{report.file} lost {report.lost} of {report.rows} rows, more than {options.max_lost:.2%}",
                advice="correct the rows named above, or allow more with --max-lost",
                report=stopped,
            )
        if not report.rows and not options.allow_empty:
            raise BuildError(
                f"{report.file} holds no rows",
                advice="check the file; `lists build --allow-empty` publishes an empty list",
                report=stopped,
            )
