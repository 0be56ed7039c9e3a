"""Headquarters' ring of list keys, and the lists sealed by them on their way to the posts.

Laws:
1. The ring's file is sealed to headquarters' own seal key; it is in clear in memory alone.
2. A key is made once for a list and a base generation, and never replaced: a generation that was sealed by it must stay
   openable. The next base gets the next key.
3. A generation is built in clear at headquarters, where it is compared and corrected, and sealed as a copy of the same
   number: what leaves the house holds no name and no number in clear.
4. A box gets the keys of its own lists, sealed to its own key.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

from common.files import open_regular
from edge.core import sealing
from edge.core.vault import KeyRing, RingEntry, RingError, key_id, open_ring, seal_file, seal_records, seal_ring
from edge.core.vault.ring import MAX_BYTES, OtherKeyError
from edge.core.watch import manifest as manifests
from edge.core.watch.layout import LayoutError
from edge.core.watch.manifest import PERSONS, SEALED_KINDS, FileDigest
from hq.errors import KeyFileError
from hq.list_folder import ListFolder

MAX_FILE: Final = 2 << 30  # bytes of a list file that is sealed as a whole; larger lists are keyed ones (adr/0018)


@dataclass(frozen=True, slots=True)
class RingFile:
    """The ring at ``path``; ``keys`` are headquarters' seal keys by key id, the newest ones too."""

    path: Path
    keys: Mapping[str, sealing.SealPrivate]

    def read(self) -> KeyRing:
        """The ring; an empty one where there is no file. Raises ``KeyFileError``."""
        try:
            with open_regular(self.path) as file:
                blob = file.read(MAX_BYTES + 1)
        except FileNotFoundError:
            return KeyRing()
        except OSError as error:
            raise KeyFileError(f"{self.path}: {error.strerror}", advice="give a file you may read") from error
        problem: RingError | None = None
        for private in self.keys.values():
            try:
                return open_ring(blob, private)
            except OtherKeyError as error:
                problem = RingError(f"it is sealed to the seal key {error.key}, which hq.toml does not name")
            except RingError as error:
                problem = error
                break
        raise KeyFileError(
            f"{self.path}: {problem.message if problem else 'no seal key to open it'}",
            advice="name the seal key it was made under in keys.seal of hq.toml",
        )

    def add(self, list_id: str, generation: int) -> RingEntry:
        """A new key for a list from this base generation on. Raises ``KeyFileError`` if there is one (law 2)."""
        if not manifests.is_list_id(list_id) or not 1 <= generation <= manifests.MAX_GENERATION:
            raise KeyFileError("that names no list", advice="a list id is 2 to 40 of a-z, 0-9 and hyphen")
        ring = self.read()
        if any((e.list_id, e.generation) == (list_id, generation) for e in ring.entries):
            raise KeyFileError(
                f"{list_id} has a key from generation {generation} on",
                advice="keys are never replaced: give the next base generation",
            )
        entry = RingEntry(list_id, generation, sealing.generate_box_key())
        self._write(seal_ring(KeyRing.of((*ring.entries, entry)), next(iter(self.keys.values())).public_key()))
        return entry

    def _write(self, blob: bytes) -> None:
        """Replace the file by one rename."""
        try:
            write_private(self.path, blob)
        except OSError as error:
            raise KeyFileError(f"{self.path}: {error.strerror}", advice="give a file you may write") from error


