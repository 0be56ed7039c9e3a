"""What the verbs below ``lists`` share: the line that shows how far a run is, and the report of one source."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final, TextIO

import click

if TYPE_CHECKING:
    from edge.core.watch.manifest import GalleryInfo
    from hq.build_report import SourceReport

PROGRESS_AFTER_S: Final = 1.0  # a terminal's line is rewritten as often
PIPE_PROGRESS_S: Final = 5.0  # between two lines in a pipe
CLEAR_LINE: Final = "\r\x1b[K"


class Progress:
    """What the build is at, on standard error: one line, rewritten and cleared, on a terminal; few lines in a pipe.

    ``out`` is standard error, ``mono`` gives monotonic seconds; ``every`` how many rows pass between two looks at it.
    """

    def __init__(self, out: TextIO, mono: Callable[[], float], every: int = 256) -> None:
        self._out, self._mono, self._every = out, mono, every
        self._terminal = out.isatty()
        self._pause = PROGRESS_AFTER_S if self._terminal else PIPE_PROGRESS_S
        self._next = mono() + self._pause
        self._shown = False

    def row(self, file: str, rows: int) -> None:
        """One more row of ``file`` has been read, or one more of a thing is done; writes now and then."""
        if rows % self._every or self._mono() < self._next:
            return
        self._next = self._mono() + self._pause
        self._shown = self._terminal
        text = f"{file}: {rows:,}{' rows' if '.' in file else ''}"
        self._out.write(CLEAR_LINE + text if self._terminal else text + "\n")
        self._out.flush()

    def end(self) -> None:
        """Clear the line."""
        if self._shown:
            self._out.write(CLEAR_LINE)
            self._out.flush()
            self._shown = False


def print_source(source: SourceReport, max_lost: float | None = None) -> None:
    """One source for a person: what was read, what was not, and why."""
    allowed = "" if max_lost is None else f" (allowed {max_lost:.2%})"
    click.echo(
        f"{source.file} ({source.kind} -> {source.list_id}): {source.rows:,} rows, "
        f"{source.kept}, {source.lost:,} lost{allowed}, {source.left_out:,} parts left out"
    )
    if source.source_date:
        click.echo(f"  dated {source.source_date:%Y-%m-%d %H:%M} UTC by the {source.source_date_from}")
    for remark in source.remarks:
        click.echo(f"  {remark}")
    for complaint in source.complaints:
        word = "LOST " if complaint.lost else ""
        click.echo(f"  {word}{complaint.file}:{complaint.line}: {complaint.reason}")
    more = source.lost + source.left_out - len(source.complaints)
    if more:
        click.echo(f"  and {more:,} more; by reason:")
        for reason, count in source.reasons.most_common():
            click.echo(f"  {count:8,}  {reason}")


def tail_text(gallery: GalleryInfo) -> str:
    """What is known of chance scores in a gallery, in words."""
    tail = gallery.tail
    if tail is None:
        return "too few strangers to fit its impostor tail: posts take what the extractor showed elsewhere"
    return (
        f"impostor tail of {tail.pairs:,} pairs, drawn by {tail.seed}: FMR 0.1 % at score {tail.score:.2f}, "
        f"falling by {tail.rate:.2f} a point"
    )


def share(text: str, option: str) -> float:
    """``1%`` or ``0.01`` -> 0.01."""
    try:
        return float(text[:-1]) / 100 if text.endswith("%") else float(text)
    except ValueError as error:
        raise click.UsageError(f"{option} is a share like 1% or 0.01") from error


def days(text: str, option: str) -> int | None:
    """A number of days as seconds; None for an empty text."""
    try:
        return round(float(text) * 86_400) if text.strip() else None
    except (ValueError, OverflowError) as error:
        raise click.UsageError(f"{option} needs numbers of days") from error
