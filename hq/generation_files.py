"""Opens one generation of a list at headquarters, as a box would: manifest, lengths and digests first."""

from __future__ import annotations

import hashlib
import mmap
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from edge.core.errors import BorderpostError
from edge.core.watch import manifest as manifests
from edge.core.watch.documents import DocumentTable
from edge.core.watch.layout import LayoutError
from edge.core.watch.manifest import DOCUMENTS, PERSONS, FileDigest, Manifest
from edge.core.watch.persons import PersonTable

_CHUNK: Final = 1 << 20  # bytes read at a time for a digest
_ADVICE: Final = "name the folder of one generation, for example lists/un/0000000007"


class GenerationError(BorderpostError):
    """A folder holds no generation that can be used."""


@dataclass(frozen=True, slots=True)
class OpenGeneration:
    """One generation; its files are mapped read-only."""

    manifest: Manifest
    documents: DocumentTable
    persons: PersonTable


def open_generation(folder: Path) -> OpenGeneration:
    """The generation in ``folder``. Raises ``GenerationError``."""
    try:
        with (folder / manifests.FILE_NAME).open("rb") as file:
            manifest = manifests.decode(file.read(manifests.MAX_BYTES + 1))
        documents = DocumentTable(_mapped(folder / DOCUMENTS, manifest.files[DOCUMENTS]))
        persons = PersonTable(_mapped(folder / PERSONS, manifest.files[PERSONS]))
    except OSError as error:
        raise GenerationError(f"{folder} holds no generation: {error.strerror}", advice=_ADVICE) from error
    except LayoutError as error:
        raise GenerationError(f"the generation in {folder} is damaged: {error.message}", advice=_ADVICE) from error
    return OpenGeneration(manifest, documents, persons)


def _mapped(path: Path, stated: FileDigest) -> memoryview:
    with path.open("rb") as file:
        digest, length = hashlib.sha256(), 0
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
            length += len(chunk)
        if length != stated.bytes or digest.hexdigest() != stated.sha256:
            raise LayoutError(f"{path.name} does not agree with its manifest")
        return memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
