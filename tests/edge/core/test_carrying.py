"""The inside of a bundle: whatever is cut, changed or put in front, only what stands before a good mark comes out."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.core.carrying import (
    MARK_ITEMS,
    MAX_FRAME,
    CarryError,
    CarryHeader,
    Fault,
    Kind,
    Verify,
    frame,
    pack,
    read_header,
    unpack,
)

NOW = datetime(2026, 5, 17, 8, tzinfo=UTC)
HEADER = CarryHeader(kind="rows", device="post-7", serial="abcdefghijk23", session="session-1", created=NOW)
RESCUED = CarryHeader(kind="rows", device="post-7", session="session-1", created=NOW, rescued=True)


def sign(words: bytes) -> bytes:
    """A signature for these tests: the words backwards."""
    return words[::-1]


def verify(words: bytes, signature: bytes) -> bool:
    return signature == words[::-1]


def packed(items: Iterable[bytes]) -> bytes:
    return b"".join(pack(HEADER, items, sign))


def opened(data: bytes, by: Verify | None = verify, step: int = 1 << 20) -> tuple[list[bytes], Fault | None]:
    items: list[bytes] = []
    try:
        for group in unpack((data[at : at + step] for at in range(0, len(data), step)), lambda _header: by):
            items += group
    except CarryError as error:
        return items, error.fault
    return items, None


@given(st.lists(st.binary(max_size=400), max_size=30), st.integers(1, 300))
def test_what_was_packed_comes_out_however_it_is_cut_into_blocks(items: list[bytes], step: int) -> None:
    assert opened(packed(items), step=step) == (items, None)


def test_a_mark_stands_after_so_many_items() -> None:
    items = [b"%d" % n for n in range(MARK_ITEMS * 2 + 50)]
    groups = list(unpack([packed(items)], lambda _header: verify))
    assert [len(group) for group in groups] == [MARK_ITEMS, MARK_ITEMS, 50]


@given(st.integers(0, 100_000), st.integers(1, 255))
def test_one_changed_byte_gives_nothing_behind_it(at: int, change: int) -> None:
    items = [bytes([n % 251]) * 40 for n in range(450)]
    data = bytearray(packed(items))
    at %= len(data)
    data[at] ^= change
    found, fault = opened(bytes(data))
    assert fault is not None
    assert found == items[: len(found)]
    assert len(found) <= at // 45 + 1


def test_no_other_byte_in_the_last_mark_says_the_same() -> None:
    """Base64 leaves bits of its last letter unread: 15 of 255 changes there would otherwise go unseen."""
    data = packed([b"row"])
    for at in range(len(data) - 120, len(data)):
        for change in range(1, 256):
            changed = bytearray(data)
            changed[at] ^= change
            assert opened(bytes(changed))[1] is not None


@given(st.integers(0, 100_000))
def test_a_cut_bundle_gives_whole_groups_and_says_so(at: int) -> None:
    items = [bytes([n % 251]) * 40 for n in range(450)]
    data = packed(items)
    found, fault = opened(data[: at % len(data)])
    assert fault is Fault.CUT_OFF
    assert len(found) in (0, MARK_ITEMS, 2 * MARK_ITEMS)
    assert found == items[: len(found)]


def test_a_group_that_was_left_out_or_moved_is_forged() -> None:
    frames = list(pack(HEADER, [b"%d" % n for n in range(MARK_ITEMS * 3)], sign))
    head, one, two, rest = frames[:2], frames[2:203], frames[203:404], frames[404:]
    for wrong in ([*head, *two, *one, *rest], [*head, *one, *rest], [*head, *one, *one, *two, *rest]):
        assert opened(b"".join(wrong))[1] is Fault.FORGED


def test_a_last_mark_is_no_other_mark_and_nothing_stands_behind_it() -> None:
    frames = list(pack(HEADER, [b"1", b"2"], sign))
    assert opened(b"".join([*frames, frames[-1]]))[1] is Fault.DAMAGED
    mark = msgspec.json.decode(frames[-1][5:])
    mark["last"] = False
    assert opened(b"".join([*frames[:-1], frame(Kind.MARK, msgspec.json.encode(mark))]))[1] is Fault.FORGED


def test_another_bundle_s_marks_are_worth_nothing() -> None:
    one, other = list(pack(HEADER, [b"1"], sign)), list(pack(HEADER, [b"2"], sign))
    assert opened(b"".join([*one[:-1], other[-1]])) == ([], Fault.FORGED)


def test_the_sender_is_asked_before_any_row_is_given_and_may_refuse() -> None:
    def refuse(_header: CarryHeader) -> Verify:
        raise CarryError(Fault.FORGED, "no")

    with pytest.raises(CarryError):
        next(unpack([packed([b"1"])], refuse))


def test_only_a_rescued_bundle_goes_unsigned() -> None:
    data = b"".join(pack(RESCUED, [b"1", b"2"], None))
    assert opened(data, by=None) == ([b"1", b"2"], None)
    assert opened(data) == ([], Fault.FORGED)
    for header, signer in ((HEADER, None), (RESCUED, sign)):
        with pytest.raises(CarryError):
            list(pack(header, [], signer))


def test_limits_hold_both_ways() -> None:
    with pytest.raises(CarryError):
        packed([bytes(MAX_FRAME + 1)])
    huge = bytes([Kind.ITEM]) + (MAX_FRAME + 1).to_bytes(4, "big")
    assert opened(b"".join(list(pack(HEADER, [], sign))[:2]) + huge)[1] is Fault.DAMAGED
    endless = list(pack(HEADER, [], sign))[:2] + [frame(Kind.ITEM, b"")] * (MARK_ITEMS + 1)
    assert opened(b"".join(endless))[1] is Fault.DAMAGED


@given(st.binary(max_size=300))
def test_any_bytes_are_refused_by_their_own_fault(data: bytes) -> None:
    assert opened(data)[1] is not None
    with pytest.raises(CarryError):
        read_header(data)
