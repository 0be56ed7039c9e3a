"""Which generation runs: the one in use, or where it cannot be read any more the one before it, or none.

Laws:
1. ``current`` stays where it is: what cannot be read now may be read by the next start, or by another software.
2. What failed once it ran is noted (``refused.json``), and holds for this boot and this software alone.
3. An enrolled box never ends for good over its configuration: with none left it waits for a stick.
"""

from __future__ import annotations

import re
from importlib.metadata import version
from typing import Final

import msgspec

from common.settings import ConfigError
from edge.core.provisioning.codes import ProvisioningError
from edge.enrol import generations
from edge.enrol.disk import Disk, disk_error, read
from edge.enrol.places import Places

FILE: Final = "refused.json"
MAX_BYTES: Final = 16_384
MAX_REASON: Final = 200  # characters
_NUMBER: Final = re.compile(r"[1-9][0-9]{0,15}\Z")


class _Refused(msgspec.Struct, frozen=True):
    boot: str
    software: str
    why: dict[int, str] = {}


def candidates(places: Places) -> list[int]:
    """The generation in use and every one before it, newest first; one above it was never committed."""
    current = generations.current(places)
    try:
        found = {int(path.name) for path in places.config.iterdir() if _NUMBER.match(path.name)}
    except OSError:
        found = set()
    return [current, *sorted((number for number in found if number < current), reverse=True)] if current else []


def refused(places: Places, boot: str) -> dict[int, str]:
    """Generations that failed in this boot, under this software, and why. A note that cannot be read is none."""
    try:
        data = read(places.config / FILE, MAX_BYTES)
        found = None if data is None else msgspec.json.decode(data, type=_Refused)
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError, ProvisioningError):
        return {}
    return found.why if found is not None and (found.boot, found.software) == (boot, version("borderpost")) else {}


def check(places: Places, boot: str, number: int) -> None:
    """Raise ConfigError for a generation that failed in this boot, under this software."""
    why = refused(places, boot).get(number)
    if why is not None:
        raise ConfigError(why, advice="have headquarters send the whole configuration again")


def refuse(disk: Disk, places: Places, boot: str, number: int, why: str) -> None:
    """Let a generation not be taken again. Raises ProvisioningError."""
    now = {**refused(places, boot), number: why[:MAX_REASON]}
    note = _Refused(boot, version("borderpost"), now)
    try:
        disk.write(places.config / FILE, msgspec.json.encode(note))
    except OSError as error:
        raise disk_error(error) from error
