"""What the verbs share: the folder, passphrases, sticks, how lines leave."""

from __future__ import annotations

import getpass
import json
import shutil
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from provisioning.folder import AuthorityFolder
    from provisioning.issuing import Issued, Issuer
    from provisioning.ledger import Ledger
    from provisioning.ring import RingSource

FILE = click.Path(path_type=Path, dir_okay=False)
FOLDER = click.Path(path_type=Path, file_okay=False)
authority_option = click.option(
    "--authority", "root", type=FOLDER, default=Path("authority"), show_default=True, envvar="BORDERPOST_AUTHORITY",
    help="The authority's folder; or the variable BORDERPOST_AUTHORITY.",
)  # fmt: skip
CODE_CHARS = 16


def _code(_: click.Context, __: click.Parameter, value: str) -> str:
    """A code as it was typed; how long one is, where it is not that long."""
    count = sum(character.isalnum() for character in value)
    if value and count != CODE_CHARS:
        raise click.BadParameter(f"a code has {CODE_CHARS} characters, and these are {count}: have it read once more")
    return value


code_option = click.option(
    "--code", metavar="CODE", default="", callback=_code,
    help="The 16 characters, as they were read to you from the box.",
)  # fmt: skip
stick_option = click.option(
    "--stick", type=FOLDER, metavar="DIR", help="Where the stick is mounted, or any folder; below DIR/BORDERPOST alone."
)
passphrase_option = click.option(
    "--passphrase-file", "word_files", multiple=True, metavar="[NAME=]FILE", envvar="BORDERPOST_PASSPHRASE_FILE",
    help="First line is the passphrase of the key NAME, without NAME of all others; else it is asked for. "
    "Or the variable BORDERPOST_PASSPHRASE_FILE.",
)  # fmt: skip
json_option = click.option("--json", "as_json", is_flag=True, help="One JSON object.")
stream_option = click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
array_option = click.option("--json", "as_json", is_flag=True, help="One JSON array.")
command_key_option = click.option(
    "--command-key", type=FILE, help="Sign with this key, such as the spare one [default: the authority's command key]."
)
days_option = click.option(
    "--days", type=click.IntRange(1, 730), default=90, show_default=True, help="How long the paper may travel."
)
above_option = click.option(
    "--above", type=click.IntRange(0, 2**52), default=0, metavar="N",
    help="Go on above this number (after the ledger was put back from a copy: what `borderpost identity` says there). "
    "A box takes no number more than 10,000 above its own.",
)  # fmt: skip


def ring_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The two ways to bring the keys of lists."""
    for option in (
        click.option("--list-keys", "sealed_ring", type=FILE,
                     help="Keys of lists that `borderpost-hq keys seal-ring` sealed for this box."),
        click.option("--seal-key", type=FILE, help="Headquarters' seal.pem, which opens the ring."),
        click.option("--ring", "ring_path", type=FILE, help="Headquarters' ring of list keys."),
    ):  # fmt: skip
        command = option(command)
    return command


class Words:
    """Passphrases by the name of their key: from files, else asked for on the terminal, each once."""

    def __init__(self, word_files: Sequence[str]) -> None:
        self._files: dict[str, Path] = {}
        self._known: dict[str, str] = {}
        for text in word_files:
            name, equals, path = text.partition("=")
            self._files[name if equals else ""] = Path(path if equals else text)

    def __call__(self, name: str, *, confirm: bool = False) -> str:
        """The passphrase. Raises AuthorityError where there is neither a file nor a terminal."""
        if name not in self._known:
            path = self._files.get(name) or self._files.get("")
            self._known[name] = _first_line(path) if path else _asked(name, confirm)
        return self._known[name]


def _first_line(path: Path) -> str:
    from provisioning import files

    data = files.read(path, 4096, advice="give a file whose first line is the passphrase")
    return data.decode("utf-8", "replace").partition("\n")[0].rstrip("\r")


def _asked(name: str, confirm: bool) -> str:
    from provisioning.errors import AuthorityError

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", getpass.GetPassWarning)  # it would be typed for all to see
            while (word := _typed(name, confirm)) is None:
                pass
            return word
    except getpass.GetPassWarning as error:
        raise AuthorityError(
            f"there is no terminal to ask for the passphrase of {name} on", advice="give --passphrase-file"
        ) from error


def _typed(name: str, confirm: bool) -> str | None:
    """What was typed once, or twice where it is new; None, and said why, for one that cannot be taken."""
    from provisioning import keyfiles
    from provisioning.errors import AuthorityError

    word = str(click.prompt(f"Passphrase of {name}", hide_input=True, err=True))
    if not confirm:
        return word
    try:
        keyfiles.check_passphrase(word, name)
    except AuthorityError as error:
        click.echo(f"Error: {error.message}; {error.advice}", err=True)
        return None
    if word != click.prompt("Repeat for confirmation", hide_input=True, err=True):
        click.echo("Error: these were two different ones; type both again", err=True)
        return None
    return word


@contextmanager
def opened(root: Path) -> Iterator[tuple[AuthorityFolder, Ledger]]:
    """The authority's folder and its ledger, closed at the end."""
    from provisioning.folder import AuthorityFolder

    folder = AuthorityFolder(root)
    ledger = folder.ledger()
    try:
        yield folder, ledger
    finally:
        ledger.store.close()


