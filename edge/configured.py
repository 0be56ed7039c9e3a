"""The device behind a reader's name in edge.toml, for verbs that work on one device without the box."""

from __future__ import annotations

from pathlib import Path

from drivers.api import DriverMisuse
from drivers.named import NamedDevice, of_profile
from edge import config
from edge.config import ReaderConfig
from edge.core.errors import BorderpostError


class NoSuchReader(BorderpostError):  # noqa: N818 - read as a sentence
    """edge.toml has no reader of that name, or describes it wrongly."""


def configured_device(path: Path, name: str) -> NamedDevice:
    """Reader ``name`` of the edge.toml at ``path``. Raises ConfigError or NoSuchReader."""
    loaded = config.load(path)
    found = next((reader for reader in loaded.reader if reader.name == name), None)
    if found is None:
        known = ", ".join(reader.name for reader in loaded.reader)
        raise NoSuchReader(
            f"{path} has no reader {name!r}",
            advice=f"give one of: {known}; or DRIVER=PORT, as `borderpost devices` shows the port",
        )
    return _device(found, loaded.box.profiles_dir)


def _device(reader: ReaderConfig, folder: str) -> NamedDevice:
    if reader.driver:
        return NamedDevice(reader.driver, {"port": reader.port, **reader.settings})
    try:
        return of_profile(reader.profile, reader.port, [Path(folder)], reader.settings)
    except DriverMisuse as error:
        raise NoSuchReader(error.message, advice=error.advice) from error
