"""``borderpost fingers evaluate``: FMR and FNMR on folders of impressions."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from common.fingers.extractors import NAMES
from edge.verbs.options import json_option

if TYPE_CHECKING:
    from common.fingers.evaluate import Evaluation

EVERY_S = 1.0  # between two words of progress


@click.command("evaluate")
@click.argument("folders", type=click.Path(path_type=Path, file_okay=False, exists=True), metavar="DIR...",
                nargs=-1, required=True)
@click.option("--extractor", type=click.Choice(NAMES), default="mindtct", show_default=True,
              help="Finds the minutiae of images.")
@click.option("--ppi", "ppis", type=float, multiple=True,
              help="Pixels per inch: once, or once for each DIR [default: what each file states, else 500].")
@click.option("--fingers", type=click.IntRange(1, 2), default=1, show_default=True,
              help="2: sum the scores of two fingers of a person.")
@click.option("--workers", type=click.IntRange(1, 8), default=None,
              help="Processes that extract [default: one a core].")
@json_option
def command(
    folders: tuple[Path, ...], extractor: str, ppis: tuple[float, ...], fingers: int, workers: int | None,
    as_json: bool,
) -> None:
    """Compare every two impressions below DIR: FNMR at FMR 1, 0.1 and 0.01 %, EER, and how sure that is.

    Files are named F_I.ext (finger, impression; png, tif, wsq, or else iso). Every two different impressions are one
    pair, genuine within a finger, impostor between fingers; of several DIR only pairs within each, judged at one
    threshold. With --fingers 2 the fingers of a DIR in the order of their numbers make persons: 1st and 2nd, 3rd and
    4th… An impression without minutiae counts with score 0. A rate is left open (null) where fewer than two impostor
    pairs could match. --json prints two lines: how it was measured, with thresholds and 95 % intervals, and last the
    rates alone.

    \b
    Try it:  borderpost fingers evaluate prints/ --extractor leader
    """
    import msgspec

    from common.fingers.evaluate import evaluate
    from common.fingers.inputs import UNKNOWN_EXTRACTOR, WHOSE

    found = evaluate(
        folders, extractor, ppis=ppis or (None,), fingers=fingers, workers=workers, told=_Progress()
    )
    for path in found.failed:
        click.echo(f"failure to acquire, counted with score 0: {path}", err=True)
    if found.extractor_id == UNKNOWN_EXTRACTOR:
        click.echo(WHOSE, err=True)
    if as_json:
        click.echo(msgspec.json.encode(_circumstances(found)))
        click.echo(msgspec.json.encode(_row(found)))
    else:
        _show(found)


class _Progress:
    """Words on standard error, at most one a second."""

    def __init__(self) -> None:
        self._told = time.monotonic()

    def __call__(self, what: str, done: int, of: int) -> None:
        if time.monotonic() - self._told >= EVERY_S:
            self._told = time.monotonic()
            sys.stderr.write(f"{done} of {of} {what}\n")


def _circumstances(found: Evaluation) -> dict[str, object]:
    """What the rates are of, and how sure they are."""
    return {
        "extractor": found.extractor_id, "impressions": found.impressions, "minutiae": found.minutiae,
        "failed_to_acquire": [str(path) for path in found.failed], "describe_ms": round(found.describe_ms, 2),
        "points": {
            f"fmr_{name}": None if point is None else
            {"threshold": round(point.threshold, 4), "fnmr": point.fnmr, "low": point.low, "high": point.high}
            for name, point in found.rates.points.items()
        },
    }  # fmt: skip


def _row(found: Evaluation) -> dict[str, float | int | None]:
    rates = found.rates
    row: dict[str, float | int | None] = {"eer": rates.eer}
    for name, point in rates.points.items():
        row[f"fnmr_at_fmr_{name}"] = None if point is None else point.fnmr
    return {
        **row, "us_per_pair": round(found.us_per_pair, 1), "genuine": rates.genuine, "impostor": rates.impostor
    }


def _show(found: Evaluation) -> None:
    rates = found.rates
    click.echo(f"extractor:    {found.extractor_id}, median {found.minutiae:.0f} minutiae")
    click.echo(f"impressions:  {found.impressions}, {len(found.failed)} failed to acquire")
    click.echo(f"pairs:        {rates.genuine} genuine, {rates.impostor} impostor")
    click.echo(f"CPU:          {found.us_per_pair:.0f} us a pair; {found.describe_ms:.1f} ms to describe a template")
    click.echo(f"EER:          {rates.eer:.2%}")
    click.echo("")
    click.echo("FMR      FNMR      95 % interval      threshold")
    for name, point in rates.points.items():
        told = f"{name[:-1]} %"
        if point is None:
            click.echo(f"{told:<9}-         too few impostor pairs to say")
            continue
        between = f"{point.low:.2%} - {point.high:.2%}"
        click.echo(f"{told:<9}{point.fnmr:<10.2%}{between:<19}{point.threshold:.2f}")
    click.echo("")
    click.echo("Pairs of one finger hang together; the interval allows for that (design effect by finger), not for")
    click.echo("another scanner or other people than these.")
