"""A gallery of fingers as it lies on the box: which file, how it is verified, by which key it opens.

Laws:
1. The daemon verifies a gallery's length and digest and reads the head of its seal; it never decrypts it. Opened
   references stand in the memory of the search child (``edge.fingers.search_service``) and, while an update checks or
   composes a generation, in that of its process (``edge.updates.gallery_place``); nowhere else.
2. A gallery is no list of documents: it has no part in a document's verdict, neither when it is there nor when it is
   damaged, missing or erased. What it is, is known from its files' names even where none of them can be used.
3. No key is in a ``repr``, an error or a log.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from common.files import open_regular
from edge import tombstones
from edge.core import vault
from edge.core.vault import RingEntry
from edge.core.watch import manifest as manifests
from edge.core.watch.layout import KIND_GALLERY, LayoutError
from edge.core.watch.manifest import FileDigest, GalleryInfo, Manifest

_MAGIC_BYTES = 12  # of a container: magic and kind
LOOKED_AT = 5      # newest generations whose files' names are looked at


@dataclass(frozen=True, slots=True)
class OpenGallery:
    """A verified gallery file. ``key`` opens it; None for one in clear."""

    path: Path
    digest: FileDigest
    info: GalleryInfo
    key: RingEntry | None = field(repr=False)


def described(path: Path, mapped: memoryview, manifest: Manifest, key: RingEntry | None) -> OpenGallery:
    """The gallery of a verified file. Raises ``LayoutError`` for a file that is none."""
    info = manifest.fingers
    if info is None:
        raise LayoutError(f"{path.name} stands in a generation of documents")
    magic = bytes(mapped[:_MAGIC_BYTES])
    if not vault.is_sealed(mapped) and magic[-4:] != KIND_GALLERY:
        raise LayoutError(f"{path.name} is no gallery")
    return OpenGallery(path, manifest.files[manifests.GALLERY], info, key)


def is_gallery(folder: Path, seen: Sequence[int]) -> bool:
    """True if the list in ``folder`` is a gallery by what is left of it; ``seen``: its generations, newest first."""
    for generation in seen[:LOOKED_AT]:
        place = folder / manifests.folder_name(generation)
        if os.path.lexists(place / manifests.GALLERY):
            return True
        if any(os.path.lexists(place / name) for name in (manifests.DOCUMENTS, manifests.PERSONS)):
            return False
        named = _named(place)
        if named is not None:
            return manifests.GALLERY in named.files
    stone = tombstones.read(folder)
    return stone is not None and stone.gallery


def _named(place: Path) -> Manifest | None:
    try:
        with open_regular(place / manifests.FILE_NAME) as file:
            return manifests.decode(file.read(manifests.MAX_BYTES + 1))
    except (OSError, LayoutError):
        return None
