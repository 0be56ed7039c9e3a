"""Base and overlay become one base, block by block, in the memory of a few blocks.

Laws:
1. The new base holds exactly the set that base and overlay told: its digest and count are compared before it is given a
   header (``LayoutError``).
2. Every byte that is read is verified first: rot is not copied into a file that then looks sound.
3. It needs no list key: masked rows are moved as they are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from edge.core.errors import LayoutError
from edge.core.keyed import rows as tables
from edge.core.keyed.maker import About, Maker
from edge.core.keyed.overlay import overlay_rows
from edge.core.keyed.rows import Rows
from edge.core.keyed.store import Store


def compact(store: Store, write: Callable[[bytes], None], step: Callable[[int], None] | None = None) -> bytes:
    """Write the body of a base of what ``store`` holds and give its header. ``step`` hears the rows written so far."""
    newest, base = store.newest, store.base.header
    adds, tombs = overlay_rows(store)
    layers = tables.common_layers(base.layers, adds.layers)
    about = About(
        newest.list_id, newest.key_id, newest.generation, newest.generation, newest.created, newest.as_of,
        newest.last_layer, layers,
    )
    maker = Maker(about, write, expected=newest.count)
    blocks = (tables.from_bytes(data, base.layers) for data in store.base.row_blocks())
    for rows in merged(blocks, adds, tombs):
        maker.add(rows)
        if step is not None:
            step(maker.written)
    if maker.written != newest.count or maker.digest != newest.digest:
        raise LayoutError("a compacted list would not be the list that it was")
    return maker.finish()


def merged(base: Iterator[Rows], adds: Rows, tombs: Rows) -> Iterator[Rows]:
    """The rows of the base's blocks less ``tombs`` and with ``adds``, in order. Raises ``LayoutError`` if a tombstone
    finds nothing, or an addition is there already."""
    held = tables.empty()
    for block in base:
        held = tables.joined([held, block]) if len(held) else block
        if not len(held):
            continue
        # rows of the last key may go on in the next block: they wait for it
        edge = held.keys[-1]
        out, held = _cut(held, edge)
        some_adds, adds = _cut(adds, edge)
        some_tombs, tombs = _cut(tombs, edge)
        yield _laid(out, some_adds, some_tombs)
    yield _laid(held, adds, tombs)


def _cut(rows: Rows, key: np.uint64) -> tuple[Rows, Rows]:
    """Rows below a key, and the others."""
    at = int(np.searchsorted(rows.keys, key))
    return (
        Rows(rows.keys[:at], rows.tails[:at], rows.layers),
        Rows(rows.keys[at:], rows.tails[at:], rows.layers),
    )


def _laid(rows: Rows, adds: Rows, tombs: Rows) -> Rows:
    if len(tombs):
        rows, missing, _ = tables.split(rows, tombs)
        if len(missing):
            raise LayoutError("a tombstone of the overlay is of no record of the base")
    return tables.plus(rows, adds) if len(adds) else rows
