"""``borderpost passages``: what passed, as it was shown."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from edge.verbs.options import config_option, json_option

if TYPE_CHECKING:
    from edge.journal import PassageRow

MAX_ROWS = 10_000


@click.command("passages")
@config_option
@json_option
@click.option("--open", "only_open", is_flag=True, help="Only leads that await an outcome code.")
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1, MAX_ROWS), help="At most so many.")
def command(config_path: Path, as_json: bool, only_open: bool, limit: int) -> None:
    """List passages, newest first, as the counter saw them.

    Names and numbers are not kept on the box: only what was shown, when and where, and whether headquarters
    has it. Reads the journal directly, so it works while the box is stopped.

    \b
    Try it:  borderpost passages --open
    """
    import msgspec

    from edge import config
    from edge.journal import read_only

    settings = config.load(config_path)
    with read_only(Path(settings.box.state_dir) / "journal.sqlite") as journal:
        rows = journal.open_passages(limit) if only_open else journal.passages(limit)
    if as_json:
        click.echo(msgspec.json.encode([_values(r) for r in rows]))
        return
    if not rows:
        click.echo("no lead awaits a decision" if only_open else "no passage yet")
    for r in rows:
        where = f"{r.counter} {r.direction}"
        ended = r.code or r.state
        sent = "at headquarters" if r.delivered else "waiting to be sent"
        click.echo(f"{r.at:%Y-%m-%d %H:%M:%S}  {r.passage}  {r.shown!s:11} {where:16} {ended:18} {sent}")


def _values(row: PassageRow) -> dict[str, Any]:
    from dataclasses import asdict

    return asdict(row)
