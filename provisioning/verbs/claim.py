"""``borderpost-provision claim``: a stick by which a bare box may ask to be enrolled."""

from __future__ import annotations

import secrets
from datetime import timedelta
from pathlib import Path

import click

from provisioning.verbs.options import (
    Words,
    authority_option,
    json_option,
    now,
    opened,
    passphrase_option,
    say_json,
    stick_option,
)


@click.command("claim")
@click.argument("site", metavar="SITE")
@authority_option
@stick_option
@click.option("--uses", type=click.IntRange(1, 100), default=1, show_default=True, help="How many boxes may use it.")
@click.option("--days", type=click.IntRange(1, 365), default=60, show_default=True, help="How long it may be used.")
@click.option("--withdraw", is_flag=True, help="Withdraw what was given out for SITE instead.")
@passphrase_option
@json_option
def command(
    *, site: str, root: Path, stick: Path | None, uses: int, days: int, withdraw: bool, word_files: tuple[str, ...],
    as_json: bool,
) -> None:  # fmt: skip
    """Sign a claim for SITE and put it on a stick.

    A box that has the stick writes its request to it and shows a code of 16 characters. The claim alone opens
    nothing: headquarters answers only a request whose code was read to it from the box.

    \b
    Try it:  borderpost-provision claim north-gate --stick /media/BORDERPOST
    """
    from common.times import rfc3339
    from edge.core.provisioning.papers import Claim
    from edge.core.provisioning.signing import sign_paper
    from provisioning.folder import OFFICE
    from provisioning.stick_tree import CLAIM, StickTree

    if (stick is None) != withdraw:
        raise click.UsageError("give --stick DIR, or --withdraw")
    at = now()
    with opened(root) as (folder, ledger):
        ledger.site(site)
        if stick is None:
            with ledger.store.writing():
                gone = ledger.withdraw_claims(site, at)
            if as_json:
                say_json({"site": site, "withdrawn": gone})
            else:
                click.echo(f"withdrew {gone} claim(s) of {site}: no further box is answered under them")
            return
        key = folder.sign_key("claim", Words(word_files)(OFFICE))
        claim = Claim(
            country=ledger.country, site=site, nonce=secrets.token_urlsafe(24), uses=uses, created=at,
            expires=at + timedelta(days=days),
        )  # fmt: skip
        data = sign_paper(claim, key)
        with ledger.store.writing():
            ledger.put_claim(claim.nonce, site, uses, at, claim.expires, data)
    place = StickTree(stick).write(CLAIM, f"{site}.claim", data)
    if as_json:
        say_json({"site": site, "uses": uses, "expires": rfc3339(claim.expires), "file": str(place)})
        return
    click.echo(f"{place}: {uses} box(es) may ask for {site} until {claim.expires:%Y-%m-%d}")
    click.echo("next: the stick into the box; its code is read to you by telephone; then `sign --stick`", err=True)
