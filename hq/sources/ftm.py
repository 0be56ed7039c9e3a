"""FollowTheMoney entities as JSON lines, with or without delta files (``ftm_deltas``).

The path names one file of entities, or a folder that holds one (``entities.ftm.json``, ``targets.nested.json``, or a
single other ``*.ftm.json``) and, if there are any, ``index.json``, ``delta.json`` and the deltas.

Laws:
1. Rows read are persons and lines that cannot be read; other schemas are counted in a remark, and so are persons who
   are no target of the list (``"target": false``: relatives and the like).
2. An entity that a delta changes stands in its old place; new ones follow in the deltas' order.
3. Passports and identifications that stand as entities of their own go to their holder, wherever in the file they
   stand; the file is read twice for them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from hq.sources import ftm_deltas, ftm_person
from hq.sources.base import Complaint, Item, SourceError
from hq.sources.json_lines import Object, objects, whole

MAX_PAPERS: Final = 2_000_000  # passports and identifications held in memory

_NAMES: Final = ("entities.ftm.json", "targets.nested.json")
_VERSION_FILE: Final = "index.json"
_MAX_INDEX: Final = 64 << 20  # bytes
_ADVICE: Final = "give the entities (JSON lines) of a dataset, or the folder they lie in"

Place = tuple[str, int]


class Ftm:
    """A source of kind ``ftm``."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._date: datetime | None = None
        self._base_file = path
        self._said: list[str] = []
        self._others: Counter[str] = Counter()
        self._no_targets = 0
        self._unknown: Counter[str] = Counter()

    @property
    def source_date(self) -> datetime | None:
        """The newest version applied, else what the index says, else when an entity was last seen."""
        return self._date

    @property
    def files(self) -> tuple[Path, ...]:
        """The full file; deltas state their own dates."""
        return (self._base_file,)

    @property
    def remarks(self) -> tuple[str, ...]:
        """Deltas applied, schemas and persons passed over, unknown properties."""
        said = list(self._said)
        if self._others:
            counts = ", ".join(f"{n:,} {k}" for k, n in sorted(self._others.items()))
            said.append(f"not persons and not screened: {counts}"[:500])
        if self._no_targets:
            said.append(f"{self._no_targets:,} persons are no targets of the list and are not screened")
        if self._unknown:
            counts = ", ".join(f"{k} ({n:,})" for k, n in self._unknown.most_common(20))
            said.append(f"unknown properties are not read: {counts}")
        return tuple(said)

    def __iter__(self) -> Iterator[Item]:
        """Stream the persons. Raises ``SourceError``."""
        base, since = self._base()
        self._base_file = base
        deltas = ftm_deltas.Deltas()
        if self._path.is_dir():
            deltas = ftm_deltas.read(self._path, since or self._seen_until(base))
        if deltas.versions:
            counts = ", ".join(f"{n:,} {op}" for op, n in deltas.counts.items())
            self._said.append(f"{deltas.versions} deltas applied: {counts}")
        if deltas.older:
            self._said.append(f"{deltas.older} deltas are not newer than the full file and were passed over")
        stated = deltas.latest or ftm_deltas.date_of(since)
        papers = self._papers(base, deltas)
        for found in self._entities(base, deltas):
            if isinstance(found, Complaint):
                yield found
            else:
                yield from self._entity(*found, papers)
        self._date = stated or self._date

    def _base(self) -> tuple[Path, str | None]:
        if not self._path.is_dir():
            return self._path, None
        found = [p for n in _NAMES if (p := self._path / n).exists()] or sorted(self._path.glob("*.ftm.json"))
        if not found or (len(found) > 1 and found[0].name not in _NAMES):
            raise SourceError(f"the folder {self._path.name} does not hold one file of entities", advice=_ADVICE)
        index: Any = {}
        if (self._path / _VERSION_FILE).exists():
            index = whole(self._path / _VERSION_FILE, _MAX_INDEX)
        version = index.get("version") if isinstance(index, dict) else None
        return found[0], version if ftm_deltas.date_of(version) else None

    def _seen_until(self, base: Path) -> str | None:
        """The newest ``last_seen`` of a full file without a version, in the form of one."""
        for row in objects(base) if (self._path / ftm_deltas.INDEX).exists() else ():
            if not isinstance(row, Complaint):
                self._see(row[1].get("last_seen"))
        return f"{self._date:%Y%m%d%H%M%S}" if self._date else None

    def _entities(self, base: Path, deltas: ftm_deltas.Deltas) -> Iterator[tuple[Place, Object] | Complaint]:
        """Every entity as it is after the deltas, with the file and line that say so."""
        met: set[str] = set()
        first = True
        for row in objects(base):
            if isinstance(row, Complaint):
                yield row
                continue
            line, entity = row
            if not isinstance(entity.get("schema"), str) or not isinstance(entity.get("id"), str):
                if first:
                    raise SourceError(f"{base.name} holds no FollowTheMoney entities", advice=_ADVICE)
                yield Complaint(base.name, line, "the line is no entity with id and schema", lost=True)
                continue
            first = False
            change = deltas.changes.get(entity["id"])
            if change is None:
                yield (base.name, line), entity
                continue
            met.add(entity["id"])
            if change.entity is not None:
                yield (change.file, change.line), change.entity
        gone = 0
        for key, change in deltas.changes.items():
            if key in met:
                continue
            if change.entity is None:
                gone += not change.added
            else:
                yield (change.file, change.line), change.entity
        if gone:
            self._said.append(f"{gone:,} entities that the deltas delete are not in the full file")

    def _papers(self, base: Path, deltas: ftm_deltas.Deltas) -> dict[str, list[Object]]:
        """Passports and identifications by their holder."""
        found: dict[str, list[Object]] = {}
        count = 0
        quiet = Ftm(self._path)
        for item in quiet._entities(base, deltas):
            if isinstance(item, Complaint) or item[1]["schema"] not in ftm_person.PAPERS:
                continue
            for holder in ftm_person.texts(item[1], "holder"):
                found.setdefault(holder, []).append(item[1])
                count += 1
                if count > MAX_PAPERS:
                    raise SourceError(f"{base.name} has more than {MAX_PAPERS:,} papers", advice="split the dataset")
        return found

    def _entity(self, place: Place, entity: Object, papers: dict[str, list[Object]]) -> Iterator[Item]:
        self._see(entity.get("last_seen"))
        if entity["schema"] != "Person":
            self._others[entity["schema"] if entity["schema"].isalpha() else "others"] += 1
            return
        if entity.get("target") is False:
            self._no_targets += 1
            return
        self._unknown.update(ftm_person.unknown_properties(entity))
        said: list[str] = []
        made = ftm_person.person(entity, tuple(papers.get(entity["id"], ())), said.append)
        if isinstance(made, str):
            yield Complaint(*place, made, lost=True)
            return
        for reason in said:
            yield Complaint(*place, reason, lost=False)
        yield made

    def _see(self, text: object) -> None:
        """Keep the newest time at which the dataset says it has seen an entity."""
        try:
            seen = datetime.fromisoformat(text) if isinstance(text, str) else None
        except ValueError:
            return
        if seen is not None:
            seen = seen.replace(tzinfo=UTC) if seen.tzinfo is None else seen.astimezone(UTC)
            self._date = seen if self._date is None else max(self._date, seen)
