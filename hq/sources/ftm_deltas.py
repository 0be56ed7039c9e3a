"""The delta files of a FollowTheMoney dataset: which changes lie between its full file and its newest version.

``delta.json`` names the versions, each in ``<version>/entities.delta.json``: lines ``{"op", "entity"}`` with op ADD,
MOD (the whole entity as it is now) or DEL (its id alone). A version is ``YYYYMMDDhhmmss-xyz``; ``index.json``
beside the full file says which version that is; without it the newest ``last_seen`` of its entities stands for it.

Laws:
1. Deltas are applied in the order of their versions, those newer than the full file alone; of one entity the last
   change stands.
2. A delta that is named and not there, or one line that cannot be read, stops the source: what came of it
   would be a state of the list that nobody has published.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from hq.sources.base import Complaint, SourceError
from hq.sources.json_lines import Object, objects, whole

INDEX: Final = "delta.json"
FILE: Final = "entities.delta.json"
MAX_INDEX: Final = 16 << 20       # bytes
MAX_CHANGES: Final = 2_000_000    # changes held in memory
OPS: Final = ("ADD", "MOD", "DEL")

_VERSION: Final = re.compile(r"(\d{14})-[a-z0-9]{3}")
_ADVICE: Final = "fetch the full file and its newest deltas again"


@dataclass(frozen=True, slots=True)
class Change:
    """What an entity is now (None: it is gone), and where that is said. ``added``: a delta brought it in."""

    entity: Object | None
    file: str
    line: int
    added: bool


@dataclass(slots=True)
class Deltas:
    """All changes since the full file, by entity id; ``counts`` by op."""

    changes: dict[str, Change] = field(default_factory=dict)
    versions: int = 0
    older: int = 0
    latest: datetime | None = None
    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(OPS, 0))


def date_of(version: object) -> datetime | None:
    """The time that a version's name states (UTC), or None."""
    match = _VERSION.fullmatch(version) if isinstance(version, str) else None
    try:
        return datetime.strptime(match[1], "%Y%m%d%H%M%S").replace(tzinfo=UTC) if match else None
    except ValueError:
        return None


def read(folder: Path, since: str | None) -> Deltas:
    """The deltas that ``folder``'s index names, newer than version ``since`` (None: all). Raises ``SourceError``."""
    found = Deltas()
    if not (folder / INDEX).exists():
        return found
    index: Any = whole(folder / INDEX, MAX_INDEX)
    versions = index.get("versions") if isinstance(index, dict) else None
    if not isinstance(versions, dict) or not all(date_of(v) for v in versions):
        raise SourceError(f"{INDEX} does not name versions of a dataset", advice=_ADVICE)
    for version in sorted(versions):
        if since is not None and version <= since:
            found.older += 1
            continue
        _apply(folder / version / FILE, version, found)
        found.versions += 1
        found.latest = date_of(version)
    return found


def _apply(path: Path, version: str, found: Deltas) -> None:
    name = f"{version}/{FILE}"
    if not path.exists():
        raise SourceError(f"{name} is named in {INDEX} and is not there", advice=_ADVICE)
    for row in objects(path):
        if isinstance(row, Complaint):
            raise SourceError(f"{name} cannot be read at line {row.line}", advice=_ADVICE)
        line, change = row
        op, entity = change.get("op"), change.get("entity")
        key = entity.get("id") if isinstance(entity, dict) else None
        if op not in OPS or not isinstance(entity, dict) or not isinstance(key, str) or not key:
            raise SourceError(f"{name} holds no change at line {line}", advice=_ADVICE)
        if op != "DEL" and not isinstance(entity.get("schema"), str):
            raise SourceError(f"{name} holds an entity without a schema at line {line}", advice=_ADVICE)
        found.counts[op] += 1
        old = found.changes.get(key)
        added = op == "ADD" or (old is not None and old.added)
        found.changes[key] = Change(None if op == "DEL" else entity, name, line, added)
        if len(found.changes) > MAX_CHANGES:
            raise SourceError(f"the deltas hold more than {MAX_CHANGES:,} changes", advice="fetch the full file")
