"""Small tables of repeated strings (codes, categories, action texts): one section, u16 indices."""

from __future__ import annotations

from typing import Final

import msgspec

from edge.core.watch.layout import LayoutError, Sections

MAX_STRINGS: Final = 65_535
TAG: Final = "strings"

_decoder: Final = msgspec.msgpack.Decoder(list[str])


class StringPool:
    """Collects distinct strings while a file is built; index 0 is the empty string."""

    def __init__(self) -> None:
        self._index = {"": 0}

    def index(self, text: str) -> int:
        """The string's number. Raises ``ValueError`` beyond 65,535 distinct strings."""
        found = self._index.get(text)
        if found is None:
            found = len(self._index)
            if found > MAX_STRINGS:
                raise ValueError("too many distinct codes or action texts in one list")
            self._index[text] = found
        return found

    def encode(self) -> bytes:
        """The section's bytes."""
        return msgspec.msgpack.encode(list(self._index))


def open_strings(sections: Sections) -> tuple[str, ...]:
    """The strings of a file. Raises ``LayoutError``."""
    try:
        return tuple(_decoder.decode(sections.bytes(TAG)))
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise LayoutError("the string table of a list file cannot be read") from error


def string_at(strings: tuple[str, ...], index: int) -> str:
    """One string. Raises ``LayoutError`` for an index beyond the table."""
    if not 0 <= index < len(strings):
        raise LayoutError("a record names a string that is not there")
    return strings[index]