def write_private(path: Path, data: bytes) -> None:
    """Write beside ``path`` (mode 0600), sync, rename over it, sync the folder."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    fd, partial = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(fd, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        Path(partial).rename(path)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            Path(partial).unlink()
        raise
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def for_box(ring: KeyRing, line: str, list_ids: Sequence[str]) -> bytes:
    """The file for one box: the keys of these lists (all for none named), sealed to its line ``x25519:…``."""
    wanted = ring.only(list_ids) if list_ids else ring
    missing = sorted(set(list_ids) - {e.list_id for e in wanted.entries})
    if missing or not wanted.entries:
        raise KeyFileError(
            f"the ring holds no key of {', '.join(missing) or 'any list'}",
            advice="make one with `borderpost-hq keys list-key`",
        )
    try:
        public = sealing.seal_public_from_text(line)
    except sealing.KeyTextError as error:
        raise KeyFileError(
            f"--box is no box's key: {error.message}",
            advice="give the line that `borderpost lists box-key` prints there",
        ) from error
    return seal_ring(wanted, public)


@dataclass(frozen=True, slots=True)
class Unsealed:
    """A newest generation in clear for which the ring holds no key."""

    list_id: str
    generation: int

    @property
    def advice(self) -> str:
        """The next step."""
        return f"make one: borderpost-hq keys list-key --list {self.list_id} --generation {self.generation}"


def seal_newest(
    lists: Path, out: Path, ring: KeyRing, only: Sequence[str] = (), unsealed: list[Unsealed] | None = None
) -> list[tuple[str, int, str]]:
    """Put a sealed copy of every list's newest generation below ``out``: (list id, generation, key id in hex).

    ``only`` names the lists; none: all. Lists whose newest generation is there already are passed over. Those without
    a key are put into ``unsealed``, and the others are sealed; without it they are an error. Raises ``KeyFileError``
    for these, for a list in ``only`` that is not there and for a damaged generation, ``ListFolderError`` where ``out``
    cannot be written.
    """
    places = {place.parent.name: place for place in _newest(lists)}
    if strangers := sorted(set(only) - set(places)):
        raise KeyFileError(
            f"{lists} holds no generation of {strangers[0]} to seal",
            advice=f"there are: {', '.join(places)}" if places else "build lists first: borderpost-hq lists build",
        )
    made = []
    with ListFolder(out) as folder:
        for list_id, place in places.items():
            generation = manifests.generation_of(place.name) or 0
            if (only and list_id not in only) or (out / list_id / place.name).exists():
                continue
            entry = ring.for_generation(list_id, generation)
            if entry is None:
                left = Unsealed(list_id, generation)
                if unsealed is None:
                    raise KeyFileError(no_key(left), advice=left.advice)
                unsealed.append(left)
                continue
            folder.next_generation(list_id, generation)
            folder.stage(list_id, generation, sealed_generation(place, entry))
            made.append((list_id, generation, key_id(entry.key).hex()))
        folder.publish()
    return made


def no_key(left: Unsealed) -> str:
    """In words."""
    return f"the ring holds no key for generation {left.generation} of {left.list_id}"


def sealed_generation(place: Path, entry: RingEntry) -> dict[str, bytes]:
    """The files of a sealed copy of the generation in ``place``. Raises ``KeyFileError`` if it is damaged."""
    try:
        manifest = manifests.decode(_bytes(place / manifests.FILE_NAME))
        files = {name: _bytes(place / name) for name in manifest.files}
        for name, data in files.items():
            if manifest.files[name] != _digest(data):
                raise LayoutError(f"{name} does not agree with its digest")
        tails = {}
        if PERSONS in files:  # a gallery is opened as a whole: into the memory of the process that searches it
            files[PERSONS], tails[PERSONS] = seal_records(files[PERSONS], entry)
    except LayoutError as error:
        raise KeyFileError(f"{place}: {error.message}", advice="build the list again") from error
    except OSError as error:
        raise KeyFileError(f"{place}: {error.strerror}", advice="build the list again") from error
    sealed = {
        name: seal_file(data, entry, generation=manifest.generation, kind=SEALED_KINDS[name], tail=tails.get(name, b""))
        for name, data in files.items()
    }
    told = msgspec.structs.replace(manifest, files={name: _digest(data) for name, data in sealed.items()})
    return {manifests.FILE_NAME: manifests.encode(told), **sealed}


def _newest(lists: Path) -> list[Path]:
    try:
        folders = sorted(p for p in lists.iterdir() if manifests.is_list_id(p.name) and p.is_dir())
        found = [max((g for g in f.iterdir() if manifests.generation_of(g.name)), default=None) for f in folders]
    except OSError as error:
        raise KeyFileError(f"{lists}: {error.strerror}", advice="give the folder that lists build made") from error
    return [place for place in found if place is not None]


def _bytes(path: Path) -> bytes:
    with open_regular(path) as file:
        data = file.read(MAX_FILE + 1)
    if len(data) > MAX_FILE:
        raise LayoutError(f"{path.name} has more than {MAX_FILE} bytes")
    return data


def _digest(data: bytes) -> FileDigest:
    return FileDigest(bytes=len(data), sha256=hashlib.sha256(data).hexdigest())
