"""Whatever the bytes of a base, an overlay or a delta: nothing but ``LayoutError``, and never a wrong record."""

from __future__ import annotations

import hashlib
import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from keyed_kit import LIST, TEXTS, Told, agrees, base_bytes, changed, opened, overlaid, rows_of, some, told_by

from edge.core.errors import LayoutError
from edge.core.keyed import delta as deltas
from edge.core.keyed import header as headers
from edge.core.keyed import rows as tables
from edge.core.keyed import setdigest
from edge.core.keyed.base import BaseFile
from edge.core.keyed.header import SIZE
from edge.core.keyed.maker import About, Maker
from edge.core.keyed.overlay import lay_over
from edge.core.keyed.record import Record
from edge.core.keyed.store import Store

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
