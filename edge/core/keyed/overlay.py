"""Laying a delta over a list: the next overlay, and what it must agree with.

Laws:
1. Nothing is laid over a set but the delta that was made for it: list, key, generation, count and digest before agree.
2. A tombstone takes away an addition of the overlay, or a row that the base holds; one that finds nothing is refused.
3. Count and digest after are headquarters', or there is no overlay.
4. The overlay's rows rise, as a base's: it is asked in the same way.
"""

from __future__ import annotations

from collections.abc import Callable

from edge.core.errors import LayoutError
from edge.core.keyed import rows as tables
from edge.core.keyed import setdigest
from edge.core.keyed.delta import Delta
from edge.core.keyed.header import MAX_OVERLAY_ROWS
from edge.core.keyed.maker import About, Maker
from edge.core.keyed.rows import Rows
from edge.core.keyed.store import Store


def lay_over(store: Store, delta: Delta, write: Callable[[bytes], None]) -> bytes:
    """Write the body of the next overlay (from offset 4096) and give its header. Raises ``LayoutError``."""
    check_fits(store, delta)
    adds, tombs = _merged(store, delta)
    newest = store.newest
    digest = setdigest.minus(setdigest.plus(newest.digest, setdigest.of(delta.adds)), setdigest.of(delta.tombs))
    count = store.base.header.count + len(adds) - len(tombs)
    if digest != delta.digest_after or count != delta.count_after:
        raise LayoutError("the list would not be headquarters' after this delta")
    about = About(
        newest.list_id, newest.key_id, delta.to, store.base.header.generation, delta.created, delta.as_of,
        delta.last_layer, tables.common_layers(adds.layers, tombs.layers),
    )
    maker = Maker(about, write, expected=len(adds), tombs=len(tombs))
    maker.add(adds)
    maker.add_tombs(tombs)
    return maker.finish(count=count, digest=digest)


def check_fits(store: Store, delta: Delta) -> None:
    """Refuse a delta of another list, key, generation or set."""
    newest = store.newest
    if delta.list_id != newest.list_id:
        raise LayoutError("a delta is of another list")
    if delta.key_id != newest.key_id:
        raise LayoutError("a delta was made with another list key: the list needs its new base first")
    if delta.since != newest.generation:
        raise LayoutError(f"a delta starts at generation {delta.since}, the list stands at {newest.generation}")
    if delta.count_before != newest.count or delta.digest_before != newest.digest:
        raise LayoutError("the list is not headquarters': a delta was made for other records")
    if delta.last_layer < newest.last_layer or any(layer <= newest.last_layer for layer in _used(delta.adds)):
        raise LayoutError("a delta adds records in a layer that was there before")


def overlay_rows(store: Store) -> tuple[Rows, Rows]:
    """Additions and tombstones of the overlay as it stands."""
    if store.overlay is None:
        return tables.empty(), tables.empty()
    for _ in store.overlay.verify():
        pass
    header = store.overlay.header
    adds = tables.from_bytes(store.overlay.rows_bytes(0, header.rows), header.layers)
    return adds, tables.from_bytes(store.overlay.tombs_bytes(), header.layers)


def _merged(store: Store, delta: Delta) -> tuple[Rows, Rows]:
    adds, tombs = overlay_rows(store)
    rest, of_base, _ = tables.split(adds, delta.tombs)
    _check_in_base(store, of_base)
    tombs = tables.trimmed(tables.plus(tombs, of_base))
    adds = tables.trimmed(tables.plus(rest, delta.adds))
    if max(len(adds), len(tombs)) > MAX_OVERLAY_ROWS:
        raise LayoutError(f"the overlay would hold more than {MAX_OVERLAY_ROWS} records: compact the list first")
    return adds, tombs


def _check_in_base(store: Store, tombs: Rows) -> None:
    sequences = tombs.sequences.tolist()
    rows = zip(tombs.keys.tolist(), sequences, tombs.masked.tolist(), strict=True)
    for key, layer, hidden in rows:
        found = store.base.find(key.to_bytes(8, "big"))
        if not any(row.layer == layer and row.masked == hidden for row in found):
            raise LayoutError("a delta removes a record that is not there")


def _used(rows: Rows) -> tuple[int, ...]:
    return tables.trimmed(rows).layers
