"""Erases lists at the age at which their own policy demands it. The decision is ``edge.core.freshness.past_erasure``.

Laws:
1. Only the policy that the list itself brought, signed with it, erases it; a box has no setting for this.
2. Only by a time that somebody vouches for now. An untrusted clock, or the floor of a held one, erases nothing.
3. First the stone (``edge.tombstones``), then the files, then the folder is synced: what a power cut interrupts is
   finished at the next look, whatever the clock says then, because the decision was made by a trusted one.
4. Generations up to the erased one go, with their files in all layouts. High-water marks are not touched. What is newer
   stays, and the older generations of a list that is itself young enough go one by one, each by its own date.
   A list that cannot be asked (its key is gone, a file rotted) goes by what its card or manifest still says.
5. A generation at or below the stone's, but of newer sources, is a list that began anew under new keys
   (docs/distribution.md): then the stone goes. Nothing that was erased can be that.
6. Erased once, said once. What cannot be erased is said once and tried again.

An erased file is unlinked: what a flash disk keeps of it for a while is unreadable only if the list was sealed and its
key dropped. So the stone names the keys.
"""

from __future__ import annotations

import contextlib
import mmap
import re
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import structlog

from common.files import open_regular
from edge import keyed_folder, tombstones
from edge.core import vault
from edge.core.freshness import past_erasure
from edge.core.keyed import card as cards
from edge.core.keyed import header as headers
from edge.core.keyed.card import Card
from edge.core.keyed.header import Header
from edge.core.trusted import Trusted
from edge.core.watch import LayoutError, Manifest
from edge.core.watch import manifest as manifests
from edge.keyed_folder import CURRENT, KeyedError
from edge.opened_list import OpenList
from edge.tombstones import MAX_KEYS, Tombstone

MAX_NAMES: Final = 4000  # entries of a list's folder that are looked at
MAX_TOLD: Final = 20     # manifests or headers of a list that are read to learn its age
_KEYED: Final = re.compile(r"(?:base|overlay)-[0-9]{10}\.(?:sdl|sdo)")

log = structlog.get_logger("erasure")


@dataclass(frozen=True, slots=True)
class Age:
    """What decides over one list: its newest usable generation, how old its sources are, what its policy says.

    ``key`` names the list key (hex) of a keyed list.
    """

    generation: int
    source_date: datetime
    erase_after_s: int | None
    key: str = ""


def age_of(entry: OpenList, folder: Path) -> Age | None:
    """The age of the list as it is asked, or as its files tell it where it cannot be asked; None if they do not."""
    if entry.manifest is not None:
        one = entry.manifest
        return Age(one.generation, one.source_date, one.ages.erase_after_s)
    if entry.keyed is not None and entry.card is not None:
        return _of_keyed(entry.keyed.header, entry.card)
    stone = tombstones.read(folder)
    buried = stone.generation if stone is not None else 0
    if entry.card is not None:
        return next((_of_keyed(head, entry.card) for head in _headers(folder) if head.generation > buried), None)
    for number in (n for n in entry.seen[:MAX_TOLD] if n > buried):
        told = _manifest(folder, number)
        if told is not None:
            return Age(number, told.source_date, told.ages.erase_after_s)
    return None


def _manifest(folder: Path, generation: int) -> Manifest | None:
    """What a generation's manifest says; None for one that cannot be read or is another's."""
    try:
        with open_regular(folder / manifests.folder_name(generation) / manifests.FILE_NAME) as file:
            one = manifests.decode(file.read(manifests.MAX_BYTES + 1))
    except (OSError, LayoutError):
        return None
    return one if (one.list_id, one.generation) == (folder.name, generation) else None


def _began_anew(folder: Path, stone: Tombstone) -> bool:
    """True if the stone stands over a list that counts from the beginning again (law 5)."""
    dates = [datetime.fromtimestamp(h.as_of, UTC) for h in _headers(folder) if h.generation <= stone.generation]
    numbers = [n for p in _doomed(folder, stone.generation) if (n := manifests.generation_of(p.name))]
    dates += [one.source_date for n in numbers[-MAX_TOLD:] if (one := _manifest(folder, n)) is not None]
    return any(date > stone.source_date for date in dates)


def _of_keyed(head: Header, card: Card) -> Age:
    return Age(head.generation, datetime.fromtimestamp(head.as_of, UTC), card.erase_after_s, head.key_id.hex())


def _headers(folder: Path) -> Iterator[Header]:
    """The headers of a keyed list's files that can be read, the newest generation first."""
    for pair in keyed_folder.candidates(folder)[:MAX_TOLD]:
        name = keyed_folder.overlay_name(pair.overlay) if pair.overlay else keyed_folder.base_name(pair.base)
        with contextlib.suppress(OSError, LayoutError), open_regular(folder / name) as file:
            head = headers.decode(file.read(headers.SIZE))
            if (head.list_id, head.generation) == (folder.name, pair.newest):
                yield head


