"""``borderpost fingers compare``: the comparison score of two files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from common.fingers.extractors import NAMES, extractor_id_of
from edge.verbs.options import json_option

if TYPE_CHECKING:
    from edge.core.fingerprints.model import Template

_FILE = click.Path(path_type=Path, dir_okay=False)


@click.command("compare")
@click.argument("probe", type=_FILE, metavar="A")
@click.argument("reference", type=_FILE, metavar="B")
@click.option("--extractor", type=click.Choice(NAMES), default="mindtct", show_default=True,
              help="Finds the minutiae of images.")
@click.option("--ppi", type=float, default=None,
              help="Pixels per inch of the images [default: what the file states, else 500].")
@click.option("--assume-extractor", is_flag=True,
              help="Take minutiae records as made by --extractor: they do not say who made them.")
@json_option
def command(
    probe: Path, reference: Path, extractor: str, ppi: float | None, assume_extractor: bool, as_json: bool
) -> None:
    """Compare finger A with finger B: PNG, TIFF, WSQ, or ISO/IEC 19794-2 of 2005 or 2011.

    The score is 0 or more. Beside it stands the score that one stranger in 10,000 reaches (FMR 1e-4) by this extractor,
    from which on `borderpost fingers verify` says "the same finger". Boxes and galleries use leader unless configured
    otherwise (fingers.extractor): scores of two extractors have nothing in common.

    \b
    Try it:  borderpost fingers compare right-index.png record.iso --assume-extractor
    """
    import msgspec

    from common.fingers.inputs import UNKNOWN_EXTRACTOR, WHOSE
    from edge.core.fingerprints.compare import compare
    from edge.fingers.tails import verify_threshold

    assumed = extractor_id_of(extractor) if assume_extractor else None
    one, two = _templates((probe, reference), extractor, ppi, assumed)
    score = compare(one, two)
    known = one.extractor_id != UNKNOWN_EXTRACTOR
    asked = round(verify_threshold(one.extractor_id), 2) if known else None
    if not known:
        click.echo(WHOSE, err=True)
    if as_json:
        click.echo(msgspec.json.encode(
            {"score": round(score, 4), "extractor_id": one.extractor_id, "minutiae": [len(one), len(two)],
             "score_at_fmr_1e-4": asked}
        ))
        return
    click.echo(f"score:      {score:.2f}")
    if asked is not None:
        click.echo(f"FMR 1e-4:   {asked:.2f} and more")
    click.echo(f"extractor:  {one.extractor_id}")
    click.echo(f"minutiae:   {len(one)} and {len(two)}")
    for path, template in ((probe, one), (reference, two)):
        if not len(template):
            click.echo(f"{path}: failure to acquire: no minutiae found", err=True)


def _templates(paths: tuple[Path, Path], name: str, ppi: float | None, assumed: str | None) -> list[Template]:
    """Templates of one extractor. Raises FingerError for a record beside an image of which nothing is assumed."""
    from common.fingers.child import Child
    from common.fingers.inputs import extract_file, read_finger, services
    from edge.core.fingerprints.model import FingerError, Template

    found = [read_finger(path, assumed) for path in paths]
    records = [isinstance(one, Template) for one in found]
    if any(records) and not all(records) and assumed is None:
        raise FingerError(
            "a minutiae record does not say which extractor made it: it cannot be compared with an image",
            advice="compare two images, or say --assume-extractor if the record was made with --extractor",
        )
    child = Child(services(name))
    try:
        return [
            one if isinstance(one, Template) else extract_file(child, one, path, ppi=ppi)
            for path, one in zip(paths, found, strict=True)
        ]
    finally:
        child.close()
