"""Roles, keys and signatures of the repository: who may sign what, and when it is published.

Laws:
1. Root is signed by two of three, offline. The same three decide who may publish which list (role ``targets``, two of
   three): whoever may hand out the lists could otherwise hand out all of them.
2. One role and path for each list, one signature; software two of two; snapshot and timestamp one each, online.
3. Nothing is published before it has all signatures it needs; until then it waits, and says how many it has.
4. A timestamp says when it was signed (``x-issued``), so that a box learns the time from it.
5. Times are arguments.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from securesystemslib.signer import CryptoSigner, SSlibKey
from tuf.api.metadata import DelegatedRole, Delegations, Metadata, MetaFile, Root, Snapshot, Targets, Timestamp

from edge.core.distribution.targets import SOFTWARE, folder_of, list_of, role_of
from hq.distribution.errors import PublishError
from hq.distribution.folder import Folder

ISSUED: Final = "x-issued"
EXPIRY: Final[Mapping[str, timedelta]] = {
    "root": timedelta(days=730), "targets": timedelta(days=730), SOFTWARE: timedelta(days=365),
    "snapshot": timedelta(days=90), "timestamp": timedelta(days=90),  # sticks come monthly
}
LIST_EXPIRY: Final = timedelta(days=180)
TOP: Final = ("root", "targets", "snapshot", "timestamp")


@dataclass(frozen=True, slots=True)
class Signing:
    """How far a role is signed. ``published`` once it is in its place; ``missing`` counts further signatures."""

    role: str
    version: int
    published: bool
    missing: int


@dataclass(frozen=True, slots=True)
class Holders:
    """The public keys of every role at the beginning."""

    root: Sequence[SSlibKey]  # three
    snapshot: SSlibKey
    timestamp: SSlibKey
    software: Sequence[SSlibKey]  # two
    lists: Mapping[str, SSlibKey]


class Repository:
    """Publishing into a folder that the caller has locked (``with folder``)."""

    def __init__(self, folder: Folder, now: datetime) -> None:
        self.folder = folder
        self._now = now.astimezone(UTC).replace(microsecond=0)

    def begin(self, holders: Holders) -> None:
        """Draft root, targets and an empty role for each list and for software. Raises PublishError if begun."""
        if self.folder.version("root") or self.folder.waiting("root"):
            raise PublishError("there is a repository already", advice="give another folder")
        if len(holders.root) != 3 or len(holders.software) != 2 or not holders.lists:
            raise PublishError("three root keys, two software keys and a list are needed", advice="name them all")
        root = Root(version=1, expires=self._now + EXPIRY["root"])
        for key in holders.root:
            root.add_key(key, "root")
            root.add_key(key, "targets")
        root.add_key(holders.snapshot, "snapshot")
        root.add_key(holders.timestamp, "timestamp")
        root.roles["root"].threshold = root.roles["targets"].threshold = 2
        self.folder.put_waiting("root", Metadata(root))
        targets = Targets(version=1, expires=self._now + EXPIRY["targets"], delegations=Delegations({}, {}))
        delegate(targets, SOFTWARE, holders.software)
        for list_id, key in holders.lists.items():
            delegate(targets, list_id, [key])
        self.folder.put_waiting("targets", Metadata(targets))
        for list_id in (SOFTWARE, *holders.lists):
            self.submit(role_of(list_id), self.draft(role_of(list_id)))

    # -- drafts ------------------------------------------------------------------------------------------------------

    def draft(self, role: str) -> Any:
        """The next version of a role, without signatures, to be changed and handed to ``submit``.

        It starts from what already waits, if anything does; the signatures of that fall with ``submit``.
        """
        waiting = self.folder.waiting(role)
        latest = self.folder.latest(role)
        if waiting is not None:
            signed = waiting.signed
        elif latest is not None:
            signed = deepcopy(latest.signed)
        elif role in TOP:
            raise PublishError(f"there is no {role} yet", advice="begin with `borderpost-hq publish init`")
        else:
            signed = Targets()
        signed.version = self.folder.version(role) + 1
        signed.expires = self._now + EXPIRY.get(role, LIST_EXPIRY)
        return signed

    def submit(self, role: str, signed: Any, signers: Iterable[CryptoSigner] = ()) -> Signing:
        """Keep a changed draft, add these signatures, publish if they are enough. A wrong key changes nothing."""
        signers = list(signers)
        self.check(role, Metadata(signed), signers)
        self.folder.put_waiting(role, Metadata(signed))
        return self.sign(role, signers)

    def sign(self, role: str, signers: Iterable[CryptoSigner]) -> Signing:
        """Add signatures to what waits; publish it once there are enough. A key that may not sign is refused."""
        metadata = self.folder.waiting(role)
        if metadata is None:
            raise PublishError(f"nothing of {role} waits for a signature", advice="see `borderpost-hq publish status`")
        signers = list(signers)
        self.check(role, metadata, signers)
        for signer in signers:
            metadata.sign(signer, append=True)
        missing = self._missing(role, metadata)
        if missing:
            self.folder.put_waiting(role, metadata)
        else:
            self.folder.publish(role, metadata)
        return Signing(role, metadata.signed.version, not missing, missing)

    def check(self, role: str, metadata: Metadata[Any], signers: Iterable[CryptoSigner]) -> None:
        """Raise PublishError unless each of these keys may sign the role."""
        allowed = self._allowed(role, metadata)
        if any(signer.public_key.keyid not in allowed for signer in signers):
            raise PublishError(f"this key may not sign {role}", advice="give the key of that role")

    def _allowed(self, role: str, metadata: Metadata[Any]) -> set[str]:
        allowed = {keyid for delegator in self._delegators(role, metadata)
                   for keyid in delegator.get_delegated_role(role).keyids}
        if not allowed:
            raise PublishError(f"{role} is no role of this repository", advice="see `borderpost-hq publish status`")
        return allowed

    def _missing(self, role: str, metadata: Metadata[Any]) -> int:
        results = [d.get_verification_result(role, metadata.signed_bytes, metadata.signatures)
                   for d in self._delegators(role, metadata)]
        return max(result.threshold - len(result.signed) for result in results if not result) \
            if not all(results) else 0

    def _delegators(self, role: str, metadata: Metadata[Any]) -> list[Any]:
        """Whose word decides on a role: root decides on itself by its old and its new version."""
        root = self._root()
        if role == "root":
            previous = self.folder.latest("root")
            return [metadata.signed, *([previous.signed] if previous else [])]
        if role in TOP:
            return [root]
        targets = self.folder.latest("targets") or self.folder.waiting("targets")
        if targets is None or targets.signed.delegations is None or role not in targets.signed.delegations.roles:
            raise PublishError(f"{role} is no role of this repository", advice="see `borderpost-hq publish status`")
        return [targets.signed]

    def _root(self) -> Root:
        metadata = self.folder.latest("root") or self.folder.waiting("root")
        if metadata is None:
            raise PublishError("this is no repository yet", advice="begin with `borderpost-hq publish init`")
        assert isinstance(metadata.signed, Root)
        return metadata.signed

    # -- snapshot and timestamp --------------------------------------------------------------------------------------

    def stamp(self, signers: Sequence[CryptoSigner]) -> datetime:
        """Sign what is published now: snapshot if anything changed or it grows old, then the timestamp.

        From then on posts take it. Gives the time until which they do.
        """
        roles = [role for role in self.folder.roles() if role not in ("root", "snapshot")]
        if not self.folder.version("root") or "targets" not in roles:
            raise PublishError("root and targets are not signed yet", advice="see `borderpost-hq publish status`")
        meta = {f"{role}.json": _meta(self.folder.version(role), self.folder.raw(role)) for role in roles}
        latest = self.folder.latest("snapshot")
        half = self._now + EXPIRY["snapshot"] / 2
        if latest is None or latest.signed.meta != meta or latest.signed.expires < half or not self._valid(latest):
            expires = self._now + EXPIRY["snapshot"]
            snapshot = Snapshot(version=self.folder.version("snapshot") + 1, expires=expires, meta=meta)
            self._publish("snapshot", Metadata(snapshot), signers)
        before = self.folder.timestamp()
        timestamp = Timestamp(
            version=before.signed.version + 1 if before else 1,
            expires=self._now + EXPIRY["timestamp"],
            snapshot_meta=_meta(self.folder.version("snapshot"), self.folder.raw("snapshot")),
            unrecognized_fields={ISSUED: self._now.isoformat().replace("+00:00", "Z")},
        )
        self._publish("timestamp", Metadata(timestamp), signers)
        return timestamp.expires

    def _valid(self, snapshot: Metadata[Any]) -> bool:
        return bool(self._root().get_verification_result("snapshot", snapshot.signed_bytes, snapshot.signatures))

    def _publish(self, role: str, metadata: Metadata[Any], signers: Sequence[CryptoSigner]) -> None:
        allowed = self._root().roles[role].keyids
        for signer in signers:
            if signer.public_key.keyid in allowed:
                metadata.sign(signer, append=True)
        if self._missing(role, metadata):
            raise PublishError(f"the key of {role} is not among those given", advice="give it with --key")
        self.folder.publish(role, metadata)


def delegate(targets: Targets, list_id: str, keys: Sequence[SSlibKey]) -> None:
    """Let these keys, all of them, publish below the list's folder; whoever could before no longer can."""
    delegations = targets.delegations
    assert delegations is not None
    assert delegations.roles is not None
    role = role_of(list_id)
    if list_of(role) != list_id:
        raise PublishError(f"{list_id} cannot name a list", advice="2 to 40 of a-z, 0-9 and hyphen")
    keyids = [key.keyid for key in keys]
    delegations.roles[role] = DelegatedRole(
        role, keyids, threshold=len(set(keyids)), terminating=True, paths=[f"{folder_of(list_id)}/*"]
    )
    delegations.keys.update({key.keyid: key for key in keys})
    used = {keyid for r in delegations.roles.values() for keyid in r.keyids}
    delegations.keys = {keyid: key for keyid, key in delegations.keys.items() if keyid in used}


def _meta(version: int, data: bytes) -> MetaFile:
    return MetaFile.from_data(version, data, ["sha256"])
