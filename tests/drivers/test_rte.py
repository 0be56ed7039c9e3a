"""RTE Native frames: the marks, the guesses as settings, the pads."""

from __future__ import annotations

import itertools
from functools import reduce
from operator import xor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.api import BadSetting, Tier
from drivers.framing import BUFFER_CAP, Garbled, Noise, OtherBlock, RowsRead
from drivers.rte import BCC_SPANS, CHECKS, SPANS, RteCodec, Settings, Shape, build, fitting
from drivers.virtual.rte_device import RteDevice, RteOptions

LATER = 9.0
UPPER = b"P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<"
LOWER = b"L898902C36UTO7408122F1204159ZE184226B<<<<<10"
# The manual's own example by hand: an empty line, then the two rows; 97 bytes from 'O' to the check byte.
BY_HAND = b"\x01\x61\x00OU\x02\x00\r" + UPPER + b"\r" + LOWER + b"\r\x03"
BY_HAND += bytes((reduce(xor, BY_HAND[3:]),))


def read(frame: bytes, silence: bool = True, **shape) -> list:
    codec = RteCodec(Shape(**shape))
    events = codec.feed(frame, 0.0)
    return events + codec.tick(LATER) if silence else events


def rows(frame: bytes, **shape) -> tuple[str, ...]:
    (event,) = read(frame, **shape)
    assert isinstance(event, RowsRead), event
    return event.rows


def test_a_frame_written_by_hand_from_the_manual(td3):
    strict = {"on_bad_bcc": "drop", "on_bad_length": "drop"}
    assert rows(BY_HAND, **strict) == td3
    assert RteDevice(RteOptions(flag=0)).present(td3) == BY_HAND


def test_a_passport_has_an_empty_first_line_and_a_card_three(td3, td1):
    assert b"\x02\x30\rP<UTO" in RteDevice().present(td3)
    assert rows(RteDevice().present(td3)) == td3
    assert rows(RteDevice(RteOptions(pad_empty=True)).present(td3)) == td3
    assert rows(RteDevice().present(td1)) == td1


@pytest.mark.parametrize("flag", range(256))
def test_any_byte_may_be_the_flag(td3, flag):
    frame = RteDevice(RteOptions(flag=flag)).present(td3)
    assert rows(frame) == td3
    codec = RteCodec()
    singly = [event for at in range(len(frame)) for event in codec.feed(frame[at : at + 1], 0.0)]
    assert [event.rows for event in singly] == [td3]


def test_split_at_every_offset(td1):
    frame = RteDevice().present(td1)
    for at in range(len(frame) + 1):
        codec = RteCodec()
        events = codec.feed(frame[:at], 0.0) + codec.tick(0.1) + codec.feed(frame[at:], 0.2)
        assert [event.rows for event in events] == [td1], at


# Law 2: length and check byte are doubts ----------------------------------------------------------------

def test_a_wrong_check_byte_is_no_reason_to_lose_a_document(td3):
    wrong = RteDevice(RteOptions(bcc="wrong")).present(td3)
    assert rows(wrong) == td3
    assert read(wrong, on_bad_bcc="drop") == [Garbled("wrong length or check byte", len(wrong))]
    assert rows(wrong, on_bad_bcc="drop", bcc="ignored") == td3


def test_a_wrong_check_byte_over_no_zone_is_garbled():
    wrong = RteDevice(RteOptions(bcc="wrong")).block("ABC1234567")
    assert read(wrong) == [Garbled("wrong length or check byte", len(wrong))]
    right = RteDevice().block("ABC1234567")
    assert read(right) == [OtherBlock(len(right), right)]


@pytest.mark.parametrize("adds", [-97, -50, -1, 1, 300, 0x3FFF - 97])
def test_a_wrong_or_absurd_length_neither_loses_a_document_nor_waits_for_more(td3, adds):
    frame = RteDevice(RteOptions(length_adds=adds)).present(td3)
    (event,) = read(frame, silence=False)
    assert event.rows == td3
    assert read(frame, on_bad_length="drop") == [Garbled("wrong length or check byte", len(frame))]
    assert rows(frame, on_bad_length="drop", length_counts="anything") == td3


@pytest.mark.parametrize(("counts", "adds"), [
    ("after_length", 0), ("after_length_to_etx", -1), ("whole", 3), ("whole_to_etx", 2), ("from_length", 2),
    ("from_length_to_etx", 1), ("block", -2), ("block_to_etx", -3), ("inside_block", -4), ("text", -5), ("rows", -6),
])
def test_each_span_of_the_length_is_what_its_name_says(td3, counts, adds):
    frame = RteDevice(RteOptions(length_adds=adds)).present(td3)
    assert rows(frame, length_counts=counts, on_bad_length="drop") == td3


