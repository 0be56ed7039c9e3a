"""``borderpost selftest``: does this version work on this box?"""

from __future__ import annotations

from pathlib import Path

import click

from edge.verbs.options import DEFAULT_CONFIG, json_option

GENERATION = "/var/lib/borderpost/config/current/edge.toml"


@click.command("selftest")
@click.option("--config", "config_path", type=click.Path(path_type=Path), envvar="BORDERPOST_CONFIG",
              help="The box's edge.toml; without it the one that the box runs with.")  # fmt: skip
@json_option
def command(config_path: Path | None, as_json: bool) -> None:
    """Try libraries, signatures, database and configuration, without a network and without changing anything.

    A new version of the software is asked this before it is used. Exit code 1 if something does not work.
    """
    from dataclasses import asdict

    import msgspec

    from edge.errors import EXIT_NO
    from edge.selftest import selftest

    path = config_path or next((p for p in map(Path, (DEFAULT_CONFIG, GENERATION)) if _there(p)), None)
    tried = list(selftest(path))
    if as_json:
        click.echo(msgspec.json.encode([asdict(one) for one in tried]))
    else:
        for one in tried:
            state = "failed" if one.problem else "skipped" if one.skipped else "ok"
            click.echo(f"{state:8} {one.name:22} {one.problem or one.skipped or f'{one.seconds:.2f} s'}")
    if any(one.problem for one in tried):
        raise SystemExit(EXIT_NO)


def _there(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:
        return False
