"""``borderpost lists update``: take newer lists now, from a stick or from headquarters' server."""

from __future__ import annotations

import contextlib
import os
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click

from edge.checks_keys import SEAL_AGAIN
from edge.verbs.options import config_option

if TYPE_CHECKING:
    from edge.config import Config
    from edge.core.trusted import Trusted
    from edge.update_report import ListOutcome, Report, Task

EVERY_S = 1.0  # between two words of progress


@click.command("update")
@config_option
@click.option("--from", "source", metavar="DIR|URL",
              help="A stick's folder that holds metadata and targets, or https://… [default: [updates] of edge.toml].")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def update(config_path: Path, source: str | None, as_json: bool) -> None:
    """Verify what headquarters published, and take every list that is newer. Screening goes on meanwhile.

    Run it as the user of the box; a running box takes the new lists into use within seconds. What is refused changes
    nothing, and says why and what to do next. Exit code 1 if anything was refused.

    \b
    Try it:  sudo -u borderpost borderpost lists update --from /media/stick
    """
    import msgspec

    from edge import config
    from edge.errors import EXIT_NO

    settings = config.load(config_path)
    with config.named(config_path):
        tasks = _tasks(settings, source)
    reports = [_run(task) for task in tasks]
    for report in reports:
        if report.issued is not None:
            _hear(settings, report.issued)
    refused = [problem for report in reports for problem in report.problems]
    locked = _locked(settings)
    if as_json:
        click.echo(msgspec.json.encode({"ok": not refused, "updates": reports, "warnings": locked}))
    else:
        for report in reports:
            _print(report)
        for warning in locked:
            click.echo(f"warning: {warning}", err=True)
        if locked:
            click.echo(f"next:  {SEAL_AGAIN}", err=True)
    for list_id, refusal in refused:
        if not as_json:
            click.echo(f"refused{f'  {list_id}' if list_id else ''}: {refusal.message} [{refusal.code}]", err=True)
            click.echo(f"next:  {refusal.advice}", err=True)
    if refused:
        raise SystemExit(EXIT_NO)


def _tasks(settings: Config, source: str | None) -> list[Task]:
    """One for each source. Raises ConfigError where none is named, or this user is not the box's."""
    import msgspec

    from common.settings import ConfigError
    from edge.update_report import holds_update
    from edge.updating import task_of

    updates = settings.updates
    if not updates.root:
        raise ConfigError(
            "updates.root: there is no root file to check an update by",
            advice="install headquarters' 1.root.json and name it: [updates] root = \"/etc/borderpost/root.json\"",
        )
    there = updates.folder if updates.folder and (holds_update(Path(updates.folder)) or not updates.url) else ""
    sources = [source] if source else [one for one in (there, updates.url) if one]
    if not sources:
        raise ConfigError(
            "updates: neither folder nor url is named", advice="give --from DIR, or add one of them to [updates]"
        )
    now = _now(settings)
    return [msgspec.structs.replace(task_of(settings, one, now), thorough=True) for one in sources]


def _locked(settings: Config) -> list[str]:
    """What is wrong with the list keys, and the lists that cannot be asked for want of any.

    Where there is a ring, the lists are left alone: to open sealed ones takes as much memory as the daemon has.
    """
    from edge.checks_keys import lacks_key
    from edge.list_keys import ListKeys, beside_the_unit
    from edge.watchlists import Watchlists

    keys = ListKeys(Path(settings.box.state_dir), beside_the_unit())
    held = keys.ring().entries
    found = [f"list keys: {keys.problem}"] if keys.problem else []
    if held:
        return found
    lists = Watchlists.open(Path(settings.box.lists_dir), keys=keys.ring).lists
    return found + [f"list {e.list_id} cannot be asked: {e.problem}" for e in lists if lacks_key(e.problem)]


def _wall() -> datetime:
    return datetime.now(UTC)


def _now(settings: Config) -> Trusted:
    """Trusted time, as far as the state file tells it. Raises ConfigError for another user than the box's."""
    from common.settings import ConfigError
    from edge.boot import boot_id
    from edge.clock import ClockPolicy, TrustedClock
    from edge.keys import own_folder
    from edge.state import State

    folder = own_folder(Path(settings.box.state_dir))
    owner = folder.stat().st_uid
    if owner != os.geteuid():  # what root writes there the box could not change any more
        raise ConfigError(
            f"{folder} belongs to another user (uid {owner})", advice="run this as the box's user: sudo -u borderpost …"
        )
    with contextlib.closing(State(folder / "state.sqlite")) as state:
        disciplined, hold = settings.clock.source == "system", timedelta(days=settings.clock.held_days)
        policy = ClockPolicy(disciplined=disciplined, hold=hold)
        return TrustedClock(wall=_wall, mono=time.monotonic, state=state, policy=policy, boot=boot_id()).now()


def _hear(settings: Config, issued: datetime) -> None:
    """Headquarters' signed time, for the box's clock."""
    from edge.boot import boot_id
    from edge.clock import Source, TrustedClock, Word
    from edge.state import State

    with contextlib.closing(State(Path(settings.box.state_dir) / "state.sqlite")) as state:
        clock = TrustedClock(wall=_wall, mono=time.monotonic, state=state, boot=boot_id())
        if clock.signed_word(issued, Source.UPDATE) is Word.TOO_FAR:
            click.echo("the update's signed time leaps too far ahead of this box's clock: compare both", err=True)


def _run(task: Task) -> Report:
    """One source, with progress on standard error."""
    from edge.updates.guard import guard
    from edge.updates.run import update as run

    guard(first_to_go=False)
    told = time.monotonic()

    def progress(list_id: str, name: str, there: int, whole: int) -> None:
        nonlocal told
        if time.monotonic() - told >= EVERY_S:
            told = time.monotonic()
            unit, size = ("MiB", 1 << 20) if whole >= 1 << 20 else ("KiB", 1 << 10)
            sys.stderr.write(f"{list_id}  {name}  {there / size:.1f} of {whole / size:.1f} {unit}\n")

    return run(task, now=datetime.now(UTC), progress=progress)


def _print(report: Report) -> None:
    issued = f", signed {report.issued:%Y-%m-%d %H:%M} UTC" if report.issued else ""
    click.echo(f"from {report.source}{issued}")
    for one in report.lists:
        click.echo(f"  {one.list:16} {_line(one)}")


def _line(one: ListOutcome) -> str:
    if one.outcome == "refused":
        return f"refused       {'stays at ' + str(one.now) if one.now else 'none is here'}"
    if one.outcome == "current":
        return f"up to date    generation {one.now}" if one.now else "nothing published"
    if one.repaired:
        return f"repaired      generation {one.now}, {one.records:,} records, {one.files} files, {one.bytes:,} bytes"
    dated = f", data of {one.as_of:%Y-%m-%d}" if one.as_of else ""
    more = "; compacting in the background" if one.compacting else ""
    return (
        f"updated       generation {one.before or 'none'} -> {one.now}, {one.records:,} records{dated}, "
        f"{one.files} files, {one.bytes:,} bytes{more}"
    )
