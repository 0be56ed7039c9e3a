"""What every codec owes, whatever the family: a device is noise until proven a frame."""

from __future__ import annotations

import itertools
import random
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.framing import BUFFER_CAP, GAP_S, Broken, Garbled, More, Noise, OtherBlock, RowsRead

SILENCE = 10 * GAP_S


def rows_of(events) -> list[tuple[str, ...]]:
    return [event.rows for event in events if isinstance(event, RowsRead)]


def lost(events) -> int:
    return sum(event.count for event in events if isinstance(event, Noise | Garbled))


def play(codec, *chunks: bytes, step: float = 0.001, silence: bool = True) -> list:
    """Feed the chunks one after another, ticking in between, then let silence fall."""
    events, now = [], 100.0
    for chunk in chunks:
        now += step
        events += codec.feed(chunk, now) + codec.tick(now)
        assert len(codec.framer.buffer) <= BUFFER_CAP
    if silence:
        events += codec.tick(now + SILENCE)
        assert codec.framer.next_timeout is None
        assert len(codec.framer.buffer) == 0
    return events


@pytest.fixture(params=["td3", "td1"])
def rows(request: pytest.FixtureRequest) -> tuple[str, ...]:
    return request.getfixturevalue(request.param)


def test_whole(family, rows):
    sent = family.encode(rows)
    events = play(family.codec(), sent)
    assert rows_of(events) == [rows]
    assert not [e for e in events if isinstance(e, Noise | Garbled)]


def test_raw_holds_the_frame(family, rows):
    sent = family.encode(rows)
    (read,) = [e for e in play(family.codec(), b"\xff\xfe", sent) if isinstance(e, RowsRead)]
    assert read.raw in sent
    assert all(row.encode() in read.raw for row in rows)


def test_byte_by_byte(family, rows):
    sent = family.encode(rows)
    events = play(family.codec(), *(sent[i : i + 1] for i in range(len(sent))))
    assert rows_of(events) == [rows]
    assert not [e for e in events if isinstance(e, Noise | Garbled)]


def test_split_at_every_offset(family, rows):
    sent = family.encode(rows)
    for at in range(len(sent) + 1):
        events = play(family.codec(), sent[:at], sent[at:])
        assert rows_of(events) == [rows], f"split at {at}"
        assert not [e for e in events if isinstance(e, Noise | Garbled)], f"split at {at}"


def test_noise_before_and_after(family, rows):
    sent = family.encode(rows)
    for seed in range(200):
        source = random.Random(seed)
        before, after = source.randbytes(source.randrange(60)), source.randbytes(source.randrange(60))
        assert rows_of(play(family.codec(), before, sent, after)) == [rows], f"seed {seed}"
        assert rows_of(play(family.codec(), before + sent + after)) == [rows], f"seed {seed}"


def test_noise_made_of_start_bytes(family, rows):
    sent = family.encode(rows)
    for seed in range(2000):
        source = random.Random(seed)
        before = bytes(source.choices(family.starts, k=source.randrange(12)))
        if seed % 2:  # end in something that looks like the head of a frame
            before += sent[: source.randrange(8)]
        assert rows_of(play(family.codec(), before, sent)) == [rows], f"seed {seed}: {before.hex()}"


def test_every_short_false_start(family, rows):
    """Each prefix of a frame, then a whole one, without a pause between them."""
    sent = family.encode(rows)
    for at in range(len(sent)):
        events = play(family.codec(), sent[:at] + sent)
        whole_already = len(rows_of(play(family.codec(), sent[:at])))  # only the outer bytes are missing
        assert rows_of(events) == [rows] * (whole_already + 1), f"prefix of {at}"


def test_truncated_then_silence_then_whole(family, rows):
    sent = family.encode(rows)
    for at in range(1, len(sent)):
        codec = family.codec()
        first = codec.feed(sent[:at], 1.0)
        if rows_of(first):  # only the outer bytes were cut off
            continue
        assert codec.tick(1.0 + GAP_S / 2) == []
        given_up = codec.tick(1.0 + SILENCE)
        if rows_of(given_up):  # only the check byte was cut off (rte)
            continue
        assert lost([*first, *given_up]) == at, f"cut at {at}"
        assert rows_of(play(codec, sent)) == [rows], f"cut at {at}"


