"""``borderpost fingers capture``: one finger from a scanner into a file, without the box."""

from __future__ import annotations

import signal
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec

from common.fingers.exporting import POSITIONS
from edge.core.texts import LANGUAGES
from edge.verbs.options import config_option, json_option

if TYPE_CHECKING:
    from drivers.fingers import FingerprintScanner
    from edge.fingers.taking import Frame

FORMS = ("png", "wsq")


@click.command("capture")
@click.argument("scanner")
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), required=True, metavar="FILE",
              help="The image, .png (as captured) or .wsq (500 per inch); for its owner alone (0600).")
@click.option("--position", type=click.Choice(list(POSITIONS)), default="right-index", show_default=True,
              help="Which finger is asked for.")
@click.option("--tries", type=click.IntRange(1, 3), default=3, show_default=True,
              help="Frames of the finger; the first good one is kept, else the best.")
@click.option("--wait", "wait_s", type=click.FloatRange(1, 300), default=30.0, show_default=True, metavar="S",
              help="Seconds that a finger is waited for.")
@click.option("--lang", "language", type=click.Choice(LANGUAGES), default="en", show_default=True,
              help="The language of what the person is told.")
@click.option("--force", is_flag=True, help="Replace FILE if it is there.")
@config_option
@json_option
def command(
    scanner: str, out: Path, position: str, tries: int, wait_s: float, language: str, force: bool, config_path: Path,
    as_json: bool,
) -> None:  # fmt: skip
    """Capture one finger from SCANNER into FILE; it holds personal data: keep it as such.

    SCANNER is the name of a [[scanner]] in edge.toml, or DRIVER=PORT. The box must not hold the port: stop it first.
    Every frame is judged, and the person is told on standard error what to do differently. Exit code 1 if no finger
    came, or none that could be used.

    \b
    Try it:
      borderpost fingers capture finger-1 --out right.png
      borderpost fingers capture uru4000=usb:05ba:000a --out right.wsq --position right-thumb --lang fr
    """
    from common.fingers import packing, saving
    from edge.core.fingerprints.iso19794_4 import Payload
    from edge.core.fingerprints.model import FingerError
    from edge.fingers.orders import erase_image
    from edge.scanners import named_scanner

    form = out.suffix.lower().removeprefix(".")
    if form not in FORMS:
        raise click.UsageError(f"--out {out}: end its name in .png or .wsq")
    saving.check_free(out, replace=force)
    packing.writer_of(Payload(form))  # before a person is asked for a finger
    device = named_scanner(scanner, config_path, time.monotonic)
    frame = _taken(device, position, tries, wait_s, language)
    if frame is None:
        raise FingerError("no finger was captured", advice="clean the glass, lay the finger flat, and try again")
    try:
        packed = packing.pack(frame.image, POSITIONS[position], Payload(form))
        saving.save(out, packed.data, replace=force)
    finally:
        erase_image(frame.image)
    height, width = frame.image.pixels.shape
    if as_json:
        click.echo(msgspec.json.encode({
            "file": str(out), "bytes": len(packed.data), "position": position, "width": width, "height": height,
            "ppi": frame.image.ppi, "quality": frame.quality, "passed": frame.passed, "tries": frame.tries,
        }))
        return
    good = "good" if frame.passed else "poor: take another if you can"
    click.echo(f"{out}: {position}, {width} x {height} at {frame.image.ppi:g} per inch, quality {frame.quality} "
               f"({good}), try {frame.tries}")  # fmt: skip


def _taken(device: FingerprintScanner, position: str, tries: int, wait_s: float, language: str) -> Frame | None:
    """The kept frame; the scanner is closed again, whatever happens. Raises FingerError; a signal ends the command."""
    from drivers.api import BadSetting, DeviceError
    from edge.core.fingerprints.model import FingerError
    from edge.core.texts import CATALOGUES
    from edge.fingers.keeper import told
    from edge.fingers.orders import erase_image
    from edge.fingers.source import ScannerSource
    from edge.fingers.taking import Taking
    from edge.fingers.watching import Watch

    words = CATALOGUES[language]
    source, frame = ScannerSource(device), None
    stopping: list[int] = []

    def tell(step: str, instruction: str, number: int) -> None:
        line = words[f"say.finger_{step}"].format(finger=words[f"position.{position}"], n=number, of=tries)
        why = words[f"finger.{instruction}"] if instruction else ""
        if (step, instruction) == ("lift", "lift"):  # which finger lies there nobody knows
            line, why = why, ""
        click.echo(f"{line}: {why}" if why else line, err=True)

    def withdrawn() -> bool:
        return bool(stopping)

    before = {
        number: signal.signal(number, lambda which, _frame: stopping.append(which))  # watching, law 3
        for number in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        tell("opening", "", 1)
        with Watch(source, withdrawn=withdrawn):
            device.open()
        if not stopping:
            frame = Taking(
                source, tell, wait_s=wait_s, tries=tries, mono=time.monotonic, withdrawn=withdrawn
            ).run()
    except (DeviceError, BadSetting, OSError) as error:
        if not stopping:
            reason, advice = told(error)
            raise FingerError(reason, advice=advice) from error
    finally:
        device.close()
        for number, handler in before.items():
            signal.signal(number, handler)
    if stopping:
        if frame is not None:
            erase_image(frame.image)
        sys.exit(128 + stopping[0])
    return frame
