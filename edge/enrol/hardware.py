"""What machine this is: an inventory for people, and marks by which a copied disk is noticed. Reads /sys alone.

Nothing here needs more than the box's own user, and nothing is believed: marks are compared with each other only.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from pathlib import Path
from typing import Final

import msgspec

from edge.core.provisioning.papers import Inventory

MAX_READ: Final = 4096   # bytes of one attribute
MAX_DISKS: Final = 16
MAX_NETWORK: Final = 16
MAX_DEVICES: Final = 64


class Marks(msgspec.Struct, frozen=True):
    """Hashes of what tells this machine from others: its board, its built-in network interfaces, its disks."""

    board: str = ""
    network: tuple[str, ...] = ()
    disks: tuple[str, ...] = ()


def marks(system: Path) -> Marks:
    """Of the machine whose /sys is ``system``; empty fields where nothing can be read."""
    board = [_text(system / "class/dmi/id" / name) for name in ("sys_vendor", "product_name", "board_name",
                                                                "board_serial", "product_uuid")]
    board.append(_text(system / "firmware/devicetree/base/serial-number"))
    cards = [_text(folder / "address") for folder in _built_in(system)]
    disks = []
    for folder in sorted(_folders(system / "block"))[:MAX_DISKS]:
        if not (folder / "device").exists() or _is_usb(folder):
            continue
        names = ("device/serial", "device/wwid", "device/cid", "wwid")
        disks.append(next((text for name in names if (text := _text(folder / name))), ""))
    return Marks(
        _hash("|".join(board)) if any(board) else "",
        tuple(sorted(_hash(card) for card in cards if card)), tuple(sorted(_hash(disk) for disk in disks if disk)),
    )


def inventory(system: Path, state: Path, software: str) -> Inventory:
    """For headquarters' technicians: what stands at the post."""
    dmi = system / "class/dmi/id"
    return Inventory(
        vendor=_text(dmi / "sys_vendor"), model=_text(dmi / "product_name"), board_serial=_text(dmi / "board_serial"),
        memory_mb=_memory_mb(), disk_mb=_disk_mb(state), tpm=any(_folders(system / "class/tpm")),
        network=tuple(folder.name for folder in _built_in(system))[:MAX_NETWORK],
        devices=_usb_ids(system), software=software[:200],
    )


def _built_in(system: Path) -> list[Path]:
    """Network interfaces of hardware that is no USB device, by name."""
    return [one for one in sorted(_folders(system / "class/net")) if (one / "device").exists() and not _is_usb(one)]


def _usb_ids(system: Path) -> tuple[str, ...]:
    found = []
    for folder in sorted(_folders(system / "bus/usb/devices")):
        vendor, product = _text(folder / "idVendor"), _text(folder / "idProduct")
        if vendor and product and _text(folder / "bDeviceClass") != "09":  # hubs are nobody's reader
            found.append(f"{vendor}:{product}")
    return tuple(sorted(set(found)))[:MAX_DEVICES]


def _is_usb(folder: Path) -> bool:
    try:
        return "/usb" in str(folder.resolve())
    except (OSError, RuntimeError):
        return True


def _folders(path: Path) -> list[Path]:
    try:
        return list(path.iterdir())
    except OSError:
        return []


def _text(path: Path) -> str:
    """One attribute, printable, at most 200 characters; empty where it cannot be read."""
    try:
        with path.open("rb") as file:
            data = file.read(MAX_READ)
    except OSError:
        return ""
    text = data.decode("utf-8", "replace").strip("\0\n ")
    return "".join(c for c in text if c.isprintable())[:200]


def _memory_mb() -> int:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") >> 20
    except (OSError, ValueError):
        return 0


def _disk_mb(state: Path) -> int:
    try:
        return shutil.disk_usage(state).total >> 20
    except OSError:
        return 0


def _hash(text: str) -> str:
    return hashlib.sha256(b"borderpost mark " + text.encode()).hexdigest()[:24]
