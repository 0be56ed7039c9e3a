"""``borderpost rescue``: rows that headquarters has not acked, off a dead box's disk."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from edge.verbs.options import json_option

if TYPE_CHECKING:
    from edge.carry.rescue import Rescued
    from edge.core.sealing import Recipient

NATIONAL = Path("/etc/borderpost/national.json")


@click.command()
@click.argument("source", type=click.Path(path_type=Path, exists=True))
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), default=Path("rescued.sealed"),
              show_default=True, help="Where the bundle goes: a new file, never on the dead disk.")
@click.option("--device", default="", metavar="DEVICE", help="The box, where its journal has lost its name.")
@click.option("--national", type=click.Path(path_type=Path, dir_okay=False), default=NATIONAL, show_default=True,
              help="The national package: it names the keys that the bundle is sealed to.")
@click.option("--seal-key", "lines", multiple=True, metavar="x25519:…",
              help="Headquarters' seal key instead (`borderpost-hq keys show`); again for escrow.")
@json_option
def command(
    source: Path, out: Path, device: str, national: Path, lines: tuple[str, ...], as_json: bool
) -> None:  # fmt: skip
    """Take un-acked rows off SOURCE: a dead box's disk as it is mounted, a folder of it, a disk image, or a journal.

    SOURCE is only read, whatever state it is in. The rows stay sealed: nobody but headquarters can open them. Take
    the bundle there: `borderpost-hq import rescued.sealed --rescued DEVICE`. Exits with 1 if there was no such row.
    """
    import secrets
    import sys
    import tempfile
    from datetime import UTC, datetime

    import msgspec

    from edge.carry.image import is_disk, journals_of
    from edge.carry.rescue import check_target, find_journals, rescue

    disk = is_disk(source)
    check_target(source, out, image=disk)
    recipients = _recipients(lines, national)
    with tempfile.TemporaryDirectory(prefix="rescue-") as folder:
        journals = journals_of(source, Path(folder)) if disk else find_journals(source)
        done = rescue(
            journals, out, recipients=recipients, session=secrets.token_hex(16), created=datetime.now(UTC),
            device=device, progress=_Progress(),
        )  # fmt: skip
    if as_json:
        click.echo(msgspec.json.encode(done))
    else:
        _say(done, source, out, [path.name for path in journals])
    if not done.rows:
        sys.exit(1)


def _say(done: Rescued, source: Path, out: Path, names: list[str]) -> None:
    where = f"{len(names)} journal{'s' * (len(names) > 1)} ({', '.join(names)})"
    if done.rows:
        click.echo(f"{done.rows} rows of {done.device} -> {out} ({done.bytes} bytes), from {where}")
    else:
        click.echo(f"nothing rescued: {where} of {done.device} at {source}, and no row in it that headquarters has not"
                   " acked; no bundle was written", err=True)  # fmt: skip
    if done.again:
        click.echo(f"{done.again} of them are others once more, under another epoch, as the journal no longer tells"
                   " theirs: as many stay closed at headquarters, and are no loss")  # fmt: skip
    for part in done.lost:
        click.echo(f"lost: {part.first} to {part.last} of epoch {part.epoch or 'unknown'}")
    if done.rows:
        click.echo(f"next: borderpost-hq import {out} --rescued {done.device}")
    else:
        click.echo("next: if headquarters misses rows, look for another disk of this box", err=True)


class _Progress:
    """Says a line on standard error, at most once a second."""

    def __init__(self) -> None:
        self._next = time.monotonic() + 1.0

    def __call__(self, rows: int) -> None:
        if (at := time.monotonic()) >= self._next:
            self._next = at + 1.0
            click.echo(f"{rows} rows", err=True)


def _recipients(lines: tuple[str, ...], national: Path) -> list[Recipient]:
    from edge.carry.rescue import RescueError
    from edge.core.provisioning.signing import open_national
    from edge.core.sealing import Recipient, seal_public_from_text

    if not lines:
        try:
            package = open_national(national.read_bytes(), None)
        except OSError as error:
            raise RescueError(
                f"{national}: {error.strerror}", advice="give --seal-key: the line of `borderpost-hq keys show`"
            ) from error
        lines = (package.seal_key, *package.escrow_keys)
    return [Recipient.of(seal_public_from_text(line)) for line in lines]
