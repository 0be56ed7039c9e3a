"""``borderpost-provision broker``: the broker's files."""

from __future__ import annotations

from pathlib import Path

import click

from provisioning.verbs.options import (
    FOLDER,
    Words,
    authority_option,
    json_option,
    now,
    opened,
    passphrase_option,
    say_json,
)


@click.command("broker")
@click.argument("out", type=FOLDER, metavar="DIR")
@authority_option
@click.option("--name", "names", multiple=True, metavar="HOST", help="How boxes reach the broker; may be repeated.")
@click.option("--port", type=click.IntRange(1, 65535), default=8883, show_default=True, help="TCP port.")
@click.option("--at", metavar="PATH", help="Where the files will lie on the broker's machine [default: DIR].")
@click.option("--renewal", is_flag=True, help="Write the renewal door's files too (docs/reliability.md).")
@click.option("--renewal-port", type=click.IntRange(1, 65535), default=8884, show_default=True, help="Its TCP port.")
@passphrase_option
@json_option
def command(
    *, out: Path, root: Path, names: tuple[str, ...], port: int, at: str | None, renewal: bool,
    renewal_port: int, word_files: tuple[str, ...],
    as_json: bool,
) -> None:  # fmt: skip
    """Write what mosquitto is run with into DIR: configuration, access list, revocation list, certificates.

    Clients are known by their certificates alone. DIR/hq holds certificate and key of headquarters' collector
    ([broker.tls] of hq.toml). Run it again after every `revoke` and `replace`, and once a year: a revocation list that
    has run out makes the broker refuse everybody. --renewal adds a second, small broker, at which boxes whose
    certificate has ended ask for a new one: renewal.conf, its access list, and the certificate of its bridge. Then
    restart mosquitto: a connection that is open ends only so.

    \b
    Try it:  borderpost-provision broker broker --name broker.example --at /etc/mosquitto/borderpost
    """
    from common.times import rfc3339
    from provisioning import broker_files
    from provisioning.folder import OFFICE

    with opened(root) as (folder, ledger):
        place = at or str(out.resolve())
        word = Words(word_files)(OFFICE)
        made = broker_files.write(out, folder, ledger, word, names, port=port, at=place, now=now(),
                                  renewal=renewal_port if renewal else 0)  # fmt: skip
    if as_json:
        say_json({
            "files": [str(path) for path in made.files], "broker_until": rfc3339(made.broker_until),
            "hq_until": rfc3339(made.hq_until),
            "renewal_until": rfc3339(made.renewal_until) if made.renewal_until else None,
            "revoked": made.revoked, "crl_until": rfc3339(made.crl_until),
        })  # fmt: skip
        return
    for path in made.files:
        click.echo(str(path))
    ends = [until for until in (made.broker_until, made.hq_until, made.renewal_until) if until is not None]
    click.echo(f"certificates until {min(ends):%Y-%m-%d}; {made.revoked} revoked; "
               f"run this again before {made.crl_until:%Y-%m-%d}")  # fmt: skip
    click.echo("next: let mosquitto's account alone read broker.key, crl.pem and acl; then restart it", err=True)
