"""Verifies what `lists build` wrote, at headquarters, and asks its keyed lists.

Laws:
1. Of every list the newest generation is verified to its last byte, of a keyed list every base that is kept: deltas are
   made between them. Its card must agree with its seal, and the newest base's plain file with its digest.
2. Nothing here raises for what is damaged: ``problem`` says it, and the other lists are verified too.
3. The records of a keyed list can be asked with its key alone, and a sealed gallery is looked into with its key alone;
   without a ring all but that is verified.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from common.files import open_regular
from edge.core import vault
from edge.core.errors import LayoutError
from edge.core.keyed import card as cards
from edge.core.keyed.card import Card
from edge.core.keyed.keys import ListKey
from edge.core.keyed.record import Record
from edge.core.keyed.store import Store
from edge.core.vault import KeyRing
from edge.core.watch import manifest as manifests
from hq.gallery_files import open_gallery
from hq.generation_files import GenerationError, open_generation
from hq.keyed_build import opened, plain_of, verify
from hq.list_kinds import GALLERY, KEYED, WATCH, Held, Kind, held

_BLOCK: Final = 1 << 20  # bytes read at a time
_HASH: Final = 32

Told = Callable[[str], None]
"""Told which file is being verified."""


@dataclass(frozen=True, slots=True)
class Verified:
    """One list. ``key`` is the id of a keyed list's key, ``answers`` what it holds of the texts that were asked."""

    list_id: str
    kind: Kind | None = None
    generation: int = 0
    source_date: datetime | None = None
    records: int = 0
    thing: str = ""
    key: str = ""
    bases: tuple[int, ...] = ()
    problem: str | None = None
    answers: tuple[Record, ...] = ()


def verify_lists(out: Path, ring: KeyRing | None, ask: Callable[[str], Sequence[str]], told: Told) -> list[Verified]:
    """Every list below ``out``, by id. ``ask`` gives the key texts to ask a list of that thing. Raises ``OSError``."""
    folders = sorted(p for p in out.iterdir() if manifests.is_list_id(p.name) and p.is_dir())
    return [_verified(folder, ring, ask, told) for folder in folders]


def _verified(folder: Path, ring: KeyRing | None, ask: Callable[[str], Sequence[str]], told: Told) -> Verified:
    try:
        found = held(folder)
        if found.kind is None:
            return Verified(folder.name, problem="it holds no generation")
        if found.kind == KEYED:
            return _keyed(folder, found, ring, ask, told)
        return _generation(folder, max(found.newest_watch, found.newest_gallery), ring, told)
    except (LayoutError, GenerationError) as error:
        return Verified(folder.name, problem=error.message)
    except OSError as error:
        return Verified(folder.name, problem=f"{error.filename or folder}: {error.strerror}")


def _keyed(
    folder: Path, found: Held, ring: KeyRing | None, ask: Callable[[str], Sequence[str]], told: Told
) -> Verified:  # fmt: skip
    card = _card(folder)
    for base in found.bases.values():
        told(f"{folder.name}: {base.name}")
        try:
            verify(base)
        except LayoutError as error:
            raise LayoutError(f"{base.name}: {error.message}") from error
    newest = found.bases[found.newest_base]
    with opened(newest) as file:
        head = file.header
        if (head.list_id, head.generation) != (folder.name, found.newest_base):
            raise LayoutError(f"{newest.name} is of another list or generation")
        _check_plain(plain_of(newest), head.rows)
        entry = ring.find(head.key_id) if ring is not None else None
        problem = None
        if ring is not None and (entry is None or entry.list_id != folder.name):
            problem, entry = f"the ring holds no key {head.key_id.hex()} of this list", None
        answers: tuple[Record, ...] = ()
        if entry is not None:
            store, key = Store(file), ListKey(entry.key, entry.key_id)
            answers = tuple(one.record for text in ask(card.thing) for one in store.find(key, text))
    return Verified(
        folder.name, KEYED, head.generation, datetime.fromtimestamp(head.as_of, UTC), head.count, card.thing,
        head.key_id.hex(), tuple(found.bases), problem, answers,
    )


def _card(folder: Path) -> Card:
    with open_regular(folder / cards.FILE_NAME) as file:
        card = cards.decode(file.read(cards.MAX_BYTES + 1))
    if card.list_id != folder.name:
        raise LayoutError(f"{cards.FILE_NAME} is of another list")
    return card


def _check_plain(path: Path, rows: int) -> None:
    """The plain file is what the next generation is compared with. Raises ``LayoutError``, ``OSError``."""
    digest, left = hashlib.sha256(), 8 * rows
    with open_regular(path) as file:
        while block := file.read(min(_BLOCK, left)):
            digest.update(block)
            left -= len(block)
        if left or file.read(_HASH + 1) != digest.digest():
            raise LayoutError(f"{path.name} is damaged; without it boxes need a whole new base under a new key")


def _generation(folder: Path, generation: int, ring: KeyRing | None, told: Told) -> Verified:
    place = folder / manifests.folder_name(generation)
    told(f"{folder.name}: {place.name}")
    with open_regular(place / manifests.FILE_NAME) as file:
        manifest = manifests.decode(file.read(manifests.MAX_BYTES + 1))
    if (manifest.list_id, manifest.generation) != (folder.name, generation):
        raise LayoutError("its manifest belongs to another list or generation")
    sealed = True
    for name, stated in manifest.files.items():
        digest, length = hashlib.sha256(), 0
        with open_regular(place / name) as file:
            first = file.read(_BLOCK)
            sealed = sealed and vault.is_sealed(first[:4096])
            block = first
            while block:
                digest.update(block)
                length += len(block)
                block = file.read(_BLOCK)
        if (length, digest.hexdigest()) != (stated.bytes, stated.sha256):
            raise LayoutError(f"{name} does not agree with its manifest")
    info = manifest.fingers
    if info is None:
        what = "sealed" if sealed else "persons and documents"
        if not sealed:
            open_generation(place)
        return Verified(folder.name, WATCH, generation, manifest.source_date, manifest.held, what)
    if ring is not None or not sealed:
        open_gallery(place, ring)
    what = f"templates by {info.extractor_id}{', sealed' if sealed else ''}"
    return Verified(folder.name, GALLERY, generation, manifest.source_date, manifest.held, what)
