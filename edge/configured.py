"""The device behind a reader's name in edge.toml, for verbs that work on one device without the box."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from common.settings import ConfigError
from drivers.api import BadSetting, DriverMisuse
from drivers.named import PROFILE, NamedDevice, of_profile, parse_device
from edge import config
from edge.config import ReaderConfig, ScannerConfig
from edge.config_checks import SCHEME
from edge.core.errors import BorderpostError

DEFAULT_PROFILES = "/etc/borderpost/profiles"
WHERE = re.compile(r" - at `\w+`")  # msgspec's place, where the key says it already


class NoSuchReader(BorderpostError):  # noqa: N818 - read as a sentence
    """edge.toml has no reader of that name."""


def wrong_reader(reader: ReaderConfig, error: DriverMisuse) -> ConfigError:
    """What a driver or a profile has against a reader, with its place in edge.toml; who read the file names that."""
    key = "driver" if reader.driver else "profile"
    if isinstance(error, BadSetting):
        key = "port" if error.key == "port" else f"settings.{error.key}" if error.key else "settings"
    message = WHERE.sub("", error.message.removeprefix(f"reader {reader.name!r}: "))
    place = "" if message.startswith(f"{key} ") else f"{key}: "
    return ConfigError(f'[[reader]] name = "{reader.name}": {place}{message}', advice=error.advice)


def wrong_scanner(scanner: ScannerConfig, error: DriverMisuse) -> ConfigError:
    """The same of a scanner."""
    key = "driver"
    if isinstance(error, BadSetting):
        key = "port" if error.key == "port" else f"settings.{error.key}" if error.key else "settings"
    message = WHERE.sub("", error.message.removeprefix(f"scanner {scanner.name!r}: "))
    place = "" if message.startswith(f"{key} ") else f"{key}: "
    return ConfigError(f'[[scanner]] name = "{scanner.name}": {place}{message}', advice=error.advice)


@dataclass(frozen=True, slots=True)
class Shared:
    """Two readers of edge.toml whose ports lead to one device now: only one of them can ever open it."""

    first: ReaderConfig
    second: ReaderConfig
    device: str

    @property
    def found(self) -> str:
        """In words."""
        return (
            f'[[reader]] name = "{self.first.name}" and name = "{self.second.name}": port: both lead to {self.device}'
        )

    advice = "remove one of them, or give it the port of its own device as `borderpost devices` shows it"


def shared_ports(readers: Sequence[ReaderConfig]) -> list[Shared]:
    """Readers whose ports are links (by-id, by-path) to one device, as far as that is plugged in. Opens nothing."""
    at: dict[str, ReaderConfig] = {}
    shared: list[Shared] = []
    for reader in readers:
        if SCHEME.match(reader.port):
            continue
        try:
            device = str(Path(reader.port).resolve(strict=True))
        except (OSError, RuntimeError, ValueError):  # not there, closed to this user, a loop of links, no path at all
            continue
        first = at.setdefault(device, reader)
        if first is not reader:
            shared.append(Shared(first, reader, device))
    return shared


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

    Raises ConfigError, with the file's name, or NoSuchReader.
    """
    loaded = config.load(path)
    found = next((reader for reader in loaded.reader if reader.name == name), None)
    if found is None:
        known = ", ".join(reader.name for reader in loaded.reader)
        raise NoSuchReader(
            f"{path} has no reader {name!r}",
            advice=f"give one of: {known}; or DRIVER=PORT, as `borderpost devices` shows the port",
        )
    with config.named(path):
        return _device(found, profiles or Path(loaded.box.profiles_dir))


def _device(reader: ReaderConfig, folder: Path) -> NamedDevice:
    try:
        if reader.driver:
            device = NamedDevice(reader.driver, {**reader.settings, "port": reader.port})
        else:
            device = of_profile(reader.profile, reader.port, [folder], reader.settings)
        device.reader(reader.name, lambda: 0.0)  # opens nothing: a wrong setting ends here
    except DriverMisuse as error:
        raise wrong_reader(reader, error) from error
    return device
