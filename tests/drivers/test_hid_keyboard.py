"""What a keyboard wedge types: reports in, rows out."""

from __future__ import annotations

import itertools
import random
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.api import MAX_RAW, BadSetting, Tier
from drivers.framing import BUFFER_CAP, Garbled, Noise, OtherBlock, RowsRead
from drivers.hid_keyboard import GAP_S, LINE_CAP, HidKeyboardCodec, Settings, build
from drivers.virtual.keyboard_device import LAYOUTS, ROW_END_KEYS, KeyboardDevice, Typing

LATER = 99.0
UP = bytes(8)
ENTER = bytes.fromhex("0000280000000000")


def report(*usages: int, modifiers: int = 0) -> bytes:
    return bytes((modifiers, 0, *usages)).ljust(8, b"\x00")


def typed(text: str, typing: Typing | None = None) -> bytes:
    """The reports of one line, without the key that ends it."""
    return KeyboardDevice(typing or Typing(row_end="none")).present([text])


def read(sent: bytes, *settings: str, silence: bool = True, **more) -> list:
    codec = HidKeyboardCodec(*settings, **more)
    events = codec.feed(sent, 0.0)
    return events + codec.tick(LATER) if silence else events


def rows_of(events) -> tuple[str, ...]:
    return tuple(row for event in events if isinstance(event, RowsRead) for row in event.rows)


def test_reports_written_by_hand():
    """`I<` on a US keyboard, then a whole row of fillers, by HID 1.11 appendix B."""
    letter_i, less = report(0x0C, modifiers=2), report(0x36, modifiers=2)
    sent = letter_i + UP + (less + UP) * 43 + ENTER + UP
    (event,) = read(sent, silence=False)
    assert event == RowsRead(("I" + "<" * 43,), sent[:-8])


def test_the_rows_of_a_zone_come_one_by_one(td3, td1):
    for zone in (td3, td1):
        events = read(KeyboardDevice().present(zone), silence=False)
        assert [event.rows for event in events] == [(row,) for row in zone]
        assert all(len(event.raw) <= MAX_RAW for event in events)
    assert max(len(event.raw) for event in events) == 30 * 16 + 8


TYPINGS = [
    Typing(layout, row_end, caps, rolling, split, glitches, idle)
    for layout, row_end in itertools.product(LAYOUTS, ROW_END_KEYS)
    for caps, rolling, split, glitches, idle in
    [(False, False, False, 0, 1), (True, False, False, 3, 1), (False, True, False, 1, 2), (True, True, True, 2, 3)]
]


@pytest.mark.parametrize("typing", TYPINGS, ids=str)
def test_however_it_is_typed(td3, td1, typing):
    for zone in (td3, td1):
        events = read(KeyboardDevice(typing).present(zone), typing.layout)
        assert rows_of(events) == zone
        assert not [event for event in events if not isinstance(event, RowsRead)]


def test_split_at_every_offset(td1):
    sent = KeyboardDevice(Typing(rolling=True)).present(td1)
    for at in range(len(sent) + 1):
        codec = HidKeyboardCodec()
        events = codec.feed(sent[:at], 0.0) + codec.tick(0.1) + codec.feed(sent[at:], 0.2) + codec.tick(LATER)
        assert rows_of(events) == td1, at
        assert len(events) == 3


def test_byte_by_byte(td3):
    sent, codec = KeyboardDevice().present(td3), HidKeyboardCodec()
    assert rows_of([e for at in range(len(sent)) for e in codec.feed(sent[at : at + 1], 0.0)]) == td3


@pytest.mark.parametrize(("reader", "box"), [
    (reader, box) for reader, box in itertools.permutations(LAYOUTS, 2) if {reader, box} != {"us", "uk"}
])
def test_a_layout_that_is_not_the_readers_gives_no_readable_zone(td3, reader, box):
    """us and uk type a zone alike; from the others a row is lost, or has characters that no zone has."""
    rows = rows_of(read(KeyboardDevice(Typing(reader)).present(td3), box))
    assert not [row for row in rows if re.fullmatch("[A-Z0-9<]+", row)]


# Law 2: keys ---------------------------------------------------------------------------------------------------

