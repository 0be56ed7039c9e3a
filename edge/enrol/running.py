"""With which configuration a box runs, for verbs that look at it from outside: nothing is made, finished or locked."""

from __future__ import annotations

import os
from pathlib import Path

from common.settings import ConfigError
from edge import config
from edge.config import Config
from edge.core.errors import BorderpostError
from edge.core.provisioning.codes import Code
from edge.core.provisioning.texts_data import TEXTS
from edge.enrol import generations, validation
from edge.enrol.places import Places


class ClosedError(BorderpostError):
    """The state folder is not to be looked into by this user."""


def running(config_path: Path, places: Places) -> tuple[Config | None, Path]:
    """The configuration as the daemon reads it, and its file: ``config_path`` where it is there, else what an envelope
    brought to ``places``. None for a box that waits for a stick.

    Raises ConfigError for one that is wrong or, where there is not even a national package, absent.
    """
    if config_path.exists():
        return config.load(config_path), config_path
    if places.state.is_dir() and not os.access(places.state, os.R_OK | os.X_OK):
        raise ClosedError(f"{places.state} is closed to this user", advice="run this as the box's user or as root")
    number = generations.current(places)
    if not number:
        if not (places.national.exists() or places.newer_national.exists()):
            raise nothing_to_run(config_path, places)
        return None, config_path
    folder = generations.folder_of(places, number)
    path = folder / generations.CONFIG
    with config.named(path):
        return validation.localized(config.load(path), places, folder), path


def nothing_to_run(config_path: Path, places: Places) -> ConfigError:
    """Neither an edge.toml nor a national package."""
    advice = TEXTS["en"][Code.NO_NATIONAL_PACKAGE]
    return ConfigError(
        f"there is no {config_path} and no {places.national}: {Code.NO_NATIONAL_PACKAGE}: {advice.cause}",
        advice=f"{advice.step} Or write an edge.toml by hand (docs/configuration.md)",
    )
