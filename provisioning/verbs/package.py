"""``borderpost-provision package``: whom the boxes of a country obey."""

from __future__ import annotations

from pathlib import Path

import click

from provisioning.verbs.options import (
    FILE,
    Words,
    authority_option,
    json_option,
    now,
    opened,
    passphrase_option,
    say_json,
    stick_option,
)


@click.command("package")
@authority_option
@click.option("--headquarters", "lines_file", type=FILE, help="What `borderpost-hq keys show` prints.")
@click.option("--tuf-root", type=FILE, help="1.root.json of the lists' repository (`borderpost-hq publish init`).")
@click.option("--escrow", multiple=True, metavar="x25519:…", help="A further escrow key beside the ceremony's.")
@click.option("--name", metavar="TEXT", help="Whose package it is, for people.")
@click.option("--sign", "sign_files", type=FILE, multiple=True, metavar="ROOT.pem", help="A root key; may be repeated.")
@stick_option
@passphrase_option
@json_option
def command(
    *, root: Path, lines_file: Path | None, tuf_root: Path | None, escrow: tuple[str, ...], name: str | None,
    sign_files: tuple[Path, ...], stick: Path | None, word_files: tuple[str, ...], as_json: bool,
) -> None:  # fmt: skip
    """Make national.json, which every box is installed with: headquarters' public keys, signed by root holders.

    It is in force when enough of them have signed; until then it waits, and the next holder signs what waits with
    `package --sign` alone. Made again, it has a higher number, keeps what is not said anew, takes the keys that the
    ledger has now, and goes to every box with its next envelope; --stick puts it onto a stick as a paper of its own,
    which boxes take from the roots alone: the way back when a command key was stolen. Alone, --stick copies the one in
    force.

    \b
    Try it:  borderpost-hq keys show > hq-keys.toml
             borderpost-provision package --headquarters hq-keys.toml --tuf-root repo/metadata/1.root.json \\
                 --sign authority/offline/root-1.pem --sign authority/offline/root-2.pem
    """
    from edge.core.provisioning.inbox import PACKAGE as NATIONAL
    from provisioning import keyfiles, national
    from provisioning.stick_tree import StickTree

    words = Words(word_files)
    keys = [keyfiles.sign_key(path, words(path.stem)) for path in sign_files]
    with opened(root) as (folder, ledger):
        said = national.Said.of(lines_file, tuf_root, escrow, name)
        if stick is not None and not keys and not said.anything:
            state = national.State(folder.package().number, 0)
        else:
            state = national.advance(folder, ledger, said, keys, now())
        place = folder.waiting if state.missing else folder.national
        if stick is not None and not state.missing:
            place = StickTree(stick).write("", NATIONAL, folder.national_bytes())
    if as_json:
        say_json({"number": state.number, "in_force": not state.missing, "missing": state.missing,
                  "file": str(place)})  # fmt: skip
    elif state.missing:
        click.echo(f"national package {state.number} waits for {state.missing} more signature(s): {place}")
        click.echo("next: the next holder runs borderpost-provision package --sign ROOT.pem", err=True)
    else:
        click.echo(f"national package {state.number} is in force: {place}")
        click.echo("next: install it on every box as /etc/borderpost/national.json", err=True)
