"""``borderpost-hq import``: rows and logs that came by stick."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from hq.verbs.options import config_option, json_option, now, say_json

if TYPE_CHECKING:
    from hq.carry.importing import Importer, Report
    from hq.config import Config

NAMES = (".sealed",)
MAX_FILES = 4096  # of the folders that are named
DEEP = 6  # folders below those


@click.command()
@config_option
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path, exists=True))
@click.option("--rescued", metavar="DEVICE", default="",
              help="You know that an unsigned bundle is off this box's disk (`borderpost rescue`).")
@click.option("--former", metavar="DEVICE", multiple=True,
              help="You know that the box was called so before: take its rows of that time too.")
@click.option("--acks", "acks_dir", type=click.Path(path_type=Path, file_okay=False), default=Path("acks"),
              show_default=True, help="Where the acks for each box go: DEVICE.acks.json.")
@click.option("--logs", "logs_dir", type=click.Path(path_type=Path, file_okay=False), default=Path("logs"),
              show_default=True, help="Where logs of boxes go.")
@json_option
def command(
    config_path: Path, files: tuple[Path, ...], rescued: str, former: tuple[str, ...], acks_dir: Path, logs_dir: Path,
    as_json: bool,
) -> None:  # fmt: skip
    """Take what boxes wrote to sticks: rows.sealed and logs.sealed, or a whole stick.

    Rows go the way that rows over MQTT go: once is once, the sender is checked, and what was taken is acked. The acks
    go back with the box's next envelope: `borderpost-provision acks`. It runs beside the collector; to run it
    twice on the same file is no harm. Exits with 1 if any file was not taken whole.
    """
    from hq import config
    from hq.carry import acks_file

    settings = config.load(config_path)
    reports = []
    with _Importing(settings, logs_dir, rescued, former) as take:
        for path in _found(files):
            report = take(path)
            if report.acks or report.holdings:
                acks_file.add(acks_dir, report.device, [*report.acks, *report.holdings])
            reports.append(report)
            if not as_json:
                _say(report)
    if as_json:
        say_json([_record(report) for report in reports])
    if not reports:
        raise click.UsageError("there is no rows.sealed and no logs.sealed there")
    if any(report.problem for report in reports):
        sys.exit(1)


class _Importing:
    """The store, open while files are taken."""

    def __init__(self, settings: Config, logs_dir: Path, rescued: str, former: tuple[str, ...]) -> None:
        self._settings, self._logs, self._rescued, self._former = settings, logs_dir, rescued, former

    def __enter__(self) -> Callable[[Path], Report]:
        import secrets

        from hq import keys as hq_keys
        from hq.carry.importing import Importer
        from hq.carry.sender import Senders
        from hq.collector.answers import Speaker
        from hq.revoked import Revoked
        from hq.store import Store

        settings = self._settings
        keys = hq_keys.load(settings.keys)
        revoked = Revoked.of(settings.provisioning, time.monotonic)
        revoked.read()
        senders = Senders.of(settings.provisioning.ca, revoked)
        limits = settings.collector
        self._store = Store(
            Path(settings.store.path), new_id=lambda: secrets.token_hex(8),
            conflict_rows=limits.conflict_rows, quarantine_rows=limits.quarantine_rows,
        )  # fmt: skip
        importer: Importer = Importer(
            self._store, keys.seal, Speaker(self._store.id, keys.ack, now, self._store.newest), senders, limits, now,
            self._logs, vouched=self._rescued, former=self._former, progress=_Progress(),
        )  # fmt: skip
        return importer.take

    def __exit__(self, *_: object) -> None:
        self._store.close()


class _Progress:
    """Says a line on standard error, at most once a second."""

    def __init__(self) -> None:
        self._next = time.monotonic() + 1.0

    def __call__(self, line: str) -> None:
        if (at := time.monotonic()) >= self._next:
            self._next = at + 1.0
            click.echo(line, err=True)


def _found(paths: tuple[Path, ...]) -> Iterator[Path]:
    """Files as they were named, and every sealed one below the folders that were."""
    given = 0
    for path in paths:
        if not path.is_dir():
            yield path
            continue
        for folder, names, files in os.walk(path):
            names.sort()
            if len(Path(folder).relative_to(path).parts) >= DEEP:
                names.clear()
            for name in sorted(files):
                if name.endswith(NAMES) and given < MAX_FILES:
                    given += 1
                    yield Path(folder, name)


def _record(report: Report) -> dict[str, object]:
    return {
        "file": report.file, "kind": report.kind, "post": report.device, "serial": report.serial, "site": report.site,
        "created": report.created, "rescued": report.rescued, "certificate_expired": report.expired,
        "new": report.new, "duplicate": report.duplicate, "conflicting": report.conflicting,
        "refused": report.refused, "pending": report.pending, "whole": report.whole, "acks": len(report.acks),
        "closed": report.closed, "former": sorted(report.former),
        "log": report.log, "problem": report.problem, "advice": report.advice,
    }  # fmt: skip


def _say(report: Report) -> None:
    who = " ".join(filter(None, (report.device or report.serial, f"at {report.site}" if report.site else "")))
    if report.log:
        click.echo(f"{report.file}: log of {who or 'nobody'} -> {report.log}")
    elif report.device:
        left = max(0, report.pending - report.rows)
        click.echo(
            f"{report.file}: {who}: {report.rows} rows: {report.new} new, {report.duplicate} duplicate,"
            f" {report.conflicting} conflicting, {report.refused} refused"
            + (f"; {left} more wait at the box" if left else "")
            + (f"; {report.closed} stay closed, and are not acked: name older seal keys" if report.closed else "")
            + ("; taken because you vouched for it" if report.rescued else "")
            + ("; its certificate has expired: renew it" if report.expired else "")
        )
    for former in sorted(report.former):
        click.echo(f"{report.file}: NOT TAKEN: rows of {former}", err=True)
        click.echo(f"next:  if {report.device} was called so before, import again with --former {former}", err=True)
    if report.problem:
        click.echo(f"{report.file}: NOT TAKEN{' FROM THERE ON' if report.rows else ''}: {report.problem}", err=True)
        click.echo(f"next:  {report.advice}", err=True)
