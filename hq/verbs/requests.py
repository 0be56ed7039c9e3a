"""``borderpost-hq requests``: what boxes ask of headquarters over MQTT."""

from __future__ import annotations

from pathlib import Path

import click

from hq.verbs.options import config_option, json_option, say_json, table


@click.group("requests", context_settings={"help_option_names": ["-h", "--help"]})
def command() -> None:
    """Requests for new certificates that boxes sent over MQTT, and envelopes on their way back."""


@command.command("list")
@config_option
@json_option
def list_(config_path: Path, as_json: bool) -> None:
    """What boxes ask for, oldest first, and the envelopes that were sent to them."""
    from hq import config
    from hq.store import envelopes_of, requests_of

    path = Path(config.load(config_path).store.path)
    asked, sent = requests_of(path), envelopes_of(path)
    if as_json:
        say_json([
            *({"kind": "request", "post": r.device, "serial": r.serial, "at": r.received} for r in asked),
            *({"kind": "envelope", "post": e.device, "serial": e.serial, "sequence": e.sequence, "at": e.queued,
               "taken": e.done} for e in sent),
        ])  # fmt: skip
        return
    if not asked and not sent:
        click.echo("no requests, no envelopes")
        return
    table(
        ["post", "serial", "what", "since (UTC)", "state"],
        [[r.device, r.serial, "request", r.received[:19].replace("T", " "), "to be signed"] for r in asked]
        + [[e.device, e.serial, f"envelope {e.sequence}", e.queued[:19].replace("T", " "),
            f"taken {e.done[:19].replace('T', ' ')}" if e.done else "on its way"] for e in sent],
    )


@command.command("export")
@config_option
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), required=True,
              help="A stick, or a folder that stands for one.")
def export(config_path: Path, out: Path) -> None:
    """Write every request as a stick would bring it: OUT/BORDERPOST/out/SERIAL/request.json.

    `borderpost-provision renew` (or `sign`) takes it from there; what it writes goes back with `borderpost-hq send`. A
    request that does not prove itself (its own signature, its own serial) is left out, and said.
    """
    from edge.core.provisioning.codes import ProvisioningError
    from edge.core.provisioning.inbox import OUT, REQUEST
    from edge.core.provisioning.papers import ROOT_FOLDER
    from edge.core.provisioning.request import read_request
    from hq import config
    from hq.errors import StoreError
    from hq.store import requests_of

    written = 0
    for one in requests_of(Path(config.load(config_path).store.path)):
        try:
            checked = read_request(one.payload)
        except ProvisioningError as error:
            click.echo(f"{one.device}: left out: {error.message}", err=True)
            continue
        target = out / ROOT_FOLDER / OUT / checked.request.serial / REQUEST
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(one.payload)
        except OSError as error:
            raise StoreError(f"{target}: {error.strerror}", advice="give a folder that you may write") from error
        written += 1
        click.echo(f"{one.device}: {target}")
    click.echo(f"{written} requests written")
