"""A keyed list on disk: opened, asked, brought to its next generation while it is being asked.

Laws:
1. Whoever asks holds one pair of files for the whole question; a new generation is one swapped reference.
2. A generation is told (``generation``) only when it is durable. Never back: what is older than what serves is refused.
3. A delta's signature is the caller's business; here it must fit the list to the last record, or nothing changes.
4. A file that was opened stays open as long as anybody asks it, whatever is removed from the folder.
5. Errors are ``LayoutError`` (bytes) and ``KeyedError`` (disk, keys); no other leaves this file.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Final

from common.files import open_regular
from edge import keyed_folder as folders
from edge.core.errors import LayoutError
from edge.core.keyed import header as headers
from edge.core.keyed.base import BaseFile
from edge.core.keyed.keys import ListKey
from edge.core.keyed.store import Found, PartlyReadError, Store
from edge.keyed_folder import BusyError, KeyedError, Pair

__all__ = ["Applied", "BusyError", "KeyOf", "KeyedError", "KeyedList"]

KeyOf = Callable[[bytes], bytes | None]

COMPACT_AT: Final = 1_000_000   # rows of an overlay from which a compaction is worth its writes
_TRIES: Final = 5               # times that a list is opened anew because it changed meanwhile


@dataclass(frozen=True, slots=True)
class Applied:
    """What a delta or a base led to. ``written`` counts bytes; 0 if the list stood there already."""

    generation: int
    written: int


@dataclass(frozen=True, slots=True)
class _Open:
    """What answers: files, their key, and why they are not what CURRENT names."""

    pair: Pair
    store: Store
    key: ListKey
    problem: str | None


class KeyedList:
    """One list of documents, vehicles or firearms. ``find`` may be called from any thread."""

    def __init__(self, folder: Path, list_id: str, key_of: KeyOf, opened: _Open) -> None:
        self.folder = folder
        self.list_id = list_id
        self._key_of = key_of
        self._open = opened
        self._rot: str | None = None
        self._lock = threading.Lock()

    @classmethod
    def open(cls, folder: Path, list_id: str, key_of: KeyOf) -> KeyedList:
        """Open what serves. ``key_of`` leads from the 8 bytes of a key id to the 32 of a list key, or None.

        Headers and directories are verified now, the records by ``verify``. Raises ``KeyedError``, ``LayoutError``.
        """
        return cls(folder, list_id, key_of, _opened(folder, list_id, key_of))

    @property
    def generation(self) -> int:
        """The generation that answers."""
        return self._open.store.newest.generation

    @property
    def header(self) -> headers.Header:
        """Of the newest file: generation, ``as_of``, count and digest of the whole set."""
        return self._open.store.newest

    @property
    def overlay_rows(self) -> int:
        """Rows that came since the base; from COMPACT_AT on, compact."""
        overlay = self._open.store.overlay
        return overlay.header.rows + overlay.header.tombs if overlay else 0

    @property
    def problem(self) -> str | None:
        """Why other files serve than CURRENT names, or what is damaged in them; None if all is well."""
        return self._rot or self._open.problem

    @property
    def damaged(self) -> bool:
        """True once ``look_over`` or a question found damage: what is not found may have stood there."""
        return self._rot is not None

    @property
    def stamp(self) -> str:
        """What tells the files in use from others of the same names (``keyed_folder.stamp``)."""
        return folders.stamp(self.folder, self._open.pair)

    def find(self, text: str) -> tuple[Found, ...]:
        """The records of a key text (``edge.core.keyed.keys``). Raises ``LayoutError``, ``KeyedError``.

        Where a part is damaged, what the others hold is given, and the list is ``damaged`` from then on.
        """
        opened = self._open
        try:
            return opened.store.find(opened.key, text)
        except PartlyReadError as error:
            self._rotten(opened, error)
            return error.found
        except LayoutError as error:
            self._rotten(opened, error)
            raise
        except OSError as error:
            raise _unreadable(self.folder, error) from error

    def _rotten(self, opened: _Open, error: LayoutError) -> None:
        if self._open is opened:
            self._rot = error.message

    def verify(self) -> Iterator[int]:
        """Go over what is not verified yet, a MiB a step; the caller paces. Raises ``LayoutError``, ``KeyedError``."""
        store = self._open.store
        try:
            yield from store.base.verify()
            if store.overlay is not None:
                yield from store.overlay.verify()
        except OSError as error:
            raise _unreadable(self.folder, error) from error

    def look_over(self, chunks: int) -> bool:
        """Verify the next MiBs, at most ``chunks``; True if more are left. Damage is remembered, and never raises."""
        try:
            return sum(1 for _ in islice(self.verify(), chunks)) == chunks
        except (LayoutError, KeyedError) as error:
            self._rot = error.message
            return False

    def apply(self, delta: bytes) -> Applied:
        """Bring the list to a delta's generation. The caller has verified its signature.

        A delta that leads no further than the list stands changes nothing. Raises ``LayoutError`` for one that does not
        fit, ``BusyError`` while another process writes, ``KeyedError``; then the list stands as before.
        """
        from edge.core.keyed import delta as deltas
        from edge.core.keyed.overlay import check_fits, lay_over

        change = deltas.decode(delta)
        with self._lock, folders.writing(self.folder, self.list_id):
            self._refresh()
            store = self._open.store
            if change.list_id == self.list_id and change.to <= self.generation:
                return Applied(self.generation, 0)
            check_fits(store, change)
            pair = Pair(store.base.header.generation, change.to)

            def body(write: Callable[[bytes], None]) -> bytes:
                return lay_over(store, change, write)

            try:
                written = folders.write_file(self.folder, folders.overlay_name(change.to), body, check_whole)
            except OSError as error:
                raise _unreadable(self.folder, error) from error
            fresh = _open_pair(self.folder, self.list_id, pair, self._key_of, self._open)
            folders.set_current(self.folder, self.list_id, pair)  # from here on the new generation is the list
            self._open = fresh
            folders.sweep(self.folder, pair)
        return Applied(change.to, written)

    def refresh(self) -> bool:
        """Take over what another process made (a compaction, a new base). True if something else serves now."""
        with self._lock:
            return self._refresh()

    def renewed(self, mark: int = 0) -> KeyedList:
        """The list as it stands on disk, as a value of its own; this one goes on with the files that it has.

        The base is shared, with all that was verified of it. This object if nothing else would answer. Raises as
        ``open``, and ``KeyedError`` for what is older than what this one asks; ``mark``, the highest generation
        accepted, allows what is older where it fell that far itself (0: it is not known).
        """
        fresh = _opened(self.folder, self.list_id, self._key_of, self._open)
        generation = fresh.store.newest.generation
        if generation < self.generation and not 0 < mark <= generation:
            raise self._older()
        if fresh.pair == self._open.pair and fresh.problem == self._open.problem:
            return self
        renewed = KeyedList(self.folder, self.list_id, self._key_of, fresh)
        if fresh.store.base is self._open.store.base:
            renewed._rot = self._rot
        return renewed

    def _older(self) -> KeyedError:
        return KeyedError(
            f"the keyed list {self.list_id} on disk is older than the one in use",
            advice="copy the list again from headquarters",
        )

    def _refresh(self) -> bool:
        pair = folders.read_current(self.folder, self.list_id)
        if pair is None or (pair == self._open.pair and self._open.problem is None):
            return False
        fresh = _opened(self.folder, self.list_id, self._key_of)
        if fresh.store.newest.generation < self.generation:
            raise self._older()
        changed = fresh.pair != self._open.pair
        self._open = fresh
        return changed


def open_store(folder: Path, list_id: str, pair: Pair, old: _Open | None = None) -> Store:
    """The files of a pair, without their key. A base that ``old`` holds is shared, with all that was verified of it.

    Raises ``LayoutError``; ``OSError`` if a file is not there.
    """
    base = old.store.base if old and old.pair.base == pair.base else _open_file(folder / folders.base_name(pair.base))
    overlay = _open_file(folder / folders.overlay_name(pair.overlay)) if pair.overlay else None
    store = Store(base, overlay)
    if store.newest.list_id != list_id or (base.header.generation, store.newest.generation) != (pair.base, pair.newest):
        raise LayoutError("a keyed list file is not what its name says")
    return store


def check_whole(path: Path) -> None:
    """Verify every byte of a file. Raises ``LayoutError``, ``OSError``."""
    for _ in _open_file(path).verify():
        pass


def _opened(folder: Path, list_id: str, key_of: KeyOf, old: _Open | None = None) -> _Open:
    """What CURRENT names; if that is damaged, the newest pair that opens. ``old`` may share its base."""
    problem: str | None = None
    for _ in range(_TRIES):
        try:
            pair = folders.read_current(folder, list_id)
            if pair is None:
                break
            return _open_pair(folder, list_id, pair, key_of, old)
        except FileNotFoundError:
            problem = "a file of the serving generation is missing"
        except _WrongKeyError:
            raise
        except (LayoutError, KeyedError) as error:
            problem = error.message
            break
        except OSError as error:
            problem = f"a file of the serving generation cannot be read: {error.strerror or 'input/output error'}"
            break
    for pair in folders.candidates(folder):
        try:
            found = _open_pair(folder, list_id, pair, key_of, old)
        except (LayoutError, OSError, KeyedError):
            continue
        return _Open(pair, found.store, found.key, problem or "CURRENT is missing")
    raise KeyedError(
        f"the keyed list {list_id} has no generation that can be used: {problem or 'nothing is there'}",
        advice="copy the list from headquarters",
    )


class _WrongKeyError(KeyedError):
    pass


def _open_pair(
    folder: Path, list_id: str, pair: Pair, key_of: KeyOf, old: _Open | None
) -> _Open:
    store = open_store(folder, list_id, pair, old)
    newest = store.newest
    key = key_of(newest.key_id)
    if key is None:
        raise _WrongKeyError(
            f"the box holds no key {newest.key_id.hex()} for the keyed list {list_id}",
            advice="have headquarters send this box the list's key",
        )
    return _Open(pair, store, ListKey(key, newest.key_id), None)


class _Reader:
    """``read(offset, length)`` of one open file, closed when nobody asks it any more."""

    def __init__(self, path: Path) -> None:
        with open_regular(path) as file:
            self._descriptor = os.dup(file.fileno())
        self.size = os.fstat(self._descriptor).st_size
        os.posix_fadvise(self._descriptor, 0, 0, os.POSIX_FADV_RANDOM)  # a look-up wants its one page and no others

    def __call__(self, offset: int, length: int) -> bytes:
        return os.pread(self._descriptor, length, offset)

    def __del__(self) -> None:
        descriptor = getattr(self, "_descriptor", None)
        if descriptor is not None:
            os.close(descriptor)


def _open_file(path: Path) -> BaseFile:
    read = _Reader(path)
    return BaseFile.open(read, read.size)


def _unreadable(folder: Path, error: OSError) -> KeyedError:
    return KeyedError(
        f"the keyed list {folder.name} cannot be read: {error.strerror or 'input/output error'}",
        advice="check the disk; copy the list again from headquarters",
    )
