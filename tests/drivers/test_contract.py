"""What every codec owes, whatever the family: a device is noise until proven a frame."""

from __future__ import annotations

import itertools
import random
import re

import pytest
from codec_kit import merged
from hypothesis import given
from hypothesis import strategies as st

from drivers.api import MAX_RAW
from drivers.catalog import DRIVERS
from drivers.framing import GAP_S, Broken, Garbled, More, Noise, OtherBlock, RowsRead

SILENCE = 10 * GAP_S
FLOOD, CHUNK = 10 << 20, 4096  # bytes
LARGEST_BUFFER = 8 * 1024  # bytes, of any family; most have 1 KiB


def rows_of(events) -> list[str]:
    """All rows in order, whether they came as one read or several."""
    return [row for event in events if isinstance(event, RowsRead) for row in event.rows]


def lost(events) -> int:
    return sum(event.count for event in events if isinstance(event, Noise | Garbled))


def others(events) -> list[bytes]:
    return [event.raw for event in events if isinstance(event, OtherBlock)]


def play(codec, *chunks: bytes, step: float = 0.001, silence: bool = True) -> list:
    """Feed the chunks one after another, ticking in between, then let silence fall."""
    events, now = [], 100.0
    for chunk in chunks:
        now += step
        events += codec.feed(chunk, now) + codec.tick(now)
        assert len(codec.framer.buffer) <= codec.framer.buffer.cap <= LARGEST_BUFFER
    if silence:
        events += codec.tick(now + SILENCE)
        assert codec.next_timeout is None
        assert codec.reading is False
        assert len(codec.framer.buffer) == 0
    return events


def singly(data: bytes) -> list[bytes]:
    return [data[at : at + 1] for at in range(len(data))]


@pytest.fixture(params=["td3", "td1"])
def rows(request: pytest.FixtureRequest) -> list[str]:
    return list(request.getfixturevalue(request.param))


def test_every_driver_is_held_to_the_contract(family_names):
    assert set(DRIVERS) <= family_names


def test_whole(family, rows):
    events = play(family.codec(), family.encode(rows))
    assert rows_of(events) == rows
    assert len([e for e in events if isinstance(e, RowsRead)]) == (len(rows) if family.row_by_row else 1)
    assert not [e for e in events if isinstance(e, Noise | Garbled)]


def test_a_zone_is_given_at_its_last_byte_without_waiting(family, rows):
    events = play(family.codec(), *singly(family.encode(rows)), silence=False)
    assert rows_of(events) == rows


def test_raw_holds_the_frame(family, rows):
    sent = family.encode(rows)
    reads = [e for e in play(family.codec(), family.noise(b"\xff\xfe" * family.unit), sent) if isinstance(e, RowsRead)]
    assert all(read.raw in sent and 0 < len(read.raw) <= MAX_RAW for read in reads)
    if not family.row_by_row:
        assert all(row.encode() in reads[0].raw for row in rows)


def test_split_at_every_offset(family, rows):
    sent = family.encode(rows)
    expected = play(family.codec(), sent)
    for at in range(len(sent) + 1):
        assert play(family.codec(), sent[:at], sent[at:]) == expected, f"split at {at}"
    assert play(family.codec(), *singly(sent)) == expected


def test_noise_before_and_after(family, rows):
    sent = family.encode(rows)
    for seed in range(200):
        source = random.Random(seed)
        before, after = source.randbytes(source.randrange(60)), source.randbytes(source.randrange(60))
        before = family.noise(before)
        assert rows_of(play(family.codec(), before, sent, after)) == rows, f"seed {seed}"
        assert rows_of(play(family.codec(), before + sent + after)) == rows, f"seed {seed}"


