"""Puts a whole base of a keyed list into its folder: the first one, a later one, or the same one over a rotten copy.

Laws:
1. Every byte is verified before the file gets its name, and CURRENT names it only then.
2. Never back: a base that is older than what serves is refused, whatever is damaged.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

from edge import keyed_folder as folders
from edge.core.errors import LayoutError
from edge.core.keyed import header as headers
from edge.keyed_files import Applied, check_whole
from edge.keyed_folder import KeyedError, Pair


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
        serving = _serving(folder, list_id)
        name = folders.base_name(header.generation)
        pair = Pair(header.generation, header.generation)
        if serving is not None:
            if header.generation == serving.base:
                if _is_whole(folder / name):
                    return Applied(serving.newest, 0)
                pair = serving  # the same base once more, for one that rotted
            elif header.generation <= serving.newest:
                raise LayoutError(
                    f"a base of generation {header.generation} is older than {serving.newest}, which serves"
                )
        written = folders.write_file(folder, name, body, check_whole)
        folders.set_current(folder, list_id, pair)
        folders.sweep(folder, pair)
    return Applied(pair.newest, written)


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