def test_the_ends_of_the_inner_spans():
    """``01 len len O U 02 flag X 0D 03 BCC``: what each name covers, by hand."""
    frame = b"\x01\x08\x00OU\x02FX\r\x03B"
    covered = {name: frame[first : len(frame) - left_out] for name, (first, left_out) in SPANS.items()}
    assert covered["after_length"] == b"OU\x02FX\r\x03B"
    assert covered["after_length_to_etx"] == b"OU\x02FX\r\x03"
    assert covered["whole"] == frame
    assert covered["from_length"] == frame[1:]
    assert covered["block"] == b"\x02FX\r\x03B"
    assert covered["block_to_etx"] == b"\x02FX\r\x03"
    assert covered["inside_block"] == b"FX\r\x03"
    assert covered["text"] == b"FX\r"
    assert covered["rows"] == b"X\r"
    assert set(BCC_SPANS) == {name for name, span in covered.items() if not span.endswith(b"B")}


def with_bcc(frame: bytes, kind: str, span: str) -> bytes:
    first, left_out = SPANS[span]
    return frame[:-1] + bytes((CHECKS[kind](frame[first : len(frame) - left_out]),))


@pytest.mark.parametrize(("kind", "span"), list(itertools.product(CHECKS, BCC_SPANS)))
def test_each_check_byte_can_be_demanded(td3, kind, span):
    strict = {"bcc": kind, "bcc_span": span, "on_bad_bcc": "drop"}
    right = with_bcc(BY_HAND, kind, span)
    assert rows(right, **strict) == td3
    for value in range(256):
        if value != right[-1]:
            assert isinstance(read(right[:-1] + bytes((value,)), **strict)[0], Garbled)


@pytest.mark.parametrize(("kind", "expected"), [
    ("xor", 0x07), ("sum", 0x07), ("twos_complement", 0xF9), ("ones_complement", 0xF8), ("inverted_xor", 0xF8),
])
def test_the_check_bytes_of_one_two_four(kind, expected):
    assert CHECKS[kind](b"\x01\x02\x04") == expected


def test_a_reader_that_sends_no_check_byte(td3):
    frame = RteDevice(RteOptions(bcc="none")).present(td3)
    strict = {"bcc": "none", "on_bad_length": "drop", "on_bad_bcc": "drop"}
    (event,) = read(frame, silence=False, **strict)
    assert event.rows == td3
    assert event.raw == frame


def test_a_check_byte_that_never_came_loses_no_document(td3, td1):
    frame = RteDevice().present(td3)
    assert rows(frame[:-1]) == td3
    assert read(frame[:-1], on_bad_bcc="drop") == [Garbled("silence within a frame", len(frame) - 1)]
    after = RteDevice().present(td1)
    assert [event.rows for event in read(frame[:-1] + after)] == [td3, td1]


def test_one_recording_says_which_settings_fit(td3, td1):
    frames = [RteDevice(RteOptions(bcc="sum", bcc_from=5, length_adds=3)).present(zone) for zone in (td3, td1)]
    fits = set.intersection(*(set(fitting(frame)) for frame in frames))
    assert fits == {("whole", "sum", "block_to_etx")}
    assert list(fitting(b"")) == list(fitting(b"\x01aaOU\x02")) == list(fitting(b"no frame at all")) == []


# Laws 3 and 4: rows -----------------------------------------------------------------------------------------

def test_a_pad_inside_a_row_is_a_character_that_could_not_be_read(td3):
    damaged = (td3[0], td3[1][:5] + "?" + td3[1][6:])
    frame = RteDevice().present(damaged)
    assert b"L8989_2C3" in frame
    assert rows(frame) == damaged


@pytest.mark.parametrize(("means", "expected"), [("nothing", 36), ("filler", 44), ("unreadable", 36)])
def test_what_pads_at_the_end_stand_for(means, expected):
    """A card of 36 characters in a line of 44."""
    card = ("I<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<", "D231458907UTO7408122F1204159<<<<<<<6")
    assert Settings(port="/dev/null").pad_means == "unreadable"
    frame = RteDevice().present(card)
    assert frame.count(b"_" * 8) == 2
    got = rows(frame, pad_means=means)
    assert [len(row) for row in got] == [expected] * 2
    assert tuple(row[:36] for row in got) == card


def test_pads_that_stand_for_characters_lost_fill_up_to_a_full_row(td3):
    short = (td3[0], td3[1][:-2])
    assert rows(RteDevice().present(short), pad_means="nothing") == short
    assert rows(RteDevice().present(short)) == (td3[0], td3[1][:-2] + "??")


@pytest.mark.parametrize("lost", [1, 2, 9, 15, 30])
def test_the_longest_row_says_how_wide_the_others_are(td3, td1, lost):
    """By default: a passport whose last digit cannot be read stays one of 44 characters."""
    for zone in (td3, td1):
        damaged = (*zone[:-1], zone[-1][:-lost])
        if damaged[-1]:
            expected = (*zone[:-1], damaged[-1].ljust(len(zone[0]), "?"))
            assert rows(RteDevice().present(damaged)) == expected
    card = ("I<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<", "D231458907UTO7408122F1204159<<<<<<<?")
    assert rows(RteDevice().present(card)) == card


