"""``borderpost fingers export``: files of fingers for the NCB and for other systems."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
import msgspec

from common.fingers import exporting, itl, saving
from common.fingers.child import Child
from common.fingers.extractors import NAMES
from common.fingers.images import read_bytes
from edge.core.fingerprints.iso19794_4 import Payload
from edge.verbs.options import json_option


@click.command("export")
@click.argument("images", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="IMAGE...")
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), required=True, metavar="FILE",
              help="The file to write, for its owner alone (0600).")
@click.option("--format", "form", type=click.Choice(exporting.FORMATS), required=True,
              help="itl: NIST-ITL for the NCB; iso: templates (19794-2); fir: images (19794-4).")
@click.option("--position", "positions", type=click.Choice(list(exporting.POSITIONS)), multiple=True,
              help="Which finger; once for each IMAGE, in their order.")
@click.option("--ppi", type=float, default=None,
              help="Pixels per inch of all images, where their files do not say it rightly.")
@click.option("--payload", type=click.Choice([payload.value for payload in Payload]), default=None,
              help="How images lie in itl (wsq unless said) and fir (plain unless said).")
@click.option("--extractor", type=click.Choice(NAMES), default="mindtct", show_default=True,
              help="What makes templates of images.")
@click.option("--transaction", default=None, metavar="TEXT", help="itl: type of transaction (1.004), as agreed.")
@click.option("--destination", default=None, metavar="TEXT", help="itl: agency it goes to (1.007).")
@click.option("--origin", default=None, metavar="TEXT", help="itl: agency it comes from (1.008, 14.004).")
@click.option("--number", default=None, metavar="TEXT", help="itl: control number (1.009); made up unless said.")
@click.option("--priority", type=click.IntRange(1, 9), default=None, help="itl: priority (1.006), 1 is most urgent.")
@click.option("--domain", nargs=2, default=None, metavar="NAME VERSION",
              help="itl: domain (1.013), such as INT-I 5.03.")
@click.option("--system", default=None, metavar="TEXT", help="itl: system information (2.003).")
@click.option("--case", default=None, metavar="TEXT", help="itl: case number (2.007).")
@click.option("--record", default=None, metavar="TEXT", help="itl: the NCB's own reference number (2.010).")
@click.option("--force", is_flag=True, help="Replace FILE if it is there.")
@json_option
def command(images: tuple[Path, ...], out: Path, form: str, positions: tuple[str, ...], ppi: float | None,
            payload: str | None, extractor: str, force: bool, as_json: bool, **said: Any) -> None:
    """Write fingers as an exchange file, whole or not at all; it holds personal data: keep it as such.

    IMAGE is PNG, TIFF or WSQ, an ISO/IEC 19794-4 or NIST-ITL file, or, for templates, an ISO/IEC 19794-2 record.

    \b
    Try it:  borderpost fingers export right.png left.png --position right-index --position left-index \\
                 --format itl --transaction CPS --origin XX/POST --destination XX/NCB --case 2026-17 --out case.nist
    """
    saving.check_free(out, replace=force)
    references = {itl.SYSTEM: said["system"], itl.CASE: said["case"], itl.RECORD: said["record"]}
    wanted = exporting.Wanted(
        form, None if payload is None else Payload(payload),
        _header(said) if form == exporting.ITL else None,
        {number: text for number, text in references.items() if text},
    )
    child = exporting.workshop(form, extractor)
    try:
        data, written = exporting.export(child, _fingers(child, images, positions, ppi), wanted)
    finally:
        child.close()
    saving.save(out, data, replace=force)
    if as_json:
        summary = {"file": str(out), "format": form, "bytes": len(data), "fingers": written}
        click.echo(msgspec.json.encode(summary))
        return
    click.echo(f"{out}: {form}, {len(data):,} bytes")
    for finger in written:
        minutiae = "" if finger.minutiae is None else f", {finger.minutiae} minutiae"
        click.echo(f"  {finger.position:14}{finger.width} x {finger.height} at {finger.ppi} per inch{minutiae}")


def _fingers(
    child: Child, images: tuple[Path, ...], positions: tuple[str, ...], ppi: float | None
) -> list[exporting.Finger]:
    if positions and len(positions) != len(images):
        raise click.UsageError(f"{len(positions)} positions for {len(images)} images: give one for each, or none")
    found: list[exporting.Finger] = []
    for place, path in enumerate(images):
        position = exporting.POSITIONS[positions[place]] if positions else None
        found += exporting.fingers_of(child, read_bytes(path), str(path), position, ppi)
    if ppi is not None and all(finger.image is None for finger in found):
        raise click.UsageError("--ppi is of images: these files hold minutiae, which say where they lie")
    return found


def _header(said: dict[str, Any]) -> itl.Header:
    """Type 1 of NIST-ITL; what the agencies have agreed on is never guessed."""
    for name in ("transaction", "destination", "origin"):
        if not said[name]:
            raise click.UsageError(f"--format itl needs --{name}: ask the NCB what it has agreed on")
    now = datetime.now(UTC)
    number = said["number"] or f"{now:%Y%m%d%H%M%S}{secrets.token_hex(4).upper()}"
    return itl.Header(
        said["transaction"], said["destination"], said["origin"], number, now.date(), said["priority"] or 0,
        said["domain"],
    )
