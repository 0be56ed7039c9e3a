"""The place of a keyed list: bases and deltas, through ``edge.keyed_install`` and ``edge.keyed_files``."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from edge import compact, keyed_files, keyed_folder
from edge.core.distribution import CARD, Step
from edge.core.errors import LayoutError
from edge.core.keyed import card as cards
from edge.core.keyed import delta as deltas
from edge.core.keyed import header as headers
from edge.core.keyed.store import Store
from edge.keyed_files import KeyedList
from edge.keyed_folder import BusyError, KeyedError
from edge.keyed_install import adopt_base
from edge.updates.errors import UpdateError
from edge.updates.placing import DivergedError, Files, Place, Standing, Told, read_limited, sha256_of
from edge.updates.store import replace, sync_folder

BASE: Final = "base.sdl"
DELTA: Final = "delta.sdd"
MAX_DELTA: Final = 2 * deltas.MAX_DELTA_ROWS * 16 + 4096  # bytes


class KeyedPlace(Place):
    """``LISTS/<list id>/{CURRENT, base-*.sdl, overlay-*.sdo, card.json}``."""

    def standing(self) -> Standing:
        """From the headers of what serves; no key is needed."""
        store = self._store()
        if store is None:
            return Standing()
        newest = store.newest
        return Standing(newest.generation, newest.count, newest.digest.hex(), self._card(), newest.key_id.hex())

    def stamp(self) -> str:
        """Of the pair that CURRENT names; empty if it names none."""
        try:
            pair = keyed_folder.read_current(self.folder, self.list_id)
        except KeyedError:
            return ""
        return keyed_folder.stamp(self.folder, pair) if pair else ""

    def sound(self, *, thorough: bool, told: Told) -> bool:
        """False if CURRENT, or a file that it names, is damaged; the records are read if ``thorough``."""
        try:
            pair = keyed_folder.read_current(self.folder, self.list_id)
            if pair is None:
                return True  # what may be there serves by itself, or nothing is there
            store = keyed_files.open_store(self.folder, self.list_id, pair)
            for part in (store.base, store.overlay) if thorough else ():
                if part is not None:
                    for done, _ in enumerate(part.verify(), 1):
                        told("(checking what is here)", min(done << 20, part.header.size), part.header.size)
        except (KeyedError, LayoutError, OSError):
            return False
        return True

    def _store(self) -> Store | None:
        try:
            serving = keyed_folder.read_current(self.folder, self.list_id)
        except KeyedError:
            serving = None
        for pair in ([serving] if serving else []) + keyed_folder.candidates(self.folder):
            try:
                return keyed_files.open_store(self.folder, self.list_id, pair)
            except (LayoutError, OSError):
                continue
        return None

    def _card(self) -> str:
        try:
            self._sound_card(self.folder / CARD)
            return sha256_of(self.folder / CARD)
        except (OSError, UpdateError, LayoutError):
            return ""  # it is fetched again

    def _sound_card(self, path: Path) -> bytes:
        """The bytes of this list's card. Raises ``LayoutError``, UpdateError, OSError."""
        data = read_limited(path, cards.MAX_BYTES)
        if cards.decode(data).list_id != self.list_id:
            raise self.mismatch("its card is of another list")
        return data

    def put_card(self, path: Path) -> Standing:
        """Let another card stand beside the same records. Raises UpdateError; then the one before stands."""
        with self.translated():
            data = self._sound_card(path)
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            replace(self.folder / CARD, data)
            sync_folder(self.folder)
        return self.standing()

    def _check(self, step: Step, files: Files, before: Standing) -> None:
        if CARD in files:
            self._sound_card(files[CARD])
        elif not (before.card or self._card()):
            raise self.mismatch("it has no card")
        if step.start:
            self._check_delta(step, files[DELTA], before)
        else:
            self._check_base(step, files[BASE])

    def _check_base(self, step: Step, path: Path) -> None:
        header = headers.decode(read_limited(path, headers.SIZE)[: headers.SIZE])
        if header.kind != headers.BASE or header.list_id != self.list_id or path.stat().st_size != header.size:
            raise LayoutError("a file is not a base of this list")
        self.agree(step, header.generation, header.count, header.digest.hex())
        self.need_key(header.key_id)

    def _check_delta(self, step: Step, path: Path, before: Standing) -> None:
        change = deltas.decode(read_limited(path, MAX_DELTA))
        if change.list_id != self.list_id or change.since != step.start:
            raise self.mismatch("it is a delta of another list or generation")
        self.agree(step, change.to, change.count_after, change.digest_after.hex())
        self.need_key(change.key_id)
        made_for = (change.count_before, change.digest_before.hex(), before.key and change.key_id.hex())
        if made_for != (before.records, before.digest, before.key):
            raise DivergedError(f"generation {step.start} is another one here", list_id=self.list_id)

    def _put(self, step: Step, files: Files, *, anew: bool) -> None:  # noqa: ARG002 - law 4 of placing
        if CARD in files and sha256_of(files[CARD]) != self._card():
            self.put_card(files[CARD])
        if step.start:
            self._lay_over(read_limited(files[DELTA], MAX_DELTA))
        else:
            adopt_base(self.folder, self.list_id, files[BASE], anew=True)

    def _lay_over(self, delta: bytes) -> None:
        try:
            KeyedList.open(self.folder, self.list_id, self.key_of).apply(delta)
        except BusyError:
            raise
        except (LayoutError, KeyedError) as error:
            if self.sound(thorough=True, told=lambda *_: None):
                raise
            raise DivergedError(error.message, list_id=self.list_id) from error

    def compact(self) -> bool:
        """Begin a compaction in a process of its own once the overlay is large."""
        store = self._store()
        if store is None or store.overlay is None:
            return False
        if store.overlay.header.rows + store.overlay.header.tombs < keyed_files.COMPACT_AT:
            return False
        compact.start(self.folder, self.list_id)
        return True

