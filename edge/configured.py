"""The device behind a reader's name in edge.toml, for verbs that work on one device without the box."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from drivers.api import DriverMisuse
from drivers.named import PROFILE, NamedDevice, of_profile, parse_device
from edge import config
from edge.config import ReaderConfig
from edge.core.errors import BorderpostError

DEFAULT_PROFILES = "/etc/borderpost/profiles"


class NoSuchReader(BorderpostError):  # noqa: N818 - read as a sentence
    """edge.toml has no reader of that name, or describes it wrongly."""


def profiles_folder(path: Path, *, given: bool) -> Path:
    """Where a technician's own profiles are: box.profiles_dir of the edge.toml at ``path``.

    Without an edge.toml that was ``given``, or is there, it is the usual folder. Raises ConfigError.
    """
    return Path(config.load(path).box.profiles_dir if given or path.exists() else DEFAULT_PROFILES)


def described_device(text: str, profile: str, folder: Callable[[], Path]) -> NamedDevice:
    """The device of a command line: ``text`` is a port where ``profile`` says what stands there.

    ``folder`` is asked for a technician's own profiles when a profile is named. Raises DriverMisuse.
    """
    if profile:
        return of_profile(profile, text, [folder()])
    name, equals, port = text.removeprefix(PROFILE).partition("=")
    if text.startswith(PROFILE) and name and equals:
        return of_profile(name, port, [folder()])
    return parse_device(text)


def configured_device(path: Path, name: str, profiles: Path | None = None) -> NamedDevice:
    """Reader ``name`` of the edge.toml at ``path``; ``profiles``: instead of its own folder of profiles.

    Raises ConfigError or NoSuchReader.
    """
    loaded = config.load(path)
    found = next((reader for reader in loaded.reader if reader.name == name), None)
    if found is None:
        known = ", ".join(reader.name for reader in loaded.reader)
        raise NoSuchReader(
            f"{path} has no reader {name!r}",
            advice=f"give one of: {known}; or DRIVER=PORT, as `borderpost devices` shows the port",
        )
    return _device(found, profiles or Path(loaded.box.profiles_dir))


def _device(reader: ReaderConfig, folder: Path) -> NamedDevice:
    if reader.driver:
        return NamedDevice(reader.driver, {"port": reader.port, **reader.settings})
    try:
        return of_profile(reader.profile, reader.port, [folder], reader.settings)
    except DriverMisuse as error:
        raise NoSuchReader(error.message, advice=error.advice) from error
