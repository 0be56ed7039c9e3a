"""How far each visit of a stick came, so that a restart in its middle goes on and does nothing twice.

A visit is one folder of the inbox; its key is the folder's number and the time at which its offer was written, so that
a number that is used again is another visit. What was done stands in ``visits/KEY.json``, stage by stage.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

import msgspec

from edge.core.provisioning.inbox import OUTCOME, Part
from edge.enrol.disk import Disk, disk_error, read
from edge.enrol.places import Places

MAX_BYTES: Final = 65_536
# Stages, in the order in which they are done: whom to obey first, time before what is judged by it, acks (they come in
# an envelope) before the reset that waits for them, and before a claim the reset that makes room for it.
STICK, NATIONAL, TIME, ENVELOPE, RESET = "stick", "national", "time", "envelope", "reset"
CLAIM, LISTS, OUT = "claim", "lists", "out"
ACKS: Final = "acks"  # a part of the envelope's stage
LINK: Final = "link"  # begins the key of what came over the link


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """``serial``, ``device``, ``site`` and ``sequence`` are the box's as the visit began: a reset changes them, and an
    envelope of this visit takes nothing from a reset that came beside it."""

    serial: str = ""
    device: str = ""
    site: str = ""
    sequence: int | None = None
    done: dict[str, tuple[Part, ...]] = {}

    @property
    def parts(self) -> tuple[Part, ...]:
        """Of all stages, in the order in which they were done."""
        return tuple(part for parts in self.done.values() for part in parts)

    def with_parts(self, stage: str, *parts: Part) -> Progress:
        """The same with a stage done; said again it replaces what was said."""
        return msgspec.structs.replace(self, done={**self.done, stage: parts})


def key_of(number: str, kind: str, stamp: int) -> str:
    """The key of the visit in an inbox folder of that name; ``stamp``: when its offer was written, nanoseconds."""
    return f"{kind}-{number}-{stamp}"


def load(places: Places, key: str) -> Progress | None:
    """What stands of a visit, None before its first stage or where it cannot be read. Raises ProvisioningError."""
    try:
        data = read(_file(places, key), MAX_BYTES)
        return None if data is None else msgspec.json.decode(data, type=Progress)
    except OSError as error:
        raise disk_error(error) from error
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None


def begin(disk: Disk, places: Places, key: str, *, serial: str, device: str, site: str, sequence: int) -> Progress:
    """The visit as it stands, begun if it is new. Raises ProvisioningError."""
    found = load(places, key)
    if found is not None and found.serial:
        return found
    progress = Progress(serial=serial, device=device, site=site, sequence=sequence, done=found.done if found else {})
    _save(disk, places, key, progress)
    return progress


def record(disk: Disk, places: Places, key: str, stage: str, *parts: Part) -> Progress:
    """A stage is done, with these parts; said again it replaces what was said. Raises ProvisioningError."""
    progress = (load(places, key) or Progress()).with_parts(stage, *parts)
    _save(disk, places, key, progress)
    return progress


def take_back(disk: Disk, places: Places, key: str, stage: str) -> None:
    """A stage is to be done again. Raises ProvisioningError."""
    progress = load(places, key)
    if progress is not None and stage in progress.done:
        done = {name: parts for name, parts in progress.done.items() if name != stage}
        _save(disk, places, key, msgspec.structs.replace(progress, done=done))


def forget(disk: Disk, places: Places, key: str) -> None:
    """Drop an answered visit, and whatever no inbox asks for any more. Raises ProvisioningError."""
    try:
        for path in sorted(places.visits.iterdir()) if places.visits.is_dir() else ():
            if path.stem == key or not _is_asked(places, path.stem):
                disk.remove(path)
    except OSError as error:
        raise disk_error(error) from error


def _is_asked(places: Places, key: str) -> bool:
    """True while the folder of a visit is there and has no answer: its stages must not be done twice."""
    kind, _, rest = key.partition("-")
    folder = (places.own_inbox if kind == LINK else places.inbox) / rest.partition("-")[0]
    return folder.is_dir() and not os.path.lexists(folder / OUTCOME)


def _save(disk: Disk, places: Places, key: str, progress: Progress) -> None:
    try:
        disk.folder(places.visits)
        disk.write(_file(places, key), msgspec.json.encode(progress))
    except OSError as error:
        raise disk_error(error) from error


def _file(places: Places, key: str) -> Path:
    return places.visits / f"{key}.json"
