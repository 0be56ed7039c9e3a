"""Opens, verifies and swaps the list generations of a lists folder. The only reader of list files.

Laws:
1. A file is used only after its length and SHA-256 agree with its manifest, and the manifest with
   its own digest. What leads to no regular file is damaged: a named pipe would keep its reader for ever. What
   was verified stays verified for this process as long as path, inode, length and modification time stay the
   same.
2. The newest sound generation serves. A damaged newer one is named in ``problem``; the box keeps
   screening on the older.
3. Never back: a list whose newest sound generation lies below the high-water mark is still asked, because a
   hit on old data is a hit, but it is ``behind``: screening counts it as damaged, and nothing is CLEAR.
4. Files are mapped read-only and never changed in place; ``refresh`` gives a new value and leaves
   the old one working for whoever still holds it.
5. ``problem`` texts carry list ids and numbers of generations, nothing else from inside a list.
6. A sealed file (``edge.core.vault``) is verified like any other, then opened into memory that has no file behind it,
   by the key that it names. Without that key the generation cannot be used, and the problem says so.
7. A keyed list (``edge.watchlists_keyed``) is opened beside the others and stands in the same order. A list that
   changes from one kind to the other is of the kind that has the newest generation.
8. What was erased (``edge.tombstones``) is never opened again.
9. A gallery of fingers is verified here and opened elsewhere (``edge.fingers.galleries``). One of which nothing is left
   stays one: documents do not wait for it, and fingers miss it (``galleries``: lists that were known for such).

Layout: ``ROOT/<list_id>/<generation, ten digits>/{manifest.json, documents.bin, persons.bin}`` or
``{manifest.json, gallery.bin}``, or a keyed list's.
"""

from __future__ import annotations

import hashlib
import mmap
import os
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from common.files import NotRegularError, open_regular
from edge import tombstones
from edge.core import vault
from edge.core.errors import BorderpostError
from edge.core.vault import KeyRing, RingEntry, VaultError
from edge.core.watch import manifest as manifests
from edge.core.watch.documents import DocumentTable
from edge.core.watch.layout import LayoutError
from edge.core.watch.manifest import FileDigest, Manifest
from edge.core.watch.persons import PersonTable
from edge.fingers import galleries
from edge.fingers.galleries import OpenGallery
from edge.opened_list import Keys, OpenList, Stamp
from edge.secret_memory import allocate
from edge.watchlists_keyed import is_keyed, newest_keyed, open_keyed

__all__ = ["Keys", "NoKeyError", "OpenList", "Watchlists", "WatchlistsError"]

MAX_LISTS: Final = 64          # folders of one root that are looked at
MAX_GENERATIONS: Final = 1000  # folders of one list that are looked at
TRIED_GENERATIONS: Final = 5   # newest ones that are opened before a list counts as damaged
_CHUNK: Final = 1 << 20        # bytes read at a time while a digest is computed

_Held = tuple[Manifest, DocumentTable | None, PersonTable | None, OpenGallery | None]
_digests: dict[Stamp, str] = {}
_MAX_DIGESTS: Final = 4096  # files whose digest is remembered


class NoKeyError(VaultError):
    """A sealed file whose key is not on this box."""


class WatchlistsError(BorderpostError):
    """The lists folder itself cannot be read."""


@dataclass(frozen=True, slots=True)
class Watchlists:
    """Every list below one root, ordered by id."""

    root: Path
    lists: tuple[OpenList, ...]
    high_water: Mapping[str, int]
    galleries: frozenset[str] = frozenset()
    keys: Keys = field(default=KeyRing, repr=False, compare=False)

    @classmethod
    def open(
        cls, root: Path, *, high_water: Mapping[str, int] | None = None, galleries: Collection[str] = (),
        keys: Keys = KeyRing,
    ) -> Watchlists:
        """Open the newest sound generation of every list below ``root``.

        ``high_water`` gives the highest generation ever accepted, by list id; ``keys`` the keys of sealed lists, asked
        anew at each opening; ``galleries`` the ids of lists that are galleries where nothing of them is left. A root
        that does not exist holds no lists. Raises ``WatchlistsError`` if the root cannot be read.
        """
        marks = dict(high_water or {})
        ids = _list_ids(root) | {i for i in marks if manifests.is_list_id(i)}
        known = frozenset(galleries)
        opened = (_known(_open_any(root, i, marks.get(i, 0), keys), known) for i in sorted(ids))
        return cls(root, tuple(opened), marks, known, keys)

    def refresh(self, *, high_water: Mapping[str, int] | None = None) -> Watchlists:
        """The lists as they stand now; ``self`` when nothing on disk changed.

        Lists whose folder holds the same generations as before are taken over unopened, unless they had a problem: then
        what failed is tried again, and the generation in use is taken over if its files are what they were.
        """
        marks = dict(self.high_water if high_water is None else high_water)
        before = {entry.list_id: entry for entry in self.lists}
        ids = _list_ids(self.root) | {i for i in marks if manifests.is_list_id(i)}
        lists = tuple(
            _known(_open_any(self.root, i, marks.get(i, 0), self.keys, before.get(i)), self.galleries)
            for i in sorted(ids)
        )
        same = len(lists) == len(self.lists) and all(a is b for a, b in zip(lists, self.lists, strict=True))
        return self if same and marks == self.high_water else replace(self, lists=lists, high_water=marks)

    def generations(self) -> dict[str, int]:
        """The generation in use, by list id: what the high-water marks may be raised to."""
        return {e.list_id: e.generation for e in self.lists if e.generation is not None}


