"""``borderpost passages``: what passed, as it was shown."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from edge.verbs.options import config_option, json_option

if TYPE_CHECKING:
    from edge.journal import JournalForbiddenError

MAX_ROWS = 10_000
ANSWER_TIMEOUT_S = 5.0
# Of a passage without a shown lead it is not told: what is kept of it would say whether it was a silent hit.
SENT = {True: "at headquarters", False: "waiting to be sent", None: "-"}


@click.command("passages")
@config_option
@json_option
@click.option("--open", "only_open", is_flag=True, help="Only leads that await an outcome code.")
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1, MAX_ROWS), help="At most so many.")
def command(config_path: Path, as_json: bool, only_open: bool, limit: int) -> None:
    """List passages, newest first, as the counter saw them.

    Names and numbers are not kept on the box: only what was shown, when and where, and whether headquarters
    has it, which is told of leads alone. Reads the journal directly, so it works while the box is stopped; a user
    who may not read the state folder asks the running box instead, which lists 500 at most.

    \b
    Try it:  borderpost passages --open
    """
    import msgspec

    from edge import config
    from edge.journal import JournalForbiddenError

    settings = config.load(config_path)
    try:
        rows = _from_file(Path(settings.box.state_dir) / "journal.sqlite", only_open, limit)
    except JournalForbiddenError as error:
        rows = _from_box(Path(settings.box.socket), only_open, limit, error)
    if as_json:
        click.echo(msgspec.json.encode(rows))
        return
    if not rows:
        click.echo("no lead awaits a decision" if only_open else "no passage yet")
    for r in rows:
        where = f"{r['counter']} {r['direction']}"
        ended = r["code"] or r["state"]
        sent = SENT[r["delivered"]]
        click.echo(f"{r['at']}  {r['passage']}  {r['shown']:11} {where:16} {ended:18} {sent}")


def _from_file(path: Path, only_open: bool, limit: int) -> list[dict[str, Any]]:
    from edge.journal import read_only

    with read_only(path) as journal:
        rows = journal.open_passages(limit) if only_open else journal.passages(limit)
    return [row.values() for row in rows]


def _from_box(socket: Path, only_open: bool, limit: int, forbidden: JournalForbiddenError) -> list[dict[str, Any]]:
    """The same from the running box; whoever may use its socket may see what was shown there."""
    from edge.core.errors import BorderpostError
    from edge.desk import DeskClient, DeskError

    try:
        with DeskClient(socket, ANSWER_TIMEOUT_S) as desk:
            answer = desk.ask({"do": "passages", "open": only_open, "limit": limit})
    except DeskError as error:
        raise BorderpostError(f"{forbidden.message}; {error.message}", advice=forbidden.advice) from error
    if not answer.get("ok"):
        raise BorderpostError(str(answer.get("error")), advice=str(answer.get("advice")))
    return [dict(row) for row in answer["passages"]]
