"""After the script: verdicts as they come, until Ctrl-C or until a piece of the desk ends by itself."""

from __future__ import annotations

import queue
import sys
import threading
import time
from pathlib import Path

import click
import msgspec

from demo import place
from demo.stage import Stage
from edge.desk import DeskClient, DeskError
from edge.verbs.counter import show

LOOK_S = 0.2  # between two looks at the processes


def stay(stage: Stage, as_json: bool) -> None:
    """Show what comes until Ctrl-C. Raises StageError when a process of the stage has ended."""
    failures: queue.Queue[BaseException] = queue.Queue()
    try:
        with place.opened(stage.folder):
            if not as_json:
                click.echo(_invitation(stage))
            threading.Thread(target=_show, args=(stage.socket, as_json, failures), name="view", daemon=True).start()
            while failures.empty():
                stage.look_after()
                time.sleep(LOOK_S)
            raise failures.get()
    except KeyboardInterrupt:
        click.echo("\nstopping", err=as_json)


def _show(socket: Path, as_json: bool, failures: queue.Queue[BaseException]) -> None:
    """Until the box hangs up. This thread alone uses the connection: to close it while it is read from would wait."""
    try:
        with DeskClient(socket) as desk:
            for message in desk.messages():
                if as_json:
                    click.echo(msgspec.json.encode(message).decode())
                else:
                    show(message)
    except BaseException as error:  # a screen that cannot be written to ends the demo, not this thread alone
        failures.put(error)
        return
    time.sleep(10 * LOOK_S)  # a box that has ended is named by the other thread, with its log
    failures.put(DeskError("the box let this view go", advice="run the demo again"))


def _invitation(stage: Stage) -> str:
    here, folder = Path(sys.executable).parent, stage.folder
    fingers = f"""\
  lay a finger     {here}/borderpost-demo finger 1000      (after a scan with --reader page-2; 1000 is wanted)
""" if stage.desk else ""
    return f"""
The post stays open until Ctrl-C; verdicts appear below. From another terminal:
  scan one more    {here}/borderpost-demo scan 'P<UTO…' 'L898…'        (borderpost-demo scan --help has lines to copy)
{fingers}  the box          {here}/borderpost status --config {folder}/box/edge.toml
  headquarters     {here}/borderpost-hq watch --config {folder}/hq/hq.toml
  close a lead     {here}/borderpost close PASSAGE --outcome not-same-person --config {folder}/box/edge.toml
"""
