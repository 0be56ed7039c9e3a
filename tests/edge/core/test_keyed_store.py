"""Base, overlay and deltas against a dict."""

from __future__ import annotations

import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from keyed_kit import (
    CATEGORIES,
    LIST,
    TEXTS,
    Told,
    agrees,
    base_bytes,
    changed,
    compacted,
    opened,
    overlaid,
    rows_of,
    some,
)

from edge.core.keyed import delta as deltas
from edge.core.keyed import rows as tables
from edge.core.keyed import setdigest
from edge.core.keyed.base import BaseFile
from edge.core.keyed.keys import document_text
from edge.core.keyed.record import Record
from edge.core.keyed.rows import Rows
from edge.core.keyed.store import Store


@pytest.mark.parametrize("n", [0, 1, 2, 300, 400])
def test_a_base_finds_every_record_and_no_other(n: int) -> None:
    told = some(n)
    agrees(Store(opened(base_bytes(told, 1))), told)


def test_a_base_of_many_buckets_and_chunks() -> None:
    told: Told = {(document_text("D", f"{i:09d}"), Record("I", "lost", detail=i)): 1 for i in range(140_000)}
    base = opened(base_bytes(told, 1, block=9_000))
    assert base.header.row_bits == 9
    assert base.header.chunks == 3
    store, dice = Store(base), random.Random(4)
    for i in dice.sample(range(140_000), 300):
        assert [f.record.detail for f in store.find(LIST, document_text("DEU", f"{i:09d}"))] == [i]
        assert not store.find(LIST, document_text("DEU", f"{i + 140_000:09d}"))


def test_a_look_up_reads_one_bucket() -> None:
    data = base_bytes({(document_text("D", f"{i:09d}"), Record()): 1 for i in range(20_000)}, 1)
    reads: list[tuple[int, int]] = []

    def read(offset: int, length: int) -> bytes:
        reads.append((offset, length))
        return data[offset : offset + length]

    base = BaseFile.open(read, len(data))
    for _ in base.verify():
        pass
    reads.clear()
    assert not Store(base).find(LIST, TEXTS[0])
    assert len(Store(base).find(LIST, document_text("D", "000000077"))) == 1
    assert len(reads) == 2
    assert max(length for _, length in reads) < 400 * 16


def test_several_records_of_one_text_come_and_go_one_by_one() -> None:
    text = TEXTS[0]
    one, two, three = (Record("P", c) for c in CATEGORIES)
    first: Told = {(text, one): 1, (text, two): 1}
    second = changed(first, 2, [(text, three)], [(text, one)])
    a, b = base_bytes(first, 1), base_bytes(second, 2)
    store = overlaid(Store(opened(a)), deltas.make_delta(opened(a), opened(b)))
    agrees(store, second)
    assert compacted(store) == b


# one generation: texts that get a new record, and which of those there go
STEPS = st.lists(
    st.tuples(
        st.lists(st.tuples(st.integers(0, 60), st.sampled_from(CATEGORIES)), max_size=25),
        st.lists(st.integers(0, 200), max_size=15),
        st.sampled_from(["stay", "compact", "miss"]),
    ),
    min_size=1, max_size=6,
)


@given(some_there=st.integers(0, 60), steps=STEPS)
@settings(max_examples=120)
def test_any_run_of_deltas_and_compactions_tells_what_headquarters_holds(
    some_there: int, steps: list[tuple[list[tuple[int, str]], list[int], str]]
) -> None:
    told = some(some_there)
    bases = [base_bytes(told, 1)]
    store = Store(opened(bases[0]))
    for number, (adds, gone, then) in enumerate(steps, start=2):
        there = sorted(told, key=repr)
        removed = [there[i % len(there)] for i in gone] if there else []
        told = changed(told, number, [(TEXTS[i], Record("P", c, detail=i)) for i, c in adds], removed)
        bases.append(base_bytes(told, number, last_layer=number, block=7))
        if then == "miss" and number <= len(steps):
            continue  # a box that was away takes the delta over several generations
        delta = deltas.make_delta(opened(bases[store.newest.generation - 1]), opened(bases[-1]))
        store = overlaid(store, delta)
        agrees(store, told, TEXTS[:61])
        if then == "compact":
            data = compacted(store)
            store = Store(opened(data))
            agrees(store, told, TEXTS[:61])
            assert store.newest.digest == opened(bases[-1]).header.digest
    if then != "compact":
        store = Store(opened(compacted(store)))
    agrees(store, told, TEXTS[:61])


def test_the_digest_depends_on_the_set_alone() -> None:
    rows = rows_of(some(300))
    other = rows.within((0, 1, 9))
    half = Rows(rows.keys[:100], rows.tails[:100], rows.layers)
    rest = Rows(rows.keys[100:], rows.tails[100:], rows.layers)
    assert setdigest.of(rows) == setdigest.of(other) == setdigest.plus(setdigest.of(half), setdigest.of(rest))
    assert setdigest.minus(setdigest.of(rows), setdigest.of(rest)) == setdigest.of(half)
    assert setdigest.of(Rows(rows.keys, rows.tails, (2,))) != setdigest.of(rows)
    assert setdigest.of(tables.empty()) == setdigest.EMPTY


@given(st.integers(0, 299), st.integers(0, 127))
def test_one_bit_of_one_record_changes_every_lane_of_the_digest(row: int, bit: int) -> None:
    rows = rows_of(some(300))
    keys, tails = rows.keys.copy(), rows.tails.copy()
    (keys if bit < 64 else tails)[row] ^= np.uint64(1 << (bit % 64))
    if bit >= 120:
        return  # the layer's index: another table, not another record
    a, b = setdigest.of(rows), setdigest.of(Rows(keys, tails, rows.layers))
    assert all(a[i : i + 8] != b[i : i + 8] for i in range(0, 32, 8))
