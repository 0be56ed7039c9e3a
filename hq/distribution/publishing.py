"""Adding a generation to a list's role, and letting go of what no box needs any more."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import msgspec
from securesystemslib.signer import CryptoSigner
from tuf.api.metadata import Metadata, Targets

from edge.core.distribution.offers import Offer, OfferError, Row, Step, read_offer
from edge.core.distribution.targets import Described, role_of
from hq.distribution import history
from hq.distribution.cutting import cut
from hq.distribution.errors import PublishError
from hq.distribution.repository import Repository, Signing
from hq.distribution.retention import Generation


@dataclass(frozen=True, slots=True)
class Edition:
    """What is added: files that turn generation ``start`` (0: nothing) into ``to``."""

    list_id: str
    start: int
    to: int
    as_of: datetime
    files: Mapping[str, Path]  # published name -> where it is
    records_after: int = 0
    digest_after: str = ""


def add(
    repository: Repository, editions: Iterable[Edition], signers: Iterable[CryptoSigner] = (), *, begins: bool = False
) -> Signing:  # fmt: skip
    """Add editions of one list, and drop the steps that no box within reach needs any more.

    ``begins``: the list starts anew with these (another list key): no older step stays, and no delta leads here.

    Nothing is dropped while a step that ought to be there is missing (``hq.distribution.history``).
    Raises PublishError; then nothing new is named in any metadata.
    """
    editions = list(editions)
    ids = {edition.list_id for edition in editions}
    if len(ids) != 1:
        raise PublishError("one list at a time is published", advice="call once for each list")
    (list_id,) = ids
    role = role_of(list_id)
    signed, signers = repository.draft(role), list(signers)
    repository.check(role, Metadata(signed), signers)  # before a large file is copied
    present = {(step.start, step.to) for step in offer_of(list_id, signed).steps}
    for edition in editions:
        if (edition.start, edition.to) in present or edition.to <= edition.start or not edition.files:
            raise PublishError(
                f"list {list_id}: {edition.start} to {edition.to} is there already, or leads nowhere",
                advice="a generation is published once; the next one has a higher number",
            )
        described = Described(
            list=list_id, start=edition.start, to=edition.to, as_of=edition.as_of, name="", part=0, parts=1, bytes=0,
            records_after=edition.records_after, digest_after=edition.digest_after,
        )
        for name, path in edition.files.items():
            for target in cut(repository.folder, path, _named(described, name)):
                signed.targets[target.path] = target
    offer = offer_of(list_id, signed)  # refuses here what every box would refuse
    before = [] if begins else history.read(repository.folder, list_id)
    known = history.joined(before, [Generation(e.to, e.as_of) for e in editions])
    keep = history.kept(offer, known)
    for step in offer.steps:
        if keep is not None and (step.start, step.to) not in keep:
            _forget(signed, step)
    done = repository.submit(role, signed, signers)
    history.remember(repository.folder, list_id, known)
    return done


def offer_of(list_id: str, signed: Targets) -> Offer:
    """What a role offers, as a box reads it. Raises PublishError."""
    rows = (Row(t.path, t.length, t.hashes.get("sha256", ""), t.custom) for t in signed.targets.values())
    try:
        return read_offer(list_id, rows)
    except OfferError as error:
        raise PublishError(error.message, advice="publish this list again from a base") from error


def _named(described: Described, name: str) -> Described:
    return msgspec.structs.replace(described, name=name)


def _forget(signed: Targets, step: Step) -> None:
    for file in step.files:
        for part in file.parts:
            del signed.targets[part.path]


def sweep(repository: Repository) -> int:
    """Remove what posts that begin now do not ask for: targets that nothing names, and metadata of before the present
    snapshot (but every root). Gives the bytes set free."""
    folder = repository.folder
    named: set[str] = set()
    for role in {*folder.roles(), *folder.all_waiting()}:
        for metadata in (folder.latest(role), folder.waiting(role)):
            if metadata is not None and isinstance(metadata.signed, Targets):
                named |= {p for t in metadata.signed.targets.values() for p in t.get_prefixed_paths()}
    old = [p for p in folder.targets.rglob("*") if p.is_file() and str(p.relative_to(folder.targets)) not in named]
    timestamp = folder.timestamp()
    snapshot = folder.latest("snapshot")
    if timestamp is not None and snapshot is not None:
        needed = {role: meta.version for role, meta in snapshot.signed.meta.items()}
        needed["snapshot.json"] = timestamp.signed.snapshot_meta.version
        old += folder.before(needed)
    freed = sum(path.stat().st_size for path in old)
    for path in old:
        path.unlink()
    return freed
