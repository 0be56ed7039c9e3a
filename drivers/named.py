"""A device as a person names it on a command line: ``DRIVER=PORT``, with settings behind commas.

    elyctis=/dev/serial/by-path/pci-0000:00:14.0-usb-0:2:1.0
    text=/dev/ttyS0,baud=9600,parity=E
    profile:honeywell-xenon-1900=/dev/serial/by-path/…      (a profile of docs/readers.md)
    elyctis:/dev/ttyACM0                                    (a colon does as well)
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from drivers.api import Clock, DriverMisuse, PassportReader, Tier
from drivers.catalog import DRIVERS, open_reader
from drivers.transport import Through, directly

PROFILE = "profile:"
FORM = "write it as DRIVER=PORT[,key=value…], e.g. elyctis=/dev/serial/by-path/…, or profile:NAME=PORT"
SETTING = re.compile(r",(?=[a-z_]+=)")


@dataclass(frozen=True, slots=True)
class NamedDevice:
    """What it takes to open one reader: its driver and the settings of it, ``port`` among them."""

    driver: str
    settings: Mapping[str, object] = field(default_factory=dict)
    profile: str = ""
    tier: Tier | None = None
    title: str = ""  # make and model, as far as known

    @property
    def port(self) -> str:
        """Where it is plugged in."""
        return str(self.settings.get("port", ""))

    def reader(self, name: str, clock: Clock, through: Through = directly) -> PassportReader:
        """The reader, not yet open. Raises DriverMisuse or BadSetting."""
        return open_reader(
            self.driver, name, self.settings, clock, through=through, tier=self.tier, profile=self.profile
        )


def parse_device(text: str) -> NamedDevice:
    """The device that ``text`` names. Raises DriverMisuse that says how to write one."""
    if text.startswith(PROFILE):
        name, equals, rest = text[len(PROFILE) :].partition("=")
        if not equals or not name:
            raise DriverMisuse(f"{text!r} names no profile and port", advice=FORM)
        return of_profile(name, rest)
    parting = re.search("[=:]", text)
    driver = text[: parting.start()] if parting else text
    if parting is None or driver not in DRIVERS:
        raise DriverMisuse(
            f"{text!r} names no driver and port", advice=f"{FORM}; drivers: {', '.join(DRIVERS)}"
        )
    port, *pairs = SETTING.split(text[parting.end() :])
    return NamedDevice(driver, typed(driver, dict(pair.split("=", 1) for pair in pairs)) | {"port": port})


def of_profile(
    name: str, port: str, folders: Sequence[Path] = (), overrides: Mapping[str, object] | None = None,
) -> NamedDevice:
    """The device at ``port`` as the profile ``name`` describes it; ``folders`` hold a technician's own profiles.

    Raises DriverMisuse.
    """
    from drivers import profiles

    found = profiles.load(folders).find(name)
    return NamedDevice(found.driver, found.settings_with(port, overrides or {}), name, found.tier, found.title)


def typed(driver: str, texts: Mapping[str, str]) -> dict[str, object]:
    """Settings from a command line, numbers as numbers where the driver wants numbers.

    What does not fit stays text: the driver's own check names it.
    """
    kind = getattr(importlib.import_module(DRIVERS[driver].module), "Settings", None)
    if kind is None or not texts:
        return dict(texts)
    try:
        read = msgspec.convert({"port": "-", **texts}, kind, strict=False)
    except msgspec.ValidationError:
        return dict(texts)
    known: dict[str, Any] = msgspec.to_builtins(read)
    return {key: known[key] for key in texts}
