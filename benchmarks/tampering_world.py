"""A headquarters with two keyed lists in a signed repository, and the boxes that ``benchmarks.tampering`` updates.

Bases and deltas are built by ``hq.keyed_build``, keys made and roles signed by ``hq.distribution.service``, files
published by ``hq.distribution.publishing``; a box verifies with ``edge.updates`` and takes into use with its
``KeyedPlace``. Nothing here stands in for any of them.
"""

from __future__ import annotations

import contextlib
import functools
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from securesystemslib.signer import CryptoSigner

from benchmarks.document_corpus import entries, text
from edge.core.distribution import role_of, targets
from edge.core.errors import LayoutError
from edge.core.keyed import card as cards
from edge.core.keyed.keys import ListKey
from edge.keyed_files import KeyedList
from edge.keyed_install import install_base
from edge.state import State
from edge.updates import DirFetcher, Reference, StateMarks, Updates
from edge.updates.keyed_place import KeyedPlace
from hq.distribution import keys, publishing, service
from hq.distribution.folder import Folder
from hq.distribution.repository import Repository
from hq.keyed_build import Built, Edition, assemble, delta_between, spread

T0 = datetime(2026, 3, 1, 12, tzinfo=UTC)
LISTS = ("sltd", "lost")
KEYS = {list_id: ListKey(bytes([number]) * 32) for number, list_id in enumerate(LISTS, 1)}
RING = {key.ident: bytes([number]) * 32 for number, key in enumerate(KEYS.values(), 1)}
REMOVED = 50  # records that each delta takes away
ACTION = "Confirm with the NCB."


@dataclass(frozen=True, slots=True)
class Files:
    """The files of one list as headquarters made them: bases and deltas by generation."""

    bases: dict[int, Path]
    deltas: dict[int, Path]
    card: Path


class Headquarters:
    """``path`` is the repository, what a stick holds; ``old`` the same as it was at every generation before."""

    def __init__(self, root: Path, records: int, part_bytes: int) -> None:
        targets.PART_BYTES = part_bytes  # type: ignore[misc]  # 64 MiB: no run could flip a bit in every 4 KB of many
        self.part_bytes = part_bytes
        self.blocks = (4096, 64)  # bytes of files, of metadata in which one bit is flipped
        self.path, self._keys, self.root, self.now = root / "repo", root / "keys", root, T0
        self.lists = {list_id: self._made(root / "made" / list_id, list_id, records) for list_id in LISTS}
        self.old: dict[int, Path] = {}
        with Folder(self.path, begins=True) as folder:
            service.begin(folder, self._keys, LISTS, now=self.now)
        self.anchor = (self.path / "metadata/1.root.json").read_bytes()
        keys.create(self._keys / "timestamp-2.pem")
        keys.create(self._keys / "stranger.pem")
        with self.opened() as repository:
            service.replace_key(
                repository, "timestamp", keys.public_key(self._keys / "timestamp-2.pub"), None,
                [self.key("root-1"), self.key("root-2")],
            )
        for generation in (1, 2, 3):
            self.now = T0 + timedelta(days=generation)
            for list_id in LISTS:
                self.add(list_id, generation)
            self.stamp()
            self.old[generation] = shutil.copytree(self.path, root / f"repo-{generation}")

    @functools.cache  # noqa: B019 - one headquarters a run
    def key(self, name: str) -> CryptoSigner:
        """A private key by its name."""
        return keys.signer(self._keys / f"{name}.pem")

    @contextlib.contextmanager
    def opened(self, path: Path | None = None) -> Iterator[Repository]:
        """The repository (or a copy of it), locked."""
        with Folder(path or self.path) as folder:
            yield Repository(folder, self.now)

    def stamp(self, path: Path | None = None, snapshot: str = "snapshot", timestamp: str = "timestamp-2") -> None:
        """Sign what is published."""
        with self.opened(path) as repository:
            repository.stamp([self.key(snapshot), self.key(timestamp)])

    def add(self, list_id: str, generation: int) -> None:
        """Publish a generation: the first as a base, later ones as deltas."""
        made = self.lists[list_id]
        start = generation - 1
        files = {"delta.sdd": made.deltas[generation]} if start else {"base.sdl": made.bases[generation]}
        self.publish(self.path, list_id, start, generation, {**files, cards.FILE_NAME: made.card},
                     header_of(made.bases[generation], list_id))  # fmt: skip

    def publish(
        self, path: Path, list_id: str, start: int, to: int, files: dict[str, Path], after: tuple[int, bytes],
    ) -> None:
        """Sign files as a step of a list, whatever they are; ``after`` are records and digest of the whole set."""
        edition = publishing.Edition(list_id, start, to, self.now, files, after[0], after[1].hex())
        with self.opened(path) as repository:
            publishing.add(repository, [edition], [self.key(role_of(list_id))])

    def current(self, list_id: str = LISTS[0]) -> list[Path]:
        """The metadata that a box reads for one list: root, timestamp, snapshot, targets, the list's role."""
        with self.opened() as repository:
            roles = ("root", "snapshot", "targets", role_of(list_id))
            return [self.path / "metadata" / name for name in (
                "timestamp.json", *(f"{repository.folder.version(role)}.{role}.json" for role in roles)
            )]

    def parts(self, name: str, list_id: str = LISTS[0]) -> list[Path]:
        """The published parts of files of a list whose name holds ``name``."""
        return sorted(
            (p for p in (self.path / "targets/lists" / list_id).rglob("*") if name in p.name),
            key=lambda p: p.name.split(".", 1)[1],
        )

    def _made(self, out: Path, list_id: str, records: int) -> Files:
        bases: dict[int, Path] = {}
        deltas: dict[int, Path] = {}
        for generation in (1, 2, 3):
            first, last = REMOVED * (generation - 1), records * (generation + 3) // 4
            spread(out / "spread", entries(first, last), KEYS[list_id], generation)
            seconds = int((T0 + timedelta(days=generation)).timestamp())
            built: Built = assemble(
                out, [out / "spread"], Edition(list_id, generation, generation, seconds, seconds), KEYS[list_id],
                previous=bases.get(generation - 1),
            )
            bases[generation] = built.path
            if generation > 1:
                deltas[generation] = out / f"delta-{generation}.sdd"
                deltas[generation].write_bytes(delta_between(bases[generation - 1], built.path))
        card = out / cards.FILE_NAME
        card.write_bytes(cards.encode(cards.Card(list_id, "Invented documents", cards.DOCUMENTS, False, ACTION)))
        return Files(bases, deltas, card)


