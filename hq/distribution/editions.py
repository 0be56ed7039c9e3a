"""Everything that a new generation of a list adds to the repository, from the folder that ``lists build`` keeps.

Laws:
1. A keyed list (``base-*.sdl`` and ``card.json``) adds the deltas that ``history.missing`` asks for, made between the
   bases that are kept, and its base when one is due; a gallery likewise, between its generations
   (``hq.distribution.galleries``). A watch list adds its newest generation whole.
2. ``records_after`` and ``digest_after`` come from the header of the base, or are those of ``manifest.json``: a box
   refuses a list that turns out otherwise.
3. ``whole`` adds the newest base also where deltas lead to it, for posts whose copy is damaged.
4. A delta that cannot be made (its base is gone, or came under another list key, or it would be too long) is told; the
   base is added then, so that every box has a way. Under another list key the list begins anew: no older step stays.
5. Persons and fingers in clear leave the house only by somebody's word.
6. A list stays of the kind that it is published as, unless somebody says that it changes; then it begins anew. Of a
   folder that holds several kinds the keyed list is taken while its base is the newest.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from common.files import open_regular
from edge.core import vault
from edge.core.distribution import CARD, Offer
from edge.core.errors import LayoutError
from edge.core.keyed import card as cards
from edge.core.keyed.header import Header
from edge.core.vault import KeyRing
from edge.core.watch import manifest as manifests
from edge.core.watch.manifest import Manifest
from hq.distribution import galleries, history, shrinking
from hq.distribution.errors import PublishError
from hq.distribution.publishing import Edition
from hq.distribution.retention import Generation
from hq.distribution.shrinking import Shrunk
from hq.keyed_build import KeyedBuildError, delta_between, opened
from hq.list_kinds import GALLERY, KEYED, WATCH, WORDS, Held, Kind, held

BASE: Final = "base.sdl"
DELTA: Final = "delta.sdd"
_HEAD: Final = 4096  # bytes of a sealed file that hold its header
_BLOCK: Final = 1 << 20  # bytes read at a time for a digest

Progress = Callable[[str], None]
Judge = Callable[[Shrunk | None], None]
"""Told what the new generation leaves out, before anything is made; raises what keeps it from being published."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """What to publish. ``begins``: no older step leads here; ``unmade``: (from, to, why) of deltas that are missing."""

    generation: int
    as_of: datetime
    records: int
    kind: Kind
    editions: tuple[Edition, ...] = ()
    begins: bool = False
    unmade: tuple[tuple[int, int, str], ...] = ()
    kept: tuple[int, ...] = field(default=())  # bases that later deltas may want


def prepare(
    source: Path, list_id: str, offer: Offer, known: Sequence[Generation], work: Path, *,
    in_clear: bool = False, whole: bool = False, change_kind: bool = False, targets: Path | None = None,
    ring: KeyRing | None = None, judge: Judge | None = None, progress: Progress | None = None,
) -> Prepared:  # fmt: skip
    """What the newest generation below ``source``/``list_id`` adds to ``offer``; deltas are written below ``work``.

    ``targets`` is where the repository keeps what is published, ``ring`` opens sealed galleries. No editions: there is
    nothing newer. Raises PublishError.
    """
    folder = source / list_id
    try:
        found = held(folder)
        begins = _changes(folder, found, offer, change_kind)
        if found.kind == KEYED:
            return _keyed(folder, list_id, found.bases, offer, known, work, whole, begins, judge, progress)
        if found.kind == GALLERY:
            return _gallery(folder, list_id, found, offer, known, work, ring, in_clear, whole, begins, targets, judge,
                            progress)  # fmt: skip
        if found.kind == WATCH:
            place = folder / manifests.folder_name(found.newest_watch)
            return _watch(place, list_id, offer, in_clear, begins, targets, judge)
    except OSError as error:
        if not folder.exists():
            raise _nothing(folder) from None
        raise PublishError(f"{folder}: {error.strerror}", advice="give the folder that `lists build` wrote") from error
    except LayoutError as error:
        raise PublishError(f"{folder}: {error.message}", advice="build the list again") from error
    raise _nothing(folder)


def _nothing(folder: Path) -> PublishError:
    return PublishError(
        f"{folder} holds no generation",
        advice="make one with `borderpost-hq lists build`, or where --from is the folder of sealed copies seal it "
        f"there: borderpost-hq keys seal-lists --out {folder.parent} --list {folder.name}",
    )


def kind_of(offer: Offer) -> Kind | None:
    """As what a list is published; None if it is not yet, or by hand with other names."""
    names = {file.name for step in offer.steps if step.to == offer.newest for file in step.files}
    if names & {BASE, DELTA}:
        return KEYED
    if names & {manifests.GALLERY, galleries.DELTA}:
        return GALLERY
    return WATCH if manifests.FILE_NAME in names else None


def _changes(folder: Path, found: Held, offer: Offer, allowed: bool) -> bool:
    """True if the list becomes one of the other kind; raises PublishError unless that is ``allowed`` (law 6)."""
    if found.kind is None:
        return False
    if found.kind != KEYED and found.bases and not allowed:
        newest = max(found.newest_watch, found.newest_gallery)
        raise PublishError(
            f"{folder} holds {WORDS[KEYED]}, base {found.newest_base}, and beside it a newer generation "
            f"{newest} of {'documents and persons' if found.kind == WATCH else 'fingers'}",
            advice=f"remove {manifests.folder_name(newest)} if --keyed was forgotten when it was built; "
            "--change-kind takes it, and not the keyed list",
        )
    published = kind_of(offer)
    if published in (None, found.kind):
        return False
    if not allowed:
        raise PublishError(
            f"{offer.list_id} is published as {WORDS[published]}, and {folder} holds {WORDS[found.kind]}",
            advice="give the folder that it was published from; --change-kind lets every post take the other kind",
        )
    return True


def _keyed(
    folder: Path, list_id: str, bases: Mapping[int, Path], offer: Offer, known: Sequence[Generation], work: Path,
    whole: bool, changes: bool, judge: Judge | None, progress: Progress | None,
) -> Prepared:  # fmt: skip
    newest = max(bases)
    header = _header(bases[newest], list_id)
    as_of = datetime.fromtimestamp(header.as_of, UTC)
    done = Prepared(newest, as_of, header.count, KEYED)
    if newest < offer.newest or (newest == offer.newest and (not whole or _base_is_there(offer, newest, header))):
        return done
    card = folder / CARD
    if cards.decode(_read(card, cards.MAX_BYTES)).list_id != list_id:
        raise LayoutError(f"{CARD} is of another list")
    if newest == offer.newest:
        return replace(done, editions=(_edition(list_id, 0, header, {BASE: bases[newest], CARD: card}),))
    if judge is not None:
        judge(shrinking.of_bases(offer, bases, newest, header.count))
    last = [bases[g.number] for g in known[-1:] if g.number in bases]
    begins = changes or any(_other_key(base, list_id, header) for base in last)
    later = [Generation(newest, as_of)] if begins else history.joined(known, [Generation(newest, as_of)])
    editions: list[Edition] = []
    unmade: list[tuple[int, int, str]] = []
    missing = [] if not known or begins else [step for step in history.lacking(offer, later) if step[0]]
    for start, to in missing:
        try:
            editions.append(_delta(list_id, bases, start, to, card, work, progress))
        except (PublishError, LayoutError, KeyedBuildError) as error:
            unmade.append((start, to, error.message))
    if whole or begins or not known or not editions or unmade or history.base_due(offer, later):
        editions.insert(0, _edition(list_id, 0, header, {BASE: bases[newest], CARD: card}))
    kept = tuple(sorted(history.wanted_later(later) & set(bases)))
    return Prepared(newest, as_of, header.count, KEYED, tuple(editions), begins and bool(known), tuple(unmade), kept)


def _other_key(base: Path, list_id: str, header: Header) -> bool:
    """True if a base was made by another key than the newest; one that is damaged is told where a delta wants it."""
    try:
        return _header(base, list_id).key_id != header.key_id
    except (LayoutError, OSError):
        return False


def _base_is_there(offer: Offer, newest: int, header: Header) -> bool:
    """Raises LayoutError where what is published under this number is another set."""
    told = {step.digest_after for step in offer.steps if step.to == newest}
    if told != {header.digest.hex()}:
        raise LayoutError(f"base {newest} is not the set that is published as generation {newest}")
    return any(not step.start and step.to == newest for step in offer.steps)


def _delta(
    list_id: str, bases: Mapping[int, Path], start: int, to: int, card: Path, work: Path, progress: Progress | None
) -> Edition:  # fmt: skip
    for generation in (start, to):
        if generation not in bases:
            raise PublishError(f"base {generation} is not kept", advice="keep the bases that `publish list` names")
    if progress is not None:
        progress(f"delta from {start} to {to}")
    place = work / f"{start}-{to}.sdd"
    place.write_bytes(delta_between(bases[start], bases[to]))
    return _edition(list_id, start, _header(bases[to], list_id), {DELTA: place, CARD: card})


def _edition(list_id: str, start: int, header: Header, files: dict[str, Path]) -> Edition:
    as_of = datetime.fromtimestamp(header.as_of, UTC)
    return Edition(list_id, start, header.generation, as_of, files, header.count, header.digest.hex())


def _header(path: Path, list_id: str) -> Header:
    with opened(path) as file:
        if file.header.list_id != list_id:
            raise LayoutError(f"{path.name} is of another list")
        return file.header


def _manifest(place: Path, list_id: str) -> tuple[Manifest, str]:
    """The manifest of the generation in ``place``, and its SHA-256 in hex. Raises LayoutError, OSError."""
    data = _read(place / manifests.FILE_NAME, manifests.MAX_BYTES)
    manifest = manifests.decode(data)
    if (manifest.list_id, manifests.folder_name(manifest.generation)) != (list_id, place.name):
        raise LayoutError("its manifest belongs to another list or generation")
    return manifest, hashlib.sha256(data).hexdigest()


def _gallery(
    folder: Path, list_id: str, found: Held, offer: Offer, known: Sequence[Generation], work: Path,
    ring: KeyRing | None, in_clear: bool, whole: bool, changes: bool, targets: Path | None, judge: Judge | None,
    progress: Progress | None,
) -> Prepared:  # fmt: skip
    manifest, _ = _manifest(folder / manifests.folder_name(found.newest_gallery), list_id)
    newest, as_of = manifest.generation, manifest.source_date.astimezone(UTC)
    done = Prepared(newest, as_of, manifest.held, GALLERY)
    if newest < offer.newest or (
        newest == offer.newest and (not whole or galleries.base_is_there(folder, manifest, offer))
    ):
        return done
    if judge is not None and targets is not None:
        judge(shrinking.of_manifests(offer, targets, manifest))
    made = galleries.prepare(
        folder, found.galleries, manifest, offer, known, work, ring=ring, in_clear=in_clear, whole=whole,
        changes=changes, progress=progress,
    )  # fmt: skip
    return replace(
        done, editions=tuple(made.editions), begins=made.begins, unmade=tuple(made.unmade), kept=made.kept
    )


def _watch(
    place: Path, list_id: str, offer: Offer, in_clear: bool, begins: bool, targets: Path | None, judge: Judge | None
) -> Prepared:  # fmt: skip
    manifest, digest = _manifest(place, list_id)
    records = manifest.held
    as_of = manifest.source_date.astimezone(UTC)
    if manifest.generation <= offer.newest:
        return Prepared(manifest.generation, as_of, records, WATCH)
    if judge is not None and targets is not None:
        judge(shrinking.of_manifests(offer, targets, manifest))
    with open_regular(place / manifests.PERSONS) as file:
        sealed = vault.is_sealed(file.read(_HEAD))
    if manifest.records.persons and not sealed and not in_clear:
        raise PublishError(
            f"{list_id} holds {manifest.records.persons} persons in clear",
            advice="publish the sealed copy (`borderpost-hq keys seal-lists`), or say --in-clear",
        )
    for name, stated in manifest.files.items():
        if _sha256(place / name) != stated.sha256:
            raise LayoutError(f"{name} does not agree with its manifest")
    files = {name: place / name for name in (manifests.FILE_NAME, manifests.DOCUMENTS, manifests.PERSONS)}
    edition = Edition(list_id, 0, manifest.generation, as_of, files, records, digest)
    return Prepared(manifest.generation, as_of, records, WATCH, (edition,), begins)


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with open_regular(path) as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()


def _read(path: Path, limit: int) -> bytes:
    with open_regular(path) as file:
        return file.read(limit + 1)
