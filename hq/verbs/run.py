"""``borderpost-hq run``: the collector, until it is told to stop."""

from __future__ import annotations

import random
import secrets
import signal
import time
from pathlib import Path

import click

from hq.verbs.options import config_option, now


@click.command()
@config_option
@click.option("--log", "level", type=click.Choice(["debug", "info", "warning", "error"]), default="info")
def command(config_path: Path, level: str) -> None:
    """Collect what the posts send, and answer for it with a signature.

    Runs until Ctrl-C or SIGTERM. It needs the broker and the keys that hq.toml names, and makes the
    database where there is none. A second collector on the same database ends at once.
    """
    from hq import config, keys, logs
    from hq.collector import Collector
    from hq.store import StoreLock

    logs.set_up(level)
    settings = config.load(config_path)
    collector = Collector(
        settings,
        keys.load(settings.keys),
        clock=now,
        mono=time.monotonic,
        new_token=lambda: secrets.token_hex(8),
        jitter=random.random,
    )
    with StoreLock(Path(settings.store.path)):
        collector.check()
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: collector.stop())
        collector.run()
