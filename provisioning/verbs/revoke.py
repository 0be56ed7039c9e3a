"""``borderpost-provision revoke``: a box counts no longer."""

from __future__ import annotations

from pathlib import Path

import click

from provisioning.verbs.options import (
    Words,
    authority_option,
    command_key_option,
    issuer,
    json_option,
    now,
    opened,
    passphrase_option,
    say_json,
)


@click.command("revoke")
@click.argument("box", metavar="[BOX]", required=False)
@authority_option
@click.option("--reason", metavar="TEXT", help="Why; it stays in the ledger.")
@click.option("--again", is_flag=True, help="Only make revoked.json and the revocation list anew.")
@command_key_option
@passphrase_option
@json_option
def command(
    *, box: str | None, root: Path, reason: str | None, again: bool, command_key: Path | None,
    word_files: tuple[str, ...], as_json: bool,
) -> None:  # fmt: skip
    """Revoke BOX (serial or device id): its keys, its certificates and its device id, for good.

    The signed revoked.json goes to headquarters' collector and with every envelope to the posts; the revocation list
    goes to the broker with `borderpost-provision broker DIR`. A stolen box: docs/headquarters.md says what comes next.

    \b
    Try it:  borderpost-provision revoke north-gate-1 --reason stolen
    """
    from provisioning import revoking
    from provisioning.folder import OFFICE

    if again == bool(box) or (box and not reason):
        raise click.UsageError("give BOX with --reason TEXT, or --again")
    with opened(root) as (folder, ledger):
        words = Words(word_files)
        sign = issuer(folder, ledger, words, command_key, 1, 0)
        if again:
            count, device = 0, ""
            revoking.publish(folder, ledger, words(OFFICE), sign.command, now())
        else:
            known = ledger.known(box or "")
            device = known.device or known.serial
            count = revoking.revoke(folder, ledger, known, reason or "", words(OFFICE), sign.command, now())
    if as_json:
        say_json({"device": device, "certificates": count, "revoked": str(folder.revoked), "crl": str(folder.crl)})
        return
    click.echo(f"revoked {device} and {count} certificate(s)" if device else "made the revocations anew")
    click.echo(f"{folder.revoked}: for headquarters' collector and the posts\n{folder.crl}: for the broker")
    click.echo("next: borderpost-provision broker DIR, then restart the broker: it ends the connection that is open",
               err=True)  # fmt: skip