@pytest.mark.parametrize("pad_empty", [True, False])
def test_a_line_of_pads_alone_stays_no_row(td3, pad_empty):
    frame = RteDevice(RteOptions(pad_empty=pad_empty)).present(td3)
    assert rows(frame) == td3


@pytest.mark.parametrize("text", ["C" + "ABCDE" * 6 + "XYZ", "A" * 29, "A" * 35, "5901234123457", "ABC1234567" * 4])
def test_what_is_added_makes_no_row_of_a_bar_code(text):
    (event,) = read(RteDevice().block(text))
    assert isinstance(event, OtherBlock)


def test_overlong_rows_are_cut_by_the_device_and_read(td3):
    assert rows(RteDevice().present([row + "<<<" for row in td3])) == td3


def test_another_pad_and_other_error_characters(td3):
    frame = RteDevice().present((td3[0], "*" + td3[1][1:-3])).replace(b"_", b" ")
    got = rows(frame, pad=" ", error_characters="*?")
    assert got == (td3[0], "?" + td3[1][1:-3] + "???")


def test_a_single_row_of_a_zone_is_a_document_and_a_bar_code_is_not(td3):
    assert rows(RteDevice().present(["", td3[0]])) == (td3[0],)
    assert isinstance(read(RteDevice().block("M1ERIKSSON/ANNA       EABC123 ZRHUTO"))[0], OtherBlock)


# Noise ---------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("junk", [
    b"\x01", b"\x01\x61", b"\x01\x61\x00", b"\x01\x61\x00O", b"\x01\x61\x00OU", b"\x01\x61\x00OU\x02",
    b"\x01\x01\x01", b"\x01\x61\x00OX\x02", b"\x03\x03", b"\x01\x61\x00OU\x02\x00ABC\r", b"\x01\xff\x3fOU\x02\x03\x03",
])
def test_whatever_stands_before_a_frame_does_not_swallow_it(td3, junk):
    assert td3 in [event.rows for event in read(junk + BY_HAND) if isinstance(event, RowsRead)]


def test_a_frame_without_an_end_is_dropped(td3):
    codec = RteCodec()
    monster = b"\x01\x61\x00OU\x02\x00" + b"A" * 20_000
    events = codec.feed(monster, 0.0) + codec.tick(LATER)
    assert sum(event.count for event in events) == len(monster)
    assert isinstance(events[0], Garbled)
    assert codec.framer.buffer.highest <= BUFFER_CAP
    assert [event.rows for event in codec.feed(BY_HAND, LATER)] == [td3]


def test_half_a_head_is_noise_and_half_a_frame_is_garbled():
    assert read(b"\x01\x61") == [Noise(2)]
    assert read(BY_HAND[:40]) == [Garbled("silence within a frame", 40)]


ROW = st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789<", min_size=44, max_size=44)


@given(upper=ROW, lower=ROW, flag=st.integers(0, 255), before=st.binary(max_size=40), cut=st.integers(0, 200))
def test_round_trip(upper, lower, flag, before, cut):
    sent = before + RteDevice(RteOptions(flag=flag)).present([upper, lower])
    codec = RteCodec(Shape(on_bad_bcc="drop", on_bad_length="drop"))
    events = codec.feed(sent[:cut], 0.0) + codec.feed(sent[cut:], 0.0)
    assert [event.rows for event in events if isinstance(event, RowsRead)] == [(upper, lower)]


PIECES = [b"\x01", b"\x61\x00", b"OU\x02", b"\x03", b"\r", UPPER, LOWER, b"_"]


@given(st.lists(st.sampled_from(PIECES) | st.binary(max_size=9)))
def test_no_bytes_raise_and_each_is_counted(pieces):
    sent, codec = b"".join(pieces), RteCodec()
    counted = 0
    for event in codec.feed(sent, 0.0) + codec.tick(LATER):
        counted += len(event.raw) if isinstance(event, RowsRead) else getattr(event, "count", 0)
        counted += event.length if isinstance(event, OtherBlock) else 0
    assert counted == len(sent)


# Settings --------------------------------------------------------------------------------------------------------

def test_the_defaults_of_the_settings_are_those_of_the_codec():
    assert Settings(port="/dev/null").shape() == Shape()


@pytest.mark.parametrize(("key", "value"), [
    ("bcc", "crc"), ("bcc_span", "after_length"), ("length_counts", "bytes"), ("on_bad_bcc", "maybe"), ("pad", "__"),
    ("init", ["00"]),
])
def test_a_wrong_setting_is_named(key, value):
    with pytest.raises(BadSetting) as caught:
        build("north", {"port": "/dev/null", key: value}, lambda: 0.0, Tier.VIRTUAL)
    assert caught.value.key == key
