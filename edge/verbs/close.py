"""``borderpost close``: a person says what a lead turned out to be."""

from __future__ import annotations

from pathlib import Path

import click

from edge.core.codes import OUTCOME_CODES
from edge.verbs.options import config_option

ANSWER_TIMEOUT_S = 5.0

_CODES = "\n".join(f"  {code:20}{meaning}" for code, meaning in OUTCOME_CODES.items())
_HELP = f"""End a HIT or POSSIBLE with an outcome code.

A lead stays open until a person says what became of it. The code is recorded, chained into the audit log and
reported to headquarters.

\b
Codes:
{_CODES}

\b
Try it:
  borderpost close K7QZ4-M2X9P --outcome not-same-person
"""


@click.command("close", help=_HELP)
@click.argument("passage")
@click.option("--outcome", "code", required=True, type=click.Choice(list(OUTCOME_CODES)), help="What became of it.")
@config_option
def command(passage: str, code: str, config_path: Path) -> None:
    """Send the code to the box; the counter's thread closes the passage."""
    from edge import config
    from edge.core.errors import BorderpostError
    from edge.desk import DeskClient

    settings = config.load(config_path)
    with DeskClient(Path(settings.box.socket), ANSWER_TIMEOUT_S) as desk:
        answer = desk.ask({"do": "close", "passage": passage.upper(), "outcome": code})
    if not answer.get("ok"):
        raise BorderpostError(str(answer.get("error")), advice=str(answer.get("advice")))
    click.echo(f"{answer['passage']} closed: {code}")