def _open_any(root: Path, list_id: str, mark: int, keys: Keys, old: OpenList | None = None) -> OpenList:
    """The list as it stands; ``old`` itself if nothing changed."""
    folder = root / list_id
    if old is not None and old.generation is not None and tombstones.buries(folder, old.generation):
        old = None  # its files may still be there: a disk may refuse to let them go
    if is_keyed(folder) and newest_keyed(folder) >= max(_generations(folder), default=0):
        return open_keyed(root, list_id, mark, keys, old)
    if old is not None and old.keyed is not None:
        old = None
    return old if old is not None and _stands(old, folder, mark) else _open_list(root, list_id, mark, keys, old)


def _known(entry: OpenList, galleries: frozenset[str]) -> OpenList:
    """Law 9: the list as it stands, or as the gallery that it was."""
    gone = entry.generation is None and not entry.seen and not entry.stamps and entry.erased is None
    return replace(entry, fingers=True) if gone and not entry.fingers and entry.list_id in galleries else entry


def _stands(entry: OpenList, folder: Path, mark: int) -> bool:
    """True if a list is sound, not below its mark, and its folder holds what it held."""
    sound = entry.manifest is not None and entry.problem is None and entry.manifest.generation >= mark
    return sound and entry.seen == _generations(folder)


def _list_ids(root: Path) -> set[str]:
    try:
        names = [p.name for p in root.iterdir() if manifests.is_list_id(p.name) and p.is_dir()]
    except FileNotFoundError:
        return set()
    except OSError as error:
        raise WatchlistsError(
            f"box.lists_dir {root} cannot be read: {error.strerror}",
            advice="check that folder, its rights and its line in edge.toml",
        ) from error
    return set(sorted(names)[:MAX_LISTS])


def _generations(folder: Path) -> tuple[int, ...]:
    """The generations below a list's folder, newest first."""
    try:
        found = [g for p in folder.iterdir() if (g := manifests.generation_of(p.name))]
    except OSError:
        return ()
    return tuple(sorted(found, reverse=True)[:MAX_GENERATIONS])


def _open_list(root: Path, list_id: str, mark: int, keys: Keys, old: OpenList | None = None) -> OpenList:
    folder = root / list_id
    seen = _generations(folder)
    in_use = old.manifest.generation if old is not None and old.manifest is not None else 0
    problems: list[str] = []
    stone = tombstones.read(folder)
    for generation in [g for g in seen if stone is None or g > stone.generation][:TRIED_GENERATIONS]:
        behind = generation < mark
        if behind:
            problems.append(f"generation {generation} is older than {mark}, which was accepted before")
        stamps = _stamps(folder / manifests.folder_name(generation))
        if old is not None and generation == in_use and stamps and stamps == old.stamps:
            same = replace(old, problem="; ".join(problems) or None, behind=behind, seen=seen)
            return old if same == old else same
        try:
            manifest, documents, persons, gallery = _open_generation(folder, list_id, generation, keys)
        except NoKeyError as error:
            problems.append(f"generation {generation} cannot be opened: {error.message}")
            continue
        except LayoutError as error:
            problems.append(f"generation {generation} is damaged: {error.message}")
            continue
        except NotRegularError as error:
            problems.append(f"generation {generation} is damaged: {Path(error.filename).name} is no regular file")
            continue
        except OSError as error:
            why = error.strerror or "input/output error"
            problems.append(f"generation {generation} cannot be read: {why}")
            continue
        return OpenList(
            list_id, manifest, documents, persons, "; ".join(problems) or None, behind, seen, stamps,
            gallery=gallery, fingers=gallery is not None,
        )  # fmt: skip
    if stone is not None:
        problems.append(stone.said)
    return OpenList(
        list_id, None, None, None, "; ".join(problems) or "no generation is there", seen=seen, erased=stone,
        fingers=galleries.is_gallery(folder, seen) or (not seen and old is not None and old.fingers),
    )  # fmt: skip


