"""What ``fingers take`` and ``fingers verify`` share: ask the box for a finger, and follow it to its end."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from edge.core.texts import DEFAULT, LANGUAGES
from edge.verbs.options import config_option

if TYPE_CHECKING:
    from edge.desk import DeskClient

WITHDRAW_S = 5.0   # for the box to end what was withdrawn
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


def follow(config_path: Path, request: Mapping[str, Any], *, language: str, as_json: bool) -> dict[str, Any]:
    """Ask, then show every message about this passage's finger until it was told what came of it: the last message.

    Raises BorderpostError with the box's advice when it refuses, and when it stays silent for SILENCE_S. Ctrl-C takes
    the finger back, and shows that.
    """
    from edge import config
    from edge.core.errors import BorderpostError
    from edge.desk import DeskClient

    passage, socket = request["passage"], Path(config.load(config_path).box.socket)
    with DeskClient(socket, SILENCE_S) as desk:
        answer = desk.ask({key: value for key, value in request.items() if value})
        if not answer.get("ok"):
            raise BorderpostError(str(answer.get("error")), advice=str(answer.get("advice")))
        try:
            return _shown(desk, passage, answer["order"], language, as_json=as_json)
        except TimeoutError as error:
            raise BorderpostError(
                f"{passage}: nothing was heard of the finger", advice="look at `borderpost status`, then ask again"
            ) from error
        except KeyboardInterrupt:
            with suppress(BorderpostError, TimeoutError), DeskClient(socket, WITHDRAW_S) as other:
                if other.ask({"do": "finger", "passage": passage, "cancel": True}).get("ok"):
                    _shown(other, passage, answer["order"], language, as_json=as_json)
            raise


def _shown(desk: DeskClient, passage: str, order: int, language: str, *, as_json: bool) -> dict[str, Any]:
    """Show what is told of the finger until nothing more will come: the last message. Raises TimeoutError.

    What came of an ``order`` before this one is passed over: a box tells again what nobody heard.
    """
    from edge.core.errors import BorderpostError

    for message in desk.messages():
        if message.get("passage") != passage or message["type"] not in ("finger", "fingers"):
            continue
        if message["type"] == "fingers" and message["order"] < order:
            continue
        _show(message, language, as_json=as_json)
        if message["type"] == "fingers" and not message["second"]:
            return message
    raise BorderpostError("the box went away", advice="look at `borderpost doctor`")


def _show(message: Mapping[str, Any], language: str, *, as_json: bool) -> None:
    import msgspec

    from edge.verbs.counter import show

    if as_json:
        click.echo(msgspec.json.encode(message))
    else:
        show(message, language)
