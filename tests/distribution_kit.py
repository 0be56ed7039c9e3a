"""A headquarters with a repository, and boxes that update from it; keys are made once for all tests."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from securesystemslib.signer import CryptoSigner

from edge.updates import DirFetcher, Fetcher, Mark, Reference, Updates
from hq.distribution.folder import Folder
from hq.distribution.publishing import Edition, add
from hq.distribution.repository import Holders, Repository, Signing, delegate

T0 = datetime(2026, 3, 1, 12, tzinfo=UTC)
LISTS = ("un", "sltd")


@functools.cache
def key(name: str) -> CryptoSigner:
    """The same key for the same name, in this process."""
    return CryptoSigner.generate_ed25519()


def roots(*numbers: int) -> list[CryptoSigner]:
    return [key(f"root-{number}") for number in numbers or (1, 2)]


class Headquarters:
    """A repository of two lists and software."""

    def __init__(self, root: Path, now: datetime = T0) -> None:
        self.path, self.now, self.files = root / "repo", now, root / "files"
        self.files.mkdir(parents=True, exist_ok=True)
        holders = Holders(
            root=[k.public_key for k in roots(1, 2, 3)],
            snapshot=key("snapshot").public_key, timestamp=key("timestamp").public_key,
            software=[key("software-1").public_key, key("software-2").public_key],
            lists={list_id: key(list_id).public_key for list_id in LISTS},
        )
        with self.open() as repository:
            repository.begin(holders)
            for role in ("root", "targets"):
                repository.sign(role, roots())
            repository.sign("software", [key("software-1"), key("software-2")])
            for list_id in LISTS:
                repository.sign(f"list-{list_id}", [key(list_id)])

    def open(self) -> Opened:
        return Opened(self.path, self.now)

    def add(self, list_id: str, start: int, to: int, data: bytes, *, name: str = "documents.bin",
            signer: CryptoSigner | None = None) -> Signing:  # fmt: skip
        source = self.files / "source"
        source.write_bytes(data)
        edition = Edition(list_id, start, to, self.now, {name: source}, 1, hashlib.sha256(data).hexdigest())
        with self.open() as repository:
            return add(repository, [edition], [signer or key(list_id)])

    def stamp(self, *names: str) -> None:
        with self.open() as repository:
            repository.stamp([key(name) for name in names or ("snapshot", "timestamp")])

    def root(self) -> bytes:
        """The first root file, as it is installed in a box."""
        return (self.path / "metadata" / "1.root.json").read_bytes()

    def rotate(self, role: str, to: str) -> None:
        """Give a role of the top one new key."""
        with self.open() as repository:
            signed = repository.draft("root")
            for keyid in list(signed.roles[role].keyids):
                signed.revoke_key(keyid, role)
            signed.add_key(key(to).public_key, role)
            repository.submit("root", signed, roots())

    def redelegate(self, list_id: str, to: str) -> None:
        """Give a list a new key, and sign its role with that."""
        with self.open() as repository:
            targets = repository.draft("targets")
            delegate(targets, list_id, [key(to).public_key])
            repository.submit("targets", targets, roots())
            role = f"list-{list_id}"
            repository.submit(role, repository.draft(role), [key(to)])


class Opened:
    """``with`` gives the repository, locked."""

    def __init__(self, path: Path, now: datetime) -> None:
        self._folder, self._now = Folder(path, begins=True), now

    def __enter__(self) -> Repository:
        return Repository(self._folder.__enter__(), self._now)

    def __exit__(self, *why: Any) -> None:
        self._folder.__exit__(*why)


class MemoryMarks:
    """Marks without a disk."""

    def __init__(self) -> None:
        self.kept: dict[str, Mark] = {}

    def get(self, role: str) -> Mark:
        return self.kept.get(role, Mark())

    def put(self, role: str, mark: Mark) -> None:
        self.kept[role] = mark


class Box:
    """A box that updates from a folder; ``at`` is what its clock says."""

    def __init__(self, folder: Path, root: bytes, at: datetime = T0) -> None:
        self.folder, self.root, self.marks = folder, root, MemoryMarks()
        self.at = Reference(at, vouched=False)
        self.have: dict[str, int] = {}

    def updates(self, source: Path | Fetcher) -> Updates:
        fetcher = DirFetcher(source) if isinstance(source, Path) else source
        return Updates(self.folder, self.root, fetcher, marks=self.marks, at=self.at)

    def take(self, source: Path | Fetcher, list_id: str = "un") -> list[Mapping[str, bytes]]:
        """Check, plan, take and accept one list; the bytes of every step. Raises UpdateError, also the list's."""
        with self.updates(source) as updates:
            offered = updates.check()
            if list_id in offered.refused:
                raise offered.refused[list_id]
            plan = updates.plan(offered.lists[list_id], self.have.get(list_id, 0))
            taken = updates.take(plan)
            content = [{name: path.read_bytes() for name, path in files.items()} for files in taken.files]
            if plan.steps:
                self.have[list_id] = plan.to
                updates.accepted(list_id, plan.to)
            return content


def days(count: float) -> timedelta:
    return timedelta(days=count)
