"""``borderpost-hq lists``: make watchlist generations for the posts."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final, TextIO

import click

if TYPE_CHECKING:
    from edge.core.watch.manifest import Thresholds
    from hq.build_report import BuildReport
    from hq.publisher import BuildOptions

PROGRESS_AFTER_S: Final = 1.0  # a terminal's line is rewritten as often
PIPE_PROGRESS_S: Final = 5.0  # between two lines in a pipe
CLEAR_LINE: Final = "\r\x1b[K"


@click.group("lists")
def command() -> None:
    """Make watchlist generations from what authorities publish."""


@command.command("build")
@click.option("--out", required=True, type=click.Path(path_type=Path, file_okay=False), help="Lists folder.")
@click.option(
    "--source",
    "sources",
    required=True,
    multiple=True,
    metavar="KIND[@LISTID]:PATH",
    help="un-xml, sltd-csv or persons-csv; may be repeated. Sources of one list id become one list.",
)
@click.option(
    "--source-date",
    metavar="DATE",
    help="How old the CSVs are, YYYY-MM-DD or RFC 3339 [default: the file's time].",
)
@click.option(
    "--max-lost", default="1%", show_default=True, metavar="SHARE", help="Lost rows a source may have."
)
@click.option(
    "--generation", type=click.IntRange(min=1), help="Number of the generation [default: the next]."
)
@click.option(
    "--silent", multiple=True, metavar="LISTID", help="The counter never learns of this list's hits."
)
@click.option(
    "--action", "actions", multiple=True, metavar="LISTID=TEXT", help="What an officer is told to do."
)
@click.option(
    "--thresholds",
    multiple=True,
    metavar="LISTID=ALERT,REVIEW",
    help="Name scores, 0 to 1, for HIT and POSSIBLE.",
)
@click.option("--allow-empty", is_flag=True, help="Publish a list without rows.")
@click.option("--json", "as_json", is_flag=True, help="The report as one JSON object.")
def build(
    *,
    out: Path,
    sources: tuple[str, ...],
    source_date: str | None,
    max_lost: str,
    generation: int | None,
    silent: tuple[str, ...],
    actions: tuple[str, ...],
    thresholds: tuple[str, ...],
    allow_empty: bool,
    as_json: bool,
) -> None:
    """Read sources and publish one generation of every list they make.

    A row that cannot be read is reported with file, line and reason, and never stops the build; a
    source that lost more than --max-lost does, and then nothing is published.

    \b
    Try it:  borderpost-hq lists build --out lists --source un-xml:consolidated.xml
    """
    from hq.publisher import BuildError, BuildOptions, SourceSpec
    from hq.publisher import build as publish

    options = BuildOptions(
        source_date=_date(source_date) if source_date else None,
        max_lost=_share(max_lost),
        generation=generation,
        silent=frozenset(silent),
        actions=dict(_pair(a, "--action") for a in actions),
        thresholds={k: _thresholds(v) for k, v in (_pair(t, "--thresholds") for t in thresholds)},
        allow_empty=allow_empty,
    )
    progress = _Progress(sys.stderr, time.monotonic)
    try:
        specs = [SourceSpec.parse(s) for s in sources]
        report = publish(out, specs, now=datetime.now(UTC), options=options, progress=progress.row)
    except BuildError as error:
        progress.end()
        if error.report:
            _print(error.report, options, as_json)
        raise
    finally:
        progress.end()
    _print(report, options, as_json)


class _Progress:
    """What the build is at, on standard error: one line, rewritten and cleared, on a terminal; few lines in a pipe.

    ``out`` is standard error, ``mono`` gives monotonic seconds.
    """

    def __init__(self, out: TextIO, mono: Callable[[], float]) -> None:
        self._out, self._mono = out, mono
        self._terminal = out.isatty()
        self._pause = PROGRESS_AFTER_S if self._terminal else PIPE_PROGRESS_S
        self._next = mono() + self._pause
        self._shown = False

    def row(self, file: str, rows: int) -> None:
        if rows % 256 or self._mono() < self._next:
            return
        self._next = self._mono() + self._pause
        self._shown = self._terminal
        text = f"{file}: {rows:,} rows"
        self._out.write(CLEAR_LINE + text if self._terminal else text + "\n")
        self._out.flush()

    def end(self) -> None:
        if self._shown:
            self._out.write(CLEAR_LINE)
            self._out.flush()
            self._shown = False


def _print(report: BuildReport, options: BuildOptions, as_json: bool) -> None:
    if as_json:
        import msgspec

        click.echo(msgspec.json.encode(report))
        return
    for source in report.sources:
        click.echo(
            f"{source.file} ({source.kind} -> {source.list_id}): {source.rows:,} rows, "
            f"{source.persons:,} persons, {source.documents:,} documents, {source.lost:,} lost "
            f"(allowed {options.max_lost:.2%}), {source.left_out:,} parts left out"
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
    for made in report.lists:
        silent = ", silent" if made.silent else ""
        click.echo(
            f"published {made.list_id} generation {made.generation}: {made.records.persons:,} persons "
            f"({made.records.names:,} names), {made.records.documents:,} documents, "
            f"{made.bytes:,} bytes, dated {made.source_date:%Y-%m-%d}{silent}"
        )


def _pair(text: str, option: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not equals or not value.strip():
        raise click.UsageError(f"{option} is written LISTID=VALUE")
    return key, value.strip()


def _date(text: str) -> datetime:
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        raise click.UsageError("--source-date is not YYYY-MM-DD or RFC 3339") from error
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)


def _share(text: str) -> float:
    try:
        return float(text[:-1]) / 100 if text.endswith("%") else float(text)
    except ValueError as error:
        raise click.UsageError("--max-lost is a share like 1% or 0.01") from error


def _thresholds(text: str) -> Thresholds:
    from edge.core.watch.manifest import Thresholds

    try:
        alert, review = (float(part) for part in text.split(","))
    except ValueError as error:
        raise click.UsageError(
            "--thresholds is written LISTID=ALERT,REVIEW, for example un=0.92,0.8"
        ) from error
    if not 0 <= review <= alert <= 1:
        raise click.UsageError("--thresholds needs 0 <= REVIEW <= ALERT <= 1")
    return Thresholds(alert=alert, review=review)
