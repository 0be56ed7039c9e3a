"""``borderpost-hq heads``: what a box said of its audit chain, for `borderpost audit verify`."""

from __future__ import annotations

from pathlib import Path

import click

from hq.verbs.options import config_option, json_option, say_json

MAX_SHOWN = 20  # of one chain, unless --all


@click.command("heads")
@config_option
@click.argument("device")
@click.option("--all", "every", is_flag=True, help="Every head that is kept, also of chains that ended.")
@json_option
def command(config_path: Path, device: str, every: bool, as_json: bool) -> None:
    """Print the heads of DEVICE's audit chain that headquarters was told, as arguments.

    Each must stand in the chain. With an export of the box (`borderpost audit export`):

    \b
    borderpost audit verify FILE --certificate device.pem $(borderpost-hq heads post-7)

    A head older than the first row of the export (retention took the rows before it) is not found there: leave it out.
    """
    from hq import config
    from hq.errors import StoreError
    from hq.store import View

    with View(Path(config.load(config_path).store.path)) as view:
        post = next((p for p in view.posts() if p.device == device), None)
    if post is None:
        raise StoreError(f"no box {device} is known", advice="see `borderpost-hq status`")
    newest = post.heads[0].chain if post.heads else 0
    shown = post.heads if every else tuple(h for h in post.heads if h.chain == newest)[:MAX_SHOWN]
    if as_json:
        say_json([{"chain": h.chain, "number": h.number, "hash": h.hash, "said": h.said} for h in shown])
        return
    for head in shown:
        click.echo(f"--head {head.hash}")
