"""What the verbs of ``borderpost-hq publish`` do, without a terminal."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from securesystemslib.signer import CryptoSigner, SSlibKey

from edge.core.distribution import SOFTWARE, list_of, role_of
from hq.distribution import history, keys
from hq.distribution.errors import PublishError
from hq.distribution.folder import Folder
from hq.distribution.publishing import offer_of
from hq.distribution.repository import TOP, Holders, Repository, Signing, delegate

ROOTS = ("root-1", "root-2", "root-3")
SOFTWARES = ("software-1", "software-2")


@dataclass(frozen=True, slots=True)
class Begun:
    """What ``init`` did: keys made here, and how far each role is signed. ``until`` is None before all are."""

    made: tuple[str, ...]
    signed: tuple[Signing, ...]
    until: datetime | None


def begin(
    folder: Folder, place: Path, lists: Sequence[str], *, now: datetime, passphrase: str | None = None
) -> Begun:  # fmt: skip
    """Begin a repository with the keys in ``place``: NAME.pub is used, what is not there is made.

    Signs with every NAME.pem there. Raises PublishError.
    """
    names = [*ROOTS, *SOFTWARES, "snapshot", "timestamp", *(role_of(list_id) for list_id in lists)]
    if len(set(names)) != len(names) or any(list_of(role_of(i)) != i or i == SOFTWARE for i in lists):
        raise PublishError("a list id is given twice or cannot name a list", advice="2 to 40 of a-z, 0-9 and hyphen")
    if folder.version("root") or folder.waiting("root"):
        raise PublishError("there is a repository already", advice="give another folder")
    made = []
    for name in names:
        if not (place / f"{name}.pub").exists():
            keys.create(place / f"{name}.pem", passphrase=passphrase)
            made.append(name)
    public = {name: keys.public_key(place / f"{name}.pub") for name in names}
    repository = Repository(folder, now)
    repository.begin(Holders(
        root=[public[name] for name in ROOTS], snapshot=public["snapshot"], timestamp=public["timestamp"],
        software=[public[name] for name in SOFTWARES], lists={i: public[role_of(i)] for i in lists},
    ))  # fmt: skip

    def signers(*wanted: str) -> list[CryptoSigner]:
        paths = [place / f"{name}.pem" for name in wanted]
        return [keys.signer(path, passphrase=passphrase) for path in paths if path.exists()]

    by_role = {"root": ROOTS, "targets": ROOTS, SOFTWARE: SOFTWARES, **{role_of(i): (role_of(i),) for i in lists}}
    signed = tuple(repository.sign(role, signers(*names)) for role, names in by_role.items())
    online = signers("snapshot", "timestamp")
    ready = all(role.published for role in signed) and len(online) == 2
    return Begun(tuple(made), signed, repository.stamp(online) if ready else None)


def replace_key(
    repository: Repository, role: str, new: SSlibKey, old: SSlibKey | None, signers: Iterable[CryptoSigner] = ()
) -> list[Signing]:  # fmt: skip
    """Give a role of root another key; without ``old`` all of its keys are replaced. Root holders hold targets too."""
    if role not in TOP:
        raise PublishError(f"{role} is not one of {', '.join(TOP)}", advice="for a list use `publish delegate`")
    if role in ("root", "targets") and old is None:
        raise PublishError("say which holder's key is replaced", advice="give --old NAME.pub")
    signed = repository.draft("root")
    for name in (("root", "targets") if role in ("root", "targets") else (role,)):
        for keyid in [old.keyid] if old is not None else list(signed.roles[name].keyids):
            if keyid not in signed.roles[name].keyids:
                raise PublishError(f"the old key is none of {name}", advice="see `borderpost-hq publish status`")
            signed.revoke_key(keyid, name)
        signed.add_key(new, name)
    done = list(signers)
    return [repository.submit("root", signed, done)]


def delegate_list(
    repository: Repository, list_id: str, holders: Sequence[SSlibKey], signers: Iterable[CryptoSigner] = ()
) -> list[Signing]:  # fmt: skip
    """Let other keys publish a list (all of them together), or begin a new list.

    The role itself then waits for a signature of the new keys: what the old ones signed is believed no more.
    """
    if (list_id == SOFTWARE and len(holders) != 2) or not holders:
        raise PublishError("software needs two keys, a list at least one", advice="give --key as often")
    targets = repository.draft("targets")
    delegate(targets, list_id, holders)
    first = repository.submit("targets", targets, signers)
    role = role_of(list_id)
    return [first, repository.submit(role, repository.draft(role))] if first.published else [first]


def described(folder: Folder) -> Mapping[str, Any]:
    """The state of the repository: roles with version, expiry, holders; what waits; what each list offers."""
    roles = []
    for role in [*folder.roles(), *(["timestamp"] if folder.timestamp() else [])]:
        metadata = folder.timestamp() if role == "timestamp" else folder.latest(role)
        assert metadata is not None
        roles.append({"role": role, "version": metadata.signed.version, "expires": metadata.signed.expires})
    lists = []
    for role in folder.roles():
        list_id = list_of(role)
        metadata = folder.latest(role)
        if list_id is None or metadata is None:
            continue
        offer = offer_of(list_id, metadata.signed)
        known = history.read(folder, list_id)
        lists.append({
            "list": list_id, "newest": offer.newest, "as_of": offer.as_of, "steps": len(offer.steps),
            "bytes": sum(step.bytes for step in offer.steps),
            "missing": len(history.missing(offer, known)),
        })  # fmt: skip
    return {"roles": roles, "waiting": folder.all_waiting(), "lists": lists}
