"""What several verbs share: where the configuration is, what time it is, how lines leave."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from edge.core.vault import KeyRing

config_option = click.option(
    "--config",
    "config_path",
    type=click.Path(path_type=Path),
    default=Path("hq.toml"),
    show_default=True,
    help="headquarters' configuration",
)
ring_option = click.option(
    "--ring", "ring_path", type=click.Path(path_type=Path, dir_okay=False), help="Ring of list keys."
)
# The project's convention: a query answers one JSON document, a stream one object a line.
json_option = click.option("--json", "as_json", is_flag=True, help="one JSON array")
stream_option = click.option("--json", "as_json", is_flag=True, help="one JSON object a line")


def ring_of(config_path: Path, ring_path: Path | None) -> KeyRing | None:
    """The ring at ``ring_path``, opened by hq.toml's seal key; None where none is named."""
    from hq import config
    from hq import keys as hq_keys
    from hq.list_keys import RingFile

    if ring_path is None:
        return None
    if not ring_path.is_file():
        raise click.UsageError(f"there is no ring {ring_path}; make it: borderpost-hq keys list-key")
    settings = config.load(config_path).keys
    private = hq_keys.load_seal([Path(p) for p in settings.seal], hq_keys.read_passphrase(settings))
    return RingFile(ring_path, private).read()


def now() -> datetime:
    """The present time, aware."""
    return datetime.now(UTC)


def say_json(value: Mapping[str, object] | Sequence[Mapping[str, object]]) -> None:
    """One JSON document on one line, at once."""
    click.echo(json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=str))
    sys.stdout.flush()


def table(columns: list[str], rows: list[list[str]]) -> None:
    """A table for a person on a terminal, plain columns in a pipe."""
    if sys.stdout.isatty():
        from rich.console import Console
        from rich.markup import escape
        from rich.table import Table

        shown = Table(*columns)
        for row in rows:
            shown.add_row(*map(escape, row))
        Console().print(shown)
        return
    widths = [max(len(r[i]) for r in [columns, *rows]) for i in range(len(columns))]
    for row in [columns, *rows]:
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
