"""``borderpost-hq lists diff`` and ``borderpost-hq lists check``: judge a list before it goes to the posts."""

from __future__ import annotations

import sys
import time
from collections import Counter
from contextlib import nullcontext
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from hq.verbs.list_texts import Progress, print_source, share
from hq.verbs.options import config_option, ring_of, ring_option

if TYPE_CHECKING:
    from edge.core.vault import KeyRing
    from hq.diff_documents import DocumentChanges
    from hq.list_diff import Difference, PersonChanges

LISTED_GROUPS: Final = 10  # of categories and issuers, by size


@click.command("diff")
@click.argument("old", type=click.Path(path_type=Path, exists=True))
@click.argument("new", type=click.Path(path_type=Path, exists=True))
@click.option(
    "--max-removed", default="5%", show_default=True, metavar="SHARE", help="Share of OLD that NEW may leave out."
)
@click.option("--force", is_flag=True, help="Accept whatever is left out.")
@click.option(
    "--references", type=click.IntRange(0, 1000), default=0, show_default=True, metavar="N",
    help="Show the references of N persons of each kind.",
)  # fmt: skip
@click.option(
    "--delta", "delta_path", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE",
    help="Of keyed lists: write the delta there, if not too much is removed.",
)  # fmt: skip
@ring_option
@config_option
@click.option("--json", "as_json", is_flag=True, help="The summary as one JSON object.")
def diff(
    *, old: Path, new: Path, max_removed: str, force: bool, references: int, delta_path: Path | None,
    ring_path: Path | None, config_path: Path, as_json: bool,
) -> None:  # fmt: skip
    """Say what changes from generation OLD to generation NEW of one list, in counts a person can judge.

    Exit code 1 if NEW leaves out more than --max-removed of OLD's persons or of its documents, unless
    --force is given.

    Of a keyed list OLD and NEW are two bases, or two folders whose newest bases are compared: records added,
    removed and changed. Both must be of one list key.

    Of a gallery: references new, gone and changed, by finger position, and the bytes of the delta. A sealed one is
    opened with --ring.

    \b
    Try it:
      borderpost-hq lists diff lists/un/0000000001 lists/un/0000000002
      borderpost-hq lists diff lists/sltd/base-0000000001.sdl lists/sltd/base-0000000002.sdl --delta 1-2.sdd
    """
    from hq import keyed_diff
    from hq.gallery_files import is_gallery
    from hq.list_diff import check_removed, compare

    allowed = share(max_removed, "--max-removed")
    before, after = keyed_diff.base_of(old), keyed_diff.base_of(new)
    if before is not None and after is not None:
        _diff_keyed(before, after, allowed, force, delta_path, as_json)
        return
    if delta_path is not None or old.is_file() or new.is_file():
        raise click.UsageError("--delta and files are for two bases of a keyed list (base-*.sdl).")
    if is_gallery(old) and is_gallery(new):
        _diff_galleries(old, new, allowed, force, ring_of(config_path, ring_path), as_json)
        return
    progress = Progress(sys.stderr, time.monotonic)
    try:
        found = compare(old, new, progress=progress.row)
    finally:
        progress.end()
    if as_json:
        _print_json(found, references)
    else:
        _print(found, references)
    check_removed(found, allowed, force=force)


def _diff_keyed(
    old: Path, new: Path, allowed: float, force: bool, delta_path: Path | None, as_json: bool
) -> None:
    import msgspec

    from hq import keyed_diff
    from hq.list_diff import check_removed

    progress = Progress(sys.stderr, time.monotonic)
    try:
        found = keyed_diff.compare(old, new, progress=progress.row)
    finally:
        progress.end()
    if as_json:
        click.echo(msgspec.json.encode({**msgspec.to_builtins(found), "removed_share": found.removed_share}))
    else:
        click.echo(
            f"{found.list_id}: generation {found.old} ({found.old_source_date:%Y-%m-%d}) -> "
            f"generation {found.new} ({found.new_source_date:%Y-%m-%d})\n"
            f"records: {found.old_records:,} -> {found.new_records:,}: {found.added:,} new, {found.removed:,} gone, "
            f"{found.changed:,} changed"
        )
        for warning in found.warnings:
            click.echo(f"warning: {warning}")
        click.echo(f"removed: {found.removed_share:.2%}")
    check_removed(found, allowed, force=force)
    if delta_path is not None:
        size = keyed_diff.write_delta(old, new, delta_path)
        click.echo(f"wrote {delta_path}: {size:,} bytes", err=True)