def test_noise_made_of_start_bytes(family, rows):
    sent = family.encode(rows)
    for seed in range(2000 // family.unit):
        source = random.Random(seed)
        before = bytes(source.choices(family.starts, k=source.randrange(12 * family.unit)))
        if seed % 2:  # end in something that looks like the head of a frame
            before += sent[: source.randrange(8)]
        before = family.noise(before)
        assert rows_of(play(family.codec(), before, sent)) == rows, f"seed {seed}: {before.hex()}"


def test_every_short_false_start(family, rows):
    """Each prefix of a frame, then a whole one, without a pause between them."""
    sent = family.encode(rows)
    for at in range(0, len(sent), family.unit):
        before = family.noise(sent[:at])
        assert rows_of(play(family.codec(), before + sent)) == rows_of(play(family.codec(), before)) + rows, at


def test_truncated_then_silence_then_whole(family, rows):
    """No row that was not sent; what was is read or counted; and the next document is read."""
    sent = family.encode(rows)
    for at in range(1, len(sent)):
        codec = family.codec()
        first = codec.feed(sent[:at], 1.0)
        if not rows_of(first):
            assert codec.tick(1.0 + GAP_S / 2) == []
        events = first + codec.tick(1.0 + SILENCE)
        read = rows_of(events)
        assert all(row.startswith(got) for got, row in zip(read, rows, strict=False)), f"cut at {at}"
        assert family.row_by_row or read == rows[: len(read)], f"cut at {at}"
        if not read and not others(events) and family.unit == 1:
            assert lost(events) == at, f"cut at {at}"
        assert rows_of(play(codec, family.clear + sent)) == rows, f"cut at {at}"


def test_a_frame_that_breaks_off_is_garbled_not_noise(family, rows):
    sent = family.encode(rows)
    assert any(isinstance(e, Garbled) for e in play(family.codec(), sent[: len(sent) // 5]))


def test_a_frame_that_has_begun_is_seen_as_such(family, rows):
    codec, sent = family.codec(), family.encode(rows)
    assert codec.reading is False
    codec.feed(sent[:40], 1.0)
    assert codec.reading is True
    codec.feed(sent[40:], 1.0)
    codec.tick(1.0 + SILENCE)
    assert codec.reading is False


def test_a_slow_line_is_not_silence(family, rows):
    """Each byte almost a gap after the one before: far more than a gap for the frame as a whole."""
    sent = family.encode(rows)
    pieces = [sent[at : at + family.unit] for at in range(0, len(sent), family.unit)]
    assert rows_of(play(family.codec(), *pieces, step=0.9 * GAP_S)) == rows


def test_a_byte_that_could_begin_a_frame_is_noise_when_nothing_follows(family):
    first = b"I" if family.name == "elyctis" else b"\x1b"
    assert play(family.codec(), first) == [Noise(1)]


def test_a_process_held_up_between_two_reads_loses_nothing(family, rows):
    """The second half has waited in the kernel for a minute: no tick came between, so it still counts."""
    sent, codec = family.encode(rows), family.codec()
    events = codec.feed(sent[:40], 1.0) + codec.feed(sent[40:], 61.0) + codec.tick(61.0)
    assert rows_of(events) == rows


def test_doubled(family, rows):
    sent = family.encode(rows)
    assert rows_of(play(family.codec(), sent + sent)) == rows * 2
    assert rows_of(play(family.codec(), sent, bytes(2 * family.unit), sent)) == rows * 2


def test_two_documents_in_one_chunk_keep_their_order(family, td1, td3):
    assert rows_of(play(family.codec(), family.encode(td1) + family.encode(td3))) == [*td1, *td3]


def test_a_bar_code_between_documents(family, rows):
    sent = family.encode(rows)
    events = play(family.codec(), sent, family.other, sent)
    assert rows_of(events) == rows * 2
    assert len(others(events)) == (family.name != "elyctis")


def test_flooded(family, td3):
    """Ten megabytes of noise: bounded memory, every byte accounted for, and the next document is read."""
    codec, source, count, given_on = family.codec(), random.Random(7), 0, 0
    for _ in range(FLOOD // CHUNK):
        heard = codec.feed(source.randbytes(CHUNK), 1.0)
        count += lost(heard) + sum(e.length for e in heard if isinstance(e, OtherBlock))
        given_on += len(others(heard))
        assert rows_of(heard) == []
    count += lost(codec.tick(99.0))
    # a report of a keyboard that ends two lines is in the counts of both
    assert count == FLOOD if family.all_counted else 0.9 * FLOOD < count < 1.1 * FLOOD
    assert given_on < FLOOD / CHUNK  # noise is hardly ever taken for a bar code
    assert codec.framer.buffer.highest <= codec.framer.buffer.cap
    assert rows_of(play(codec, family.clear + family.encode(td3))) == list(td3)


def test_flooded_in_one_call(family, rows):
    codec = family.codec()
    flood = family.noise(random.Random(8).randbytes(1 << 20) + bytes(2 * family.unit))
    assert rows_of(codec.feed(flood + family.encode(rows), 1.0)) == rows
    assert codec.framer.buffer.highest <= codec.framer.buffer.cap


def test_a_frame_of_absurd_length_is_dropped(family, rows):
    codec = family.codec()
    events = play(codec, *(family.monster[at : at + 1000] for at in range(0, len(family.monster), 1000)))
    assert rows_of(events) == []
    assert lost(events) > 0.8 * len(family.monster)
    assert codec.framer.buffer.highest <= codec.framer.buffer.cap
    assert rows_of(play(codec, family.encode(rows))) == rows
    assert rows_of(play(codec, family.noise(family.monster) + family.encode(rows))) == rows


def test_what_was_looked_at_is_not_looked_at_again(family, rows):
    """The cut believes the buffer's word: a byte that would break the frame, but lies before it, is not seen."""
    if family.breaker is None:
        return  # its cut looks at whole lines or reports: test_the_work_is_linear_in_the_bytes bounds that
    sent = bytearray(family.encode(rows))[:60]
    cut = family.codec().framer._cut
    assert cut(sent, 0) == More(looked=60, begun=True)
    sent[20] = family.breaker
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
        b"\x01a\x00OU\x02", b"\x01a\x00OU\x02" + b"\x01" * 900, b'\x02A:{"a":' * 9, family.encode(rows)[:45],
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
PIECES += [b"\x03\r\n", b"I\x00\x03\r\r\r", b"C\x00\x01\x01", b"OCRENA1\x06!", b"OCRATS9\x15", b"Serial Number: 7\r\n"]
PIECES += [b"\x01a\x00OU\x02", b"\x01\xff\x3fOU\x020", b"\x01a\x00O", b'\x02CameraData:{"data":"', b'"}\x03']
PIECES += [bytes((2, 0, 4, 0, 0, 0, 0, 0)), bytes(8), bytes((0, 0, 0x28, 0, 0, 0, 0, 0)), bytes((0, 0, *[1] * 6))]


def streams(longest: int) -> st.SearchStrategy[bytes]:
    """Streams of what frames are made of, and of plain random bytes."""
    made = st.lists(st.sampled_from(PIECES) | st.binary(max_size=6), max_size=longest).map(b"".join)
    return made | st.binary(max_size=4 * longest)


@given(data=streams(40), cuts=st.lists(st.integers(0, 240), max_size=8))
def test_any_bytes_in_any_pieces_give_the_same(lasting_family, td3_rows, data, cuts):
    """How the line cut the bytes changes nothing about what is told, and nothing raises."""
    family = lasting_family
    sent = data + family.encode(td3_rows) + data
    places = [0, *sorted(min(cut, len(sent)) for cut in cuts), len(sent)]
    pieces = [sent[a:b] for a, b in itertools.pairwise(places)]
    whole = merged(play(family.codec(), sent))
    assert whole == merged(play(family.codec(), *pieces))
    assert whole == merged(play(family.codec(), *singly(sent)))


@given(before=streams(30), after=streams(30))
def test_a_document_survives_any_bytes_around_it(lasting_family, td3_rows, before, after):
    family = lasting_family
    got = rows_of(play(family.codec(), family.noise(before) + family.encode(td3_rows) + after))
    assert any(tuple(got[at : at + 2]) == td3_rows for at in range(len(got)))


def test_no_repr_shows_what_was_read(family, rows):
    for event in play(family.codec(), family.encode(rows) + family.other):
        assert not re.search("ERIKSSON|L898902C3|D23145890|5901234", repr(event))
