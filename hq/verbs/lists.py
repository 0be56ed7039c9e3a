"""``borderpost-hq lists``: make watchlist generations for the posts."""

from __future__ import annotations

import sys
import time
from contextlib import nullcontext
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from hq.verbs import list_diff, list_verify
from hq.verbs.list_texts import Progress, days, print_source, share, tail_text
from hq.verbs.options import config_option

if TYPE_CHECKING:
    from edge.core.vault import KeyRing
    from edge.core.watch.manifest import GalleryInfo, Policy, Thresholds
    from hq.build_report import BuildReport, ListReport
    from hq.publisher import BuildOptions


@click.group("lists")
def command() -> None:
    """Make watchlist generations from what authorities publish."""


command.add_command(list_diff.diff)
command.add_command(list_diff.check)
command.add_command(list_verify.verify)


@command.command("build")
@click.option("--out", required=True, type=click.Path(path_type=Path, file_okay=False), help="Lists folder.")
@click.option(
    "--source",
    "sources",
    required=True,
    multiple=True,
    metavar="KIND[@LISTID]:PATH",
    help="KIND is un-xml, ofac-csv, ftm, interpol-json, sltd-csv, tdawn-csv, persons-csv, vehicles-csv, "
    "firearms-csv or fingers-index. Repeatable; sources of one list id become one list.",
)
@click.option(
    "--keyed", multiple=True, metavar="LISTID=RING",
    help="Make a keyed list, by its key in that ring (`borderpost-hq keys list-key`): documents by the million, and "
    "all lists of vehicles or firearms.",
)  # fmt: skip
@config_option
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
@click.option(
    "--ages", multiple=True, metavar="LISTID=WARN,INCOMPLETE,ERASE",
    help="Days from the source date at which posts warn, give no CLEAR, erase the list; any may be empty.",
)  # fmt: skip
@click.option(
    "--report", "report_path", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE",
    help="Write everything that was not understood there, one JSON object a line.",
)  # fmt: skip
@click.option("--extractor", type=click.Choice(["leader", "mindtct"]), help="Of galleries: what finds the minutiae.")
@click.option(
    "--assume-extractor", is_flag=True,
    help="Take ISO/IEC 19794-2 records as if that extractor had made them: finds fewer, prefer images.",
)  # fmt: skip
@click.option(
    "--templates", "templates", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE",
    help="Keep templates there (in clear), so that the next build extracts new prints alone.",
)  # fmt: skip
@click.option(
    "--image", "images", multiple=True, metavar="LISTID", help="Posts report candidates of this gallery with the image."
)  # fmt: skip
@click.option("--allow-empty", is_flag=True, help="Publish a list without rows.")
@click.option("--allow-short", is_flag=True, help="Take files of OFAC without their end mark.")
@click.option("--json", "as_json", is_flag=True, help="The report as one JSON object.")
def build(
    *,
    out: Path,
    sources: tuple[str, ...],
    keyed: tuple[str, ...],
    config_path: Path,
    source_date: str | None,
    max_lost: str,
    generation: int | None,
    silent: tuple[str, ...],
    actions: tuple[str, ...],
    thresholds: tuple[str, ...],
    ages: tuple[str, ...],
    report_path: Path | None,
    extractor: str | None,
    assume_extractor: bool,
    templates: Path | None,
    images: tuple[str, ...],
    allow_empty: bool,
    allow_short: bool,
    as_json: bool,
) -> None:
    """Read sources and publish one generation of every list they make.

    A row that cannot be read is reported with file, line and reason, and never stops the build; a
    source that lost more than --max-lost does, and then nothing is published.

    A keyed list holds no number, only keyed hashes, and comes with a file for its deltas (plain-*.sdp) that
    never leaves headquarters. Its key is in a ring that hq.toml's seal key opens.

    \b
    Try it:
      borderpost-hq lists build --out lists --source un-xml:consolidated.xml
      borderpost-hq keys list-key --list sltd --generation 1
      borderpost-hq lists build --out lists --source sltd-csv:sltd.csv --keyed sltd=keys/list-keys.ring
      borderpost-hq lists build --out lists --source fingers-index:prints/index.csv --extractor leader
    """
    from hq.publisher import BuildError, BuildOptions, SourceSpec
    from hq.publisher import build as publish
    from hq.source_reading import ComplaintFile

    options = BuildOptions(
        source_date=_date(source_date) if source_date else None,
        max_lost=share(max_lost, "--max-lost"),
        generation=generation,
        silent=frozenset(silent),
        actions=dict(_pair(a, "--action") for a in actions),
        thresholds={k: _thresholds(v) for k, v in (_pair(t, "--thresholds") for t in thresholds)},
        allow_empty=allow_empty,
        allow_short=allow_short,
        ages={k: _ages(v) for k, v in (_pair(t, "--ages") for t in ages)},
        keyed=_rings(config_path, keyed),
        extractor=extractor or "",
        assume_extractor=assume_extractor,
        templates=templates,
        images=frozenset(images),
    )
    progress = Progress(sys.stderr, time.monotonic, every=1 if extractor else 256)  # a second a print
    try:
        specs = [SourceSpec.parse(s) for s in sources]
        with ComplaintFile(report_path) if report_path else nullcontext() as complaints:
            hear = complaints.hear if complaints else None
            report = publish(out, specs, now=datetime.now(UTC), options=options, progress=progress.row, hear=hear)
    except BuildError as error:
        progress.end()
        if error.report:
            _print(error.report, options, as_json)
        raise
    finally:
        progress.end()
    _print(report, options, as_json)


