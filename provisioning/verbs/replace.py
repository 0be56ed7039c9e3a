"""``borderpost-provision replace``: a new box takes the place of an old one."""

from __future__ import annotations

from pathlib import Path

import click

from provisioning.verbs.options import (
    Words,
    authority_option,
    code_option,
    command_key_option,
    days_option,
    hand_out,
    issuer,
    json_option,
    now,
    opened,
    passphrase_option,
    ring_of,
    ring_options,
    stick_option,
)


@click.command("replace")
@click.argument("old", metavar="OLD")
@click.argument("request", type=click.Path(path_type=Path, exists=True), metavar="[REQUEST]", required=False)
@authority_option
@stick_option
@code_option
@click.option("--reason", default="replaced", metavar="TEXT", help="Why; it stays in the ledger.")
@ring_options
@days_option
@command_key_option
@passphrase_option
@json_option
def command(
    *, old: str, request: Path | None, root: Path, stick: Path | None, code: str, reason: str, ring_path: Path | None,
    seal_key: Path | None, sealed_ring: Path | None, days: int, command_key: Path | None, word_files: tuple[str, ...],
    as_json: bool,
) -> None:  # fmt: skip
    """Answer a new box for the site of the box OLD (serial or device id), and revoke OLD.

    REQUEST is request.json as the new box wrote it, its folder, or its stick; left out, it is the one request on
    the stick. The new box gets a new device id; headquarters joins the history of both by their site. Before OLD's
    disk is destroyed, take what nobody acked off it: `borderpost rescue DISK`.

    \b
    Try it:  borderpost-provision replace north-gate-1 --stick /media/BORDERPOST --code ABCD-EFGH-IJKL-MNOP
    """
    from edge.core.provisioning.request import read_request
    from provisioning import revoking, stick_tree
    from provisioning.errors import LedgerError
    from provisioning.folder import OFFICE
    from provisioning.ledger import REVOKED

    request = request or stick
    if request is None:
        raise click.UsageError("name a request, or give --stick with a request on it")
    words = Words(word_files)
    asked = read_request(stick_tree.read_request(request))
    with opened(root) as (folder, ledger):
        ring = ring_of(ring_path, seal_key, sealed_ring, words)
        sign = issuer(folder, ledger, words, command_key, days, 0)
        before = ledger.box(old)
        if before is None or not before.site or before.serial == asked.request.serial:
            raise LedgerError(f"{old[:60]} is no box to be replaced by this one", advice="see `show boxes`")
        issued = sign.answer(asked, code, site=before.site, replaces=before.serial, ring=ring)
        if before.state != REVOKED:
            revoking.revoke(folder, ledger, before, reason, words(OFFICE), sign.command, now())
        hand_out(folder, issued, stick, as_json)
    if not as_json:
        click.echo(f"revoked {before.device}; next: borderpost-provision broker DIR", err=True)
