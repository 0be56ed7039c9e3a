"""Base, overlay and delta against a dict; and whatever the bytes, nothing but ``LayoutError``."""

from __future__ import annotations

import hashlib
import random
import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from keyed_kit import LIST, Told, base_bytes, changed, opened, rows_of

from edge.core.errors import LayoutError
from edge.core.keyed import delta as deltas
from edge.core.keyed import header as headers
from edge.core.keyed import merging, setdigest
from edge.core.keyed import rows as tables
from edge.core.keyed.base import BaseFile
from edge.core.keyed.header import SIZE
from edge.core.keyed.keys import document_text
from edge.core.keyed.maker import About, Maker
from edge.core.keyed.overlay import lay_over
from edge.core.keyed.record import Record
from edge.core.keyed.rows import Rows
from edge.core.keyed.store import Store

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


# -- damage ------------------------------------------------------------------------------------------------------

BASE = base_bytes(some(300), 3)
NEXT = changed(some(300), 4, [(t, Record("P", "lost")) for t in TEXTS[300:340]], list(some(300))[:20])
DELTA = deltas.make_delta(opened(BASE), opened(base_bytes(NEXT, 4)))
OVERLAY_BODY = bytearray()
OVERLAY = lay_over(Store(opened(BASE)), deltas.decode(DELTA), OVERLAY_BODY.extend) + bytes(OVERLAY_BODY)


def flipped(data: bytes, at: int, bit: int) -> bytes:
    damaged = bytearray(data)
    damaged[at] ^= 1 << bit
    return bytes(damaged)


def whole(data: bytes) -> BaseFile:
    file = opened(data)
    for _ in file.verify():
        pass
    return file


@given(st.sampled_from([BASE, OVERLAY]), st.data())
def test_one_wrong_bit_of_a_file_is_found(data: bytes, choice: st.DataObject) -> None:
    at, bit = choice.draw(st.integers(0, len(data) - 1)), choice.draw(st.integers(0, 7))
    with pytest.raises(LayoutError):
        whole(flipped(data, at, bit))


@given(st.integers(SIZE, SIZE + 300 * 16 - 1), st.integers(0, 7))
def test_a_wrong_bit_under_a_look_up_makes_no_wrong_record(at: int, bit: int) -> None:
    told = some(300)
    try:
        store = Store(opened(flipped(BASE, at, bit)))
    except LayoutError:
        return
    for text in TEXTS[:330:7]:
        try:
            found = told_by(store, text)
        except LayoutError:
            continue
        assert found <= {(record, n) for (t, record), n in told.items() if t == text}


@given(st.integers(0, len(DELTA) - 1), st.integers(0, 7))
def test_one_wrong_bit_of_a_delta_is_found(at: int, bit: int) -> None:
    with pytest.raises(LayoutError):
        deltas.decode(flipped(DELTA, at, bit))


@given(st.sampled_from([BASE, OVERLAY, DELTA]), st.integers(0, 9000), st.binary(max_size=40))
def test_a_file_of_another_length_is_refused(data: bytes, cut: int, more: bytes) -> None:
    for other in (data[:-cut] if cut else data[:1], data + (more or b"\0")):
        with pytest.raises(LayoutError):
            deltas.decode(other) if data is DELTA else opened(other)


def rehashed(header: bytes) -> bytes:
    return header[: SIZE - 32] + hashlib.sha256(header[: SIZE - 32]).digest()


@given(st.integers(0, 400), st.binary(min_size=1, max_size=8), st.sampled_from([BASE, OVERLAY]))
@settings(max_examples=400)
def test_a_header_that_lies_with_a_right_digest_raises_nothing_but_layout_errors(
    at: int, lie: bytes, data: bytes
) -> None:
    header = rehashed(data[:at] + lie + data[at + len(lie) : SIZE])
    try:
        store = Store(opened(BASE), opened(header + data[SIZE:]))
        told_by(store, TEXTS[2])
    except LayoutError:
        pass


@given(st.integers(8, len(DELTA) - 33), st.binary(min_size=1, max_size=8))
@settings(max_examples=400)
def test_a_delta_that_lies_with_a_right_digest_changes_nothing(at: int, lie: bytes) -> None:
    body = bytearray(DELTA[:-32])
    body[at : at + len(lie)] = lie
    body = body[: len(DELTA) - 32]
    data = bytes(body) + hashlib.sha256(body).digest()
    if data == DELTA:
        return
    try:
        store = overlaid(Store(opened(BASE)), data)
    except LayoutError:
        return
    agrees(store, NEXT)  # only dates and the like were changed


