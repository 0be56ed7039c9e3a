"""Reads one source to its end: every entry to whoever takes it, every complaint to whoever listens, all counted."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Final

import msgspec

from edge.core.errors import BorderpostError
from hq.build_report import SourceReport
from hq.sources.base import Complaint, Entry, Item, Marked, SourceError
from hq.sources.catalog import KINDS

Take = Callable[[Entry], None]
Hear = Callable[[SourceReport, Complaint], None]
Progress = Callable[[str, int], None]
"""``progress(file name, rows read so far)``, called for every row."""
Through = Callable[[Iterable[Item]], Iterator[Item]]
"""What the items of a source go through before they are counted: files that are read, say."""

_SYNC_ADVICE: Final = "check the path, rights and free space"


class ReportError(BorderpostError):
    """The file of complaints cannot be written."""


def read_source(
    path: Path,
    report: SourceReport,
    take: Take,
    *,
    today: date,
    hear: Hear | None = None,
    progress: Progress | None = None,
    through: Through | None = None,
) -> None:
    """Stream ``path`` as ``report.kind``; afterwards ``report`` says what was read. Raises ``SourceError``."""
    for entry in entries_of(path, report, today=today, hear=hear, progress=progress, through=through):
        take(entry)


def entries_of(
    path: Path, report: SourceReport, *, today: date, hear: Hear | None = None, progress: Progress | None = None,
    through: Through | None = None,
) -> Iterator[Entry]:  # fmt: skip
    """The entries of ``path`` as they are read; after the last one ``report`` is whole. Raises ``SourceError``."""
    source = KINDS[report.kind].reader(path)
    for item in source if through is None else through(source):
        report.count(item, today)
        if not isinstance(item, Complaint):
            yield item
        elif hear:
            hear(report, item)
        if progress:
            progress(path.name, report.rows)
    report.source_date = source.source_date
    report.remarks = source.remarks
    report.unended = source.unended if isinstance(source, Marked) else ()
    report.file_date = written(source.files)
    if report.past_review and report.past_review == report.rows - report.lost:
        report.remarks += (f"warning: all {report.past_review} records are past their review date and match nothing",)


def checked(
    sources: Sequence[tuple[str, Path]], *, today: date, hear: Hear | None = None, progress: Progress | None = None
) -> Iterator[SourceReport]:
    """Read ``(kind, path)`` each, and give nothing but its report. Raises ``SourceError``."""
    for kind, path in sources:
        if kind not in KINDS:
            raise SourceError("a source is of no known kind", advice=f"kinds are {', '.join(KINDS)}")
        report = SourceReport(path.name, kind, KINDS[kind].list_id)
        read_source(path, report, _forget, today=today, hear=hear, progress=progress)
        yield report


class ComplaintFile:
    """All complaints of a run as JSON lines: source, kind, file, line, whether the row was lost, and why.

    A complaint holds no name, number or date of a record (``hq.sources.base``), so the file may be sent to the
    one who made the list. It is written as the run goes, and whole when the run has ended.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: BinaryIO | None = None

    def __enter__(self) -> ComplaintFile:
        """Open the file anew. Raises ``ReportError``."""
        try:
            self._file = self._path.open("wb")
        except OSError as error:
            raise ReportError(f"the report cannot be written: {error.strerror}", advice=_SYNC_ADVICE) from error
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()

    def hear(self, report: SourceReport, complaint: Complaint) -> None:
        """Write one complaint. Raises ``ReportError``."""
        row = {
            "source": report.file, "kind": report.kind, "file": complaint.file, "line": complaint.line,
            "lost": complaint.lost, "reason": complaint.reason,
        }  # fmt: skip
        assert self._file is not None
        try:
            self._file.write(msgspec.json.encode(row) + b"\n")
        except OSError as error:
            raise ReportError(f"the report cannot be written: {error.strerror}", advice=_SYNC_ADVICE) from error


def written(files: Sequence[Path]) -> datetime | None:
    """When the oldest of these files was last written (UTC); None where that cannot be told."""
    try:
        times = [int(f.stat().st_mtime) for f in files]
    except OSError:
        return None
    return datetime.fromtimestamp(min(times), UTC) if times else None


def _forget(_entry: Entry) -> None:
    pass
