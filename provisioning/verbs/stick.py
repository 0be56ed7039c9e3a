"""The verb ``stick``: one visit of a stick, as borderpost-stick@.service runs it."""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path

import click
import msgspec

from edge.core.provisioning.codes import Grade
from edge.core.provisioning.inbox import FACTS, INBOX
from edge.core.provisioning.inbox import NATIONAL as BESIDE
from edge.core.provisioning.result_text import explain, grade
from provisioning.stick.light import Bell, Led, Light, Output, Speaker, find_leds
from provisioning.stick.limits import Limits
from provisioning.stick.medium import DeviceMedium, FolderMedium, Medium
from provisioning.stick.mounting import Mounts
from provisioning.stick.visit import Box, visit

RUNTIME = "/run/borderpost-stick"
NATIONAL = "/etc/borderpost/national.json"
LEDS = "/sys/class/leds"
CONSOLE = "/dev/tty1"
_EXISTING = click.Path(path_type=Path)


@click.command()
@click.argument("device", required=False)
@click.option("--folder", type=click.Path(exists=True, file_okay=False, path_type=Path),
              help="A folder with a stick's files, or a stick that is mounted already, instead of DEVICE.")
@click.option("--inbox", type=_EXISTING, default=Path(INBOX), show_default=True, help="Where the daemon looks.")
@click.option("--facts", type=_EXISTING, default=Path(FACTS), show_default=True, help="What the daemon says of itself.")
@click.option("--national", type=_EXISTING, default=Path(NATIONAL), show_default=True,
              help="The national package that was installed.")
@click.option("--light", "lights", type=_EXISTING, multiple=True,
              help="A folder of the kernel's LED class; without it those of the board that mean status.")
@click.option("--bell", type=_EXISTING, help=f"A terminal whose bell rings at the end; with DEVICE {CONSOLE}.")
@click.option("--speaker", type=click.Path(readable=False, path_type=Path),  # the unit lets it be written to, not read
              help="The PC speaker's input device.")
@click.option("--reader", "readers", multiple=True, metavar="VVVV:PPPP",
              help="A reader that types and may hang on the same hub as the stick.")
@click.option("--wait", "wait_s", type=click.FloatRange(1, 86_400), default=Limits().outcome_s, show_default=True,
              help="Seconds until the box must have answered.")
@click.option("--show", "show_s", type=click.FloatRange(0, 3600), default=Limits().show_s, show_default=True,
              help="Seconds that the light shows the end, unless the stick is pulled out before.")
@click.option("--json", "as_json", is_flag=True, help="Print the outcome as JSON.")
def command(
    device: str | None, folder: Path | None, inbox: Path, facts: Path, national: Path, lights: tuple[Path, ...],
    bell: Path | None, speaker: Path | None, readers: tuple[str, ...], wait_s: float, show_s: float, as_json: bool,
) -> None:  # fmt: skip
    """Look at the stick DEVICE (sda1), hand what is for this box to the daemon, and write the answer back.

    The service borderpost-stick@.service runs this when a stick called BORDERPOST is plugged in. The stick must be FAT
    or exFAT and nothing but storage; it is mounted read-only, and written to only below BORDERPOST/out. Exit code: 0 if
    all went well, or a part of it; 1 if nothing did.
    """
    if (device is None) == (folder is None):
        raise click.UsageError("give either DEVICE or --folder")
    medium: Medium = FolderMedium(folder) if folder is not None else DeviceMedium(
        device or "", runtime=Path(os.environ.get("RUNTIME_DIRECTORY", RUNTIME)), environ=os.environ, mounts=Mounts(),
        readers=readers,
    )
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # the stick was pulled: dark, unmounted, gone
    os.umask(0o007)  # the daemon shares the group
    box = Box(
        inbox=inbox, facts=facts, national=national, newer_national=facts.with_name(BESIDE), now=time.monotonic,
        nap=time.sleep, tell=lambda text: click.echo(text, err=True), up_s=time.clock_gettime(time.CLOCK_BOOTTIME),
        limits=Limits(outcome_s=wait_s),
    )
    bell = bell or (Path(CONSOLE) if device else None)
    sounds: list[Output] = [Bell(bell)] if bell else []
    sounds += [Speaker(speaker)] if speaker else []
    light = Light([Led(path) for path in lights or find_leds(Path(LEDS))], sounds)
    try:
        outcome = visit(medium, box, light)
        for part in outcome.parts:
            click.echo(f"{part.part}: {part.code}" + (f" ({part.detail})" if part.detail else ""), err=True)
        for code in dict.fromkeys(part.code for part in outcome.parts if part.grade is not Grade.OK):
            click.echo(f"next:  {code}: {explain(code).step}", err=True)
        if as_json:
            click.echo(msgspec.json.encode(outcome).decode())
        _show(medium, show_s)
    finally:
        light.off()
    if grade(outcome.parts) in (Grade.REFUSED, Grade.FAULT):
        sys.exit(1)


def _show(medium: Medium, seconds: float) -> None:
    end = time.monotonic() + seconds
    while medium.there() and time.monotonic() < end:
        time.sleep(0.2)
