"""The command ``borderpost``: one verb a file below edge/verbs, imported only when it is used."""

from __future__ import annotations

import sys

import click

from common.command import LazyVerbs, guarded

VERBS = {
    "run": "run the box: readers, counters, journal, uplink",
    "counter": "the officer's view: verdicts as they come",
    "close": "end a HIT or POSSIBLE with an outcome code",
    "passages": "what passed, newest first",
    "identity": "serial number, code, certificate of this box",
    "status": "readers, lists, outbox, link, clock",
    "doctor": "check this box and say what to do",
    "selftest": "try this version of the software, without a network",
    "devices": "what is plugged in, and the lines for edge.toml",
    "record": "record what passes between a reader and the box",
    "replay": "play a recording through a real box",
    "screen": "screen lines or fields against lists",
    "vehicle": "ask the lists about a plate or a VIN",
    "firearm": "ask the lists about a serial number",
    "explain": "score one name against another, and say why",
    "mrz": "read a machine-readable zone and explain it",
    "fingers": "compare fingers, measure extractor and matcher",
    "lists": "look into list generations, take newer ones",
    "audit": "verify the chain of the audit log",
    "rescue": "take unacked rows off a dead box's disk",
}


@click.group(
    cls=LazyVerbs, verbs=VERBS, package="edge.verbs", context_settings={"help_option_names": ["-h", "--help"]}
)
@click.version_option(package_name="borderpost")
def borderpost() -> None:
    """The box of a border post: reads travel documents, screens them, records and reports.

    A verdict is a lead that a person confirms, never a judgement. Start with `borderpost doctor`.
    """


def main() -> None:
    """Entry point of the console script."""
    sys.exit(guarded(lambda: borderpost(standalone_mode=False)))
