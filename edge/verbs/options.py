"""Options that several verbs share."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

DEFAULT_CONFIG = "/etc/borderpost/edge.toml"
DEFAULT_STATE = "/var/lib/borderpost"


def in_use(_context: click.Context, _parameter: click.Parameter, path: Path) -> Path:
    """The file that was named; where it is not there, the one that an envelope brought to this box."""
    from edge.enrol.start import found_config

    return found_config(path, Path(os.environ.get("BORDERPOST_STATE") or DEFAULT_STATE))


def _config_option(text: str, callback: Callable[..., Any] | None = None) -> Callable[[Any], Any]:
    return click.option(
        "--config", "config_path", type=click.Path(path_type=Path), default=DEFAULT_CONFIG, envvar="BORDERPOST_CONFIG",
        show_default=True, show_envvar=True, callback=callback, help=text,
    )


config_option = _config_option("The box's edge.toml; where it is not there, the one that headquarters sent.", in_use)
hand_made_option = _config_option("An edge.toml made by hand; where it is not there, what headquarters sent is used.")

json_option: Callable[[Any], Any] = click.option(
    "--json", "as_json", is_flag=True, help="One JSON document instead of a table."
)
