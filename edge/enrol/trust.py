"""Whom the box obeys: the national package that it was born with, or a newer one that the same root signed."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import Final

import msgspec

from edge.core import sealing
from edge.core.provisioning.codes import ProvisioningError
from edge.core.provisioning.inbox import NATIONAL
from edge.core.provisioning.papers import NationalPackage
from edge.core.provisioning.signing import keys_of, open_national
from edge.enrol import kept
from edge.enrol.disk import Disk, disk_error, read
from edge.enrol.places import Places

MAX_BYTES: Final = 2 << 20  # of a package: the TUF root is the most of it


@dataclass(frozen=True, slots=True)
class Trust:
    """The package in force, and its keys by role (key id -> key)."""

    package: NationalPackage

    @property
    def claim(self) -> dict[str, sealing.SignPublic]:
        """Who may invite boxes."""
        return keys_of(self.package.claim_keys)

    @property
    def command(self) -> dict[str, sealing.SignPublic]:
        """Who may tell a box what to do."""
        return keys_of(self.package.command_keys)

    @property
    def root(self) -> dict[str, sealing.SignPublic]:
        """Who may say whom to obey; ``package.root_threshold`` of them together."""
        return keys_of(self.package.root_keys)

    @property
    def ack(self) -> sealing.SignPublic:
        """Whose acks count."""
        return sealing.sign_public_from_text(self.package.ack_key)

    @property
    def recipients(self) -> list[sealing.Recipient]:
        """To whom everything from the box is sealed."""
        lines = (self.package.seal_key, *self.package.escrow_keys)
        return [sealing.Recipient.of(sealing.seal_public_from_text(line)) for line in lines]


def load(places: Places) -> Trust | None:
    """The package in force; None on a box that was born without one. Raises ProvisioningError.

    A newer one was verified by the root of the one before it when it was taken; here only damage is looked for: then
    the package that came with the software stands.
    """
    try:
        born = read(places.national, MAX_BYTES)
        newer = read(places.newer_national, MAX_BYTES)
    except OSError as error:
        raise disk_error(error) from error
    if born is None:
        return None
    package = open_national(born, None)
    if newer is not None:
        try:
            found = open_national(newer, None)
            package = found if found.number > package.number and found.country == package.country else package
        except ProvisioningError:
            return Trust(package)
    return Trust(package)


def judge(data: bytes, trust: Trust) -> NationalPackage:
    """A package that an envelope brings. Raises ProvisioningError unless the root of the present one signed it, for the
    same country and with a higher number; the very same package is no fault."""
    return open_national(data, trust.package)


def ends_a_key(package: NationalPackage, trust: Trust) -> bool:
    """True if a command key that is believed now is not named by ``package``: numbers that it alone may have driven up
    begin anew, for what it signed opens no more (``words`` law 3)."""
    return not set(trust.package.command_keys) <= set(package.command_keys)


def take(disk: Disk, places: Places, data: bytes, trust: Trust) -> None:
    """Obey a newer package from now on; one that is in force already changes nothing. Raises ProvisioningError."""
    package = judge(data, trust)
    if package.number == trust.package.number:
        return
    if ends_a_key(package, trust):
        before = kept.load(places)
        kept.save(disk, places, msgspec.structs.replace(before, time_number=0, revoked=0))
    try:
        disk.write(places.newer_national, data)
    except OSError as error:
        raise disk_error(error) from error
    publish(disk, places)


def publish(disk: Disk, places: Places) -> None:
    """Put a copy of a newer package beside the facts: the stick's process cannot look into the state folder, and would
    refuse what newer keys signed. A folder that is not there, or refuses it, stops nothing."""
    with contextlib.suppress(OSError, ProvisioningError):
        newer, beside = read(places.newer_national, MAX_BYTES), places.facts.with_name(NATIONAL)
        if newer is not None and beside.parent.is_dir() and read(beside, MAX_BYTES) != newer:
            disk.write(beside, newer, 0o644)

