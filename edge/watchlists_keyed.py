"""Opens the folder of a keyed list beside the generations of others (``edge.keyed_files``, ``edge.core.keyed``).

Laws:
1. A folder with ``CURRENT`` or ``card.json`` is a keyed list. Nothing here raises: ``problem`` says what is wrong.
2. Nothing is opened while the files are what they were. A new overlay shares the open base, with all that was verified.
3. An opened list is a new value: whoever holds the old one goes on asking the old pair of files.
4. Never back: below the high-water mark a list is asked, and ``behind``. What is in memory stays while its base is on
   disk unchanged, whatever happens to the files beside it; unless the mark itself fell to what is there.
5. What was erased (``edge.tombstones``) is never opened again.

Layout: ``ROOT/<list_id>/{CURRENT, card.json, base-*.sdl, overlay-*.sdo}``.
"""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Final

from common.files import NotRegularError, open_regular
from edge import tombstones
from edge.core.errors import LayoutError
from edge.core.keyed import card as cards
from edge.core.keyed.card import Card
from edge.keyed_files import KeyedList, KeyOf
from edge.keyed_folder import CURRENT, MAX_FILES, KeyedError, base_name, candidates
from edge.opened_list import Keys, OpenList, Stamp

_SERVING: Final = (".sdl", ".sdo")


def is_keyed(folder: Path) -> bool:
    """True for the folder of a keyed list, damaged or not."""
    return any(os.path.lexists(folder / name) for name in (CURRENT, cards.FILE_NAME))


def newest_keyed(folder: Path) -> int:
    """The newest generation that keyed files of the folder may form; 0 if there are none."""
    return next((pair.newest for pair in candidates(folder)), 0)


def open_keyed(root: Path, list_id: str, mark: int, keys: Keys, old: OpenList | None = None) -> OpenList:
    """The keyed list as it stands; ``old`` itself if nothing changed. ``mark`` is the highest generation accepted."""
    folder = root / list_id
    stamps = _stamps(folder)
    if old is not None and old.stamps == stamps and _serves(old, mark):
        return old
    same_base = old is not None and old.keyed is not None and _base_stamp(old, stamps)
    card = None
    try:
        card = _card(folder, list_id)
        if old is not None and old.keyed is not None and same_base:
            keyed = old.keyed.renewed(mark)
        else:
            keyed = KeyedList.open(folder, list_id, _key_of(list_id, keys))
    except (KeyedError, LayoutError) as error:
        if old is not None and same_base:
            kept = replace(old, problem=error.message, stamps=stamps)
            return old if kept == old else kept
        return OpenList(list_id, None, None, None, error.message, stamps=stamps, card=card)
    stone = tombstones.read(folder)
    if stone is not None and keyed.generation <= stone.generation:
        return OpenList(list_id, None, None, None, stone.said, stamps=stamps, erased=stone)
    problems = [keyed.problem] if keyed.problem else []
    behind = keyed.generation < mark
    if behind:
        problems.append(f"generation {keyed.generation} is older than {mark}, which was accepted before")
    found = OpenList(
        list_id, None, None, None, "; ".join(problems) or None, behind, stamps=stamps, keyed=keyed, card=card
    )
    return old if old is not None and found == old else found


def _serves(old: OpenList, mark: int) -> bool:
    if old.keyed is None or old.problem or old.keyed.problem:
        return False
    return old.keyed.generation >= mark


def _card(folder: Path, list_id: str) -> Card:
    try:
        with open_regular(folder / cards.FILE_NAME) as file:
            card = cards.decode(file.read(cards.MAX_BYTES + 1))
    except NotRegularError as error:
        raise LayoutError(f"{cards.FILE_NAME} is no regular file") from error
    except OSError as error:
        raise LayoutError(f"{cards.FILE_NAME} cannot be read: {error.strerror or 'input/output error'}") from error
    if card.list_id != list_id:
        raise LayoutError(f"{cards.FILE_NAME} belongs to another list")
    return card


def _key_of(list_id: str, keys: Keys) -> KeyOf:
    def find(ident: bytes) -> bytes | None:
        entry = keys().find(ident)
        return entry.key if entry is not None and entry.list_id == list_id else None

    return find


def _stamps(folder: Path) -> tuple[Stamp, ...]:
    """The files that serve or may serve; what is being written (``.part``) and the lock are left out."""
    found = []
    try:
        with os.scandir(folder) as entries:
            for _, entry in zip(range(MAX_FILES), entries, strict=False):
                if entry.name in (CURRENT, cards.FILE_NAME) or entry.name.endswith(_SERVING):
                    stat = entry.stat(follow_symlinks=False)
                    found.append((entry.path, stat.st_ino, stat.st_size, stat.st_mtime_ns))
    except OSError:
        return ()
    return tuple(sorted(found))


def _base_stamp(old: OpenList, stamps: tuple[Stamp, ...]) -> bool:
    """True if the base that ``old`` asks lies on disk as it was opened."""
    assert old.keyed is not None
    name = base_name(old.keyed.header.base_generation)
    mine = [s for s in old.stamps if Path(s[0]).name == name]
    return bool(mine) and mine[0] in stamps
