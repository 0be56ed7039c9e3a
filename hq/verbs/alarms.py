"""``borderpost-hq alarms``: what needs a person."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from hq.verbs.options import config_option, json_option, now, say_json, table


@click.command()
@config_option
@json_option
@click.option("--all", "everything", is_flag=True, help="also those marked done")
@click.option("--done", "number", type=int, help="mark alarm NUMBER as done")
def command(config_path: Path, as_json: bool, everything: bool, number: int | None) -> None:
    """Open alarms, newest first, each with the first thing to do about it."""
    from hq import config
    from hq.alarms import advice
    from hq.errors import StoreError
    from hq.store import View, mark_done

    path = Path(config.load(config_path).store.path)
    if number is not None:
        if not mark_done(path, number, now()):
            raise StoreError(
                f"there is no open alarm {number}", advice="see the numbers in `borderpost-hq alarms`"
            )
        click.echo(f"alarm {number} is done")
        return
    with View(path) as view:
        found = view.alarms(done=everything)
    if as_json:
        say_json([{**asdict(alarm), "advice": advice(alarm.code)} for alarm in found])
        return
    if not found:
        click.echo("no open alarms")
        return
    table(
        ["no", "post", "alarm", "times", "last (UTC)", "what", "do"],
        [
            [
                str(a.n),
                a.device or "-",
                a.code + (" (done)" if a.done else ""),
                str(a.times),
                a.last.replace("T", " ")[:19],
                a.text,
                advice(a.code),
            ]
            for a in found
        ],
    )
