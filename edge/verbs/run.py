"""``borderpost run``: the daemon."""

from __future__ import annotations

from pathlib import Path

import click

from edge.verbs.options import config_option


@click.command("run")
@config_option
def command(config_path: Path) -> None:
    """Run the box until it is told to stop (SIGTERM, Ctrl-C).

    Readers, counters, journal and uplink each have a thread. The uplink and the watch over the lists are
    restarted alone; the death of any other thread ends the process with exit code 70, and systemd starts
    it again. A wrong configuration ends it with exit code 78, which systemd does not retry.

    \b
    Try it:  borderpost run --config edge.toml
    Then:    borderpost counter --config edge.toml      (in another terminal)
    """
    import structlog

    from edge import config, logs
    from edge.app import run
    from edge.configured import shared_ports
    from edge.secret_memory import guard_process

    guard_process()  # lists and keys will be in this memory
    settings = config.load(config_path)
    logs.set_up(settings.log)
    for shared in shared_ports(settings.reader):
        structlog.get_logger("run").warning(
            "port_shared", path=str(config_path), reason=shared.found, advice=shared.advice
        )
    with config.named(config_path):
        code = run(settings)
    if code:
        raise SystemExit(code)