def text_of(sent: bytes) -> str:
    """What was typed, through the one window there is: the codec's own line."""
    codec = HidKeyboardCodec()
    codec.feed(sent, 0.0)
    return "".join(codec._line)


def test_a_key_that_is_held_types_once():
    assert text_of(report(4) * 50) == "A"
    assert text_of(report(4) + report(4, 5) + report(4, 5, 6) + report(6)) == "ABC"


def test_the_same_key_twice_needs_to_be_absent_between():
    assert text_of(report(4) + UP + report(4)) == "AA"
    assert text_of(report(4) + report(5) + report(4)) == "ABA"
    assert text_of(report(4) + report(5, 4) + report(4, 5)) == "AB"


def test_several_keys_in_one_report_type_in_its_order():
    assert text_of(report(6, 4, 5)) == "CAB"
    assert text_of(report(4, 4, 4)) == "A"


def test_modifiers_without_keys_type_nothing():
    assert text_of(b"".join(report(modifiers=bit) for bit in range(256))) == ""


@pytest.mark.parametrize("error", [1, 2, 3])
def test_a_report_of_roll_over_changes_nothing(error):
    glitch = report(*[error] * 6)
    assert text_of(report(4) + glitch + report(4) + UP + glitch + report(4)) == "AA"


def test_locks_and_function_keys_type_nothing_and_unknown_usages_a_question():
    assert text_of(report(0x39) + UP + report(4) + UP + report(0x3A) + UP + report(0xA5)) == "A?"


def test_two_ends_and_a_key_in_one_report(td3):
    upper = typed(td3[0])
    events = read(upper + report(0x28, 0x04, 0x2B), silence=False)
    assert [type(event) for event in events] == [RowsRead, OtherBlock]
    assert read(upper + report(0x04, 0x28))[0].rows == (td3[0] + "A",)  # 45 characters: a doubled one, perhaps


# Law 3: ends -----------------------------------------------------------------------------------------------------

def test_ends_are_as_configured(td3):
    enter, tab = (KeyboardDevice(Typing(row_end=end)).present([td3[0]]) for end in ("enter", "tab"))
    for row_end, sent, silent in itertools.product(("auto", "enter", "tab", "none"), (enter, tab), (True, False)):
        ends = row_end == "auto" or (row_end, sent) in (("enter", enter), ("tab", tab))
        got = rows_of(read(sent, "us", row_end, silence=silent))
        assert got == ((td3[0],) if ends or silent else ()), (row_end, silent)


def test_empty_lines_are_none(td3):
    assert read((ENTER + UP) * 20) == []
    assert rows_of(read((ENTER + UP) * 3 + typed(td3[0]) + (ENTER + UP) * 3)) == (td3[0],)


def test_a_zone_typed_in_one_go_is_cut_into_its_rows(td3, td1):
    for zone in (td3, td1):
        (event,) = read(KeyboardDevice(Typing(row_end="none")).present(zone))
        assert event.rows == zone
    card = ("I<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<", "D231458907UTO7408122F1204159<<<<<<<6")
    assert rows_of(read(typed("".join(card)) + ENTER)) == card


@pytest.mark.parametrize("split_shift", [False, True])
def test_the_raw_of_a_zone_typed_in_one_go_is_all_of_its_reports(td1, td3, split_shift):
    """1,408 bytes and more; up to four reports a key."""
    for zone in (td3, td1):
        sent = KeyboardDevice(Typing(row_end="none", split_shift=split_shift)).present(["".join(zone)])
        (event,) = read(sent + ENTER)
        assert event.rows == zone
        assert event.raw == sent[8 * split_shift :] + ENTER  # from the first key on: not the Shift before it
        assert len(event.raw) >= 16 * len("".join(zone))


def test_the_raw_of_the_longest_line_at_four_reports_a_key_is_whole():
    keys = b"".join(
        report(modifiers=2) + report(4 + at % 20, modifiers=2) + report(modifiers=2) + UP for at in range(LINE_CAP - 1)
    )
    (event,) = read(keys + ENTER)
    assert (event.length, event.raw) == (len(keys), keys[8:] + ENTER)
    assert len(event.text) == LINE_CAP - 1
    assert len(event.raw) <= MAX_RAW


