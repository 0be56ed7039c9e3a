"""The command ``borderpost-provision``: what it will do, and how it is done by hand until then."""

from __future__ import annotations

import sys

import click


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="borderpost")
def provision() -> None:
    """Bring a bare mini-PC to life from a USB stick.

    Not built yet. Coming: a national CA and the other keys, signed claim sticks, device-bound sealed
    envelopes, and the box's side of the stick. Until then a box is set up by hand: `borderpost-hq keys
    create` at headquarters, edge.toml on the box (docs/configuration.md), `borderpost doctor` to check.
    """


@provision.command()
def about() -> None:
    """Say what is there today."""
    click.echo("borderpost-provision cannot prepare sticks yet.")
    click.echo("By hand: borderpost-hq keys create --out keys; write edge.toml; borderpost doctor --config edge.toml")


def main() -> None:
    """Entry point of the console script."""
    provision()
    sys.exit(0)
