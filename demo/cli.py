"""The command ``borderpost-demo``: one post and its headquarters on one desk."""

from __future__ import annotations

import contextlib
import shutil
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import click

from edge.errors import guarded

MAX_ROWS, MAX_ROW = 3, 44  # of any machine-readable zone
LAID_S = 3.0               # a finger lies on the scanner


@click.group(invoke_without_command=True, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="borderpost")
@click.option("--once", is_flag=True, help="Exit after the script; non-zero if a passage was lost or judged otherwise.")
@click.option("--json", "as_json", is_flag=True, help="One JSON line a passage, then a summary line.")
@click.option("--broker", type=click.Choice(["auto", "mosquitto", "iotcore"]), default="auto", show_default=True)
@click.pass_context
def demo(ctx: click.Context, once: bool, as_json: bool, broker: str) -> None:
    """Run a border post and its headquarters on this desk: real bytes, a real broker, invented lists.

    Starts a broker on loopback, headquarters with fresh keys, and one box with two virtual readers; scans
    invented documents, cuts the link, scans on, restores it, and shows the outbox drain. Then it stays until
    Ctrl-C as a place to try things. Without a terminal it exits after the script, as with --once.
    """
    if ctx.invoked_subcommand is None:
        code = _play(once or not sys.stdout.isatty(), as_json, broker)
        if code:
            raise SystemExit(code)


demo_option = click.option(
    "--demo", "folder", type=click.Path(path_type=Path, file_okay=False),
    help="The demo's folder, as its screen names it (default: the newest that runs).",
)


@demo.command()
@click.argument("lines", nargs=-1, required=True)
@click.option("--reader", default="swipe-1", show_default=True, help="swipe-1 (elyctis), page-1 or page-2 (text).")
@demo_option
def scan(lines: tuple[str, ...], reader: str, folder: Path | None) -> None:
    """Lay one more document on a reader of the running demo: its MRZ lines as arguments (quote them).

    The verdict appears in the demo's terminal. Exit code 1 if the box did not take the document.

    \b
    borderpost-demo scan 'P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<' 'L898902C36UTO7408122F3104150<<<<<<<<<<<<<<04'
    """
    from demo.stage import StageError
    from drivers.virtual.control import ask

    if len(lines) > MAX_ROWS or not all(row.isascii() and row.isprintable() and len(row) <= MAX_ROW for row in lines):
        raise click.UsageError(f"a zone has at most {MAX_ROWS} lines of at most {MAX_ROW} ASCII characters each")
    folder = _running(folder)
    control = folder / "box" / f"{reader}.ctl"
    with _answering(control, f"reader {reader!r}", "give --reader swipe-1, page-1 or page-2"):
        ask(control, {"remove": True})
        taken = ask(control, {"present": list(lines)})["at"]
    if taken is None:
        raise StageError("the box did not take it", advice=f"read {folder / 'box.log'}")
    click.echo(f"the box took it from {reader}; the verdict stands in the demo's terminal")


@demo.command()
@click.argument("seed", type=click.IntRange(min=0))
@click.option("--impression", type=click.IntRange(min=0), default=1, show_default=True, help="How it is laid down.")
@demo_option
def finger(seed: int, impression: int, folder: Path | None) -> None:
    """Lay a finger of nobody on the scanner of the running demo for three seconds: SEED says which (1000 is wanted).

    The counter desk-1 asks for one after each document (borderpost-demo scan --reader page-2).
    """
    from drivers.virtual.control import ask

    control = _running(folder) / "box" / "finger-1.ctl"
    with _answering(control, "scanner", "start the demo where the extra `fingers` is installed"):
        ask(control, {"finger": seed, "impression": impression})
        time.sleep(LAID_S)
        ask(control, {"remove": True})
    click.echo("laid down and lifted; what came of it stands in the demo's terminal")


def _running(folder: Path | None) -> Path:
    from demo import place
    from demo.stage import StageError

    found = folder or place.newest()
    if found is None:
        raise StageError("no demo is running that could take it", advice="start one in another terminal: make demo")
    return found


@contextlib.contextmanager
def _answering(control: Path, what: str, advice: str) -> Iterator[None]:
    from demo.stage import StageError
    from drivers.virtual.control import VirtualReaderFault

    try:
        yield
    except (OSError, VirtualReaderFault) as error:
        raise StageError(f"the demo in {control.parents[1]} has no {what} that answers", advice=advice) from error


def main() -> None:
    """Entry point of the console script."""
    sys.exit(guarded(lambda: demo(standalone_mode=False)))


def _play(once: bool, as_json: bool, broker: str) -> int:
    from demo import place, report
    from demo.play import Play
    from demo.stage import Stage
    from demo.stay import stay

    # Whoever ends this process or closes its terminal means what Ctrl-C means: nothing may go on running.
    # SIGINT as well: a shell that starts a command in the background hands it on ignored.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
    started = time.monotonic()
    folder = place.make()
    stage = Stage(folder, broker=broker)
    ended_well = False
    play = Play(stage, (lambda _line: None) if as_json else click.echo)
    try:
        play.acts()
        totals = play.totals()
        if as_json:
            for line in report.json_lines(play.passed, totals):
                click.echo(line)
        else:
            click.echo(f"\n{report.table(play.passed)}\n\n{report.summary(totals)}, {time.monotonic() - started:.1f} s")
        odd = [p for p in play.passed if not p.as_expected or not p.recorded]
        for p in odd:
            click.echo(f"not as the script says: {p.traveller.what}: {p.outcome}, shown {p.shown}", err=True)
        if not once:
            stay(stage, as_json)
        ended_well = True
        return 1 if totals.lost or odd else 0
    except KeyboardInterrupt:
        ended_well = True  # asked to stop: nothing failed
        raise
    finally:
        stage.close()
        if ended_well:
            shutil.rmtree(folder, ignore_errors=True)  # else its logs say why
