"""Lists and software of a stick: which files the box lacks, each verified by signature while it is copied.

Laws:
1. Metadata are verified by tuf's workflow before a target is looked for; those that were verified are staged, byte for
   byte, and nothing else.
2. Expiry and marks are the daemon's to judge: here nothing has run out, and nothing was ever seen before.
3. Of the targets only those are copied that lead from the box's generation to the newest; each has the length and the
   SHA-256 that was signed, or its list is left out.
4. Of software the newest version for this box's platform is copied, and none where nothing was installed as a version.
5. Metadata that are parsed before a signature or a digest was checked (roots and the timestamp) have 64 kB at most.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from edge.core.distribution import SOFTWARE, Part, Plan
from edge.core.provisioning.codes import Code, ProvisioningError
from edge.core.provisioning.inbox import TUF, BoxFacts
from edge.updates.errors import UpdateError
from edge.updates.fetchers import Fetcher, checked, not_there
from edge.updates.marks import Mark
from edge.updates.parts import prefixed
from edge.updates.reference import Reference
from edge.updates.software import Handover, handover, only
from edge.updates.updater import METADATA, Offered, Updates
from provisioning.stick.choosing import Problem, path_of
from provisioning.stick.limits import Limits
from provisioning.stick.tree import Entry, Tree

NEVER: Final = Reference(datetime(1970, 1, 1, tzinfo=UTC), vouched=False)  # law 2
_UNSIGNED: Final = "timestamp.json", ".root.json"  # law 5

Stage = Callable[[str, Iterator[bytes]], None]
"""``stage(path below tuf, blocks)``: puts a file into the inbox; raises what the blocks raise, leaving nothing."""


class StickFetcher(Fetcher):
    """A stick's repository as a source of metadata. ``taken``: what was read, by path."""

    def __init__(self, tree: Tree, survey: Entry, limits: Limits) -> None:
        self._tree, self._survey, self._limits = tree, survey, limits
        self.taken: dict[str, bytes] = {}
        self._size = 0

    def open(self, path: str, offset: int = 0) -> Iterator[bytes]:
        """See Fetcher; through the survey, so that a name that was not there then is not there now."""
        limit = self._limits.unsigned if path.endswith(_UNSIGNED) else self._limits.metadata
        names = checked(path)
        entry = self._survey.find(TUF, *names)
        if entry is None or entry.inside is not None:
            raise not_there(path)
        if entry.size > limit or self._size + entry.size > self._limits.metadata:
            raise UpdateError("damaged", f"{names[-1]} is too large")
        data = self._tree.read(path_of(self._survey, TUF, *names), limit)
        self._size += len(data)
        self.taken[path] = data
        yield data[offset:]


class _NoMarks:
    """Nothing was seen before (law 2)."""

    def __init__(self) -> None:
        self._marks: dict[str, Mark] = {}

    def get(self, role: str) -> Mark:
        """What this visit saw."""
        return self._marks.get(role, Mark())

    def put(self, role: str, mark: Mark) -> None:
        """For this visit."""
        self._marks[role] = mark


@dataclass(frozen=True, slots=True)
class Repository:
    """What of a stick's repository is to be staged: verified metadata by path, and the way of each list."""

    metadata: dict[str, bytes]
    plans: tuple[Plan, ...]
    problems: tuple[Problem, ...]

    @property
    def bytes(self) -> int:
        """Of everything."""
        return sum(plan.bytes for plan in self.plans) + sum(map(len, self.metadata.values()))


