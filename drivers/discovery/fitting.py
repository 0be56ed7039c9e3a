"""Which profile fits what is plugged in. Pure.

Laws:
1. The nearer match wins: the port as a profile names it (never ``ttyUSB0``: that is whoever came first), then
   vendor and product, then the vendor alone; among equals a technician's profile before a shipped one, then by name.
2. A profile fits only what its driver can open: one that types is no serial port.
3. Nothing is guessed: what no profile names gets a list of the general ones to choose from.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase

from drivers.catalog import DRIVERS, SCANNERS, DriverEntry
from drivers.discovery.identity import fits_usb
from drivers.discovery.plugged import Plugged
from drivers.profiles import Profile


class Nearness(enum.IntEnum):
    """How closely a profile names a device."""

    VENDOR = 1
    PRODUCT = 2
    PORT = 3


@dataclass(frozen=True, slots=True)
class Fit:
    """One profile that fits, and how closely."""

    profile: Profile
    nearness: Nearness


def fitting(plugged: Plugged, profiles: Iterable[Profile]) -> list[Fit]:
    """The profiles that name this device, best first."""
    found = [
        Fit(profile, nearness) for profile in profiles
        if can_open(profile, plugged) and (nearness := _nearness(profile, plugged))
    ]
    return sorted(found, key=lambda fit: (-fit.nearness, fit.profile.shipped, fit.profile.name))


def suggestions(plugged: Plugged, profiles: Iterable[Profile]) -> list[Profile]:
    """The general profiles (those that name no device) that could be tried with it, by name."""
    general = (p for p in profiles if not p.usb and not p.ports and can_open(p, plugged))
    return sorted(general, key=lambda p: p.name)


def scanner_entry(plugged: Plugged) -> DriverEntry:
    """The driver of a device of kind "scanner". Raises KeyError for others."""
    return SCANNERS[plugged.scanner_driver]


def can_open(profile: Profile, plugged: Plugged) -> bool:
    """Law 2. A fingerprint scanner is no reader, and no profile's."""
    if plugged.kind == "scanner":
        return False
    return DRIVERS[profile.driver].bus == ("usb" if plugged.kind == "keyboard" else "serial")


def _nearness(profile: Profile, plugged: Plugged) -> Nearness | None:
    node = plugged.node if plugged.kind == "board" else ""  # elsewhere its number tells the order of plugging
    here = [name for name in (node, plugged.by_id, plugged.by_path) if name]
    if any(fnmatchcase(name, pattern) for name in here for pattern in profile.ports):
        return Nearness.PORT
    fits = [pattern for pattern in profile.usb if fits_usb(pattern, plugged)]
    if any(not pattern.endswith("*") for pattern in fits):
        return Nearness.PRODUCT
    return Nearness.VENDOR if fits else None
