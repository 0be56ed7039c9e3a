"""Sealed streams: whole or not at all, for headquarters alone."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable, Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.envelope_cases import World
from edge.core import sealing
from edge.core.provisioning import stream
from edge.core.provisioning.codes import Code, ProvisioningError
from edge.core.provisioning.stream import CHUNK, LOGS, ROWS, SEALED_CHUNK, open_stream, seal_stream

WORLDS = [World(n) for n in range(1, 6)]
RECIPIENTS = [world.recipient for world in WORLDS]
KEY = {RECIPIENTS[0].key_id: WORLDS[0].seal}
PLAIN = bytes(range(256)) * 40


def sealed(plain: bytes = PLAIN, count: int = 1, purpose: str = ROWS) -> bytes:
    return b"".join(seal_stream(RECIPIENTS[:count], [plain], purpose))


def opened(data: bytes, purpose: str = ROWS, keys: dict[str, sealing.SealPrivate] | None = None) -> bytes:
    return b"".join(open_stream([data], KEY if keys is None else keys, purpose))


def refused(run: Callable[[], object]) -> Code:
    with pytest.raises(ProvisioningError) as caught:
        run()
    return caught.value.code


@given(st.lists(st.binary(max_size=500)), st.lists(st.integers(1, 700), min_size=1), st.integers(1, 4))
def test_pieces_of_any_size_come_back(pieces: list[bytes], cuts: list[int], count: int) -> None:
    data = b"".join(seal_stream(RECIPIENTS[:count], pieces, ROWS))
    blocks, at = [], 0
    while at < len(data):
        size = cuts[len(blocks) % len(cuts)]
        blocks.append(data[at : at + size])
        at += size
    assert b"".join(open_stream(blocks, KEY, ROWS)) == b"".join(pieces)


@pytest.mark.parametrize("size", [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK, 3 * CHUNK + 5])
def test_sizes_around_a_chunk_come_back(size: int) -> None:
    plain = bytes(size)
    data = sealed(plain)
    assert opened(data) == plain
    chunks = max(1, -(-size // CHUNK))
    assert len(data) == 5 + 88 + size + 16 * chunks


def test_each_recipient_alone_can_open_and_nobody_else() -> None:
    data = sealed(count=4)
    for world in WORLDS[:4]:
        assert opened(data, keys={world.recipient.key_id: world.seal}) == PLAIN
    assert refused(lambda: opened(data, keys={WORLDS[4].recipient.key_id: WORLDS[4].seal})) is Code.DOES_NOT_OPEN
    assert refused(lambda: opened(data, keys={RECIPIENTS[0].key_id: WORLDS[4].seal})) is Code.DOES_NOT_OPEN
    assert refused(lambda: opened(data, keys={})) is Code.DOES_NOT_OPEN


@pytest.mark.parametrize("count", [0, 5])
def test_the_number_of_recipients_has_limits(count: int) -> None:
    with pytest.raises(ValueError, match="recipients"):
        list(seal_stream(RECIPIENTS[:count], [], ROWS))


def test_a_stream_of_one_purpose_is_none_of_another() -> None:
    assert refused(lambda: opened(sealed(), purpose=LOGS)) is Code.DOES_NOT_OPEN


def test_every_flipped_bit_is_refused() -> None:
    data = sealed(b"rows", 2)
    for place in range(len(data)):
        spoilt = bytearray(data)
        spoilt[place] ^= 1 << (place % 8)
        assert refused(lambda spoilt=spoilt: opened(bytes(spoilt))) in {Code.DAMAGED_PAPER, Code.DOES_NOT_OPEN}


def test_every_cut_and_every_addition_is_refused() -> None:
    data = sealed(b"rows")
    for length in range(len(data)):
        assert refused(lambda n=length: opened(data[:n])) is Code.DAMAGED_PAPER
    assert refused(lambda: opened(data + b"\x00")) is Code.DAMAGED_PAPER
    assert refused(lambda: opened(data + data)) is Code.DAMAGED_PAPER


def test_a_stream_that_is_cut_between_chunks_does_not_end() -> None:
    head, *chunks = seal_stream(RECIPIENTS[:1], [bytes(3 * CHUNK)], ROWS)
    assert [len(chunk) for chunk in chunks] == [SEALED_CHUNK] * 3
    for order in ((0, 1), (0,), (1, 0, 2), (0, 0, 1, 2), (0, 2), (0, 1, 2, 2)):
        data = head + b"".join(chunks[n] for n in order)
        assert refused(lambda data=data: opened(data)) is Code.DAMAGED_PAPER
    assert refused(lambda: opened(head)) is Code.DAMAGED_PAPER


def test_what_came_before_the_cut_is_given_and_then_refused() -> None:
    data = sealed(bytes(2 * CHUNK + 1))[:-1]
    pieces = open_stream([data], KEY, ROWS)
    assert [len(next(pieces)), len(next(pieces))] == [CHUNK, CHUNK]
    assert refused(lambda: next(pieces)) is Code.DAMAGED_PAPER


@given(st.binary(max_size=300) | st.binary(max_size=300).map(lambda b: b"BPT1\x01" + b))
def test_other_bytes_are_refused(data: bytes) -> None:
    assert refused(lambda: opened(data)) in {Code.DAMAGED_PAPER, Code.DOES_NOT_OPEN}


def test_a_stream_has_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    long = sealed(bytes(3 * CHUNK))
    monkeypatch.setattr(stream, "MAX_STREAM", CHUNK)
    assert opened(sealed(bytes(CHUNK))) == bytes(CHUNK)
    assert refused(lambda: sealed(bytes(CHUNK + 1))) is Code.TOO_LARGE_PAPER
    assert refused(lambda: opened(long)) is Code.TOO_LARGE_PAPER


def test_nothing_is_held_but_a_few_chunks() -> None:
    def rows() -> Iterator[bytes]:
        for _ in range(32 * 16):
            yield bytes(CHUNK // 16)

    tracemalloc.start()
    try:
        total = sum(len(piece) for piece in open_stream(seal_stream(RECIPIENTS[:1], rows(), ROWS), KEY, ROWS))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert total == 32 * CHUNK
    assert peak < 14 * CHUNK


@settings(max_examples=30)
@given(st.binary(max_size=50))
def test_the_same_rows_never_look_the_same(plain: bytes) -> None:
    assert sealed(plain)[93:] != sealed(plain)[93:]
