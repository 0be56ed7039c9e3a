"""The command ``borderpost-update``: what borderpost-update.service runs."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from common.command import guarded

DEFAULTS = {
    "base": "/opt/borderpost", "offered": "/var/lib/borderpost-software", "state": "/var/lib/borderpost-update",
    "national": "/etc/borderpost/national.json", "root": "/etc/borderpost/root.json", "shared": "/usr/lib/borderpost",
}
FOLDER = click.Path(path_type=Path, file_okay=False)
FILE = click.Path(path_type=Path, dir_okay=False)


def _place(name: str, kind: click.Path, text: str) -> Callable[[Any], Any]:
    return click.option(name, type=kind, default=DEFAULTS[name[2:]], show_default=True, help=text)


@click.command("borderpost-update", context_settings={"help_option_names": ["-h", "--help"]})
@_place("--base", FOLDER, "Where versions lie.")
@_place("--offered", FOLDER, "What the daemon laid down.")
@_place("--state", FOLDER, "Marks and metadata of our own.")
@_place("--national", FILE, "The national package, which holds the first root file.")
@_place("--root", FILE, "The first root file, where there is no national package.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@click.version_option(package_name="borderpost")
def command(*, base: Path, offered: Path, state: Path, national: Path, root: Path, as_json: bool) -> None:
    """Take a new version of the software that headquarters signed, if one was laid down; end a trial that went well.

    Verified, unpacked beside the version in use, tried without a network, swapped. A version that fails to start
    three times within one boot gives way to the one before. Run by borderpost-update.timer once a minute.
    """
    import msgspec

    from edge.software import trial, update

    shared = Path(DEFAULTS["shared"])
    places = update.Places(
        base, offered, state, _root(national, root), _number(shared / "base"), _line(shared / "version")
    )
    told = update.look(places, update.system_hands(), trial.here(base))
    if as_json:
        click.echo(msgspec.json.encode(told))
    _log(told)


def _log(told: object) -> None:
    import structlog

    from edge import logs
    from edge.config import LogConfig
    from edge.software.update import Told

    logs.set_up(LogConfig())
    log = structlog.get_logger("software")
    assert isinstance(told, Told)
    if told.outcome == "refused":
        log.warning("software_refused", version=told.version, code=told.code, reason=told.reason, advice=told.advice)
    elif told.outcome == "returned":
        log.error("software_returned", version=told.version, reason=told.reason,
                  advice="tell headquarters; the box goes on with the version before, and takes the next one")
    elif told.outcome == "taken":
        log.info("software_on_trial", version=told.version, generation=told.generation)
    elif told.outcome == "kept":
        log.info("software_kept", version=told.version, generation=told.generation)


def _root(national: Path, root: Path) -> bytes:
    """The first root file: of the national package, else as a hand brought it."""
    from edge.core.provisioning.codes import ProvisioningError
    from edge.core.provisioning.papers import MAX_PAPER
    from edge.core.provisioning.signing import open_national

    try:
        with national.open("rb") as file:
            text = open_national(file.read(MAX_PAPER * 20), None).tuf_root
        if text:
            return text.encode()
    except (OSError, ProvisioningError):
        pass
    try:
        with root.open("rb") as file:
            return file.read(512_000)
    except OSError:
        return b""


def _number(path: Path) -> int:
    text = _line(path)
    return int(text) if text.isdigit() else 0


def _line(path: Path) -> str:
    try:
        return path.read_text("ascii").strip()[:40]
    except (OSError, ValueError):
        return ""


def main() -> None:
    """Entry point of the console script."""
    sys.exit(guarded(lambda: command(standalone_mode=False)))
