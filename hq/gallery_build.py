"""A gallery from indexes of prints: read, extracted, described, laid out, and its impostor tail fitted.

Laws:
1. What cannot be extracted or compared is a lost row, and counts against the share that a source may lose.
2. A gallery is opened again as a box will open it before anything is published.
3. The same files, options and extractor give the same bytes; the pairs of strangers are drawn by a stated seed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import islice
from typing import Final

from edge.core.fingerprints.cylinders import Described, describe_many
from edge.core.fingerprints.gallery import MAX_TEMPLATES, GalleryEntry, GalleryTable
from edge.core.fingerprints.gallery_write import build
from edge.core.fingerprints.model import FingerError, Template
from edge.core.watch import manifest as manifests
from edge.core.watch.layout import LayoutError
from edge.core.watch.manifest import GALLERY, GalleryInfo, Records
from hq.build_options import BuildError, BuildOptions, SourceSpec, settle_date
from hq.build_report import SourceReport
from hq.gallery_cache import TemplateCache
from hq.gallery_extract import WORKERS, Extraction
from hq.gallery_tail import fitted
from hq.source_reading import Hear, Progress, read_source, written
from hq.sources.base import Complaint, Entry, Item
from hq.sources.catalog import KINDS
from hq.sources.finger_entry import FingerEntry, FingerRead

LEAST_CYLINDERS: Final = 2  # of a template: fewer score 0 against everything
GROUP: Final = 8            # templates that are described together: progress is told as often


@dataclass(frozen=True, slots=True)
class MadeGallery:
    """One gallery, finished in memory."""

    files: Mapping[str, bytes]
    records: Records
    info: GalleryInfo


def build_gallery(
    list_id: str, specs: Sequence[SourceSpec], options: BuildOptions, *, now: datetime, reports: list[SourceReport],
    progress: Progress | None, hear: Hear | None,
) -> MadeGallery:  # fmt: skip
    """Read the indexes of one list. ``reports`` gets one report each, ``MadeGallery.info`` the tail fitted at ``now``.

    Raises ``BuildError``, ``SourceError``, ``CacheError``; then no process of the extractor is left.
    """
    references = _References(list_id in options.silent, manifests.with_ncb(
        options.actions.get(list_id, KINDS[specs[0].kind].action)
    ))  # fmt: skip
    for spec in specs:  # an index states no date: what is wrong with it is said before hours of extracting
        dated = SourceReport(spec.path.name, spec.kind, list_id, file_date=written((spec.path,)))
        settle_date(spec, dated, options, now)
    with ExitStack() as stack:
        cache = stack.enter_context(TemplateCache(options.templates)) if options.templates else None
        try:
            extraction = stack.enter_context(
                Extraction(options.extractor, assume=options.assume_extractor, cache=cache, workers=WORKERS)
            )
        except FingerError as error:
            raise BuildError(f"the extractor does not start: {error.message}", advice=error.advice) from error
        for spec in specs:
            report = SourceReport(spec.path.name, spec.kind, list_id)
            reports.append(report)
            reading = _Reading(spec.path.name, extraction, references)
            read_source(spec.path, report, references.take, today=now.date(), hear=hear, progress=progress,
                        through=reading.through)  # fmt: skip
            settle_date(spec, report, options, now)
    data = references.built(extraction.extractor_id)
    table = _opened(data)
    info = GalleryInfo(
        extractor_id=table.extractor_id, templates=len(table), persons=table.persons, positions=table.positions,
        image=list_id in options.images, tail=fitted(table, now, progress),
    )  # fmt: skip
    return MadeGallery({GALLERY: data}, Records(documents=0, persons=info.persons, names=0), info)


class _References:
    """What a gallery is built from."""

    def __init__(self, silent: bool, action: str) -> None:
        self._silent, self._action = silent, action
        self._entries: list[GalleryEntry] = []
        self._templates: list[Template] = []
        self._described: list[Described] = []
        self.keys: set[tuple[str, str, int]] = set()

    def take(self, entry: Entry) -> None:
        """Keep one reference, with the list's own defaults."""
        assert isinstance(entry, FingerRead)
        assert entry.described is not None
        told = replace(
            entry.told, silent=entry.told.silent or self._silent, action=entry.told.action or self._action,
            quality=entry.template.image_quality,
        )  # fmt: skip
        self._entries.append(told)
        self._templates.append(entry.template)
        self._described.append(entry.described)

    def built(self, extractor_id: str) -> bytes:
        """The file. Raises ``BuildError``."""
        try:
            return build(extractor_id, self._entries, self._templates, self._described)
        except ValueError as error:
            raise BuildError(
                f"the gallery cannot be written: {error}", advice="split the index into two lists with KIND@LISTID:PATH"
            ) from error


@dataclass(frozen=True, slots=True)
class _Reading:
    """What the rows of one index go through."""

    file: str
    extraction: Extraction
    references: _References

    def through(self, items: Iterable[Item]) -> Iterator[Item]:
        """Rows -> references with their templates and cylinders, or lost rows; in the order of the index."""
        return self._compared(self.extraction.read(self._unique(items), self.file))

    def _unique(self, items: Iterable[Item]) -> Iterator[Item]:
        """Leave out what another index of the list holds, and what goes beyond the limit."""
        keys = self.references.keys
        for item in items:
            if not isinstance(item, FingerEntry):
                yield item
            elif item.told.key in keys:
                yield self._lost(item.line, "this finger of the reference stands in another index of the list")
            elif len(keys) >= MAX_TEMPLATES:
                yield self._lost(item.line, f"a gallery has at most {MAX_TEMPLATES} templates")
            else:
                keys.add(item.told.key)
                yield item

    def _compared(self, items: Iterator[Item]) -> Iterator[Item]:
        """Describe what was read, a batch at a time."""
        while batch := list(islice(items, GROUP)):
            read = [one for one in batch if isinstance(one, FingerRead)]
            described = iter(list(describe_many(one.template for one in read)))
            for one in batch:
                if not isinstance(one, FingerRead):
                    yield one
                elif len(found := next(described)) < LEAST_CYLINDERS:
                    yield self._lost(one.line, "its file shows too few minutiae to be compared")
                else:
                    yield replace(one, described=found)

    def _lost(self, line: int, reason: str) -> Complaint:
        return Complaint(self.file, line, reason, lost=True)


def _opened(data: bytes) -> GalleryTable:
    try:
        table = GalleryTable(data)
        table.keys()
    except LayoutError as error:
        raise BuildError(f"what was built cannot be opened: {error.message}", advice="report this fault") from error
    return table
