"""``borderpost-hq keys``: make headquarters' key pairs, and say what the posts need of them."""

from __future__ import annotations

import getpass
import warnings
from pathlib import Path

import click

from hq.verbs.options import config_option


@click.group()
def command() -> None:
    """Make headquarters' key pairs; show the public lines for the posts."""


@command.command()
@click.option("--out", type=click.Path(path_type=Path), required=True, help="folder for seal.pem and ack.pem")
@click.option("--passphrase", "locked", is_flag=True, help="ask for a passphrase that locks both files")
def create(out: Path, locked: bool) -> None:
    """Make the seal key and the ack key, and print the lines for edge.toml.

    Nothing is ever overwritten. Keep a copy of seal.pem in a safe place: without it no body that was
    sealed to it can be opened again.
    """
    from hq import keys

    lines = keys.create(out, passphrase=_passphrase() if locked else None)
    click.echo(
        f"made {out / keys.SEAL_FILE} and {out / keys.ACK_FILE}; for each post's edge.toml:\n", err=True
    )
    click.echo(lines.toml(), nl=False)


def _passphrase() -> str:
    from hq.errors import KeyFileError

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", getpass.GetPassWarning)  # it would be typed for all to see
            return str(click.prompt("Passphrase", hide_input=True, confirmation_prompt=True, err=True))
    except getpass.GetPassWarning as error:
        raise KeyFileError(
            "there is no terminal to ask for the passphrase on", advice="run `keys create --passphrase` on a terminal"
        ) from error


@command.command()
@config_option
def show(config_path: Path) -> None:
    """Print the lines for edge.toml again, from the key files that hq.toml names."""
    from hq import config, keys

    settings = config.load(config_path).keys
    lines = keys.public_lines(
        Path(settings.seal[0]), Path(settings.ack), passphrase=keys.read_passphrase(settings)
    )
    click.echo(lines.toml(), nl=False)
