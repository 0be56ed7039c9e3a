"""What ``fingers take`` and ``fingers verify`` share: ask the box for a finger, and follow it to its end."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from edge.core.texts import DEFAULT, LANGUAGES
from edge.verbs.options import config_option

SILENCE_S = 120.0  # without any message of the box about this finger
FINGERS = (
    "right-thumb", "right-index", "right-middle", "right-ring", "right-little",
    "left-thumb", "left-index", "left-middle", "left-ring", "left-little",
)

passage_argument = click.argument("passage")
finger_option = click.option("--finger", "position", type=click.Choice(FINGERS), default=None,
                             help="Which finger (default: as the box is configured).")
language_option = click.option("--lang", "language", type=click.Choice(LANGUAGES), default=DEFAULT, show_default=True,
                               help="Language of what is said.")
json_lines_option = click.option("--json", "as_json", is_flag=True, help="The box's messages, one JSON line each.")
__all__ = ["config_option", "finger_option", "follow", "json_lines_option", "language_option", "passage_argument"]


def follow(config_path: Path, request: Mapping[str, Any], *, language: str, as_json: bool) -> None:
    """Ask, then show every message about this passage's finger until it was told what came of it.

    Raises BorderpostError with the box's advice when it refuses, and when it stays silent for SILENCE_S.
    """
    from edge import config
    from edge.core.errors import BorderpostError
    from edge.desk import DeskClient

    passage = request["passage"]
    with DeskClient(Path(config.load(config_path).box.socket), SILENCE_S) as desk:
        answer = desk.ask({key: value for key, value in request.items() if value})
        if not answer.get("ok"):
            raise BorderpostError(str(answer.get("error")), advice=str(answer.get("advice")))
        try:
            for message in desk.messages():
                if message.get("passage") == passage and message["type"] in ("finger", "fingers"):
                    _show(message, language, as_json=as_json)
                    if message["type"] == "fingers" and not message["second"]:
                        return
        except TimeoutError as error:
            raise BorderpostError(
                f"{passage}: nothing was heard of the finger", advice="look at `borderpost status`, then ask again"
            ) from error
    raise BorderpostError("the box went away", advice="look at `borderpost doctor`")


def _show(message: Mapping[str, Any], language: str, *, as_json: bool) -> None:
    import msgspec

    from edge.verbs.counter import show

    if as_json:
        click.echo(msgspec.json.encode(message))
    else:
        show(message, language)
