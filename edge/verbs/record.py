"""``borderpost record``: what passes between the box and one device, into a file."""

from __future__ import annotations

import math
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from edge.verbs.options import config_option

if TYPE_CHECKING:
    from drivers.named import NamedDevice
    from drivers.trace import Trace
    from edge.recording import Progress

ASKED = {
    "model": "make and model, as the device's label says",
    "submitter": "who makes this recording",
    "documents": "which documents are laid down (specimens)",
}


MASK_HELP = (
    "Replace names, numbers, dates and every other text that is not the protocol's own before anything is written to "
    "disk; no file if it cannot be proven that none is left."
)


def _number(_context: click.Context, _option: click.Parameter, value: float | None) -> float | None:
    """A range lets "not a number" through."""
    if value is not None and not math.isfinite(value):
        raise click.BadParameter("give a number of seconds")
    return value


@click.command("record")
@click.argument("device")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@config_option
@click.option("--profile", default="", help="DEVICE is a port; this profile says what stands there.")
@click.option(
    "--profiles", "folder", type=click.Path(path_type=Path, exists=True, file_okay=False), metavar="DIR",
    help="A folder with reader profiles, *.toml  [default: box.profiles_dir of edge.toml]",
)
@click.option("--model", default="", help=f"For the header: {ASKED['model']}.")
@click.option("--submitter", default="", help=f"For the header: {ASKED['submitter']}.")
@click.option("--documents", default="", help=f"For the header: {ASKED['documents']}.")
@click.option(
    "--documents-count", "count", type=click.IntRange(min=1), metavar="N", help="End two seconds after N documents."
)
@click.option(
    "--seconds", type=click.FloatRange(min=0, min_open=True), callback=_number, metavar="S", help="End after S seconds."
)
@click.option("--mask", is_flag=True, help=MASK_HELP)
@click.option("--force", is_flag=True, help="Write over FILE if it is there.")
@click.pass_context
def command(
    context: click.Context, device: str, file: Path, config_path: Path, profile: str, folder: Path | None, model: str,
    submitter: str, documents: str, count: int | None, seconds: float | None, mask: bool, force: bool,
) -> None:  # fmt: skip
    """Record DEVICE into FILE: times, directions and bytes, with a header that says where they come from.

    DEVICE is the name of a reader in edge.toml, or DRIVER=PORT, or with --profile a port. The box must not
    hold the port: stop it first. Ctrl-C ends the recording; the file is whole then. Until it ends it is
    FILE.part. On a terminal the counts run along; a document counts when its first row has ended, and a
    keyboard may type a row for seconds. Lay down specimens; where there are none, use --mask: then nothing
    is on disk until the recording ends, and a power cut loses it.

    \b
    borderpost record elyctis=/dev/serial/by-path/… swipe.trace
    borderpost record page-1 page.trace --config edge.toml --mask
    """
    from edge import recording

    given = context.get_parameter_source("config_path") is not click.core.ParameterSource.DEFAULT
    named = _device(device, profile, config_path, folder, given=given)
    told = {"model": model or named.title, "submitter": submitter, "documents": documents}
    header = recording.provenance(named, **_ask(told))
    recorder = recording.Recorder(named, file, header, time.monotonic, mask=_masking(named) if mask else None,
                                  force=force)
    with _stop_on_signals() as stopping:
        if sys.stderr.isatty():
            click.echo("recording; Ctrl-C ends it", err=True)
        progress = recorder.run(recording.Until(count or 0, seconds or 0.0), lambda: bool(stopping), _tell)
    if sys.stderr.isatty():
        click.echo(err=True)
    click.echo(
        f"{file}: {progress.documents} documents, {progress.others} other blocks, {progress.garbled} garbled, "
        f"{progress.bytes} bytes{', masked' if mask else ''}"
    )
    if progress.remark:
        click.echo(f"the device: {progress.remark}")


def _device(text: str, profile: str, config_path: Path, folder: Path | None, *, given: bool) -> NamedDevice:
    from drivers.api import DriverMisuse
    from edge.configured import configured_device, described_device, profiles_folder
    from edge.recording import RecordingError

    if not profile and "=" not in text and ":" not in text:
        return configured_device(config_path, text, folder)
    try:
        return described_device(text, profile, lambda: folder or profiles_folder(config_path, given=given))
    except DriverMisuse as error:
        raise RecordingError(error.message, advice=error.advice) from error


def _ask(told: dict[str, str]) -> dict[str, str]:
    """What is missing is asked for on a terminal; elsewhere the error names the option."""
    from edge.recording import RecordingError

    for key, text in told.items():
        if not text.strip():
            if not sys.stdin.isatty():
                raise RecordingError(
                    f"a recording needs provenance: {ASKED[key]}", advice=f"say it with --{key} \"…\""
                )
            told[key] = click.prompt(ASKED[key], err=True)
    return told


def _masking(named: NamedDevice) -> Callable[[Trace], Trace]:
    """Masking with a seed that nobody keeps."""
    from secrets import token_hex

    from drivers.masking import mask

    return lambda trace: mask(trace, named, token_hex(16))


def _tell(progress: Progress) -> None:
    if sys.stderr.isatty():
        click.echo(
            f"\r{progress.seconds:6.0f} s  {progress.documents} documents  {progress.others} other blocks  "
            f"{progress.garbled} garbled  {progress.bytes} bytes ", nl=False, err=True,
        )


@contextmanager
def _stop_on_signals() -> Iterator[list[int]]:
    """A list that holds the signal's number once the person or systemd wants an end."""
    stopping: list[int] = []
    before = {
        number: signal.signal(number, lambda number, _frame: stopping.append(number))
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    }
    try:
        yield stopping
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
