"""``borderpost vehicle``: one vehicle put to the lists of vehicles."""

from __future__ import annotations

from pathlib import Path

import click

from edge.verbs import thing
from edge.verbs.asking import lists_options


@click.command("vehicle")
@click.option("--state", metavar="CODE", help="State whose plate it is: ICAO code or English name.")
@click.option("--plate", metavar="PLATE", help="Number plate, any script; spaces and hyphens do not count.")
@click.option("--vin", metavar="VIN", help="Vehicle identification number, 17 characters (fewer before 1981).")
@lists_options
@click.option("--json", "as_json", is_flag=True, help="One JSON document instead of text for a person.")
def command(
    folder: Path | None, config_path: Path | None, max_age_days: float | None, as_json: bool, **fields: str | None
) -> None:  # fmt: skip
    """Ask the lists of vehicles about a plate, a VIN, or both, and say why.

    Give the State of the plate: without it a listed plate of any State is POSSIBLE, with it an equal one is
    a HIT. Give the VIN as well where it can be read: thieves change plates. Lists of vehicles are keyed: with
    --config the keys of this box open them.

    \b
    Try it:
      borderpost vehicle --config edge.toml --state UTO --plate 'AB 123 CD'
      borderpost vehicle --config edge.toml --vin 1M8GDM9AXKP042788 --json

    \b
    HIT         a listed plate of that State, or a listed VIN: a lead that a person confirms
    POSSIBLE    the plate without its State on one side, a look-alike of it (O/0, I/1, S/5, B/8, Z/2),
                or a VIN of less than 17 characters
    UNREADABLE  what was given cannot be compared
    INCOMPLETE  a list is missing, damaged or too old, or none of vehicles is there
    CLEAR       every list of vehicles was asked and nothing agreed

    \b
    Exit codes: 0 CLEAR   1 any other verdict   2 wrong usage
    """
    from edge.core.screening import ThingQuery

    given = {name: value for name, value in fields.items() if value is not None}
    if not {"plate", "vin"} & set(given):
        raise click.UsageError("Give --plate (with --state), --vin, or both.")
    thing.ask(ThingQuery.of_vehicle(given), folder, config_path, max_age_days, as_json)