def header_of(base: Path, list_id: str) -> tuple[int, bytes]:
    """Count and digest of a base."""
    from hq.keyed_build import opened

    with opened(base) as file:
        if file.header.list_id != list_id:
            raise LayoutError("a base is of another list")
        return file.header.count, file.header.digest


class Box:
    """A box with one list at some generation (0: none), copied from ``template`` if one is given."""

    def __init__(self, folder: Path, anchor: bytes, list_id: str = LISTS[0], template: Box | None = None) -> None:
        self.folder, self.anchor, self.list_id = folder, anchor, list_id
        self.at = Reference(T0 + timedelta(days=4), vouched=False)
        self.lists = folder / "lists" / list_id
        if template is not None:
            shutil.copytree(template.folder, folder, copy_function=os.link)
            (folder / "state.sqlite").unlink()
            shutil.copy2(template.folder / "state.sqlite", folder / "state.sqlite")
        folder.mkdir(parents=True, exist_ok=True)
        self.state = State(folder / "state.sqlite")

    def generation(self) -> int:
        """What serves; 0 if nothing."""
        return self.open().generation if (self.lists / "CURRENT").exists() else 0

    def open(self) -> KeyedList:
        """The list as a start finds it."""
        return KeyedList.open(self.lists, self.list_id, RING.get)

    def update(self, source: Path) -> int:
        """Verify, fetch, take into use; gives what serves then. Raises UpdateError."""
        with Updates(
            self.folder / "updates", self.anchor, DirFetcher(source), marks=StateMarks(self.state), at=self.at
        ) as updates:
            offered = updates.check()
            if self.list_id in offered.refused:
                raise offered.refused[self.list_id]
            place = KeyedPlace(self.folder / "lists", self.list_id, RING.get)
            stands = place.standing()
            plan = updates.plan(offered.lists[self.list_id], stands.generation, have_digest=stands.digest)
            taken = updates.take(plan.without_cards(stands.card))
            for step, files in zip(plan.steps, taken.files, strict=True):
                place.put(step, files)
            if plan.steps:
                updates.accepted(self.list_id, plan.to)
        return self.generation()

    def install(self, base: Path) -> None:
        """Take a base into use."""
        with base.open("rb") as file:
            install_base(self.lists, self.list_id, iter(lambda: file.read(1 << 20), b""))

    def standing(self) -> dict[str, object]:
        """What must not change when an update is refused: the list's files, and the marks of generations."""
        files = {p.name: (p.read_bytes() if p.name == "CURRENT" else p.stat().st_size, p.stat().st_ino)
                 for p in self.lists.iterdir() if p.name != "LOCK"} if self.lists.exists() else {}  # fmt: skip
        return {**files, "mark": StateMarks(self.state).get(role_of(self.list_id)).generation}

    def answers(self, generation: int, records: int) -> bool:
        """True if the list answers as that generation does."""
        if not generation:
            return not (self.lists / "CURRENT").exists()
        here = self.open()
        gone, stays, last = REMOVED * (generation - 1), REMOVED * 2 + 1, records * (generation + 3) // 4
        return (here.generation == generation and here.problem is None and bool(here.find(text(stays)))
                and bool(here.find(text(last - 1))) and not here.find(text(last))
                and not (gone and here.find(text(gone - 1))))

    def close(self) -> None:
        """Let go of the state file, and remove the box."""
        self.state.close()
        shutil.rmtree(self.folder)
