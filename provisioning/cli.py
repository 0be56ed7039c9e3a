"""The command ``borderpost-provision``: one verb a file below provisioning/verbs, imported only when it is used."""

from __future__ import annotations

import sys

import click

from common.command import LazyVerbs, guarded

VERBS = {
    "init": "make the keys of a country, once",
    "package": "make the national package: whom boxes obey",
    "site": "add posts and change their configuration",
    "claim": "a stick by which a bare box may ask to be enrolled",
    "sign": "answer a box: certificate, configuration, keys of lists",
    "renew": "new certificates for boxes that are known",
    "replace": "a new box takes the place of an old one",
    "revoke": "a box counts no longer",
    "reset": "a box forgets everything",
    "time": "what time it is, for boxes that do not know",
    "acks": "headquarters' word on rows that came by stick",
    "key": "a new key for one that was lost or stolen",
    "broker": "the files that the broker is run with",
    "show": "boxes, sites, claims, certificates, papers, keys, requests",
    "explain": "what a code on a stick means, and what to do",
    "stick": "on the box: take a stick that was plugged in",
}


@click.group(
    cls=LazyVerbs, verbs=VERBS, package="provisioning.verbs", context_settings={"help_option_names": ["-h", "--help"]}
)
@click.version_option(package_name="borderpost")
def provision() -> None:
    """Bring a bare mini-PC to life from a USB stick, and keep the keys of all of them.

    At headquarters: `init` once (docs/key-ceremony.md), `package`, `site add`, then for each box `claim`, and `sign`
    with the code that is read from the box by telephone. At the post: plug the stick in, wait for the light, read
    the RESULT file; `explain CODE` says what a code in it means.
    """


def main() -> None:
    """Entry point of the console script."""
    sys.exit(guarded(lambda: provision(standalone_mode=False)))
