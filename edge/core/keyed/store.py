"""One list as it stands: a base and, once a delta came, an overlay over it.

Laws:
1. A question asks the overlay's additions, and the base less the overlay's tombstones.
2. Base and overlay belong together: one list, one list key, the overlay made over this very base.
3. Nothing here needs numpy (a process that only asks stays small), and nothing but ``LayoutError`` leaves it.
"""

from __future__ import annotations

from dataclasses import dataclass

from edge.core.errors import LayoutError
from edge.core.keyed import header as headers
from edge.core.keyed.base import BaseFile, Row
from edge.core.keyed.keys import ListKey
from edge.core.keyed.record import Record, masked, unpack


@dataclass(frozen=True, slots=True)
class Found:
    """A record that was asked for, and the layer in which it came."""

    record: Record
    layer: int


class Store:
    """``base`` and ``overlay`` as opened; immutable, and as safe for threads as their ``read``."""

    def __init__(self, base: BaseFile, overlay: BaseFile | None = None) -> None:
        """Raises ``LayoutError`` if the two do not belong together."""
        self.base = base
        self.overlay = overlay
        if base.header.kind != headers.BASE:
            raise LayoutError("the base of a keyed list is none")
        if overlay is not None:
            a, b = base.header, overlay.header
            if b.kind != headers.OVERLAY or (b.list_id, b.key_id) != (a.list_id, a.key_id):
                raise LayoutError("the overlay of a keyed list belongs to another list or key")
            if b.base_generation != a.generation or b.last_layer < a.last_layer:
                raise LayoutError("the overlay of a keyed list was made over another base")
            if b.count != a.count + b.rows - b.tombs:
                raise LayoutError("the overlay of a keyed list does not count as its base does")

    @property
    def newest(self) -> headers.Header:
        """The header that tells generation, date, count and digest of the whole set."""
        return self.overlay.header if self.overlay else self.base.header

    def find(self, key: ListKey, text: str) -> tuple[Found, ...]:
        """The records of a key text; none for an empty one. Raises ``LayoutError``."""
        if not text:
            return ()
        rows = self.rows(key.mac(text)[:8])
        return tuple(Found(unpack(masked(row.masked, key.mask(row.layer, text))), row.layer) for row in rows)

    def rows(self, key: bytes) -> list[Row]:
        """The rows of a key (8 bytes), as they stand."""
        found = self.base.find(key)
        if self.overlay is None:
            return found
        if found:
            gone = self.overlay.find_tombs(key)
            found = [row for row in found if row not in gone]
        return found + self.overlay.find(key)
