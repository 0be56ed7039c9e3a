"""The command ``borderpost-demo``: one post and its headquarters on one desk."""

from __future__ import annotations

import shutil
import signal
import sys
import time
from pathlib import Path

import click

from edge.errors import guarded

MAX_ROWS, MAX_ROW = 3, 44  # of any machine-readable zone


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


@demo.command()
@click.argument("lines", nargs=-1, required=True)
@click.option("--reader", default="swipe-1", show_default=True, help="swipe-1 (elyctis) or page-1 (text).")
@click.option(
    "--demo", "folder", type=click.Path(path_type=Path, file_okay=False),
    help="The demo's folder, as its screen names it (default: the newest that runs).",
)
def scan(lines: tuple[str, ...], reader: str, folder: Path | None) -> None:
    """Lay one more document on a reader of the running demo: its MRZ lines as arguments (quote them).

    The verdict appears in the demo's terminal. Exit code 1 if the box did not take the document.

    \b
    borderpost-demo scan 'P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<' 'L898902C36UTO7408122F3104150<<<<<<<<<<<<<<04'
    """
    from demo import place
    from demo.stage import StageError
    from drivers.virtual.control import VirtualReaderFault, ask

    if len(lines) > MAX_ROWS or not all(row.isascii() and row.isprintable() and len(row) <= MAX_ROW for row in lines):
        raise click.UsageError(f"a zone has at most {MAX_ROWS} lines of at most {MAX_ROW} ASCII characters each")
    folder = folder or place.newest()
    if folder is None:
        raise StageError("no demo is running that could take it", advice="start one in another terminal: make demo")
    control = folder / "box" / f"{reader}.ctl"
    try:
        ask(control, {"remove": True})
        taken = ask(control, {"present": list(lines)})["at"]
    except (OSError, VirtualReaderFault) as error:
        raise StageError(
            f"the demo in {folder} has no reader {reader!r} that answers", advice="give --reader swipe-1 or page-1"
        ) from error
    if taken is None:
        raise StageError("the box did not take it", advice=f"read {folder / 'box.log'}")
    click.echo(f"the box took it from {reader}; the verdict stands in the demo's terminal")


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
