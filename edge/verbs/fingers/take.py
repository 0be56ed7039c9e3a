"""``borderpost fingers take``: take a finger of a passage and search it against the galleries of this box."""

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


@click.command("take")
@passage_argument
@finger_option
@click.option("--counter", "counter", default="", help="Take it there (default: the counter of the passage).")
@language_option
@json_lines_option
@config_option
def command(
    passage: str, position: str | None, counter: str, language: str, as_json: bool, config_path: Path
) -> None:
    """Take a finger of PASSAGE and search it. The person lays it on the scanner as the screen says.

    A candidate is a lead: it makes the passage POSSIBLE and opens it until a person closes it. No candidate is no
    clearance. A passage takes a finger for two minutes (fingers.keep_s); then read the document again. Ctrl-C takes
    the request back: the finger counts as asked for and not searched.

    Exit codes: 0 searched, with or without a candidate   1 not searched, or the second finger was not compared
    130 taken back by Ctrl-C

    \b
    Try it:
      borderpost fingers take K7QZ4-M2X9P
      borderpost fingers take K7QZ4-M2X9P --finger left-thumb --lang fr
    """
    request = {"do": "finger", "passage": passage.upper(), "position": position or "", "counter": counter}
    told = follow(config_path, request, language=language, as_json=as_json)
    if told["problem"] or not told["templates"]:
        raise SystemExit(1)
