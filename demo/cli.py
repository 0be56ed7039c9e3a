"""The command ``borderpost-demo``: one post and its headquarters on one desk."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import time
from pathlib import Path

import click
import msgspec

from edge.errors import guarded

CURRENT = Path(tempfile.gettempdir()) / f"borderpost-demo-{os.getuid()}"


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
def scan(lines: tuple[str, ...], reader: str) -> None:
    """Lay one more document on a reader of the running demo: its MRZ lines as arguments (quote them).

    \b
    borderpost-demo scan 'P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<' 'L898902C36UTO7408122F1204159<<<<<<<<<<<<<<06'
    """
    from drivers.virtual.control import ask

    try:
        ask(CURRENT / "box" / f"{reader}.ctl", {"remove": True})
        ask(CURRENT / "box" / f"{reader}.ctl", {"present": list(lines)})
    except OSError as error:
        raise click.ClickException(f"no demo is running, or it has no reader {reader!r}: make demo") from error
    click.echo(f"laid on {reader}")


def main() -> None:
    """Entry point of the console script."""
    sys.exit(guarded(lambda: demo(standalone_mode=False)))


def _play(once: bool, as_json: bool, broker: str) -> int:
    from demo import report
    from demo.play import Play
    from demo.stage import Stage

    started = time.monotonic()
    folder = Path(tempfile.mkdtemp(prefix="bp-demo-"))
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
        ended_well = True
        if not once:
            _stay(stage, as_json)
        return 1 if totals.lost or odd else 0
    finally:
        stage.close()
        CURRENT.unlink(missing_ok=True)
        if ended_well:
            shutil.rmtree(folder, ignore_errors=True)  # else its logs say why


def _stay(stage: object, as_json: bool) -> None:
    from demo.stage import Stage
    from edge.desk import DeskClient
    from edge.verbs.counter import show

    assert isinstance(stage, Stage)
    CURRENT.unlink(missing_ok=True)
    CURRENT.symlink_to(stage.folder)
    here = Path(sys.executable).parent
    if not as_json:
        click.echo(f"""
The post stays open until Ctrl-C; verdicts appear below. From another terminal:
  scan one more    {here}/borderpost-demo scan 'P<UTO…' 'L898…'        (borderpost-demo scan --help has lines to copy)
  the box          {here}/borderpost status --config {CURRENT}/box/edge.toml
  headquarters     {here}/borderpost-hq watch --config {CURRENT}/hq/hq.toml
  close a lead     {here}/borderpost close PASSAGE --outcome not-same-person --config {CURRENT}/box/edge.toml
""")
    try:
        with DeskClient(stage.socket) as desk:
            for message in desk.messages():
                if as_json:
                    click.echo(msgspec.json.encode(message).decode())
                else:
                    show(message)
    except KeyboardInterrupt:
        click.echo("\nstopping")