def _stamps(place: Path) -> tuple[Stamp, ...]:
    """What tells the files of a generation from others without reading them; empty if one is not there."""
    found = []
    gallery = (place / manifests.GALLERY).exists()
    for name in (manifests.FILE_NAME, *((manifests.GALLERY,) if gallery else (manifests.DOCUMENTS, manifests.PERSONS))):
        try:
            stat = (place / name).stat()
        except OSError:
            return ()
        found.append((str(place / name), stat.st_ino, stat.st_size, stat.st_mtime_ns))
    return tuple(found)


def _open_generation(folder: Path, list_id: str, generation: int, keys: Keys) -> _Held:
    place = folder / manifests.folder_name(generation)
    with open_regular(place / manifests.FILE_NAME) as file:
        manifest = manifests.decode(file.read(manifests.MAX_BYTES + 1))
    if manifest.list_id != list_id or manifest.generation != generation:
        raise LayoutError("its manifest belongs to another list or generation")
    mapped = {name: _mapped(place / name, digest) for name, digest in manifest.files.items()}
    if manifest.fingers is not None:
        found = mapped[manifests.GALLERY]
        key = _key_of(found, manifest, manifests.GALLERY, keys)
        return manifest, None, None, galleries.described(place / manifests.GALLERY, found, manifest, key)
    documents = DocumentTable(_plain(mapped[manifests.DOCUMENTS], manifest, manifests.DOCUMENTS, keys)[0])
    buffer, records = _plain(mapped[manifests.PERSONS], manifest, manifests.PERSONS, keys)
    persons = PersonTable(buffer, records.open if records else None)
    counts = manifest.records
    if (len(documents), len(persons), persons.n_names) != (counts.documents, counts.persons, counts.names):
        raise LayoutError("its record counts differ from the manifest")
    return manifest, documents, persons, None


def _plain(
    mapped: memoryview, manifest: Manifest, name: str, keys: Keys
) -> tuple[memoryview, vault.SealedRecords | None]:  # fmt: skip
    """The file as its layout knows it, and the records that stay sealed; a file in clear as it is, with None."""
    entry = _key_of(mapped, manifest, name, keys)
    if entry is None:
        return mapped, None
    header = vault.header_of(mapped)
    memory = allocate(header.length)
    vault.open_into(mapped, entry.key, memory)
    if isinstance(mapped.obj, mmap.mmap):
        mapped.obj.madvise(mmap.MADV_DONTNEED)  # 140 MB at a million names; a record that is asked for is read again
    return memory.toreadonly(), vault.SealedRecords(vault.tail_of(mapped), entry) if header.tail else None


def _key_of(mapped: memoryview, manifest: Manifest, name: str, keys: Keys) -> RingEntry | None:
    """The key of a sealed file, None for one in clear. Raises ``LayoutError``; ``NoKeyError`` where it is not here."""
    if not vault.is_sealed(mapped):
        return None
    header = vault.header_of(mapped)
    named = (manifest.list_id, manifest.generation, manifests.SEALED_KINDS[name])
    if (header.list_id, header.generation, header.kind) != named:
        raise LayoutError(f"{name} was sealed as another file")
    entry = keys().find(header.key_id)
    if entry is None or entry.list_id != manifest.list_id:
        raise NoKeyError(f"its key {header.key_id.hex()} is not on this box; have headquarters seal the ring for it")
    return entry


def _mapped(path: Path, digest: FileDigest) -> memoryview:
    """The verified file as a read-only mapping."""
    with open_regular(path) as file:
        stat = os.fstat(file.fileno())
        if stat.st_size != digest.bytes or not stat.st_size:
            raise LayoutError(f"{path.name} is not as long as the manifest says")
        mapping = mmap.mmap(file.fileno(), stat.st_size, access=mmap.ACCESS_READ)
    stamp = (str(path), stat.st_ino, stat.st_size, stat.st_mtime_ns)
    if stamp not in _digests:
        if len(_digests) >= _MAX_DIGESTS:
            _digests.clear()
        _digests[stamp] = _sha256(mapping)
    if _digests[stamp] != digest.sha256:
        raise LayoutError(f"{path.name} does not agree with its digest")
    return memoryview(mapping)


def _sha256(mapping: mmap.mmap) -> str:
    digest = hashlib.sha256()
    with memoryview(mapping) as view:
        for start in range(0, len(view), _CHUNK):
            digest.update(view[start : start + _CHUNK])
    return digest.hexdigest()
