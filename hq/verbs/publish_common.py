"""What the verbs of ``publish`` share: options, keys, lines and JSON."""

from __future__ import annotations

import getpass
import warnings
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from common.times import rfc3339
from hq.verbs import options

if TYPE_CHECKING:
    from securesystemslib.signer import CryptoSigner

    from hq.distribution.repository import Signing

FILE = click.Path(path_type=Path, dir_okay=False)
repo_argument = click.argument("repo", type=click.Path(path_type=Path, file_okay=False), metavar="REPO")
json_option = click.option("--json", "as_json", is_flag=True, help="One JSON object.")
list_option = click.option("--list", "list_id", required=True, metavar="LISTID", help="Which list, or software.")
key_option = click.option(
    "--key", "key_files", type=FILE, multiple=True, required=True, help="Private key (NAME.pem); may be repeated."
)


def passphrase_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The two ways to give the passphrase of key files."""
    command = click.option("--passphrase-file", type=FILE, help="File whose first line is the passphrase.")(command)
    return click.option("--passphrase", "ask", is_flag=True, help="Ask for the passphrase of the key files.")(command)


def removed_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """How much of what was published last may be left out."""
    command = click.option("--force", is_flag=True, help="Publish whatever is left out.")(command)
    return click.option(
        "--max-removed", default="5%", show_default=True, metavar="SHARE",
        help="Share of what was published last that may be left out.",
    )(command)  # fmt: skip


def signers_of(paths: Sequence[Path], ask: bool, passphrase_file: Path | None) -> list[CryptoSigner]:
    """The private keys in these files; one passphrase opens those that are locked."""
    from hq.distribution import keys

    word = read_passphrase(ask, passphrase_file, confirm=False)
    return [keys.signer(path, passphrase=word) for path in paths]


def read_passphrase(ask: bool, file: Path | None, *, confirm: bool) -> str | None:
    """The passphrase that was given, or None. Raises PublishError."""
    from hq.distribution.errors import PublishError

    if file is not None:
        try:
            return file.read_text("utf-8").partition("\n")[0].rstrip("\r")
        except (OSError, UnicodeDecodeError) as error:
            raise PublishError(f"{file}: cannot be read", advice="give a file whose first line it is") from error
    if not ask:
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", getpass.GetPassWarning)  # it would be typed for all to see
            return str(click.prompt("Passphrase", hide_input=True, confirmation_prompt=confirm, err=True))
    except getpass.GetPassWarning as error:
        raise PublishError("there is no terminal to ask on", advice="give --passphrase-file") from error


def signed_rows(done: Sequence[Signing]) -> list[Mapping[str, object]]:
    """For JSON."""
    return [{"role": s.role, "version": s.version, "published": s.published, "missing": s.missing} for s in done]


def lines_of(done: Sequence[Signing]) -> list[str]:
    """For a person."""
    return [
        f"{s.role} {s.version}: " + ("published" if s.published else f"waits for {s.missing} more signature(s)")
        for s in done
    ]


def wanted_rows(steps: Sequence[tuple[int, int]]) -> list[Mapping[str, int]]:
    """For JSON; ``from`` 0 is a base."""
    return [{"from": start, "to": to} for start, to in steps]


def say(as_json: bool, value: Mapping[str, object], *lines: str) -> None:
    """One JSON object, or lines."""
    if as_json:
        options.say_json({name: rfc3339(v) if isinstance(v, datetime) else v for name, v in value.items()})
    else:
        for line in lines:
            click.echo(line)


def pair(text: str) -> tuple[str, Path]:
    """NAME=PATH of ``--file``."""
    name, equals, path = text.partition("=")
    if not equals or not path:
        raise click.UsageError("--file is written NAME=PATH")
    return name, Path(path)


def date_of(text: str) -> datetime:
    """The date of ``--as-of``; UTC where it names no zone."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        raise click.UsageError("--as-of is not YYYY-MM-DD or RFC 3339") from error
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