def test_a_frame_cut_in_its_middle_is_garbled_not_noise(family, rows):
    sent = family.encode(rows)
    assert any(isinstance(e, Garbled) for e in play(family.codec(), sent[: len(sent) // 2]))


def test_a_slow_line_is_not_silence(family, rows):
    """Each byte almost a gap after the one before: far more than a gap for the frame as a whole."""
    sent = family.encode(rows)
    events = play(family.codec(), *(sent[i : i + 1] for i in range(len(sent))), step=0.9 * GAP_S)
    assert rows_of(events) == [rows]


def test_a_byte_that_could_begin_a_frame_is_noise_when_nothing_follows(family):
    first = b"I" if family.name == "elyctis" else b"\x1b"
    assert play(family.codec(), first) == [Noise(1)]


def test_a_process_held_up_between_two_reads_loses_nothing(family, rows):
    """The second half has waited in the kernel for a minute: no tick came between, so it still counts."""
    sent, codec = family.encode(rows), family.codec()
    events = codec.feed(sent[:40], 1.0) + codec.feed(sent[40:], 61.0) + codec.tick(61.0)
    assert rows_of(events) == [rows]


def test_doubled(family, rows):
    sent = family.encode(rows)
    assert rows_of(play(family.codec(), sent + sent)) == [rows, rows]
    assert rows_of(play(family.codec(), sent, b"\x00\x00", sent)) == [rows, rows]


def test_two_documents_in_one_chunk_keep_their_order(family, td1, td3):
    assert rows_of(play(family.codec(), family.encode(td1) + family.encode(td3))) == [td1, td3]


def test_flooded(family, rows):
    """Three megabytes of noise: bounded memory, every byte accounted for, and the next document is read."""
    codec, source, count, events = family.codec(), random.Random(7), 0, 0
    for _ in range(768):
        chunk = source.randbytes(4096)
        heard = codec.feed(chunk, 1.0)
        events += len(heard)
        count += lost(heard)
        count += sum(e.length for e in heard if isinstance(e, OtherBlock))
        assert rows_of(heard) == []
    count += lost(codec.tick(99.0))
    if family.name not in ("text-outer", "est"):  # there, outer bytes are silently accepted as what they are
        assert count == 768 * 4096
    assert codec.framer.buffer.highest <= BUFFER_CAP
    assert rows_of(play(codec, family.encode(rows))) == [rows]


def test_flooded_in_one_call(family, rows):
    codec = family.codec()
    events = codec.feed(random.Random(8).randbytes(1 << 20) + b"\x00\x00" + family.encode(rows), 1.0)
    assert rows_of(events) == [rows]
    assert codec.framer.buffer.highest <= BUFFER_CAP


def test_what_was_looked_at_is_not_looked_at_again(family, rows):
    """The cut believes the buffer's word: a byte that would break the frame, but lies before it, is not seen."""
    sent = bytearray(family.encode(rows))[:60]
    cut = family.codec()._cut
    assert cut(sent, 0) == More(looked=60, begun=True)
    sent[20] = {"elyctis": 0x00, "rte": 0x03}.get(family.name, 0x02)
    assert cut(sent, 30) == More(looked=60, begun=True)
    assert isinstance(cut(sent, 0), Broken)


def counting(cut, calls):
    def counted(buffer, looked):
        next(calls)
        return cut(buffer, looked)

    return counted


def test_the_work_is_linear_in_the_bytes(family, rows):
    """Also for floods made to be expensive, and for single bytes: a bounded number of looks per byte."""
    hostile = [
        family.encode(rows)[:-3], bytes(family.starts), b"\x49\x03\xe8" + b"I" * 999 + b"\x00", b"\x02" * 50,
        b"\x01a\x00OU\x02", b"\x01a\x00OU\x02" + b"\x01" * 900, b'\x02A:{"a":' * 9,
        b"\x49\x00\x49\x00", b"\x1b" * 30 + b"\x1b\x41", b"I\x00\x02AI\x00\x02", b"\x02" + b"A" * 2000,
    ]
    for pattern in hostile:
        codec = family.codec()
        calls = itertools.count()
        codec.framer._cut = counting(codec.framer._cut, calls)
        data = pattern * (20_000 // len(pattern))
        for at in range(len(data)):
            codec.feed(data[at : at + 1], 1.0)
        assert next(calls) <= 3 * len(data), pattern[:8].hex()


PIECES = [bytes((byte,)) for byte in b"IC\x00\x01\x02\x03\r\nVA\x1b\xff<"]
PIECES += [b"I\x00", b"I\x00\x02", b"I\x03\xe8", b"C\x00\x01", b"\x1bA\x02", b"\x02\x02", b"ABCDEFG\r"]
PIECES += [b"\x03\r\n", b"I\x00\x03\r\r\r", b"C\x00\x01\x01"]
PIECES += [b"\x01a\x00OU\x02", b"\x01\xff\x3fOU\x020", b"\x01a\x00O", b'\x02CameraData:{"data":"', b'"}\x03']


def streams(longest: int) -> st.SearchStrategy[bytes]:
    """Streams of what frames are made of, and of plain random bytes."""
    made = st.lists(st.sampled_from(PIECES) | st.binary(max_size=6), max_size=longest).map(b"".join)
    return made | st.binary(max_size=4 * longest)


@given(data=streams(40), cuts=st.lists(st.integers(0, 240), max_size=8))
def test_any_bytes_in_any_pieces_give_the_same(family_list, td3_rows, data, cuts):
    """How the line cut the bytes changes nothing about what was read, and nothing raises."""
    for family in family_list:
        sent = data + family.encode(td3_rows) + data
        places = [0, *sorted(min(cut, len(sent)) for cut in cuts), len(sent)]
        chunks = [sent[a:b] for a, b in itertools.pairwise(places)]
        whole, pieces = play(family.codec(), sent), play(family.codec(), *chunks)
        assert rows_of(whole) == rows_of(pieces)
        assert lost(whole) == lost(pieces)


@given(before=streams(30), after=streams(30))
def test_a_document_survives_any_bytes_around_it(family_list, td3_rows, before, after):
    for family in family_list:
        sent = family.encode(td3_rows)
        assert td3_rows in rows_of(play(family.codec(), before + sent + after)), family.name


def test_a_frame_longer_than_any_zone_is_dropped(family, rows):
    monster = b"\x49\x7f\xff" + b"A" * 40_000 if family.name == "elyctis" else b"\x02" + b"A" * 40_000
    codec = family.codec()
    events = play(codec, monster)
    assert rows_of(events) == []
    assert lost(events) == len(monster)
    assert codec.framer.buffer.highest <= BUFFER_CAP
    assert rows_of(play(codec, family.encode(rows))) == [rows]


def test_a_bar_code_between_documents(family, rows):
    block = b"\x02M1ERIKSSON/ANNA       EABC123 ZRHUTO\r\x03"
    sent = family.encode(rows)
    assert rows_of(play(family.codec(), sent, block, sent)) == [rows, rows]


def test_no_repr_shows_what_was_read(family, rows):
    (read,) = [e for e in play(family.codec(), family.encode(rows)) if isinstance(e, RowsRead)]
    assert not re.search("ERIKSSON|L898902C3|D23145890", repr(read))
