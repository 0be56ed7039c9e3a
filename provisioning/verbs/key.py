"""``borderpost-provision key``: a new key for one that was lost or stolen."""

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


@click.command("key")
@click.argument("name", metavar="NAME")
@authority_option
@click.option("--place", type=FOLDER, metavar="DIR", help="Where its private half goes [default: as in the ceremony].")
@click.option("--forget", is_flag=True, help="With ca: believe the authority before this one no longer.")
@passphrase_option
@json_option
def command(
    *, name: str, root: Path, place: Path | None, forget: bool, word_files: tuple[str, ...], as_json: bool
) -> None:
    """Make a new key in the place of NAME (claim, command, spare, escrow, root-1, …, ca); the old one ends.

    Boxes learn of it by the next national package: run `package` afterwards, have the roots sign it, and send each
    box an envelope, signed with a key that it still believes (`--command-key` with the spare one, if the command key
    is lost). docs/key-ceremony.md has the order for each key.

    \b
    Try it:  borderpost-provision key command
    """
    from provisioning import authority, ceremony, new_keys
    from provisioning.folder import OFFICE

    if name == "ca":
        with opened(root) as (folder, ledger):
            if forget:
                new_keys.forget_old_ca(folder, ledger, now())
            else:
                new_keys.replace_ca(folder, ledger, Words(word_files)(OFFICE), now())
            found = authority.fingerprint(folder.certificate())
        if as_json:
            say_json({"name": "ca", "sha256": found.replace(" ", ""), "file": str(folder.ca), "two": not forget})
        else:
            click.echo(f"ca: {found}\nnext: borderpost-provision broker DIR, then renew")
        return
    with opened(root) as (folder, ledger):
        made = new_keys.replace_key(folder, ledger, name, place, Words(word_files), now())
    if as_json:
        say_json({"name": made.name, "role": made.role, "line": made.line, "kid": made.kid, "file": made.place})
        return
    click.echo(f"{made.name}: {ceremony.grouped(made.kid)}, {made.place}")
    click.echo("next: borderpost-provision package, signed by the root holders", err=True)
