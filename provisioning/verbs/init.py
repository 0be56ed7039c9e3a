"""``borderpost-provision init``: the key ceremony."""

from __future__ import annotations

import re
from pathlib import Path

import click

from provisioning.verbs.options import FOLDER, Words, authority_option, json_option, now, passphrase_option, say_json


@click.command("init")
@authority_option
@click.option("--country", required=True, metavar="ABC", help="Three letters, as in travel documents (ICAO 9303-3).")
@click.option("--name", default="", metavar="TEXT", help="Whose authority it is, for people.")
@click.option("--roots", type=click.IntRange(1, 8), default=3, show_default=True, help="How many root keys.")
@click.option("--threshold", type=click.IntRange(1, 8), default=2, show_default=True, help="How many must sign.")
@click.option(
    "--place", "places", multiple=True, metavar="NAME=DIR",
    help="Put the key root-1, root-2, …, spare or escrow into DIR, such as its holder's stick [default: offline/].",
)  # fmt: skip
@passphrase_option
@json_option
def command(
    *, root: Path, country: str, name: str, roots: int, threshold: int, places: tuple[str, ...],
    word_files: tuple[str, ...], as_json: bool,
) -> None:  # fmt: skip
    """Make the keys of a country, once: certificate authority, claims, commands, roots, spare and escrow.

    The page docs/key-ceremony.md says who is present and where each key goes. Every key gets a passphrase of at least
    12 characters, asked twice: one for what is used daily (authority), one for each other key. What was made is
    printed, and kept as ceremony.txt. Nothing is overwritten; stopped half-way, nothing is left.

    \b
    Try it:  borderpost-provision init --country UTO --name "Border Guard of Utopia"
    """
    from provisioning import ceremony

    if not re.fullmatch(r"[A-Z]{3}", country):
        raise click.UsageError("--country is three capital letters, such as UTO")
    words = Words(word_files)
    folders: dict[str, Path] = {}
    for text in places:
        key, equals, place = text.partition("=")
        if not equals or not FOLDER.convert(place, None, None).is_dir():
            raise click.UsageError(f"--place is written NAME=DIR, and DIR is a folder: {text}")
        folders[key] = Path(place)
    record = ceremony.hold(
        root, country=country, name=name[:200], now=now(), roots=roots, threshold=threshold,
        passphrase=lambda key: words(key, confirm=True), places=folders,
        done=lambda what: click.echo(f"made: {what}", err=True),
    )  # fmt: skip
    if as_json:
        say_json({
            "country": record.country, "authority": str(root), "ca_sha256": record.ca.replace(" ", ""),
            "threshold": record.threshold,
            "keys": [
                {"name": k.name, "role": k.role, "line": k.line, "kid": k.kid, "file": k.place} for k in record.keys
            ],
        })  # fmt: skip
        return
    click.echo(record.text(), nl=False)
    click.echo(f"next: borderpost-provision package --authority {root} …", err=True)
