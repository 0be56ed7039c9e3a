"""``borderpost-provision renew``: new certificates for boxes that are known."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import click

from provisioning.verbs.options import (
    Words,
    above_option,
    authority_option,
    command_key_option,
    days_option,
    hand_out,
    issuer,
    now,
    opened,
    passphrase_option,
    stick_option,
    stream_option,
)


@click.command("renew")
@click.argument("what", metavar="[REQUEST|BOX]...", nargs=-1)
@authority_option
@stick_option
@click.option("--due", type=click.IntRange(1, 731), metavar="DAYS", help="All boxes whose certificate ends so soon.")
@days_option
@above_option
@command_key_option
@passphrase_option
@stream_option
def command(
    *, what: tuple[str, ...], root: Path, stick: Path | None, due: int | None, days: int, above: int,
    command_key: Path | None, word_files: tuple[str, ...], as_json: bool,
) -> None:  # fmt: skip
    """Sign new certificates over the keys that headquarters knows; also after the old one has run out.

    REQUEST is what a box wrote to a stick or sent over its link (`borderpost-hq requests export`); BOX is a serial or
    device id, which needs no request. The box keeps its old certificate until the new one has connected once.

    \b
    Try it:  borderpost-provision renew --due 365 --stick /media/BORDERPOST
    """
    from edge.core.provisioning.request import read_request
    from provisioning import stick_tree

    if not what and due is None:
        raise click.UsageError("name requests or boxes, or give --due DAYS")
    with opened(root) as (folder, ledger):
        sign = issuer(folder, ledger, Words(word_files), command_key, days, above)
        names = list(what)
        if due is not None:
            names += ledger.ending(now() + timedelta(days=due))
            if not names and not as_json:
                click.echo(f"no certificate ends within {due} days")
        for name in names:
            path = Path(name)
            asked = read_request(stick_tree.read_request(path)) if path.exists() else None
            issued = sign.renewal(asked.request.serial if asked else name, asked)
            hand_out(folder, issued, stick, as_json)
