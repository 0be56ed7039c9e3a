"""What a new generation of a gallery adds to the repository: signed deltas from older ones, or the whole list.

Laws (beside those of ``editions``):
1. A delta is published only after it was composed here with the older generation, and gave the very file that the newer
   manifest names: what a box composes is known beforehand.
2. A sealed gallery is opened with the ring of list keys, in memory alone, and its delta is sealed by the newer
   generation's key. Without the ring, or under another key, extractor or way to describe, the list goes whole.
3. A gallery in clear leaves the house by somebody's word only, its deltas too.
4. A delta that is not shorter than the whole list is not made.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC
from pathlib import Path
from typing import Final

from common.files import open_regular
from edge.core import vault
from edge.core.distribution import Offer
from edge.core.errors import LayoutError
from edge.core.fingerprints import gallery_delta
from edge.core.fingerprints.gallery_delta import DeltaHead, GalleryDelta
from edge.core.vault import KeyRing
from edge.core.watch import manifest as manifests
from edge.core.watch.layout import KIND_GALLERY_DELTA
from edge.core.watch.manifest import GALLERY, SEALED_KINDS, Manifest
from hq.distribution import history
from hq.distribution.errors import PublishError
from hq.distribution.publishing import Edition
from hq.distribution.retention import Generation
from hq.gallery_files import OpenedGallery, open_gallery
from hq.generation_files import GenerationError

DELTA: Final = gallery_delta.FILE_NAME
_HEAD: Final = 4096
_BLOCK: Final = 1 << 20  # bytes read at a time for a digest

Progress = Callable[[str], None]


@dataclass(slots=True)
class GalleryEditions:
    """``editions`` to add; ``begins``: no older step leads here; ``unmade``: (from, to, why); ``kept`` generations."""

    editions: list[Edition] = field(default_factory=list)
    begins: bool = False
    unmade: list[tuple[int, int, str]] = field(default_factory=list)
    kept: tuple[int, ...] = ()


def prepare(
    folder: Path, there: Sequence[int], manifest: Manifest, offer: Offer, known: Sequence[Generation], work: Path, *,
    ring: KeyRing | None, in_clear: bool, whole: bool, changes: bool, progress: Progress | None,
) -> GalleryEditions:  # fmt: skip
    """What generation ``manifest.generation`` of the gallery below ``folder`` adds; ``there`` are those that are kept.

    Deltas are written below ``work``. Raises PublishError, ``LayoutError``, ``OSError``.
    """
    newest = manifest.generation
    place = folder / manifests.folder_name(newest)
    key = _sealed_by(place / GALLERY)
    if key is None and manifest.held and not in_clear:
        raise PublishError(
            f"{manifest.list_id} holds {manifest.held} templates of fingers in clear",
            advice="publish the sealed copy (`borderpost-hq keys seal-lists`), or say --in-clear",
        )
    if _sha256(place / GALLERY) != manifest.files[GALLERY].sha256:
        raise LayoutError(f"{GALLERY} does not agree with its manifest")
    before = folder / manifests.folder_name(known[-1].number) if known else None
    begins = changes or (before is not None and _other_key(before / GALLERY, key))
    as_of = Generation(newest, manifest.source_date.astimezone(UTC))
    later = [as_of] if begins else history.joined(known, [as_of])
    found = GalleryEditions(begins=begins and bool(known))
    missing = [] if not known or begins else [step for step in history.lacking(offer, later) if step[0]]
    if newest == offer.newest:
        missing = []
    for start, to in missing:
        try:
            if progress is not None:
                progress(f"delta from {start} to {to}")
            found.editions.append(_delta(folder, there, start, to, ring, work))
        except (PublishError, LayoutError, GenerationError) as error:
            found.unmade.append((start, to, error.message))
    wants_base = whole or begins or not known or not found.editions or found.unmade
    if wants_base or history.base_due(offer, later):
        found.editions.insert(0, _edition(place, manifest, 0, {GALLERY: place / GALLERY}))
    found.kept = tuple(sorted(history.wanted_later(later) & set(there)))
    return found


def base_is_there(folder: Path, manifest: Manifest, offer: Offer) -> bool:
    """True if the newest generation is published whole. Raises ``LayoutError`` where it is published as another set."""
    told = {step.digest_after for step in offer.steps if step.to == manifest.generation}
    if told != {_sha256(folder / manifests.folder_name(manifest.generation) / manifests.FILE_NAME)}:
        raise LayoutError(f"generation {manifest.generation} is not the set that is published under this number")
    return any(not step.start and step.to == manifest.generation for step in offer.steps)


def _delta(folder: Path, there: Sequence[int], start: int, to: int, ring: KeyRing | None, work: Path) -> Edition:
    for generation in (start, to):
        if generation not in there:
            raise PublishError(f"generation {generation} is not kept", advice="keep what `publish list` names")
    old = open_gallery(folder / manifests.folder_name(start), ring)
    place = folder / manifests.folder_name(to)
    new = open_gallery(place, ring)
    if (old.key and old.key.key) != (new.key and new.key.key):
        raise PublishError("the generations are of two list keys", advice="posts take the whole list")
    head = DeltaHead(new.manifest.list_id, start, to, old.digest)
    delta = gallery_delta.make(head, old.table, new.table)
    _prove(old, new, delta)
    if new.key is not None:
        delta = vault.seal_file(delta, new.key, generation=to, kind=KIND_GALLERY_DELTA.decode())
    if len(delta) >= new.manifest.files[GALLERY].bytes:
        raise PublishError("the delta would be as long as the list", advice="posts take the whole list")
    path = work / f"{start}-{to}.{DELTA}"
    path.write_bytes(delta)
    return _edition(place, new.manifest, start, {DELTA: path})


def _prove(old: OpenedGallery, new: OpenedGallery, delta: bytes) -> None:
    """Compose as a box will (law 1). Raises ``LayoutError``."""
    composed = b"".join(gallery_delta.compose(old.table, GalleryDelta(delta)))
    if new.key is not None:
        composed = vault.seal_file(
            composed, new.key, generation=new.manifest.generation, kind=SEALED_KINDS[GALLERY]
        )
    if hashlib.sha256(composed).hexdigest() != new.manifest.files[GALLERY].sha256:
        raise LayoutError("the older generation and the delta do not give the newer one")


def _edition(place: Path, manifest: Manifest, start: int, files: dict[str, Path]) -> Edition:
    told = place / manifests.FILE_NAME
    return Edition(
        manifest.list_id, start, manifest.generation, manifest.source_date.astimezone(UTC),
        {manifests.FILE_NAME: told, **files}, manifest.held, _sha256(told),
    )  # fmt: skip


def _sealed_by(path: Path) -> bytes | None:
    """The id of the key of a sealed file; None for one in clear. Raises ``LayoutError``, ``OSError``."""
    with open_regular(path) as file:
        head = file.read(_HEAD)
    return vault.key_id_of(head) if vault.is_sealed(head) else None


def _other_key(path: Path, key: bytes | None) -> bool:
    """True if the generation before is sealed by another key; one that is gone or damaged is told by its delta."""
    try:
        return _sealed_by(path) != key
    except (LayoutError, OSError):
        return False


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with open_regular(path) as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()

