"""Opens one generation of a gallery at headquarters, in clear or with a ring, every length and digest first."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from common.files import open_regular
from edge.core import vault
from edge.core.fingerprints.gallery import GalleryTable
from edge.core.vault import KeyRing, RingEntry
from edge.core.watch import manifest as manifests
from edge.core.watch.layout import LayoutError
from edge.core.watch.manifest import GALLERY, SEALED_KINDS, Manifest
from hq.generation_files import GenerationError

MAX_FILE: Final = 2 << 30  # bytes: a gallery is opened as a whole
_ADVICE: Final = "name the folder of one generation, for example lists/fingers/0000000007"


@dataclass(frozen=True, slots=True)
class OpenedGallery:
    """``digest``: SHA-256 (hex) of ``manifest.json``; ``key`` what the file is sealed by, None for one in clear."""

    manifest: Manifest
    digest: str
    table: GalleryTable
    key: RingEntry | None


def is_gallery(place: Path) -> bool:
    """True for the folder of a generation that holds a gallery."""
    return (place / GALLERY).is_file()


def open_gallery(place: Path, ring: KeyRing | None = None) -> OpenedGallery:
    """The gallery in ``place``. Raises ``GenerationError``, also for a sealed one without its key in ``ring``."""
    try:
        data = _read(place / manifests.FILE_NAME, manifests.MAX_BYTES)
        manifest = manifests.decode(data)
        if manifest.fingers is None:
            raise LayoutError("it holds no gallery")
        file = _read(place / GALLERY, MAX_FILE)
        stated = manifest.files[GALLERY]
        if (len(file), hashlib.sha256(file).hexdigest()) != (stated.bytes, stated.sha256):
            raise LayoutError(f"{GALLERY} does not agree with its manifest")
        key = key_of(file, manifest, ring)
        table = GalleryTable(file if key is None else _plain(file, key))
        _agree(manifest, table)
    except OSError as error:
        raise GenerationError(f"{place} holds no generation: {error.strerror}", advice=_ADVICE) from error
    except LayoutError as error:
        raise GenerationError(f"the generation in {place} is damaged: {error.message}", advice=_ADVICE) from error
    return OpenedGallery(manifest, hashlib.sha256(data).hexdigest(), table, key)


def key_of(file: bytes, manifest: Manifest, ring: KeyRing | None) -> RingEntry | None:
    """The key of a sealed gallery, None for one in clear. Raises ``GenerationError`` without it, ``LayoutError``."""
    if not vault.is_sealed(file):
        return None
    header = vault.header_of(file)
    if (header.list_id, header.generation, header.kind) != (
        manifest.list_id, manifest.generation, SEALED_KINDS[GALLERY],
    ):  # fmt: skip
        raise LayoutError(f"{GALLERY} was sealed as another file")
    entry = ring.find(header.key_id) if ring is not None else None
    if entry is None or entry.list_id != manifest.list_id:
        raise GenerationError(
            f"generation {manifest.generation} of {manifest.list_id} is sealed by the key {header.key_id.hex()}, "
            "which is not given",
            advice="give the ring of list keys: --ring keys/list-keys.ring",
        )
    return entry


def _plain(file: bytes, key: RingEntry) -> memoryview:
    memory = memoryview(bytearray(vault.header_of(file).length))
    vault.open_into(file, key.key, memory)
    return memory


def _agree(manifest: Manifest, table: GalleryTable) -> None:
    info = manifest.fingers
    assert info is not None
    told = (info.extractor_id, info.templates, info.persons, info.positions)
    if told != (table.extractor_id, len(table), table.persons, table.positions):
        raise LayoutError("its counts differ from the manifest")


def _read(path: Path, limit: int) -> bytes:
    with open_regular(path) as file:
        data: bytes = file.read(limit + 1)
    if len(data) > limit:
        raise LayoutError(f"{path.name} has more than {limit} bytes")
    return data
