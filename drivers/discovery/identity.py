"""Which name of a device stays its own, and what a swap looks like. Pure.

Laws:
1. /dev/ttyUSB0 and its like are never an identity: they are given out in the order of plugging.
2. A serial number counts if no other device of its kind that is plugged in has it and no factory gives it to
   all; otherwise the device is the one that is plugged in *there*.
3. Several ports of one adapter are several devices: udev's links name interface and port.
4. A swap is what can be seen of it: another serial number at this place, this serial number at another place, a device
   that its profile does not know (unless it is an adapter: what hangs behind one does not say its ids).
   That two devices of one kind without serial numbers were exchanged, nobody can tell.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from drivers.api import BadSetting
from drivers.discovery.plugged import Plugged
from drivers.transport.names import USB, usb_name

# Serial numbers that whole production runs share: Silicon Labs' factory value for the CP210x (0001), values left
# from reference code, the FTDI one that copied chips carry, and what firmware says when nobody filled it in.
DEFAULT_SERIALS = frozenset({
    "0001", "0010", "0100", "0123456789", "0123456789ABCDEF", "1234", "12345", "123456", "1234567", "12345678",
    "123456789", "1234567890", "123456789ABCDEF", "1234567890ABCDEF", "A50285BI", "ABCDEF", "DEFAULT",
    "DEFAULT_STRING", "N/A", "NA", "NONE", "NULL", "SERIAL", "SERIALNUMBER", "SERIAL_NUMBER", "SN", "TEST",
    "UNKNOWN",
})
ADAPTERS = frozenset({"0403", "067b", "10c4", "1a86", "110a", "0557", "9710"})  # makers of USB serial adapters:
# FTDI, Prolific, Silicon Labs, WCH, Moxa, ATEN, MosChip (usb.ids)
CONTROLLER = re.compile(r"[0-9A-F]{4}:[0-9A-F]{2}:[0-9A-F]{2}\.[0-9A-F]")  # a PCI address: a root hub's "serial"
IN_A_PORT = re.compile(r"[^\s@\ufffd]+")  # what a serial number may hold to stand in a usb: port
NOT_IN_A_NAME = re.compile(r"[^a-z0-9]+")
ON_ITS_OWN = ("keyboard", "scanner")  # USB devices without a port of the kernel's: called usb:VVVV:PPPP…
MAX_NAME = 40  # characters of a reader's name in edge.toml


@dataclass(frozen=True, slots=True)
class Identity:
    """``port`` is the line for edge.toml (empty: there is none that stays), ``why`` a clause for people.

    ``serial`` and ``path`` are what is worth watching beside it: empty where it would say nothing.
    """

    port: str
    why: str
    serial: str = ""
    path: str = ""


def identity(plugged: Plugged, everything: Iterable[Plugged]) -> Identity:
    """The stable name of ``plugged`` among ``everything`` that is plugged in (itself included or not)."""
    if plugged.kind == "board":
        where = "a port on the board: its name is its place"
        return Identity(plugged.by_path or plugged.node, where)
    doubt = serial_doubt(plugged, everything)
    serial = "" if is_default(plugged) else plugged.serial
    if plugged.kind in ON_ITS_OWN:
        return _keyboard(plugged, doubt, serial)
    if not doubt and plugged.by_id:
        return Identity(plugged.by_id, f"by its serial number {plugged.serial}", plugged.serial, plugged.place)
    if plugged.by_path:
        return Identity(plugged.by_path, f"by the place it is plugged in: {doubt or 'it has no by-id name'}", serial)
    return Identity("", "no name that stays: udev gives it no link in /dev/serial", serial, plugged.place)


def _keyboard(plugged: Plugged, doubt: str, serial: str) -> Identity:
    if not plugged.vid:
        return Identity("", "no name that stays: its USB ids are not known")
    if not doubt and IN_A_PORT.fullmatch(plugged.serial):
        port = f"usb:{plugged.usb_id}:{plugged.serial}"
        return Identity(port, f"by its serial number {plugged.serial}", serial, plugged.place)
    why = doubt or f"its serial number {plugged.serial} cannot stand in a port"
    if not plugged.usb_place:
        return Identity("", f"no name that stays: {why}, and its place is not known", serial)
    return Identity(f"usb:{plugged.usb_id}@{plugged.usb_place}", f"by the place it is plugged in: {why}", serial)


def serial_doubt(plugged: Plugged, everything: Iterable[Plugged]) -> str:
    """Why its serial number is no identity; empty if it is one (law 2)."""
    if not plugged.serial:
        return "it has no serial number"
    if is_default(plugged):
        return f"its serial number {plugged.serial} is a factory value, not its own"
    for other in everything:
        alike = (other.usb_id, other.serial) == (plugged.usb_id, plugged.serial)
        if alike and other.usb_place != plugged.usb_place:
            return f"its serial number {plugged.serial} is also that of another device here"
    return ""


def is_default(plugged: Plugged) -> bool:
    """True for a serial number that says nothing of this one device; an empty one is such."""
    serial = plugged.serial.upper()
    bare = serial.strip("0 -_.")
    own_ids = {plugged.vid.upper(), plugged.pid.upper(), f"{plugged.vid}{plugged.pid}".upper(), plugged.usb_id.upper()}
    names = {plugged.product.upper().replace(" ", "_"), plugged.manufacturer.upper().replace(" ", "_")}
    return (
        not bare or len(set(serial)) == 1 or serial in DEFAULT_SERIALS or serial in own_ids or serial in names
        or CONTROLLER.fullmatch(serial) is not None
    )


def differs(seen: Plugged, serial: str, path: str, usb: Sequence[str] = ()) -> str:
    """How what is ``seen`` at a port differs from what was set up there; empty if it does not, or nobody can tell.

    ``serial`` and ``path`` are those of edge.toml, ``usb`` the ids that its profile knows (``2b78:0005``,
    ``0c2e:*``); each is compared only where it is not empty. Law 4 says what cannot be noticed.
    """
    if serial and seen.serial != serial:
        now = f"serial number {seen.serial}" if seen.serial else "a device without a serial number"
        return f"{now} is plugged in where {serial} was set up"
    if path and path not in (seen.path_id, seen.usb_place):
        return f"it is plugged in at {seen.place or 'an unknown place'}, and was set up at {path}"
    if usb and seen.vid and seen.vid not in ADAPTERS and not any(fits_usb(pattern, seen) for pattern in usb):
        return f"a device {seen.usb_id} is plugged in where {' or '.join(usb)} was set up"
    return ""


def fits_usb(pattern: str, plugged: Plugged) -> bool:
    """Is it of the kind that ``2b78:0005`` or ``2b78:*`` names?"""
    vid, _, pid = pattern.lower().partition(":")
    return bool(plugged.vid) and vid == plugged.vid and pid in ("*", plugged.pid)


def names(port: str, plugged: Plugged, resolved: str = "") -> bool:
    """Does ``port`` of edge.toml (with ``resolved``, the file its links lead to) mean this device?

    Of twins udev gives both the name by their serial number, and makes one link of it: where that leads, counts.
    """
    if port.startswith(USB):
        try:
            wanted = usb_name(port)
        except BadSetting:
            return False
        return (
            plugged.kind in ON_ITS_OWN and plugged.usb_id == f"{wanted.vendor:04x}:{wanted.product:04x}"
            and wanted.serial in ("", plugged.serial) and wanted.place in ("", plugged.usb_place)
        )
    if resolved and resolved != port:  # there is such a link
        return plugged.subsystem == "tty" and resolved == plugged.node
    return plugged.subsystem == "tty" and bool({port} & {plugged.node, plugged.by_id, plugged.by_path} - {""})


@dataclass(frozen=True, slots=True)
class Lines:
    """``text`` for edge.toml, ended by a newline, and the reader's ``name`` in it; empty where no identity stays."""

    name: str = ""
    text: str = ""


def lines_for(plugged: Plugged, profile: str, identity: Identity, taken: Collection[str] = ()) -> Lines:
    """The ``[[reader]]`` lines for edge.toml, or the ``[[scanner]]`` lines.

    ``profile`` is the name of its profile (a scanner's: of its driver), ``taken`` the names that edge.toml has already.
    """
    scans = plugged.kind == "scanner"
    if not identity.port:
        return Lines()
    name = free_name(profile, taken)
    pairs = [
        ("name", name), ("port", identity.port), ("driver" if scans else "profile", profile),
        ("serial", identity.serial), ("path", identity.path),
    ]
    text = "".join(f"{key} = {quoted(value)}\n" for key, value in pairs if value)
    return Lines(name, f"# {plugged.title}, {identity.why}\n[[{'scanner' if scans else 'reader'}]]\n{text}")


def free_name(wish: str, taken: Collection[str]) -> str:
    """A reader name that edge.toml takes and does not have yet."""
    base = NOT_IN_A_NAME.sub("-", wish.lower()).strip("-")[: MAX_NAME - 4] or "reader"
    name, number = base, 1
    while name in taken:
        number += 1
        name = f"{base}-{number}"
    return name


def quoted(text: str) -> str:
    """A TOML basic string."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
