"""Software on its way through the daemon: taken signed like a list, and laid down for who may install it.

Laws:
1. The daemon may not write where programs lie. It lays down a small copy of the repository: the metadata that it
   verified, and the one file that fits this box. Who installs it (edge.software.update) verifies all of it again, by
   marks of his own, and believes nothing of this folder.
2. ``timestamp.json`` is written last: until then there is nothing to look at.
3. A newer generation replaces an older one; a cut leaves parts, which the next run completes.
"""

from __future__ import annotations

import shutil
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import msgspec

from edge.core.distribution import SOFTWARE, OfferedFile, Plan, Way
from edge.core.distribution.software import MANIFEST, file_name, read_manifest
from edge.update_report import ListOutcome
from edge.updates.errors import UpdateError
from edge.updates.parts import prefixed
from edge.updates.store import MAX_BYTES, disk_error, sync_folder
from edge.updates.store import replace as put
from edge.updates.updater import METADATA, ListOffer, Updates

HANDOVER: Final = "/var/lib/borderpost-software"
ROLES: Final = ("snapshot", "targets", SOFTWARE)  # besides root and timestamp
BLOCK: Final = 1 << 20


class _Signed(msgspec.Struct):
    version: int


class _Metadata(msgspec.Struct):
    signed: _Signed


@dataclass(frozen=True, slots=True)
class Handover:
    """``to``: the folder that is laid down; ``platform``: what this box runs on, ``debian12-amd64``."""

    to: Path
    platform: str


def handover(to: Path = Path(HANDOVER), version: Path = Path(sys.prefix)) -> Handover | None:
    """Where software goes; None on what was not installed as a version (a checkout), or has no such folder."""
    try:
        told = read_manifest((version / MANIFEST).read_bytes())
    except OSError:
        return None
    return Handover(to, told.platform) if told is not None and to.is_dir() else None


def only(plan: Plan, platform: str) -> Plan | None:
    """The plan with the file for this box alone; None if nothing in it fits this box."""
    steps = []
    for step in plan.steps:
        files = tuple(file for file in step.files if file.name == file_name(platform))
        if not files:
            return None
        steps.append(replace(step, files=files))
    return replace(plan, steps=tuple(steps[-1:])) if steps else None


def hand_over(updates: Updates, offered: ListOffer, folder: Path, place: Handover) -> ListOutcome | None:
    """Take what is newer and lay it down; None where nothing of it is for this box. Raises UpdateError.

    ``folder`` is where the updates keep their verified metadata.
    """
    before = offered.mark
    if not offered.offer.newest or offered.offer.newest <= before:
        return None
    plan = updates.plan(offered, before, whole=True)  # a version is whole: a base, whatever this box has
    thin = only(plan, place.platform) if plan.way is Way.FORWARD else None
    if thin is None:
        return None
    (files,) = updates.take(thin).files
    (file,) = thin.steps[0].files
    try:
        _lay_down(file, files[file.name], folder / METADATA, place.to)
    except OSError as error:
        raise disk_error(error) from error
    updates.accepted(SOFTWARE, plan.to)
    return ListOutcome(list=SOFTWARE, outcome="updated", before=before, now=plan.to, files=1, bytes=file.bytes,
                       as_of=offered.offer.as_of)  # fmt: skip


def _lay_down(file: OfferedFile, taken: Path, metadata: Path, to: Path) -> None:
    for old in (to / "metadata", to / "targets"):
        if old.exists():
            shutil.rmtree(old)
    with taken.open("rb") as source:
        for part in file.parts:
            target = to / prefixed(part)
            target.parent.mkdir(parents=True, exist_ok=True, mode=0o750)
            with target.open("wb") as out:
                left = part.length
                while left and (block := source.read(min(BLOCK, left))):
                    out.write(block)
                    left -= len(block)
    (to / "metadata").mkdir(mode=0o750)
    for root in metadata.glob("*.root.json"):
        put(to / "metadata" / root.name, root.read_bytes())
    for role in ROLES:
        data = (metadata / f"{role}.json").read_bytes()
        put(to / "metadata" / f"{_version(data)}.{role}.json", data)
    put(to / "metadata" / "timestamp.json", (metadata / "timestamp.json").read_bytes())
    for path in [*to.rglob("*")]:
        path.chmod(0o750 if path.is_dir() else 0o640)
    sync_folder(to / "metadata")


def _version(data: bytes) -> int:
    if len(data) > MAX_BYTES:
        raise UpdateError("damaged", "the box's own copy of the metadata")
    try:
        return msgspec.json.decode(data, type=_Metadata).signed.version
    except msgspec.MsgspecError as error:
        raise UpdateError("damaged", "the box's own copy of the metadata") from error
