"""``borderpost-hq lists verify``: what `lists build` wrote, to its last byte, and what a keyed list answers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from hq.verbs.options import config_option, ring_of, ring_option

if TYPE_CHECKING:
    from hq.list_verify import Verified


@click.command("verify")
@click.argument("out", type=click.Path(path_type=Path, file_okay=False, exists=True), metavar="OUT")
@config_option
@ring_option
@click.option("--document", metavar="STATE:NUMBER", help="With --ring: ask the lists of documents.")
@click.option("--plate", metavar="STATE:PLATE", help="With --ring: ask the lists of vehicles.")
@click.option("--vin", help="With --ring: ask the lists of vehicles.")
@click.option("--serial", help="With --ring: ask the lists of firearms.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def verify(
    *, out: Path, config_path: Path, ring_path: Path | None, document: str | None, plate: str | None,
    vin: str | None, serial: str | None, as_json: bool,
) -> None:  # fmt: skip
    """Verify every list below OUT, the folder of `lists build`, with --ring also inside sealed galleries, and
    ask its keyed lists.

    Exit code 1 if a list is damaged, or --ring lacks its key, or there is none.

    \b
    Try it:  borderpost-hq lists verify lists --ring keys/list-keys.ring --document UTO:L898902C3
    """
    import msgspec

    from edge.core.keyed import keys as texts
    from hq.list_verify import verify_lists

    asked = [value for value in (document, plate, vin, serial) if value is not None]
    if asked and ring_path is None:
        raise click.UsageError("without its key nobody can ask a keyed list: give --ring")

    def ask(thing: str) -> Sequence[str]:
        found: list[str] = []
        if thing == "documents" and document is not None:
            found += texts.document_questions(*_pair(document, "--document"))
        if thing == "vehicles" and plate is not None:
            found += texts.plate_questions(*_pair(plate, "--plate"))
        if thing == "vehicles" and vin is not None:
            found.append(texts.vin_text(vin))
        if thing == "firearms" and serial is not None:
            found += texts.firearm_questions("", "", serial)
        return [text for text in found if text]

    ring = ring_of(config_path, ring_path)
    lists = verify_lists(out, ring, ask, lambda what: click.echo(what, err=True))
    sound = bool(lists) and all(one.problem is None for one in lists)
    if as_json:
        click.echo(msgspec.json.encode({"sound": sound, "lists": lists}))
    else:
        for one in lists:
            _print(one, asked=bool(asked))
    if not sound:
        click.echo("next:  put back what is damaged from a copy, or build the list again" if lists else
                   "next:  no list is there; make one with `borderpost-hq lists build`", err=True)  # fmt: skip
        raise SystemExit(1)


def _pair(text: str, option: str) -> tuple[str, str]:
    state, colon, number = text.partition(":")
    if not colon:
        raise click.UsageError(f"{option} is written STATE:NUMBER; the State may be empty")
    return state, number


def _print(one: Verified, *, asked: bool) -> None:
    if one.source_date is None:
        click.echo(f"{one.list_id}: {one.problem}")
        return
    keyed = f", key {one.key}, bases {', '.join(map(str, one.bases))}" if one.key else ""
    click.echo(
        f"{one.list_id}: generation {one.generation} of {one.source_date:%Y-%m-%d}, {one.records:,} records "
        f"({one.thing}{keyed}), {'digests agree' if one.problem is None else one.problem}"
    )
    for record in one.answers:
        silent = ", silent" if record.silent else ""
        until = f", until {record.review_date}" if record.review_date else ""
        click.echo(f"  holds it: {record.category} ({record.kind}){until}{silent}")
    if asked and one.key and not one.answers:
        click.echo("  does not hold it")