def look(
    tree: Tree, survey: Entry, root: str, facts: BoxFacts, limits: Limits, scratch: Path, version: Path
) -> Repository | None:
    """Verify the stick's metadata and plan; None if there is no repository.

    ``scratch``: a folder of the box that the caller removes; ``version``: where this program is installed. Raises
    ProvisioningError: LISTS_REFUSED with the update's own code, DISK_FULL, DISK_ERROR, and what the stick raises.
    """
    if survey.find(TUF, METADATA) is None:
        return None
    if not root:
        raise ProvisioningError(Code.LISTS_REFUSED, "the national package names no root of the lists")
    source = StickFetcher(tree, survey, limits)
    try:
        with Updates(scratch, root.encode(), source, marks=_NoMarks(), at=NEVER) as updates:
            offered = updates.check()
            plans = tuple(_plans(updates, offered, facts, handover(scratch, version)))
    except UpdateError as error:
        if error.code in ("disk", "no_space"):
            code = Code.DISK_FULL if error.code == "no_space" else Code.DISK_ERROR
            raise ProvisioningError(code, error.detail) from error
        raise ProvisioningError(Code.LISTS_REFUSED, _told(error)) from error
    except RecursionError as error:
        raise ProvisioningError(Code.LISTS_REFUSED, "damaged: metadata nested too deeply") from error
    metadata = {path: data for path, data in source.taken.items() if _is_verified(scratch / METADATA, path, data)}
    problems = tuple(
        Problem(_part(list_id), _code(list_id), _told(error)) for list_id, error in sorted(offered.refused.items())
    )
    found = Repository(metadata, plans, problems)
    if found.bytes > limits.staged:
        raise ProvisioningError(Code.TOO_LARGE, f"lists of {found.bytes} bytes, at most {limits.staged}")
    return found


def stage_all(tree: Tree, survey: Entry, found: Repository, stage: Stage) -> Iterator[Problem]:
    """Copy the metadata, then every list's files; yields what was left out. Raises what ``stage`` raises of the box's
    own disk, and what the stick raises once it is gone.
    """
    for path, data in found.metadata.items():
        stage(path, iter((data,)))
    for plan in found.plans:
        try:
            for part in _parts(plan):
                stage(prefixed(part), _blocks(tree, survey, part))
        except ProvisioningError as error:
            if error.code in (Code.DISK_FULL, Code.DISK_ERROR, Code.TOOK_TOO_LONG) or not tree.alive():
                raise
            yield Problem(_part(plan.list_id), _code(plan.list_id), f"{plan.list_id}: {error.code} {error.detail}")


def _is_verified(store: Path, path: str, data: bytes) -> bool:
    """True if tuf's client kept these very bytes under that role: ``3.list-un.json`` as ``list-un.json``."""
    name = path.rpartition("/")[2]
    number, _, rest = name.partition(".")
    kept = name if rest == "root.json" or not number.isdigit() else rest
    try:
        return (store / kept).read_bytes() == data
    except OSError:
        return False


def _plans(updates: Updates, offered: Offered, facts: BoxFacts, installed: Handover | None) -> Iterator[Plan]:
    for list_id, one in sorted(offered.lists.items()):
        have = facts.lists.get(list_id, 0)
        try:
            plan = updates.plan(one, have, whole=list_id == SOFTWARE and one.offer.newest > have)
        except UpdateError:
            continue  # the daemon sees it in the same metadata, and knows more
        if list_id == SOFTWARE:  # law 4
            fits = only(plan, installed.platform) if installed is not None else None
            plan = fits or replace(plan, steps=())
        if plan.steps:
            yield plan


def _parts(plan: Plan) -> Iterator[Part]:
    """Every part once: two files of the same bytes stand under one name."""
    seen: set[str] = set()
    for step in plan.steps:
        for file in step.files:
            for part in file.parts:
                if prefixed(part) not in seen:
                    seen.add(prefixed(part))
                    yield part


def _blocks(tree: Tree, survey: Entry, part: Part) -> Iterator[bytes]:
    names = checked(prefixed(part))
    entry = survey.find(TUF, *names)
    if entry is None or entry.inside is not None:
        raise ProvisioningError(Code.DAMAGED_PAPER, "a file of it is missing")
    if entry.size != part.length:
        raise ProvisioningError(Code.DAMAGED_PAPER, f"{entry.size} bytes, signed were {part.length}")
    digest = hashlib.sha256()
    for block in tree.blocks(path_of(survey, TUF, *names), part.length):
        digest.update(block)
        yield block
    if digest.hexdigest() != part.sha256:
        raise ProvisioningError(Code.DAMAGED_PAPER, "a file of it is not the one that was signed")


def _part(list_id: str) -> str:
    return "software" if list_id == SOFTWARE else "lists"


def _code(list_id: str) -> Code:
    return Code.SOFTWARE_REFUSED if list_id == SOFTWARE else Code.LISTS_REFUSED


def _told(error: UpdateError) -> str:
    where = f"{error.list_id}: " if error.list_id else ""
    return f"{where}{error.code}{f', {error.detail}' if error.detail else ''}"
