"""The update of a box, from headquarters' repository into a staging folder.

Laws:
1. ``check`` verifies metadata and writes nothing that is not verified; a refusal leaves everything as it was.
2. A list whose metadata are refused stops no other list.
3. ``take`` gives files that are whole, verified and on disk; what they hold is checked by whoever opens them, which
   then calls ``accepted``. Only that raises the list's generation mark.
4. Forward only, by the box's generation and by the mark, whichever is higher; a list whose keys were replaced may
   begin anew (``edge.updates.marks``).
5. One update at a time: the folder is locked.
6. What has expired is not accepted. Nothing here ever takes a list away that the box has.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Final

import msgspec
from tuf.api.exceptions import RepositoryError
from tuf.api.metadata import Targets

from edge.core.distribution import Offer, OfferError, Plan, Way, list_of, plan, read_offer, role_of
from edge.core.distribution.offers import Row
from edge.core.distribution.targets import folder_of
from edge.updates.client import Client
from edge.updates.errors import UpdateError
from edge.updates.fetchers import Fetcher
from edge.updates.marks import Marks
from edge.updates.parts import Progress, fetch_file
from edge.updates.reference import Reference
from edge.updates.store import MetadataStore, disk_error
from edge.updates.translate import translated

METADATA: Final = "metadata"
STAGING: Final = "staging"
LOCK: Final = ".lock"


@dataclass(frozen=True, slots=True)
class ListOffer:
    """What is offered of one list. ``anew``: its keys were replaced (law 4); ``mark``: the highest generation taken."""

    list_id: str
    offer: Offer
    expires: datetime
    mark: int
    anew: bool


@dataclass(frozen=True, slots=True)
class Offered:
    """A verified update: when it was signed, what it offers, and which lists of it are refused."""

    issued: datetime | None
    lists: Mapping[str, ListOffer]
    refused: Mapping[str, UpdateError] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Taken:
    """Files on disk, verified, one mapping (name -> path) for each step of the plan."""

    plan: Plan
    files: tuple[Mapping[str, Path], ...]


class Updates:
    """One update from one source. Use with ``with``: the folder is locked meanwhile.

    ``folder`` keeps metadata and what is being fetched; ``root`` is the root file that was installed with the box;
    ``at`` the time to judge by (``edge.updates.reference``).
    """

    def __init__(self, folder: Path, root: bytes, source: Fetcher, *, marks: Marks, at: Reference) -> None:
        self._folder, self._root, self._source = folder, root, source
        self._marks, self._at = marks, at
        self._lock = -1

    def __enter__(self) -> Updates:
        """Lock the folder. Raises UpdateError ``busy``, ``disk`` or ``no_space``."""
        try:
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._lock = os.open(self._folder / LOCK, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            os.close(self._lock)
            raise UpdateError("busy") from error
        except OSError as error:
            raise disk_error(error) from error
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:  # fmt: skip
        """Unlock."""
        os.close(self._lock)

    def check(self) -> Offered:
        """Verify the source's metadata. Raises UpdateError if nothing of it can be taken."""
        store = MetadataStore(self._folder / METADATA)
        try:
            client = Client(self._root, self._source, store, self._marks, self._at)
        except (RepositoryError, ValueError) as error:
            raise UpdateError("damaged_root") from error
        with translated(client, self._at):
            client.refresh()
        lists: dict[str, ListOffer] = {}
        refused: dict[str, UpdateError] = {}
        for role in client.roles():
            list_id = list_of(role)
            if list_id is None:
                continue
            try:
                with translated(client, self._at, list_id):
                    lists[list_id] = _offer(client, role, list_id)
            except UpdateError as error:
                error.list_id = list_id
                refused[list_id] = error
        client.keep()
        return Offered(client.issued, lists, refused)

    def plan(self, offered: ListOffer, have: int, *, have_digest: str = "", whole: bool = False) -> Plan:
        """The way from generation ``have`` (0: none). Raises UpdateError ``older`` or ``no_way``.

        ``whole``: what the box has is damaged, or is not headquarters'; then ``no_whole`` instead of ``no_way``.
        """
        newest = offered.offer.newest
        if not offered.anew and newest < offered.mark:
            raise UpdateError("older", f"{newest}, this box has taken {offered.mark}", list_id=offered.list_id)
        found = plan(
            offered.offer, have, reset=offered.anew, have_digest=have_digest, whole=whole, floor=offered.mark
        )
        if found.way is Way.OLDER:
            raise UpdateError("older", f"{newest}, this box has {have}", list_id=offered.list_id)
        if found.way is Way.NO_WAY and (whole or newest == have):
            raise UpdateError("no_whole", f"generation {have}", list_id=offered.list_id)
        if found.way is Way.NO_WAY:
            raise UpdateError("no_way", f"from {have} to {newest}", list_id=offered.list_id)
        return found

    def take(self, plan: Plan, progress: Progress | None = None) -> Taken:
        """Fetch every file of a plan. What was fetched before a cut is not fetched again. Raises UpdateError."""
        place = self._folder / STAGING / plan.list_id
        self._drop(place, keep={f"{step.start}-{step.to}" for step in plan.steps})
        steps = []
        for step in plan.steps:
            files = {file.name: place / f"{step.start}-{step.to}" / file.name for file in step.files}
            for file in step.files:
                try:
                    fetch_file(self._source, file, files[file.name], progress)
                except UpdateError as error:
                    raise UpdateError(error.code, error.detail, list_id=plan.list_id) from error
            steps.append(files)
        return Taken(plan, tuple(steps))

    def accepted(self, list_id: str, generation: int) -> None:
        """The box screens with this generation now: raise the mark, and let go of what was fetched."""
        role = role_of(list_id)
        mark = self._marks.get(role)
        highest = generation if mark.anew else max(mark.generation, generation)
        self._marks.put(role, msgspec.structs.replace(mark, generation=highest, anew=False))
        self._drop(self._folder / STAGING / list_id)

    def _drop(self, place: Path, keep: Collection[str] = ()) -> None:
        """Remove what was fetched for steps that nobody takes any more; what cannot be removed is tried again later."""
        with contextlib.suppress(OSError):
            for left in place.iterdir():
                if left.name not in keep:
                    shutil.rmtree(left)


def _offer(client: Client, role: str, list_id: str) -> ListOffer:
    targets, delegation = client.delegated(role)
    _check_paths(targets, delegation, list_id)
    rows = (Row(t.path, t.length, t.hashes.get("sha256", ""), t.custom) for t in targets.targets.values())
    try:
        offer = read_offer(list_id, rows)
    except OfferError as error:
        raise UpdateError("bad_offer", error.message, list_id=list_id) from error
    mark = client.mark(role)
    return ListOffer(list_id, offer, targets.expires, mark.generation, mark.anew)


def _check_paths(targets: Targets, delegation: Any, list_id: str) -> None:
    folder = folder_of(list_id) + "/"
    for path in targets.targets:
        if not path.startswith(folder) or not delegation.is_delegated_path(path):
            raise UpdateError("foreign_path", path[:80], list_id=list_id)
    if targets.delegations is not None:
        raise UpdateError("foreign_path", "it delegates further", list_id=list_id)
