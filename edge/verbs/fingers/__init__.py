"""``borderpost fingers``: each verb a file here, imported when it is named."""

from __future__ import annotations

import click

from common.command import LazyVerbs

VERBS = {
    "capture": "capture one finger from a scanner into a file",
    "take": "take a finger of a passage and search it",
    "verify": "is this the finger that was taken of a passage before?",
    "compare": "compare two fingers, 1:1",
    "export": "write fingers for the NCB and for other systems",
    "evaluate": "measure extractor and matcher on a folder of impressions",
}


@click.group("fingers", cls=LazyVerbs, verbs=VERBS, package="edge.verbs.fingers")
def command() -> None:
    """Capture, compare and export fingers, and measure how well that works.

    A comparison score is a lead for a person to judge, never a decision.
    """