class Eraser:
    """Looks over the opened lists below ``root``; called on the one thread that takes up lists."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._failed: set[tuple[str, int]] = set()  # what was said already (law 5)

    def run(self, lists: Sequence[OpenList], now: Trusted) -> bool:
        """Erase what is due; True if files went, so that the lists must be opened again. Never raises."""
        return [self._look(entry, now) for entry in lists].count(True) > 0

    def _look(self, entry: OpenList, now: Trusted) -> bool:
        folder = self._root / entry.list_id
        age = age_of(entry, folder)
        stone = tombstones.read(folder)
        try:
            if age is not None and past_erasure(age.source_date, age.erase_after_s, now):
                return self._erase(folder, _stone(folder, entry, age, now))
            if stone is not None and _began_anew(folder, stone):
                (folder / tombstones.FILE_NAME).unlink()
                keyed_folder.sync_folder(folder)
                return False
            if stone is not None and any(_doomed(folder, stone.generation)):
                return self._erase(folder, stone)
            if age is not None and age.erase_after_s is not None and not age.key:
                return _thin(folder, age, entry.seen, now)
        except (OSError, KeyedError) as error:
            generation = age.generation if age is not None else stone.generation if stone is not None else 0
            self._cannot(entry.list_id, generation, error)
        return False

    def _erase(self, folder: Path, stone: Tombstone) -> bool:
        kept = tombstones.read(folder)
        noted = kept is not None and kept.generation >= stone.generation
        if not noted:
            with contextlib.suppress(OSError):  # a full disk has room for it once the files are gone
                tombstones.write(folder, stone)
                noted = True
        gone = _remove(folder, stone.generation)
        if not noted:
            tombstones.write(folder, stone)
        if gone:
            log.warning(
                "list_erased", list=stone.list_id, generation=stone.generation, key_ids=",".join(stone.keys),
                days=round(stone.erase_after_s / 86_400, 1),
                advice="bring a newer generation: until then no verdict of this post is CLEAR by this list",
            )
        return gone

    def _cannot(self, list_id: str, generation: int, error: OSError | KeyedError) -> None:
        if (list_id, generation) in self._failed:
            return
        self._failed.add((list_id, generation))
        why = error.strerror or "input/output error" if isinstance(error, OSError) else error.message
        log.error(
            "list_not_erased", list=list_id, generation=generation, reason=why,
            advice="the list's owner demands that it goes: check the disk and the rights of the lists folder",
        )


def _stone(folder: Path, entry: OpenList, age: Age, now: Trusted) -> Tombstone:
    assert now.expiry is not None
    assert age.erase_after_s is not None
    keys = {age.key} if age.key else set(_keys(folder, age.generation))
    return Tombstone(
        list_id=entry.list_id, generation=age.generation, source_date=age.source_date, erased_at=now.expiry,
        erase_after_s=age.erase_after_s, keys=tuple(sorted(keys)[:MAX_KEYS]), gallery=entry.fingers,
    )


def _keys(folder: Path, generation: int) -> Iterator[str]:
    """The ids of the keys by which generations up to this one are sealed."""
    for place in _doomed(folder, generation):
        for name in manifests.SEALED_KINDS:
            try:
                with open_regular(place / name) as file:
                    mapped = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
                if vault.is_sealed(mapped):
                    yield vault.header_of(mapped).key_id.hex()
            except (OSError, ValueError, LayoutError):  # no such file, an empty one, a damaged one
                continue


def _doomed(folder: Path, generation: int) -> Iterator[Path]:
    """What of the folder belongs to generations up to this one: their folders; keyed files, what names them first."""
    try:
        entries = sorted(place for _, place in zip(range(MAX_NAMES), folder.iterdir(), strict=False))
    except OSError:
        return
    for place in entries:
        number = manifests.generation_of(place.name)
        if number is not None and number <= generation:
            yield place
    newest = max((pair.newest for pair in keyed_folder.candidates(folder)), default=0)
    if 0 < newest <= generation:  # without files a card may be that of a list that is being brought
        yield from (p for p in entries if p.name in (CURRENT, cards.FILE_NAME))
        yield from (p for p in entries if _KEYED.fullmatch(p.name))


def _remove(folder: Path, generation: int) -> bool:
    """Unlink generations up to this one for good; True if there was something. Raises ``OSError``, ``KeyedError``."""
    if not any(_doomed(folder, generation)):
        return False
    with contextlib.ExitStack() as held:
        if keyed_folder.candidates(folder):
            held.enter_context(keyed_folder.writing(folder, folder.name))
        for place in [*_doomed(folder, generation)]:  # looked at anew: nobody writes now
            if place.is_dir() and not place.is_symlink():
                shutil.rmtree(place)
            else:
                place.unlink(missing_ok=True)
        keyed_folder.sync_folder(folder)
    return True


def _thin(folder: Path, age: Age, seen: Sequence[int], now: Trusted) -> bool:
    """Remove the generations below the one in use that are past the age by their own dates (law 4)."""
    gone = False
    for generation in (g for g in seen if g < age.generation):
        old = _manifest(folder, generation)
        if old is not None and past_erasure(old.source_date, age.erase_after_s, now):
            shutil.rmtree(folder / manifests.folder_name(generation))
            gone = True
    if gone:
        keyed_folder.sync_folder(folder)
    return gone
