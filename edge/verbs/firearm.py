"""``borderpost firearm``: one firearm put to the lists of firearms."""

from __future__ import annotations

from pathlib import Path

import click

from edge.verbs import thing
from edge.verbs.asking import lists_options


@click.command("firearm")
@click.option("--serial", required=True, metavar="NUMBER", help="Serial number, letters and digits.")
@click.option("--make", metavar="NAME", help="Who made it.")
@click.option("--calibre", metavar="TEXT", help="Calibre: 9x19, '7,62 mm', 'Cal. .45'.")
@lists_options
@click.option("--json", "as_json", is_flag=True, help="One JSON document instead of text for a person.")
def command(
    folder: Path | None, config_path: Path | None, max_age_days: float | None, as_json: bool, **fields: str | None
) -> None:  # fmt: skip
    """Ask the lists of firearms about a serial number, and say why.

    Makers number alike: give make and calibre as they stand on the arm. The serial number alone finds every
    firearm of that number as POSSIBLE, and so it does where make or calibre are written otherwise: the answer
    says what differs. Lists of firearms are keyed: with --config the keys of this box open them.

    \b
    Try it:
      borderpost firearm --config edge.toml --serial A123456 --make 'Utopia Arms' --calibre 9x19
      borderpost firearm --config edge.toml --serial A123456 --json

    \b
    HIT         serial number, make and calibre agree: a lead that a person confirms
    POSSIBLE    the serial number agrees, and make or calibre is not known on one side or differs
    UNREADABLE  what was given cannot be compared
    INCOMPLETE  a list is missing, damaged or too old, or none of firearms is there
    CLEAR       every list of firearms was asked and nothing agreed

    \b
    Exit codes: 0 CLEAR   1 any other verdict   2 wrong usage
    """
    from edge.core.screening import ThingQuery

    given = {name: value for name, value in fields.items() if value is not None}
    thing.ask(ThingQuery.of_firearm(given), folder, config_path, max_age_days, as_json)