def _print(report: BuildReport, options: BuildOptions, as_json: bool) -> None:
    if as_json:
        import msgspec

        click.echo(msgspec.json.encode(report))
        return
    for source in report.sources:
        print_source(source, options.max_lost)
    for made in report.lists:
        silent = ", silent" if made.silent else ""
        if made.gallery is not None:
            _print_gallery(made, made.gallery, silent)
            continue
        click.echo(
            f"published {made.list_id} generation {made.generation}: {made.records.persons:,} persons "
            f"({made.records.names:,} names), {made.records.documents:,} documents, "
            f"{made.bytes:,} bytes, dated {made.source_date:%Y-%m-%d}{silent}"
        )
    for one in report.keyed:
        silent = ", silent" if one.silent else ""
        against = "a base without a predecessor" if one.since is None else (
            f"since generation {one.since}: {one.added:,} added, {one.removed:,} removed, {one.kept:,} kept"
        )
        click.echo(
            f"published {one.list_id} generation {one.generation}: {one.records:,} records of {one.thing} by key "
            f"{one.key}, {one.bytes:,} bytes, dated {one.source_date:%Y-%m-%d}{silent}\n  {against}"
        )


def _print_gallery(made: ListReport, gallery: GalleryInfo, silent: str) -> None:
    image = ", reported with the image" if gallery.image else ""
    click.echo(
        f"published {made.list_id} generation {made.generation}: {gallery.templates:,} templates of "
        f"{gallery.persons:,} persons by {gallery.extractor_id}, {made.bytes:,} bytes, "
        f"dated {made.source_date:%Y-%m-%d}{silent}{image}"
    )
    click.echo(f"  {tail_text(gallery)}")


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


def _rings(config_path: Path, keyed: tuple[str, ...]) -> dict[str, KeyRing]:
    """List id -> the ring that its key is in."""
    from hq import config
    from hq import keys as hq_keys
    from hq.list_keys import RingFile

    if not keyed:
        return {}
    pairs = [_pair(k, "--keyed") for k in keyed]
    for list_id, path in pairs:
        if not Path(path).is_file():
            raise click.UsageError(f"--keyed {list_id}: there is no ring {path}; make it: borderpost-hq keys list-key")
    settings = config.load(config_path).keys
    private = hq_keys.load_seal([Path(p) for p in settings.seal], hq_keys.read_passphrase(settings))
    return {list_id: RingFile(Path(path), private).read() for list_id, path in pairs}


def _ages(text: str) -> Policy:
    from edge.core.watch.manifest import MAX_AGE, Policy

    parts = [days(part, "--ages") for part in text.split(",")]
    if len(parts) != 3 or any(p is not None and not 3600 <= p <= MAX_AGE for p in parts):
        raise click.UsageError("--ages is written LISTID=WARN,INCOMPLETE,ERASE in days, for example sltd=2,7,30")
    given = [p for p in parts if p is not None]
    if given != sorted(given):
        raise click.UsageError("--ages must rise: a list is warned of, then gives no CLEAR, then is erased")
    return Policy(*parts)


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
