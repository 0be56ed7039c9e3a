"""``borderpost-hq keys``: make headquarters' key pairs and the keys of lists, and say what the posts need of them."""

from __future__ import annotations

import getpass
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

import click

from hq.verbs.options import config_option

if TYPE_CHECKING:
    from hq.list_keys import RingFile


@click.group()
def command() -> None:
    """Make headquarters' key pairs and the keys of lists; show the public lines for the posts."""


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
@click.option("--json", "as_json", is_flag=True, help="one JSON object: the sections of edge.toml")
def show(config_path: Path, as_json: bool) -> None:
    """Print the lines for edge.toml again, from the key files that hq.toml names."""
    import tomllib

    import msgspec

    from hq import config, keys

    settings = config.load(config_path).keys
    lines = keys.public_lines(
        Path(settings.seal[0]), Path(settings.ack), passphrase=keys.read_passphrase(settings)
    )
    if as_json:
        click.echo(msgspec.json.encode(tomllib.loads(lines.toml())))
    else:
        click.echo(lines.toml(), nl=False)


_ring_option = click.option(
    "--ring", "ring_path", type=click.Path(path_type=Path, dir_okay=False), default=Path("keys/list-keys.ring"),
    show_default=True, help="the ring of list keys, sealed to headquarters' own seal key",
)  # fmt: skip


@command.command("list-key")
@config_option
@_ring_option
@click.option("--list", "list_id", required=True, metavar="LISTID", help="the list")
@click.option("--generation", required=True, type=click.IntRange(min=1), help="its base generation")
def list_key(config_path: Path, ring_path: Path, list_id: str, generation: int) -> None:
    """Make the key of a list from a base generation on. Keys are never replaced.

    Every box needs its ring again after that: `borderpost-hq keys seal-ring`.
    """
    entry = _ring(config_path, ring_path).add(list_id, generation)
    click.echo(f"{list_id} from generation {generation} on: key {entry.key_id.hex()}")


@command.command("seal-ring")
@config_option
@_ring_option
@click.option("--box", "line", required=True, metavar="x25519:…", help="what `borderpost lists box-key` printed there")
@click.option("--list", "list_ids", multiple=True, metavar="LISTID", help="a list of that box [default: all]")
@click.option("--out", required=True, type=click.Path(path_type=Path, dir_okay=False), help="file to write")
def seal_the_ring(config_path: Path, ring_path: Path, line: str, list_ids: tuple[str, ...], out: Path) -> None:
    """Seal list keys for one box. The file goes into its state folder as list-keys.sealed.

    \b
    Try it:  borderpost-hq keys seal-ring --box x25519:… --list un --list national --out list-keys.sealed
    """
    from hq import list_keys

    ring = _ring(config_path, ring_path).read()
    list_keys.write_private(out, list_keys.for_box(ring, line, list_ids))
    click.echo(f"wrote {out}")


@command.command("seal-lists")
@config_option
@_ring_option
@click.option("--lists", type=click.Path(path_type=Path, file_okay=False), required=True, help="what was built")
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), required=True, help="folder of sealed copies")
@click.option("--list", "list_ids", multiple=True, metavar="LISTID", help="A list to seal; repeatable [default: all].")
def seal_lists(
    config_path: Path, ring_path: Path, lists: Path, out: Path, list_ids: tuple[str, ...]
) -> None:
    """Seal a copy of every list's newest generation: what the posts get holds no name in clear.

    A list without a key in the ring is passed over, told with the next step, and makes the exit code 1. A list that
    leaves the house in clear, as one without persons and fingers may, is passed over by naming the others with --list.

    \b
    Try it:  borderpost-hq keys seal-lists --lists lists --out sealed --list fingers
    """
    from hq import list_keys

    unsealed: list[list_keys.Unsealed] = []
    made = list_keys.seal_newest(lists, out, _ring(config_path, ring_path).read(), list_ids, unsealed)
    for list_id, generation, name in made:
        click.echo(f"sealed {list_id} generation {generation} by key {name}")
    for left in unsealed:
        click.echo(f"not sealed: {left.list_id}: {list_keys.no_key(left)}\nnext:  {left.advice}", err=True)
    if not made and not unsealed:
        click.echo("nothing new to seal")
    if unsealed:
        raise SystemExit(1)


def _ring(config_path: Path, ring_path: Path) -> RingFile:
    from hq import config, keys
    from hq.list_keys import RingFile

    settings = config.load(config_path).keys
    return RingFile(ring_path, keys.load_seal([Path(p) for p in settings.seal], keys.read_passphrase(settings)))