def _diff_galleries(
    old: Path, new: Path, allowed: float, force: bool, ring: KeyRing | None, as_json: bool
) -> None:
    import msgspec

    from hq.gallery_diff import compare
    from hq.list_diff import check_removed

    found = compare(old, new, ring)
    if as_json:
        click.echo(msgspec.json.encode({**msgspec.to_builtins(found), "removed_share": found.removed_share}))
    else:
        click.echo(
            f"{found.list_id}: generation {found.old} ({found.old_source_date:%Y-%m-%d}) -> "
            f"generation {found.new} ({found.new_source_date:%Y-%m-%d})\n"
            f"persons: {found.old_persons:,} -> {found.new_persons:,}\n"
            f"references: {found.old_templates:,} -> {found.new_templates:,}: {found.added:,} new, "
            f"{found.removed:,} gone, {found.changed:,} changed"
        )
        _print_groups("new", found.added_by)
        _print_groups("gone", found.removed_by)
        for warning in found.warnings:
            click.echo(f"warning: {warning}")
        click.echo(f"delta: {found.delta:,} bytes" if found.delta else "delta: none leads there")
        click.echo(f"removed: {found.removed_share:.2%}")
    check_removed(found, allowed, force=force)


@click.command("check")
@click.option(
    "--source", "sources", required=True, multiple=True, metavar="KIND:PATH", help="As for `lists build`; repeatable."
)  # fmt: skip
@click.option(
    "--report", "report_path", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE",
    help="Write everything that was not understood there, one JSON object a line.",
)  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="The report as one JSON object.")
def check(*, sources: tuple[str, ...], report_path: Path | None, as_json: bool) -> None:
    """Read sources to their end, say what was not understood, and publish nothing.

    Exit code 1 if one cannot be read, ends before its end, or holds no rows.

    \b
    Try it:  borderpost-hq lists check --source ofac-csv:sdn.csv --report not-understood.jsonl
    """
    import msgspec

    from hq.build_options import BuildOptions, check_losses
    from hq.publisher import SourceSpec
    from hq.source_reading import ComplaintFile, checked

    specs = [SourceSpec.parse(s) for s in sources]
    progress = Progress(sys.stderr, time.monotonic)
    reports = []
    try:
        with ComplaintFile(report_path) if report_path else nullcontext() as complaints:
            for source in checked(
                [(s.kind, s.path) for s in specs],
                today=datetime.now(UTC).date(),
                hear=complaints.hear if complaints else None,
                progress=progress.row,
            ):
                reports.append(source)
                progress.end()
                if not as_json:
                    print_source(source)  # whatever the next one brings
    finally:
        progress.end()
        if as_json:
            click.echo(msgspec.json.encode({"sources": reports}))
    check_losses(reports, BuildOptions(max_lost=1.0))


def _print(found: Difference, references: int) -> None:
    click.echo(
        f"{found.list_id}: generation {found.old} ({found.old_source_date:%Y-%m-%d}) -> "
        f"generation {found.new} ({found.new_source_date:%Y-%m-%d})"
    )
    _print_counts("persons", found.persons)
    for what, count in found.persons.fields.most_common():
        click.echo(f"  {count:8,}  changed: {what}")
    if found.persons.names_removed:
        click.echo(f"  {found.persons.names_removed:8,}  names of persons who stay are gone")
    _print_counts("documents", found.documents)
    _print_groups("new", found.documents.new_by)
    _print_groups("gone", found.documents.gone_by)
    for word, listed in _listed(found.persons).items():
        for reference in listed[:references]:
            click.echo(f"  {word} {reference}")
    for warning in found.warnings:
        click.echo(f"warning: {warning}")
    click.echo(f"removed: {found.removed_share:.2%}")


def _print_counts(what: str, c: PersonChanges | DocumentChanges) -> None:
    click.echo(f"{what}: {c.old:,} -> {c.new:,}: {c.added:,} new, {c.removed:,} gone, {c.changed:,} changed")


def _print_groups(word: str, groups: Counter[str]) -> None:
    for group, count in groups.most_common(LISTED_GROUPS):
        click.echo(f"  {count:8,}  {word}: {group}")
    rest = sum(count for _, count in groups.most_common()[LISTED_GROUPS:])
    if rest:
        click.echo(f"  {rest:8,}  {word}: others")


def _listed(persons: PersonChanges) -> dict[str, list[str]]:
    return {
        "new": persons.added_references, "gone": persons.removed_references, "changed": persons.changed_references,
    }  # fmt: skip


def _print_json(found: Difference, references: int) -> None:
    import msgspec

    shown = msgspec.to_builtins(found)
    for name in ("added_references", "removed_references", "changed_references"):
        shown["persons"][name] = shown["persons"][name][:references]
    click.echo(msgspec.json.encode({**shown, "removed_share": found.removed_share}))
