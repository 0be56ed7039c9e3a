"""The place of a gallery: generations as of a watch list, and deltas that compose the next from the one that serves.

Laws:
1. A delta is applied to the set it was made for: the generation, the manifest's digest and the list key must be those
   that stand here, else ``DivergedError``: only a whole list helps.
2. What is composed is sealed by the list key, as headquarters did, and its length and SHA-256 must be those of the
   newer manifest, which came signed, before its folder gets a name. A whole gallery is opened before. Till then the
   generation before serves, and it stays (``KEPT``).
3. Killed at any moment there is the old generation or the new one; what was composed half goes with the next update.
4. Templates stand in clear in memory that has no file behind it, alone, and are overwritten there when they have been
   checked or sealed, whatever came of it. Of a list in clear the file is in clear too.
"""

from __future__ import annotations

import hashlib
import mmap
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from common.files import open_regular
from edge.core import vault
from edge.core.distribution import Step
from edge.core.errors import LayoutError
from edge.core.fingerprints import gallery_delta
from edge.core.fingerprints.gallery import GalleryTable
from edge.core.fingerprints.gallery_delta import GalleryDelta
from edge.core.vault import RingEntry, VaultError
from edge.core.watch import manifest as manifests
from edge.core.watch.layout import KIND_GALLERY_DELTA, Buffer
from edge.core.watch.manifest import FileDigest, Manifest
from edge.secret_memory import allocate
from edge.updates.guard import wipe
from edge.updates.placing import DivergedError, Files, Standing, read_limited
from edge.updates.watch_place import WatchPlace

DELTA: Final = gallery_delta.FILE_NAME
STEP_NAMES: Final = frozenset({manifests.FILE_NAME, DELTA})
MAX_DELTA: Final = 2 << 30  # bytes

_KINDS: Final = {manifests.GALLERY: manifests.SEALED_KINDS[manifests.GALLERY], DELTA: KIND_GALLERY_DELTA.decode()}