@pytest.mark.parametrize("reports", [MAX_RAW // 8, 3 * MAX_RAW // 8])
def test_a_row_of_more_reports_than_raw_holds_is_read_with_none_and_the_next_has_its_own(td3, reports):
    """Never half of them: the pass-through hands ``raw`` on."""
    shifts = (report(modifiers=2) + UP) * (reports // 2)
    row = typed(td3[0])
    (first, second) = read(row[:16] + shifts + row[16:] + ENTER + UP + typed(td3[1]) + ENTER)
    assert first == RowsRead((td3[0],), b"")
    assert second == RowsRead((td3[1],), typed(td3[1]) + ENTER)


def test_an_aim_identifier_before_a_row_is_no_part_of_it(td3):
    aim = b"".join(report(usage) + UP for usage in (0x30, 0x12, 0x1E))  # ]O1
    assert rows_of(read(aim + typed(td3[0]) + ENTER)) == (td3[0],)


@pytest.mark.parametrize("code", [
    "5901234123457", "M1ERIKSSON/ANNA       EABC123 ZRHUTO", "HTTPS://EXAMPLE.TEST/PASS", "ABC1234567", "A" * 90,
])
def test_a_bar_code_between_the_rows_is_another_block(td3, code):
    device = KeyboardDevice()
    events = read(device.present([td3[0], code, td3[1]]))
    assert [type(event) for event in events] == [RowsRead, OtherBlock, RowsRead]
    assert rows_of(events) == td3
    other = events[1]
    assert 16 * len(code) <= other.length <= 16 * len(code) + 16
    assert len(other.raw) == 16 * len(code) + 8  # with Enter's own report


def test_a_line_that_cannot_be_read_is_garbled():
    assert [type(event) for event in read(typed("????????AB") + ENTER)] == [Garbled]


def test_a_vendors_replacement_character_becomes_the_one_the_parser_knows(td3):
    damaged = "*" + td3[1][1:]
    assert rows_of(read(typed(damaged) + ENTER, error_characters="*")) == ("?" + damaged[1:],)


# Law 4: silence ----------------------------------------------------------------------------------------------------

def test_silence_ends_the_last_row(td3):
    codec = HidKeyboardCodec()
    codec.feed(typed(td3[0]), 1.0)
    assert codec.reading
    assert codec.next_timeout == 1.0 + GAP_S
    assert codec.tick(1.0 + GAP_S - 0.01) == []
    assert rows_of(codec.tick(1.0 + GAP_S)) == (td3[0],)
    assert not codec.reading
    assert codec.next_timeout is None


def test_half_a_row_and_silence_is_garbled_unless_silence_is_the_end(td3):
    half = typed(td3[0][:20])
    assert [type(event) for event in read(half)] == [Garbled]
    assert [type(event) for event in read(half, "us", "none")] == [OtherBlock]


def test_a_slow_typist_is_not_silent(td3):
    codec, events = HidKeyboardCodec(), []
    sent = KeyboardDevice().present(td3)
    for at in range(0, len(sent), 8):
        now = at / 8 * 0.9 * GAP_S
        events += codec.feed(sent[at : at + 8], now) + codec.tick(now)
    assert rows_of(events) == td3


def test_a_keyboard_that_repeats_what_it_said_is_silent(td3):
    """An idle rate that was not switched off: the last report comes again and again."""
    codec = HidKeyboardCodec()
    codec.feed(typed(td3[0]), 0.0)
    events = []
    for step in range(1, 20):
        events += codec.feed(UP, step * 0.1) + codec.tick(step * 0.1)
    assert rows_of(events) == (td3[0],)
    assert len(events) == 1


def test_a_process_held_up_between_two_keys_loses_nothing(td3):
    codec, sent = HidKeyboardCodec(), KeyboardDevice().present([td3[0]])
    events = codec.feed(sent[:200], 1.0)
    for at in range(200, len(sent), 8):  # a minute later, one report a read
        events += codec.feed(sent[at : at + 8], 61.0 + at / 1e6) + codec.tick(61.0 + at / 1e6)
    assert rows_of(events) == (td3[0],)


def test_a_part_of_a_report_is_dropped_by_silence_and_what_follows_is_aligned(td3):
    codec = HidKeyboardCodec()
    codec.feed(b"\x02\x00\x04", 0.0)
    assert codec.tick(GAP_S) == [Noise(3)]
    assert rows_of(codec.feed(KeyboardDevice().present(td3), 1.0)) == td3


def test_what_was_down_before_the_silence_is_still_known(td3):
    codec = HidKeyboardCodec()
    codec.feed(report(4), 0.0)
    codec.tick(LATER)
    assert codec.feed(report(4), LATER) == []
    assert not codec.reading


# Floods --------------------------------------------------------------------------------------------------------------

def test_flooded(td3):
    codec, source, events = HidKeyboardCodec(), random.Random(5), []
    for _ in range(256):
        events += codec.feed(source.randbytes(8192), 1.0)
        assert len(codec._line) < LINE_CAP
        assert len(codec._raw) <= MAX_RAW
    assert rows_of(events) == ()
    assert codec.framer.buffer.highest <= BUFFER_CAP
    codec.tick(LATER)
    assert rows_of(codec.feed(KeyboardDevice().present(td3), LATER)) == td3


def test_a_cat_on_the_keyboard_is_garbled_and_bounded():
    events = read((report(4) + UP) * 5000)
    assert {type(event) for event in events} == {Garbled}
    assert 5000 // LINE_CAP <= len(events) <= 5000 // LINE_CAP + 1


def test_no_repr_shows_what_was_read(td3):
    (read_one, *_) = read(KeyboardDevice().present(td3))
    assert not re.search("ERIKSSON|0000", repr(read_one))


KEYS = st.lists(st.sampled_from([0, 1, 4, 0x0C, 0x28, 0x2B, 0x36, 0x39, 0x64, 0xA5]), max_size=6)
REPORTS = st.lists(st.tuples(KEYS, st.sampled_from([0, 2, 0x40])), max_size=60).map(
    lambda reports: b"".join(report(*usages, modifiers=modifiers) for usages, modifiers in reports)
)


@given(data=REPORTS | st.binary(max_size=500), cuts=st.lists(st.integers(0, 500), max_size=6))
def test_any_bytes_in_any_pieces_give_the_same(data, cuts):
    places = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    codec, pieces = HidKeyboardCodec(), []
    for a, b in itertools.pairwise(places):
        pieces += codec.feed(data[a:b], 0.0)
    assert pieces + codec.tick(LATER) == read(data)


ROW = st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789<", min_size=42, max_size=42).map(lambda text: "P<" + text)


@given(
    rows=st.lists(ROW.filter(lambda row: row.count("<") > 1), min_size=1, max_size=3),
    typing=st.builds(
        Typing, layout=st.sampled_from(LAYOUTS), row_end=st.sampled_from(["enter", "tab", "both", "keypad-enter"]),
        caps_lock=st.booleans(), rolling=st.booleans(), split_shift=st.booleans(),
        glitch_every=st.integers(0, 5), idle=st.integers(1, 3),
    ),
)
def test_round_trip(rows, typing):
    assert rows_of(read(KeyboardDevice(typing).present(rows), typing.layout, silence=False)) == tuple(rows)


# Settings ---------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize(("key", "value"), [
    ("layout", "dvorak"), ("row_end", "escape"), ("baud", 9600), ("gap_s", 0), ("port", ""), ("port", "usb:12:34"),
])
def test_a_wrong_setting_is_named(key, value):
    with pytest.raises(BadSetting) as caught:
        build("north", {"port": "usb:1209:0001", key: value}, lambda: 0.0, Tier.VIRTUAL)
    assert caught.value.key == key


def test_there_is_no_line_to_set():
    assert set(Settings.__struct_fields__) == {
        "port", "layout", "layout_checked", "row_end", "gap_s", "error_characters",
    }
    made = build("north", {"port": "usb:1209:0001:SN1@1-1.2"}, lambda: 0.0, Tier.VIRTUAL)
    assert made.status().port == "usb:1209:0001:SN1@1-1.2"