def issuer(
    folder: AuthorityFolder, ledger: Ledger, words: Words, command_key: Path | None, days: int, above: int
) -> Issuer:
    """Everything that signs, opened (passphrases are asked for here, before the ledger is locked)."""
    from edge.core import sealing
    from provisioning import keyfiles
    from provisioning.errors import AuthorityError
    from provisioning.folder import OFFICE
    from provisioning.issuing import Issuer

    package = folder.package()
    if command_key is None:
        command = folder.sign_key("command", words(OFFICE))
    else:
        command = keyfiles.sign_key(command_key, words(command_key.stem))
    if sealing.public_to_text(command.public_key()) not in package.command_keys:
        raise AuthorityError(
            "no box believes this command key: the national package in force does not name it",
            advice="have the roots sign a new one first: borderpost-provision package",
        )
    return Issuer(folder, ledger, package, folder.authority(words(OFFICE)), command, now(), days, above)


def ring_of(
    ring_path: Path | None, seal_key: Path | None, sealed_ring: Path | None, words: Words
) -> RingSource | None:
    """Where the keys of lists come from, None where nothing was said."""
    from provisioning import keyfiles, ring

    if sealed_ring is not None:
        return ring.from_file(sealed_ring)
    if (ring_path is None) != (seal_key is None):
        raise click.UsageError("--ring and --seal-key go together")
    if ring_path is None or seal_key is None:
        return None
    return ring.opened(ring_path, seal_key, words("seal") if keyfiles.is_locked(seal_key) else None)


def hand_out(folder: AuthorityFolder, issued: Issued, stick: Path | None, as_json: bool) -> None:
    """Put an envelope on the stick (if one is named) and say so. What is signed stays signed if the stick fails."""
    from common.times import rfc3339
    from provisioning.errors import StickError
    from provisioning.stick_tree import PROV, StickTree

    place = folder.issued(issued.serial, issued.sequence)
    if stick is not None:
        try:
            place = StickTree(stick).write(PROV, f"{issued.serial}.prov", issued.data)
        except StickError as error:
            raise StickError(
                f"{error.message}; number {issued.sequence} is signed and kept",
                advice=f"{error.advice}, then: borderpost-provision sign --again {issued.serial} --stick DIR",
            ) from error
    if as_json:
        until = rfc3339(issued.until) if issued.until else None
        say_json({
            "serial": issued.serial, "device": issued.device, "site": issued.site, "sequence": issued.sequence,
            "files": list(issued.files), "not_after": rfc3339(issued.not_after), "certificate_until": until,
            "file": str(place),
        })  # fmt: skip
        return
    click.echo(f"{issued.device} at {issued.site}: envelope {issued.sequence}, {place}")
    click.echo(f"  brings {', '.join(issued.files)}; to be applied until {issued.not_after:%Y-%m-%d}")
    if issued.until:
        click.echo(f"  certificate until {issued.until:%Y-%m-%d}")


def now() -> datetime:
    """The present time to the second, aware."""
    return datetime.now(UTC).replace(microsecond=0)


def say_json(value: Mapping[str, object] | Sequence[Mapping[str, object]]) -> None:
    """One JSON document on one line, at once."""
    click.echo(json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=str))
    sys.stdout.flush()


def table(columns: list[str], rows: list[list[str]]) -> None:
    """A table for a person on a terminal that is wide enough (a serial is never broken in two), else plain columns."""
    widths = [max(len(r[i]) for r in [columns, *rows]) for i in range(len(columns))]
    framed = sum(widths) + 3 * len(widths) + 1
    if sys.stdout.isatty() and framed <= shutil.get_terminal_size().columns:
        from rich.console import Console
        from rich.markup import escape
        from rich.table import Table

        shown = Table(*columns)
        for row in rows:
            shown.add_row(*map(escape, row))
        Console(width=framed).print(shown)
        return
    for row in [columns, *rows]:
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
