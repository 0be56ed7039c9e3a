"""``borderpost doctor``: look at everything and say what to do."""

from __future__ import annotations

from pathlib import Path

import click

from edge.enrol.places import NATIONAL, RUNTIME, STATE
from edge.verbs.options import hand_made_option, json_option

COLOURS = {"ok": "green", "info": "blue", "warning": "yellow", "error": "red"}


@click.command("doctor")
@hand_made_option
@click.option("--state", type=click.Path(path_type=Path), default=STATE, envvar="BORDERPOST_STATE", show_default=True,
              help="Where a box without edge.toml keeps what headquarters sent.")
@click.option("--national", type=click.Path(path_type=Path), default=NATIONAL, show_default=True,
              help="Whom such a box obeys.")
@click.option("--runtime", type=click.Path(path_type=Path), default=RUNTIME, show_default=True,
              help="The folder in memory where such a box has its TLS key.")
@json_option
def command(config_path: Path, state: Path, national: Path, runtime: Path, as_json: bool) -> None:
    """Check this box, running or not: state, keys, readers, lists, journal, audit, disk, clock, link.

    Each finding that is not ok comes with the next step. Exit code 0 if there is no error (warnings do not
    count), 1 if there is one, 78 if the configuration itself is wrong. A box that is not enrolled yet has one error:
    that, with what to do.
    """
    from dataclasses import asdict

    import msgspec

    from edge import checks, checks_identity
    from edge.enrol.places import Places
    from edge.enrol.running import running
    from edge.errors import EXIT_NO

    places = Places(state=state.absolute(), national=national, runtime=runtime.absolute())
    settings, file = running(config_path, places)
    found = list(checks.examine(settings, str(file)) if settings else checks_identity.bare(places))
    if as_json:
        click.echo(msgspec.json.encode([asdict(c) for c in found]))
    else:
        for c in found:
            click.secho(f"{c.grade!s:8}", fg=COLOURS[c.grade], nl=False)
            click.echo(f"{c.name:18} {c.found}")
            if c.advice:
                click.echo(f"{'':8}{'':18} next: {c.advice}")
    if any(c.grade is checks.Grade.ERROR for c in found):
        raise SystemExit(EXIT_NO)
