"""``borderpost run``: the daemon."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from edge.enrol.places import NATIONAL, RUNTIME, STATE
from edge.verbs.options import hand_made_option

WHERE = click.Path(path_type=Path)
SCREEN = click.Path(path_type=Path, readable=False)  # a terminal of Debian's is open to its group for writing alone


@click.command("run")
@hand_made_option
@click.option("--national", type=WHERE, default=NATIONAL, show_default=True, help="Whom a box without edge.toml obeys.")
@click.option("--state", type=WHERE, default=STATE, envvar="BORDERPOST_STATE", show_default=True,
              help="Where such a box keeps its keys, its configuration and its journal.")
@click.option("--inbox", type=WHERE, default=None, help="Where the stick's process puts what it found.")
@click.option("--facts", type=WHERE, default=None, help="Where the box says what it is.")
@click.option("--runtime", type=WHERE, default=RUNTIME, show_default=True, help="A folder in memory, for the TLS key.")
@click.option("--console", type=SCREEN, default=None, help="A terminal that shows the enrolment code.")
def command(
    config_path: Path, national: Path, state: Path, inbox: Path | None, facts: Path | None, runtime: Path,
    console: Path | None,
) -> None:
    """Run the box until it is told to stop (SIGTERM, Ctrl-C).

    Readers, counters, journal and uplink each have a thread. The uplink and the watch over the lists are
    restarted alone; the death of any other thread ends the process with exit code 70, and systemd starts
    it again. A wrong configuration that was made by hand ends it with exit code 78, which systemd does not retry.

    Without an edge.toml the box runs with what an envelope brought (docs/technician.md), or waits for a stick. Then
    it ends by itself, with exit code 0, whenever an envelope was taken: systemd starts it with the new configuration.

    \b
    Try it:  borderpost run --config edge.toml
    Then:    borderpost counter --config edge.toml      (in another terminal)
    """
    from edge import config, logs
    from edge.boot import boot_id
    from edge.core.provisioning.inbox import FACTS, INBOX
    from edge.enrol.places import Places
    from edge.enrol.start import prepared
    from edge.secret_memory import guard_process

    guard_process()  # lists and keys will be in this memory
    logs.set_up(config.LogConfig())  # for what is said before there is a configuration
    places = Places(
        state=state.absolute(), national=national, inbox=inbox or Path(INBOX), facts=facts or Path(FACTS),
        runtime=runtime.absolute(), console=console,
    )
    settings, enrolment = prepared(config_path, places, boot_id())
    try:
        code = _run(settings, enrolment, config_path)
    finally:
        if enrolment is not None:
            enrolment.close()
    if code:
        raise SystemExit(code)


def _run(settings: Any, enrolment: Any, config_path: Path) -> int:
    """``settings``: a Config or None; ``enrolment``: an Enrolment or None."""
    import structlog

    from common.settings import ConfigError
    from edge import app, config, logs
    from edge.configured import shared_ports
    from edge.enrol import unprovisioned
    from edge.errors import EXIT_NO

    logs.set_up(settings.log if settings else config.LogConfig())
    if settings is None:
        return unprovisioned.run(enrolment, app.judge_readers)
    for shared in shared_ports(settings.reader):
        structlog.get_logger("run").warning(
            "port_shared", path=str(config_path), reason=shared.found, advice=shared.advice
        )
    try:
        with config.named(config_path):
            return app.run(settings, enrolment)
    except ConfigError as error:
        if enrolment is None or enrolment.by_hand is not None:
            raise
        enrolment.refuse(error.message)
        return EXIT_NO  # not 78: the next process runs with the configuration before, or waits for a stick
