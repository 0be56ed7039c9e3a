"""Generations of the configuration: ``config/<sequence>/`` whole, ``config/current`` leading to one of them.

Laws:
1. A generation is the one before it with the envelope's files over it: an envelope brings only what changes.
2. A generation is never changed once it has its name. Two stay: the present one and the one before.
3. What an envelope brings for once (acks) is no part of a generation; ``root.json`` is made from the national package.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from edge.core.provisioning.codes import Code, ProvisioningError
from edge.core.provisioning.papers import MAX_ENVELOPE
from edge.enrol.disk import Disk, disk_error, read
from edge.enrol.places import Places

CURRENT: Final = "current"
CONFIG, CERTIFICATE, AUTHORITY, RING = "edge.toml", "device.pem", "ca.pem", "list-keys.sealed"
BEFORE: Final = "device.previous.pem"  # the certificate of the generation before, where it is another one
NATIONAL, ACKS, REVOKED, ROOT, PROFILES = "national.json", "acks.json", "revoked.json", "root.json", "profiles"
ONCE: Final = frozenset({ACKS, NATIONAL})  # not kept in a generation: the national package has its own place
_NUMBER: Final = re.compile(r"[1-9][0-9]{0,15}\Z")


def current(places: Places) -> int:
    """The number of the generation in use, 0 for none."""
    try:
        name = (places.config / CURRENT).readlink().name
    except OSError:
        return 0
    return int(name) if _NUMBER.match(name) else 0


def folder_of(places: Places, number: int) -> Path:
    """Where a generation lies."""
    return places.config / str(number)


def config_file(places: Places) -> Path:
    """``edge.toml`` of the generation in use."""
    return places.config / CURRENT / CONFIG


def files_of(places: Places, number: int) -> dict[str, bytes]:
    """Every file of a generation by its name; none for generation 0. Raises ProvisioningError."""
    folder = folder_of(places, number)
    if not number:
        return {}
    found: dict[str, bytes] = {}
    try:
        for path in sorted(folder.rglob("*")):
            if path.is_file() and (data := read(path, MAX_ENVELOPE)) is not None:
                found[path.relative_to(folder).as_posix()] = data
    except OSError as error:
        raise disk_error(error) from error
    return found


def merged(before: Mapping[str, bytes], brought: Mapping[str, bytes], tuf_root: str) -> dict[str, bytes]:
    """The files of the next generation (laws 1 and 3)."""
    files = {**before, **{name: data for name, data in brought.items() if name not in ONCE}}
    old, new = before.get(CERTIFICATE), files.get(CERTIFICATE)
    if old is not None and new is not None and old != new:
        files[BEFORE] = old
    if tuf_root:
        files[ROOT] = tuf_root.encode()
    return files


def put(disk: Disk, places: Places, number: int, files: Mapping[str, bytes]) -> None:
    """Write a generation, whole; what lies there from an attempt that was cut is replaced. Raises ProvisioningError."""
    if number == current(places):
        raise ProvisioningError(Code.OLD_NUMBER, f"generation {number} is in use")
    try:
        disk.folder(places.config)
        disk.remove_tree(folder_of(places, number))
        disk.write_tree(folder_of(places, number), files)
    except OSError as error:
        raise disk_error(error) from error


def use(disk: Disk, places: Places, number: int) -> None:
    """Have ``current`` lead to a generation; 0: to none. Raises ProvisioningError."""
    try:
        if number:
            disk.point(places.config / CURRENT, str(number))
        else:
            disk.remove(places.config / CURRENT)
    except OSError as error:
        raise disk_error(error) from error


def tidy(disk: Disk, places: Places, keep: frozenset[int]) -> None:
    """Remove every other generation and what attempts left. Raises ProvisioningError."""
    try:
        for path in sorted(places.config.iterdir()) if places.config.is_dir() else ():
            is_number = bool(_NUMBER.match(path.name))
            if path.name.endswith(".partial") or (is_number and int(path.name) not in keep):
                disk.remove_tree(path)
    except OSError as error:
        raise disk_error(error) from error
