"""The place of a watch list: whole generations, each a folder that appears by one rename.

Laws:
1. Manifest, lengths and digests are checked before the folder gets its name; of a sealed file also that the box has
   its key. ``digest_after`` is the SHA-256 of ``manifest.json``, which holds the digests of the other files.
2. ``KEPT`` generations stay, so that a box has something to go on with if the newest rots.
"""

from __future__ import annotations

import hashlib
import mmap
import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from common.files import open_regular
from edge.core import vault
from edge.core.distribution import Step
from edge.core.errors import LayoutError
from edge.core.watch import manifest as manifests
from edge.core.watch.manifest import Manifest
from edge.updates.placing import Files, Place, Standing, link_or_copy, read_limited, sha256_of
from edge.updates.store import sync_folder

NAMES: Final = frozenset({manifests.FILE_NAME, manifests.DOCUMENTS, manifests.PERSONS})
KEPT: Final = 3             # generations of a list
LOOKED_AT: Final = 5        # of those that are there, newest first
_STAGED: Final = ".update-"
_GONE: Final = ".gone-"


class WatchPlace(Place):
    """``LISTS/<list id>/<generation, ten digits>/{manifest.json, documents.bin, persons.bin}``."""

    names = NAMES

    def standing(self) -> Standing:
        """The newest generation whose files agree with their manifest."""
        for generation in self._there()[:LOOKED_AT]:
            place = self.folder / manifests.folder_name(generation)
            try:
                data = read_limited(place / manifests.FILE_NAME, manifests.MAX_BYTES)
                manifest = manifests.decode(data)
                if (manifest.list_id, manifest.generation) == (self.list_id, generation) and self._is_mine(manifest):
                    _check_files(manifest, {name: place / name for name in self.names})
                    return Standing(generation, manifest.held, hashlib.sha256(data).hexdigest())
            except (LayoutError, OSError):
                continue
        return Standing()

    def _there(self) -> list[int]:
        try:
            found = [g for p in self.folder.iterdir() if (g := manifests.generation_of(p.name))]
        except OSError:
            return []
        return sorted(found, reverse=True)

    def _is_mine(self, manifest: Manifest) -> bool:
        """True for a generation of this kind of list."""
        return {*manifest.files, manifests.FILE_NAME} == self.names

    def _manifest(self, step: Step, path: Path) -> Manifest:
        """The manifest that a step brings; it must be what the step says. Raises ``LayoutError``, UpdateError."""
        data = read_limited(path, manifests.MAX_BYTES)
        manifest = manifests.decode(data)
        if manifest.list_id != self.list_id:
            raise self.mismatch("its manifest is of another list")
        if not self._is_mine(manifest):
            raise self.mismatch("its manifest names other files")
        self.agree(step, manifest.generation, manifest.held, hashlib.sha256(data).hexdigest())
        return manifest

    def _check(self, step: Step, files: Files, before: Standing) -> None:  # noqa: ARG002 - always whole
        manifest = self._manifest(step, files[manifests.FILE_NAME])
        _check_files(manifest, files)
        for name in manifest.files:
            self._check_sealed(manifest, files[name], manifests.SEALED_KINDS[name])

    def _check_sealed(self, manifest: Manifest, path: Path, kind: str) -> None:
        with open_regular(path) as file:
            size = os.fstat(file.fileno()).st_size
            if not size:
                raise LayoutError(f"{path.name} is empty")
            with mmap.mmap(file.fileno(), size, access=mmap.ACCESS_READ) as mapped, \
                    memoryview(mapped) as view:
                if not vault.is_sealed(view):
                    return
                header = vault.header_of(view)
        if (header.list_id, header.generation, header.kind) != (self.list_id, manifest.generation, kind):
            raise LayoutError(f"{path.name} was sealed as another file")
        self.need_key(header.key_id)

    def _put(self, step: Step, files: Files, *, anew: bool) -> None:
        final = self.folder / manifests.folder_name(step.to)
        self._sweep()
        self.folder.mkdir(parents=True, exist_ok=True)
        staged = self.folder / f"{_STAGED}{step.to}"
        staged.mkdir()
        try:
            self._fill(staged, step, files)
        except BaseException:
            shutil.rmtree(staged, ignore_errors=True)
            raise
        sync_folder(staged)
        if final.exists():  # damaged, or from a key that was replaced: the sound one takes its place
            final.rename(self.folder / f"{_GONE}{step.to}")
        staged.rename(final)
        sync_folder(self.folder)
        sync_folder(self.folder.parent)
        if anew:
            self._remove([generation for generation in self._there() if generation > step.to])

    def _fill(self, staged: Path, step: Step, files: Files) -> None:  # noqa: ARG002 - always whole
        """Put the generation's files into a hidden folder."""
        for name in sorted(self.names):
            link_or_copy(files[name], staged / name)

    def tidy(self, *, anew: bool) -> None:
        """Remove what is older than the ``KEPT`` newest, and what a killed update left."""
        self._sweep()
        there = self._there()
        if anew:
            now = self.standing().generation
            there = [generation for generation in there if generation <= now]
        self._remove(there[KEPT:])

    def _remove(self, generations: Sequence[int]) -> None:
        for generation in generations:
            gone = self.folder / f"{_GONE}{generation}"
            shutil.rmtree(gone, ignore_errors=True)
            (self.folder / manifests.folder_name(generation)).rename(gone)  # one step: never half a generation
            shutil.rmtree(gone, ignore_errors=True)

    def _sweep(self) -> None:
        if self.folder.is_dir():
            for left in self.folder.iterdir():
                if left.name.startswith((_STAGED, _GONE)):
                    shutil.rmtree(left, ignore_errors=True)


def _check_files(manifest: Manifest, files: Files) -> None:
    for name, stated in manifest.files.items():
        if files[name].stat().st_size != stated.bytes or sha256_of(files[name]) != stated.sha256:
            raise LayoutError(f"{name} does not agree with its manifest")