class GalleryPlace(WatchPlace):
    """``LISTS/<list id>/<generation, ten digits>/{manifest.json, gallery.bin}``."""

    names = frozenset({manifests.FILE_NAME, manifests.GALLERY})

    def standing(self) -> Standing:
        """The newest generation whose file agrees with its manifest, and the key that it is sealed by."""
        found = super().standing()
        if not found.generation:
            return found
        with _Mapped(self._file(found.generation)) as view:
            key = vault.key_id_of(view).hex() if vault.is_sealed(view) else ""
        return Standing(found.generation, found.records, found.digest, found.card, key)

    def _check(self, step: Step, files: Files, before: Standing) -> None:
        if not step.start:
            super()._check(step, files, before)
            self._check_opens(manifests.decode(read_limited(files[manifests.FILE_NAME], manifests.MAX_BYTES)),
                              files[manifests.GALLERY])  # fmt: skip
            return
        manifest = self._manifest(step, files[manifests.FILE_NAME])
        if manifest.fingers is None:
            raise self.mismatch("its manifest is of no gallery")
        path = files[DELTA]
        with _Mapped(path) as view:
            key = self._sealed_by(view, manifest, DELTA)
            with self._plain(view, key) as plain:
                head = GalleryDelta(plain).head  # text and numbers: no view of what is overwritten
        if (head.list_id, head.since, head.to) != (self.list_id, step.start, step.to):
            raise self.mismatch("it is a delta of another list or generation")
        known = before.card != "-"  # of a generation that is on its way nothing but its digest is known (``check``)
        other_key = known and before.key != (key.key_id.hex() if key else "")
        if head.before != before.digest or other_key:
            raise DivergedError(f"generation {step.start} is another one here", list_id=self.list_id)

    def _check_opens(self, manifest: Manifest, path: Path) -> None:
        with _Mapped(path) as view, self._plain(view, self._sealed_by(view, manifest, manifests.GALLERY)) as plain:
            table = GalleryTable(plain)
            found = (table.extractor_id, len(table), table.persons, table.positions)
        info = manifest.fingers
        if info is None or found != (info.extractor_id, info.templates, info.persons, info.positions):
            raise LayoutError("the counts of a gallery differ from its manifest")

    def _fill(self, staged: Path, step: Step, files: Files) -> None:
        if not step.start:
            super()._fill(staged, step, files)
            return
        data = read_limited(files[manifests.FILE_NAME], manifests.MAX_BYTES)
        manifest = manifests.decode(data)
        _write(staged / manifests.FILE_NAME, [data])
        with self._composed(step, manifest, files[DELTA]) as (composed, key):
            pieces: Iterable[Buffer] = [composed]
            if key is not None:
                pieces = vault.sealed_pieces(
                    composed, key, generation=manifest.generation, kind=_KINDS[manifests.GALLERY]
                )
            if _write(staged / manifests.GALLERY, pieces) != manifest.files[manifests.GALLERY]:
                raise self.mismatch(f"generation {step.to}: what was composed has another digest")

    @contextmanager
    def _composed(
        self, step: Step, manifest: Manifest, path: Path
    ) -> Iterator[tuple[memoryview, RingEntry | None]]:  # fmt: skip
        """The newer gallery in clear, and what it is to be sealed by."""
        before = self._file(step.start)
        older = manifests.decode(read_limited(before.with_name(manifests.FILE_NAME), manifests.MAX_BYTES))
        with _Mapped(path) as view, _Mapped(before) as old_view:
            key = self._sealed_by(view, manifest, DELTA)
            old_key = self._sealed_by(old_view, older, manifests.GALLERY)
            with self._plain(view, key) as delta, self._plain(old_view, old_key) as old:
                whole = _joined(gallery_delta.compose(GalleryTable(old), GalleryDelta(delta)))
        try:
            yield whole, key
        finally:
            wipe(whole)

    def _sealed_by(self, view: memoryview, manifest: Manifest, name: str) -> RingEntry | None:
        """The key of a file, None for one in clear. Raises ``LayoutError``; UpdateError ``no_key`` without it."""
        if not vault.is_sealed(view):
            return None
        header = vault.header_of(view)
        if (header.list_id, header.generation, header.kind) != (self.list_id, manifest.generation, _KINDS[name]):
            raise LayoutError(f"{name} was sealed as another file")
        self.need_key(header.key_id)
        key = self.key_of(header.key_id)
        assert key is not None
        return RingEntry(self.list_id, 1, key)

    @contextmanager
    def _plain(self, view: memoryview, key: RingEntry | None) -> Iterator[memoryview]:
        """The file as its layout knows it, for a while: no table of it is any good afterwards."""
        if key is None:
            yield view
            return
        memory = allocate(vault.header_of(view).length)
        try:
            try:
                vault.open_into(view, key.key, memory)
            except VaultError as error:
                raise LayoutError("a sealed file does not open under its key") from error
            yield memory
        finally:
            wipe(memory)

    def _file(self, generation: int) -> Path:
        return self.folder / manifests.folder_name(generation) / manifests.GALLERY


class _Mapped:
    """A regular file as a read-only view, for a while. Raises ``LayoutError`` for an empty or endless one."""

    def __init__(self, path: Path) -> None:
        with open_regular(path) as file:
            size = os.fstat(file.fileno()).st_size
            if not 0 < size <= MAX_DELTA:
                raise LayoutError(f"{path.name} is empty or too long")
            self._mapping = mmap.mmap(file.fileno(), size, access=mmap.ACCESS_READ)

    def __enter__(self) -> memoryview:
        return memoryview(self._mapping)

    def __exit__(self, *_: object) -> None:
        """The mapping goes with its last view: arrays of an open gallery may still look at it."""
        del self._mapping


def _joined(parts: Sequence[Buffer]) -> memoryview:
    """All of them one behind the other, in memory without a file behind it."""
    whole = allocate(sum(len(part) for part in parts))
    at = 0
    for part in parts:
        whole[at : at + len(part)] = part
        at += len(part)
    return whole


def _write(path: Path, pieces: Iterable[Buffer]) -> FileDigest:
    """Write a new file, synced; its length and digest."""
    digest, length = hashlib.sha256(), 0
    with path.open("xb") as file:
        for piece in pieces:
            file.write(piece)
            digest.update(piece)
            length += len(piece)
        file.flush()
        os.fsync(file.fileno())
    return FileDigest(bytes=length, sha256=digest.hexdigest())
