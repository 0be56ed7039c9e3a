"""tuf's client with our clock, our store and our marks.

Laws:
1. The workflow and every signature check are tuf's own. What is changed: the time it judges by, where files are kept,
   and that nothing is written before the whole of it has been verified.
2. Names of tuf that are private (``_trusted_set.reference_time``, ``_load_*``, ``_persist_*``) are pinned by a test and
   by the version bound in pyproject.toml; a missing one stops updates with the code ``library``.
3. A version below its mark is refused, whatever the cache holds.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime
from typing import Any, Final

from tuf.api.exceptions import DownloadHTTPError, RepositoryError, UnsignedMetadataError
from tuf.api.metadata import Metadata, Root, Snapshot, Targets, Timestamp
from tuf.ngclient import Updater, UpdaterConfig

from edge.updates.errors import UpdateError
from edge.updates.fetchers import Fetcher
from edge.updates.marks import Mark, Marks, short
from edge.updates.reference import SLACK, Reference
from edge.updates.store import MetadataStore

ISSUED: Final = "x-issued"
GAP: Final = 8  # root files that are looked for beyond a missing one
PRIVATE: Final = (
    "_load_root", "_load_timestamp", "_load_snapshot", "_load_targets", "_load_local_metadata", "_persist_metadata",
    "_persist_root", "_update_root_symlink", "_download_metadata",
)


class Client(Updater):
    """One refresh: verified metadata in memory, then ``keep`` writes them and raises the marks."""

    def __init__(self, root: bytes, source: Fetcher, store: MetadataStore, marks: Marks, at: Reference) -> None:
        if any(not hasattr(Updater, name) for name in PRIVATE):
            raise UpdateError("library")
        self._source, self._store, self._kept_marks, self._at = source, store, marks, at
        self._new: dict[str, bytes] = {}
        self._raised: dict[str, Mark] = {}
        self._last = ("", b"")
        super().__init__(
            os.devnull, "metadata/", None, "targets/", source, UpdaterConfig(max_delegations=96), bootstrap=root
        )
        if not hasattr(self._trusted_set, "reference_time"):
            raise UpdateError("library")
        self._trusted_set.reference_time = at.at

    # -- tuf's steps, with the marks between them ------------------------------------------------------------------

    def refresh(self) -> None:
        """Verify root, timestamp, snapshot and targets."""
        self._load_root()
        root = self._trusted_set.root
        self._guard(Root.type, root.version, root.roles[Root.type])
        self.keep()  # a root is whole by itself: whose keys it took away must not wait for the rest
        try:
            self._load_timestamp()
        except UnsignedMetadataError as error:
            if not self.garbled() and self._gap():
                raise UpdateError("root_gap") from error
            raise
        timestamp = self._trusted_set.timestamp
        self._guard(Timestamp.type, timestamp.version, root.roles[Timestamp.type])
        issued = self.issued
        if self._at.vouched and issued is not None and issued - self._at.at > SLACK:
            raise UpdateError("clock_behind", f"{self._at.at:%Y-%m-%d}, signed on {issued:%Y-%m-%d}")
        self._load_snapshot()
        snapshot = self._trusted_set.snapshot
        self._guard(Snapshot.type, snapshot.version, root.roles[Snapshot.type])
        self._load_targets(Targets.type, Root.type)
        self._guard(Targets.type, self._trusted_set.targets.version, root.roles[Targets.type])

    def delegated(self, role: str) -> tuple[Targets, Any]:
        """A delegated role, verified, and its delegation."""
        delegation = self._trusted_set.targets.get_delegated_role(role)
        targets = self._load_targets(role, Targets.type)
        self._guard(role, targets.version, delegation)
        return targets, delegation

    def roles(self) -> tuple[str, ...]:
        """The delegated roles, in their order."""
        delegations = self._trusted_set.targets.delegations
        return tuple(delegations.roles or ()) if delegations is not None else ()

    @property
    def issued(self) -> datetime | None:
        """When headquarters signed the timestamp, as it says there; None if it does not."""
        text = self._trusted_set.timestamp.unrecognized_fields.get(ISSUED)
        try:
            issued = datetime.fromisoformat(text) if isinstance(text, str) else None
            return issued.astimezone(UTC) if issued is not None and issued.tzinfo is not None else None
        except (ValueError, OverflowError):
            return None

    def expiries(self) -> dict[str, datetime]:
        """When what was loaded so far runs out, by role."""
        return {
            name: role.expires for name in (Root.type, Timestamp.type, Snapshot.type, Targets.type)
            if (role := self._trusted_set._trusted_set.get(name)) is not None
        }

    def keep(self) -> None:
        """Write what is new and raise the marks: marks first, so that no cut leaves new files under an old mark."""
        for role, mark in self._raised.items():
            self._kept_marks.put(role, mark)
        order = sorted(self._new, key=lambda name: not name.endswith(".root.json"))
        self._store.write({name: self._new[name] for name in order})
        self._new, self._raised = {}, {}

    def mark(self, role: str) -> Mark:
        """The mark as it will be once this update is kept."""
        return self._raised.get(role) or self._kept_marks.get(role)

    def _guard(self, role: str, version: int, delegation: Any) -> None:
        mark = self._kept_marks.get(role)
        keys = short(delegation.keyids)
        if mark.replaced_by(keys) and role != Root.type:  # root's versions form one chain of signatures
            mark = Mark(anew=True)
        if version < mark.version:
            raise UpdateError("older", f"{role} {version}, this box has seen {mark.version}")
        self._raised[role] = Mark(version, mark.generation, keys, delegation.threshold, mark.anew)

    def garbled(self) -> bool:
        """True if what came last names a key that this box knows, and the signature of that key does not agree."""
        role, data = self._last
        trusted = self._trusted_set
        try:
            metadata: Metadata[Any] = Metadata.from_bytes(data)
            delegator = trusted.root if role in trusted.root.roles else trusted.targets
            result = delegator.get_verification_result(role, metadata.signed_bytes, metadata.signatures)
        except (RepositoryError, ValueError, KeyError):
            return True
        return any(keyid in metadata.signatures for keyid in result.unsigned)

    def _gap(self) -> bool:
        """True if a root file is there beyond the one that is missing."""
        after = self._trusted_set.root.version + 2
        for version in range(after, after + GAP):
            try:
                self._download_metadata(Root.type, self.config.root_max_length, version)
            except (DownloadHTTPError, UpdateError):
                continue
            return True
        return False

    # -- where tuf keeps its files ---------------------------------------------------------------------------------

    def _download_metadata(self, rolename: str, length: int, version: int | None = None) -> bytes:
        data = super()._download_metadata(rolename, length, version)
        self._last = (rolename, data)
        return data

    def _load_local_metadata(self, rolename: str) -> bytes:
        return self._store.read(f"{rolename}.json")

    def _persist_metadata(self, rolename: str, data: bytes) -> None:
        self._new[f"{rolename}.json"] = data

    def _persist_root(self, version: int, data: bytes) -> None:
        self._new[f"{version}.root.json"] = data

    def _update_root_symlink(self) -> None:
        """There is no link: the walk begins at the root that was installed, and takes the cached ones first."""

    def _load_root(self) -> None:
        try:
            for version in range(self._trusted_set.root.version + 1, self.config.max_root_rotations):
                self._trusted_set.update_root(self._store.read(f"{version}.root.json"))
        except (OSError, RepositoryError):
            pass  # not there or not sound: the source may have it
        super()._load_root()
