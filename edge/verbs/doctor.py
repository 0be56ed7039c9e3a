"""``borderpost doctor``: look at everything and say what to do."""

from __future__ import annotations

from pathlib import Path

import click

from edge.verbs.options import config_option, json_option

COLOURS = {"ok": "green", "info": "blue", "warning": "yellow", "error": "red"}


@click.command("doctor")
@config_option
@json_option
def command(config_path: Path, as_json: bool) -> None:
    """Check this box, running or not: state, keys, readers, lists, journal, audit, disk, clock, link.

    Each finding that is not ok comes with the next step. Exit code 0 if there is no error (warnings do not
    count), 1 if there is one, 78 if the configuration itself is wrong.
    """
    from dataclasses import asdict

    import msgspec

    from edge import checks, config
    from edge.errors import EXIT_NO

    found = list(checks.examine(config.load(config_path), str(config_path)))
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
