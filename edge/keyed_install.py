"""Puts a whole base of a keyed list into its folder: the first one, a later one, or the same one over a rotten copy.

Laws:
1. Every byte is verified before the file gets its name, and CURRENT names it only then.
2. Never back: a base that is older than what serves is refused, whatever is damaged; only a list whose signing keys
   headquarters replaced may begin anew. One of the very generation that serves is taken if the files rotted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import BinaryIO, Final

from common.files import open_regular
from edge import keyed_folder as folders
from edge.core.errors import LayoutError
from edge.core.keyed import header as headers
from edge.keyed_files import Applied, check_whole
from edge.keyed_folder import KeyedError, Pair

_BLOCK: Final = 1 << 20  # bytes copied at a time


def install_base(folder: Path, list_id: str, chunks: Iterable[bytes]) -> Applied:
    """Put a whole base (its file's bytes in order, already verified by signature) into a folder; let it serve.

    Needs no list key. Raises ``LayoutError`` for a base that is damaged, of another list, or older than what serves,
    ``KeyedError``; then the folder serves what it served.
    """
    source = iter(chunks)
    first = b""
    for chunk in source:
        first += chunk
        if len(first) >= headers.SIZE:
            break
    header = headers.decode(first)
    if header.kind != headers.BASE or header.list_id != list_id:
        raise LayoutError("a file is not a base of this list")

    def body(write: Callable[[bytes], None]) -> bytes:
        left = header.size - len(first)
        write(first[headers.SIZE :])
        for chunk in source:
            left -= len(chunk)
            if left < 0:
                raise LayoutError("a base is longer than its header says")
            write(chunk)
        if left:
            raise LayoutError("a base ends before its end")
        return first[: headers.SIZE]

    with folders.writing(folder, list_id):
        pair = _pair_for(folder, list_id, header)
        if pair is None:
            return Applied(_newest(folder, list_id), 0)
        written = folders.write_file(folder, folders.base_name(header.generation), body, check_whole)
        folders.set_current(folder, list_id, pair)
        folders.sweep(folder, pair)
    return Applied(pair.newest, written)


def adopt_base(folder: Path, list_id: str, file: Path, *, anew: bool = False) -> Applied:
    """The same for a base that is on this disk already, whole and synced: it is linked, and not written again.

    Where the disk has no links it is copied. ``anew`` (the list's signing keys were replaced) lets a base take the
    place of whatever serves, also of a newer generation.
    """
    with open_regular(file) as source:
        header = headers.decode(source.read(headers.SIZE))
        name = folders.base_name(header.generation)
        if header.kind != headers.BASE or header.list_id != list_id:
            raise LayoutError("a file is not a base of this list")
        with folders.writing(folder, list_id):
            pair = Pair(header.generation, header.generation) if anew else _pair_for(folder, list_id, header)
            if pair is None:
                return Applied(_newest(folder, list_id), 0)
            part = folder / f"{name}.part"
            try:
                part.hardlink_to(file)
            except OSError:
                return _copied(folder, list_id, source, header, pair)
            try:
                check_whole(part)
                part.rename(folder / name)
                folders.sync_folder(folder)
            except BaseException as error:
                part.unlink(missing_ok=True)
                if isinstance(error, OSError):
                    raise folders.cannot_write(folder, error) from error
                raise
            folders.set_current(folder, list_id, pair)
            folders.sweep(folder, pair)
    return Applied(pair.newest, 0)


def _copied(folder: Path, list_id: str, source: BinaryIO, header: headers.Header, pair: Pair) -> Applied:
    """Copy an opened base. Only while ``writing``."""

    def body(write: Callable[[bytes], None]) -> bytes:
        source.seek(0)
        first = source.read(headers.SIZE)
        while block := source.read(_BLOCK):
            write(block)
        return first

    written = folders.write_file(folder, folders.base_name(header.generation), body, check_whole)
    folders.set_current(folder, list_id, pair)
    folders.sweep(folder, pair)
    return Applied(pair.newest, written)


def _pair_for(folder: Path, list_id: str, header: headers.Header) -> Pair | None:
    """What serves once this base is there; None if it is there already. Raises ``LayoutError`` (law 2)."""
    serving = _serving(folder, list_id)
    if serving is None:
        return Pair(header.generation, header.generation)
    if header.generation == serving.base:
        whole = _is_whole(folder / folders.base_name(serving.base))
        return None if whole else serving  # the same base once more, for one that rotted
    if header.generation == serving.newest:
        places = (folder / folders.base_name(serving.base), folder / folders.overlay_name(serving.newest))
        return None if all(map(_is_whole, places)) else Pair(header.generation, header.generation)
    if header.generation < serving.newest:
        raise LayoutError(f"a base of generation {header.generation} is older than {serving.newest}, which serves")
    return Pair(header.generation, header.generation)


def _newest(folder: Path, list_id: str) -> int:
    serving = _serving(folder, list_id)
    return serving.newest if serving else 0


def _serving(folder: Path, list_id: str) -> Pair | None:
    """What CURRENT names; if it is damaged, the newest that may have served."""
    try:
        return folders.read_current(folder, list_id)
    except KeyedError:
        return next(iter(folders.candidates(folder)), None)


def _is_whole(path: Path) -> bool:
    try:
        check_whole(path)
    except (LayoutError, OSError):
        return False
    return True
