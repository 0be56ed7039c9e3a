"""The command ``borderpost-hq``: one verb a file below hq/verbs, imported only when it is used."""

from __future__ import annotations

import sys

import click

from common.command import LazyVerbs, guarded

VERBS = {
    "run": "collect what the posts send, and answer for it with a signature",
    "watch": "hits as they arrive, opened with the private key",
    "status": "the posts: online, offline or silent, and what is missing",
    "alarms": "what needs a person, and marking it done",
    "heads": "the heads of a box's audit chain, to verify an export against",
    "import": "rows and logs that came by stick",
    "requests": "what boxes ask for over MQTT",
    "send": "an envelope to a box over MQTT",
    "lists": "make watchlist generations for the posts",
    "publish": "sign lists and software for the posts",
    "keys": "make headquarters' key pairs",
}


@click.group(
    cls=LazyVerbs, verbs=VERBS, package="hq.verbs", context_settings={"help_option_names": ["-h", "--help"]}
)
@click.version_option(package_name="borderpost")
def headquarters() -> None:
    """Headquarters of the border posts: collects passages, shows hits, watches over the posts.

    Start with `borderpost-hq keys create --out keys`, then `borderpost-hq run --config hq.toml`.
    """


def main() -> None:
    """Entry point of the console script."""
    sys.exit(guarded(lambda: headquarters(standalone_mode=False)))
