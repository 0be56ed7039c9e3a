"""Makes small keyed lists for tests: a set of records as a dict, and the base and deltas that tell it."""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping

import numpy as np

from edge.core.keyed import delta as deltas
from edge.core.keyed import merging, setdigest
from edge.core.keyed import rows as tables
from edge.core.keyed.base import BaseFile
from edge.core.keyed.keys import ListKey, document_text
from edge.core.keyed.maker import About, Maker
from edge.core.keyed.overlay import lay_over
from edge.core.keyed.record import Record, masked
from edge.core.keyed.rows import Rows
from edge.core.keyed.store import Store

KEY = bytes(range(32))
LIST = ListKey(KEY)
RING = {LIST.ident: KEY}

Told = dict[tuple[str, Record], int]
"""What a list holds: (key text, record) -> the layer in which it came."""


def rows_of(told: Mapping[tuple[str, Record], int], key: ListKey = LIST) -> Rows:
    layers = tuple(sorted(set(told.values())))
    place = {layer: i for i, layer in enumerate(layers)}
    keys = np.array([int.from_bytes(key.mac(text)[:8], "big") for text, _ in told], dtype=np.uint64)
    tails = np.array(
        [place[n] << 56 | masked(r.pack(), key.mask(n, text)) for (text, r), n in told.items()], dtype=np.uint64
    )
    return tables.from_unsorted(keys, tails, layers)


def base_bytes(told: Told, generation: int, *, last_layer: int | None = None, list_id: str = "sltd", block: int = 50,
               key: ListKey = LIST) -> bytes:
    rows = rows_of(told, key)
    body = bytearray()
    last = max(told.values(), default=0) if last_layer is None else last_layer
    maker = Maker(
        About(list_id, key.ident, generation, generation, 1_700_000_000, 1_699_000_000, last, rows.layers), body.extend,
        expected=len(rows),
    )
    for start in range(0, len(rows), block):
        maker.add(Rows(rows.keys[start : start + block], rows.tails[start : start + block], rows.layers))
    return maker.finish() + bytes(body)


def opened(data: bytes) -> BaseFile:
    return BaseFile.open(lambda offset, length: bytes(data[offset : offset + length]), len(data))


def changed(told: Told, layer: int, add: Iterable[tuple[str, Record]], remove: Iterable[tuple[str, Record]]) -> Told:
    """The next generation: what is removed goes, what is new comes in ``layer``, what was there keeps its own."""
    after = {what: n for what, n in told.items() if what not in set(remove)}
    for what in add:
        after.setdefault(what, layer)
    return after


TEXTS = [document_text("UTO", f"A{i:05d}") for i in range(400)]
CATEGORIES = ("stolen", "lost", "revoked")


def some(n: int, *, layer: int = 1, seed: int = 1) -> Told:
    dice = random.Random(seed)
    return {(text, Record("P", dice.choice(CATEGORIES), detail=i)): layer for i, text in enumerate(TEXTS[:n])}


def overlaid(store: Store, delta: bytes) -> Store:
    body = bytearray()
    head = lay_over(store, deltas.decode(delta), body.extend)
    return Store(store.base, opened(head + bytes(body)))


def compacted(store: Store) -> bytes:
    body = bytearray()
    head = merging.compact(store, body.extend)
    return head + bytes(body)


def told_by(store: Store, text: str) -> set[tuple[Record, int]]:
    found = store.find(LIST, text)
    assert len(set(found)) == len(found)
    return {(f.record, f.layer) for f in found}


def agrees(store: Store, told: Told, texts: list[str] = TEXTS) -> None:
    for text in texts:
        assert told_by(store, text) == {(record, n) for (t, record), n in told.items() if t == text}
    assert store.newest.count == len(told)
    assert store.newest.digest == setdigest.of(rows_of(told))
