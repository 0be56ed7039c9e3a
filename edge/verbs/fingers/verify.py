"""``borderpost fingers verify``: is this the finger that was taken of a passage before? 1:1, at any counter."""

from __future__ import annotations

from pathlib import Path

import click

from edge.verbs.fingers_follow import (
    config_option,
    finger_option,
    follow,
    json_lines_option,
    language_option,
    passage_argument,
)


@click.command("verify")
@passage_argument
@click.option("--counter", "counter", default="", help="Take it there (default: the counter of the passage).")
@finger_option
@language_option
@json_lines_option
@config_option
def command(
    passage: str, counter: str, position: str | None, language: str, as_json: bool, config_path: Path
) -> None:
    """Compare a finger with the one that was taken of PASSAGE: is it the same person?

    Only a lead's finger is kept, in memory alone, until the lead is closed or two minutes are over
    (fingers.keep_s). The answer is recorded; it changes neither the outcome nor the lead. Ctrl-C takes the request
    back.

    Exit codes: 0 the same finger   1 not the same, no decision, or no finger was taken   130 taken back by Ctrl-C

    \b
    Try it:
      borderpost fingers verify K7QZ4-M2X9P --counter second-line
    """
    request = {"do": "verify", "passage": passage.upper(), "position": position or "", "counter": counter}
    if follow(config_path, request, language=language, as_json=as_json)["same"] is not True:
        raise SystemExit(1)
