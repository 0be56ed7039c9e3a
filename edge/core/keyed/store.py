"""One list as it stands: a base and, once a delta came, an overlay over it.

Laws:
1. A question asks the overlay's additions, and the base less the overlay's tombstones.
2. Base and overlay belong together: one list, one list key, the overlay made over this very base.
3. Nothing here needs numpy (a process that only asks stays small), and nothing but ``LayoutError`` leaves it, besides
   what ``read`` raises.
4. Damage in one part hides nothing of another: what the sound part holds goes with the error (``PartlyReadError``).
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


class PartlyReadError(LayoutError):
    """A part could not be read or believed; ``found`` is what the others hold."""

    def __init__(self, message: str, found: tuple[Found, ...]) -> None:
        super().__init__(message)
        self.found = found


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
        """The records of a key text; none for an empty one. Raises ``LayoutError``, and what ``read`` raises."""
        if not text:
            return ()
        rows, fault = self._rows(key.mac(text)[:8])
        found = tuple(Found(unpack(masked(row.masked, key.mask(row.layer, text))), row.layer) for row in rows)
        if fault is not None and found:
            raise PartlyReadError(str(getattr(fault, "message", "a part cannot be read")), found) from fault
        if fault is not None:
            raise fault
        return found

    def rows(self, key: bytes) -> list[Row]:
        """The rows of a key (8 bytes), as they stand. Raises as ``find``, also where a part was sound."""
        found, fault = self._rows(key)
        if fault is not None:
            raise fault
        return found

    def _rows(self, key: bytes) -> tuple[list[Row], LayoutError | OSError | None]:
        fault: LayoutError | OSError | None = None
        found: list[Row] = []
        try:
            found = self.base.find(key)
        except (LayoutError, OSError) as error:
            fault = error
        if self.overlay is None:
            return found, fault
        try:
            if found:
                gone = self.overlay.find_tombs(key)
                found = [row for row in found if row not in gone]
        except (LayoutError, OSError) as error:  # what may be gone is still a lead
            fault = error
        try:
            return found + self.overlay.find(key), fault
        except (LayoutError, OSError) as error:
            return found, error
