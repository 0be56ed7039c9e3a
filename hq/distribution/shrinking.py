"""What a new generation leaves out of the one that was published last: half a list reaches no post unsaid.

Laws:
1. A source that came half looks exactly like a great pardon. Above the stated share nothing is published without
   somebody's word, and the refusal says the numbers.
2. Of a keyed list the records that are gone are counted between the two bases, as `lists diff` counts them, where the
   one before is kept, sound, of the same key and what was published.
3. Elsewhere the counts that are published tell at least how many are gone: the published manifest those of documents
   and persons, or of a gallery's persons and templates, each for itself; else the records of the whole set. Where none
   was stated nobody can know.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from common.files import open_regular
from edge.core.distribution import Offer
from edge.core.errors import LayoutError
from edge.core.watch import manifest as manifests
from hq import keyed_diff
from hq.distribution.errors import PublishError
from hq.generation_files import GenerationError
from hq.keyed_build import opened

RECORDS: Final = "records"


@dataclass(frozen=True, slots=True)
class Shrunk:
    """``gone`` of ``before`` things (``what``) of generation ``old`` are not in generation ``new`` any more."""

    list_id: str
    old: int
    new: int
    what: str
    before: int
    gone: int
    exact: bool

    @property
    def share(self) -> float:
        """0..1 of what there was."""
        return self.gone / self.before if self.before else 0.0


def check(found: Shrunk | None, allowed: float, *, force: bool) -> None:
    """Refuse a generation that leaves out more than ``allowed`` (0..1). Raises PublishError."""
    if not 0 <= allowed <= 1:
        raise PublishError("the share that may be removed is not between 0 and 1", advice="write for example 5%")
    if found is None or force or found.share <= allowed:
        return
    least = "" if found.exact else "at least "
    raise PublishError(
        f"generation {found.new} of {found.list_id} leaves out {least}{found.gone:,} of the {found.before:,} "
        f"{found.what} of generation {found.old}, which is published: {found.share:.1%}, more than {allowed:.1%}",
        advice="check that the source came whole; publish it with --force if it did",
    )


def by_counts(
    offer: Offer, new: int, counts: Mapping[str, int], before: Mapping[str, int] | None = None
) -> Shrunk | None:  # fmt: skip
    """By how much is there afterwards. ``before`` are the same counts of what is published, if they are known."""
    if not offer.newest or new <= offer.newest:
        return None
    if before is None:
        before, counts = {RECORDS: _told(offer)[0]}, {RECORDS: sum(counts.values())}
    found = [
        Shrunk(offer.list_id, offer.newest, new, what, was, max(0, was - counts[what]), exact=False)
        for what, was in before.items()
    ]
    return max(found, key=lambda one: one.share)


def of_bases(offer: Offer, bases: Mapping[int, Path], new: int, count: int) -> Shrunk | None:
    """Of a keyed list whose generation ``new`` has ``count`` records; ``bases`` are those that are kept."""
    old = bases.get(offer.newest)
    if not offer.newest or new <= offer.newest:
        return None
    try:
        if old is not None and _digest(old) == _told(offer)[1]:
            found = keyed_diff.compare(old, bases[new])
            return Shrunk(offer.list_id, found.old, new, RECORDS, found.old_records, found.removed, exact=True)
    except (GenerationError, LayoutError, OSError):
        pass  # damaged, or of another key: no delta is made from it either
    return by_counts(offer, new, {RECORDS: count})


def of_manifests(offer: Offer, targets: Path, manifest: manifests.Manifest) -> Shrunk | None:
    """Of a watch list or a gallery; ``targets`` is where the repository keeps what is published."""
    before, counts = _published(offer, targets), _counts(manifest)
    if before is None or set(before) != set(counts):  # not known, or of another kind
        return by_counts(offer, manifest.generation, {RECORDS: manifest.held})
    return by_counts(offer, manifest.generation, counts, before)


def _counts(manifest: manifests.Manifest) -> dict[str, int]:
    if manifest.fingers is not None:
        return {"persons": manifest.records.persons, "templates": manifest.held}
    return {"documents": manifest.records.documents, "persons": manifest.records.persons}


def _published(offer: Offer, targets: Path) -> dict[str, int] | None:
    """The counts of the manifest that is published; None where there is none, or it cannot be read."""
    for step in offer.steps:
        for file in step.files if step.to == offer.newest else ():
            if file.name == manifests.FILE_NAME:
                path = targets / file.parts[0].path
                try:
                    with open_regular(path.with_name(f"{file.parts[0].sha256}.{path.name}")) as data:
                        return _counts(manifests.decode(data.read(manifests.MAX_BYTES + 1)))
                except (OSError, LayoutError):
                    return None
    return None


def _told(offer: Offer) -> tuple[int, str]:
    """Records and digest of the newest set that is offered."""
    step = next(step for step in offer.steps if step.to == offer.newest)
    return step.records_after, step.digest_after


def _digest(base: Path) -> str:
    with opened(base) as file:
        return file.header.digest.hex()
