"""``borderpost audit``: is the chain of the audit log whole? And as a file, for whoever looks at it elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import click

from edge.verbs.options import config_option, json_option

if TYPE_CHECKING:
    from edge.core.audit import AuditCheck, Checkpoint

BLOCK = 1 << 20  # bytes read at once
PROGRESS_ROWS = 50_000


@click.group("audit")
def command() -> None:
    """Export and verify the hash chain in which every passage, closing, change and drop is a link."""


@command.command("verify")
@click.argument("file", required=False, type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--head", "heads", multiple=True, metavar="HASH",
              help="A head that headquarters was told; it must stand in the chain. May be given several times.")
@click.option("--certificate", "certificates", multiple=True, type=click.Path(path_type=Path),
              help="The box's certificate or public key (PEM): its signed checkpoints are verified too.")
@config_option
@json_option
def verify(
    file: Path | None, heads: tuple[str, ...], certificates: tuple[Path, ...], config_path: Path, as_json: bool
) -> None:
    """Walk the chain from its first row; exit code 1 and the first bad row if it is broken.

    With FILE, an export, nothing else is needed: no box, no link, no configuration. Without, the box's own journal.

    A row that was edited, removed from the middle or put elsewhere shows, and so does a body or a first row that is
    gone though the chain does not state that retention took it. A chain that was cut at its end, or written anew,
    shows against a head that headquarters was told (audit_head in `borderpost-hq status --json`), and against the
    signatures of the box (--certificate): with that, one that is signed nowhere is broken.
    """
    from edge.audit_keys import believer, load
    from edge.errors import EXIT_NO

    for head in heads:
        if len(head) != 64 or set(head) - set("0123456789abcdef"):
            raise click.BadParameter("a head is 64 hexadecimal digits, lower case", param_hint="--head")
    believe = believer([load(path) for path in certificates]) if certificates else None
    check, device = _of_file(file, believe, heads) if file else _of_box(config_path, believe, heads)
    _tell(check, device, as_json=as_json, asked=believe is not None)
    if not check.sound:
        raise SystemExit(EXIT_NO)


@command.command("export")
@click.argument("file", type=click.File("wb", atomic=True))
@config_option
def export(file: BinaryIO, config_path: Path) -> None:
    """Write the whole chain to FILE ('-' for standard output), one row a line; it holds nothing of any person.

    The box may run meanwhile. Verify it anywhere: `borderpost audit verify FILE`.
    """
    from datetime import UTC, datetime

    from common.times import rfc3339
    from edge import config
    from edge.journal import read_only

    settings = config.load(config_path)
    with read_only(Path(settings.box.state_dir) / "journal.sqlite") as journal:
        for number, line in enumerate(journal.export_audit(rfc3339(datetime.now(UTC)))):
            file.write(line)
            if number and number % PROGRESS_ROWS == 0:
                click.echo(f"{number} rows", err=True)


def _of_box(
    config_path: Path, believe: Callable[[Checkpoint], bool] | None, heads: tuple[str, ...]
) -> tuple[AuditCheck, str]:
    from edge import config
    from edge.journal import read_only

    settings = config.load(config_path)
    with read_only(Path(settings.box.state_dir) / "journal.sqlite") as journal:
        return journal.verify_audit(believe, heads), settings.box.device


def _of_file(
    path: Path, believe: Callable[[Checkpoint], bool] | None, heads: tuple[str, ...]
) -> tuple[AuditCheck, str]:
    from edge.core import audit_file

    with path.open("rb") as file:
        opening, check = audit_file.check(_blocks(file), believe=believe, heads=heads)
    return check, opening.device


def _blocks(file: BinaryIO) -> Iterator[bytes]:
    while block := file.read(BLOCK):
        yield block


def _tell(check: AuditCheck, device: str, *, as_json: bool, asked: bool) -> None:
    from dataclasses import asdict

    import msgspec

    if as_json:
        found: dict[str, Any] = {"sound": check.sound, "device": device, **asdict(check)}
        click.echo(msgspec.json.encode(found))
        return
    if not check.sound:
        click.echo(f"the chain is broken at row {check.first_bad}: {check.problem}")
        return
    click.echo(f"the chain is whole: {check.rows} rows, head {check.head}")
    if check.after:
        click.echo(f"it begins at row {check.after + 1}: retention took rows 1-{check.after}, as the chain states")
    if check.redacted:
        click.echo(f"retention took bodies up to row {check.redacted}, as the chain states; their hashes stand")
    if asked:
        click.echo(f"signed by the box up to row {check.signed_until}, at {check.checkpoints} checkpoints")
    else:
        click.echo(f"{check.checkpoints} signed checkpoints, not verified: give the box's --certificate for that")
    for head, number in check.found.items():
        click.echo(f"the head {head[:16]}… stands at row {number}")