@given(st.binary(max_size=6000))
def test_bytes_of_any_kind_are_refused(data: bytes) -> None:
    for trial in (data, BASE[:8] + data, DELTA[:8] + data):
        with pytest.raises(LayoutError):
            deltas.decode(trial)
        with pytest.raises(LayoutError):
            opened(trial)


def forged(**changes: object) -> bytes:
    good = deltas.decode(DELTA)
    fields = {name: getattr(good, name) for name in good.__slots__} | changes
    return deltas.encode(deltas.Delta(**fields))  # type: ignore[arg-type]


def test_a_delta_that_is_for_another_list_key_or_state_is_refused() -> None:
    store = Store(opened(BASE))
    for changes, words in (
        ({"list_id": "tdawn"}, "another list"),
        ({"key_id": bytes(8)}, "another list key"),
        ({"since": 2}, "starts at generation 2"),
        ({"last_layer": 0}, "beyond its last"),
    ):
        with pytest.raises(LayoutError, match=words):
            overlaid(store, forged(**changes))
    ahead = overlaid(store, DELTA)
    with pytest.raises(LayoutError, match="the list stands at 4"):
        overlaid(ahead, DELTA)
    other = base_bytes(some(300, seed=2), 3)
    with pytest.raises(LayoutError, match="other records"):
        overlaid(Store(opened(other)), DELTA)


def test_a_tombstone_that_finds_nothing_is_refused_and_so_is_an_old_layer() -> None:
    stranger = rows_of({(TEXTS[390], Record("P", "lost")): 1})
    good = deltas.decode(DELTA)
    before, after = good.digest_before, good.digest_after
    data = forged(
        tombs=stranger, count_after=good.count_before + len(good.adds) - 1,
        digest_after=setdigest.minus(setdigest.plus(before, setdigest.of(good.adds)), setdigest.of(stranger)),
    )
    with pytest.raises(LayoutError, match="not there"):
        overlaid(Store(opened(BASE)), data)
    data = forged(
        adds=stranger, count_after=good.count_before + 1 - len(good.tombs),
        digest_after=setdigest.minus(setdigest.plus(before, setdigest.of(stranger)), setdigest.of(good.tombs)),
    )
    with pytest.raises(LayoutError, match="layer that was there before"):
        overlaid(Store(opened(BASE)), data)
    assert after != before


def test_the_delta_of_two_lists_or_backwards_is_refused() -> None:
    with pytest.raises(LayoutError, match="different lists"):
        deltas.make_delta(opened(BASE), opened(base_bytes(NEXT, 4, list_id="tdawn")))
    with pytest.raises(LayoutError, match="rise"):
        deltas.make_delta(opened(base_bytes(NEXT, 4)), opened(BASE))


def test_layers_are_limited_and_rise() -> None:
    told: Told = {(TEXTS[i], Record()): i + 1 for i in range(256)}
    with pytest.raises(LayoutError, match="layers"):
        base_bytes(told, 1)
    with pytest.raises(LayoutError, match="layers"):
        tables.common_layers(range(200), range(200, 256))
    with pytest.raises(LayoutError, match="rise"):
        headers.check_layers((2, 1), 3)


def test_rows_that_do_not_rise_are_refused_by_reader_and_maker() -> None:
    rows = rows_of(some(10))
    with pytest.raises(LayoutError, match="rise"):
        tables.from_bytes(rows.to_bytes() + rows.to_bytes()[-16:], rows.layers)
    with pytest.raises(LayoutError, match="middle of one"):
        tables.from_bytes(b"123", ())
    with pytest.raises(LayoutError, match="not there"):
        tables.from_bytes(struct.pack(">QQ", 1, 5 << 56), (1,))
    maker = Maker(About("sltd", LIST.ident, 1, 1, 0, 0, 1, (1,)), bytearray().extend, expected=10)
    maker.add(rows)
    with pytest.raises(LayoutError, match="rise"):
        maker.add(rows)


def test_an_overlay_over_another_base_is_refused() -> None:
    with pytest.raises(LayoutError, match="another base"):
        Store(opened(base_bytes(some(300), 2)), opened(OVERLAY))
    with pytest.raises(LayoutError, match="count"):
        Store(opened(base_bytes(some(299), 3)), opened(OVERLAY))
    with pytest.raises(LayoutError, match="is none"):
        Store(opened(OVERLAY))
    with pytest.raises(LayoutError, match="another list"):
        Store(opened(base_bytes(some(300), 3, list_id="tdawn")), opened(OVERLAY))
