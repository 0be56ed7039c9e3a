"""A keyboard wedge whose settings are not those of the box: row ends and layouts that differ."""

from __future__ import annotations

import itertools

import pytest

from drivers.api import Tier
from drivers.framing import Garbled, OtherBlock, RowsRead
from drivers.hid_keyboard import ROW_ENDS, HidKeyboardCodec, build
from drivers.hid_layouts import LAYOUTS, MOVED
from drivers.profiles import load
from drivers.virtual.keyboard_device import KeyboardDevice, Typing, key_of

LATER = 99.0
FRENCH = ("P<FRAADAQUIN<<LAURA<<<<<<<<<<<<<<<<<<<<<<<<<", "L898902C36FRA7408122F1204159ZE184226B<<<<<10")
SHARED_FILLER = [("fr", "de"), ("de", "fr")]  # the readers whose key of < is the box's too, while letters differ


def hear(codec: HidKeyboardCodec, *lines: str, layout: str = "us", row_end: str = "enter") -> list:
    """The reader types; then silence."""
    sent = KeyboardDevice(Typing(layout=layout, row_end=row_end)).present(lines)
    return codec.feed(sent, 0.0) + codec.tick(LATER)


def rows_of(events: list) -> tuple[str, ...]:
    return tuple(row for event in events if isinstance(event, RowsRead) for row in event.rows)


# Row ends --------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("configured", ROW_ENDS)
@pytest.mark.parametrize("typed", ["enter", "keypad-enter", "tab", "both"])
def test_a_row_end_that_is_not_configured_is_no_character(td3, td1, configured, typed):
    """Where none is left, the zone comes in one go, and is cut into its rows; never into rows of another document."""
    for zone in (td3, td1):
        events = hear(HidKeyboardCodec("us", configured), *zone, row_end=typed)
        assert rows_of(events) == zone
        assert not [event for event in events if not isinstance(event, RowsRead)]


def test_a_tab_within_a_bar_code_is_no_character_where_enter_ends_it():
    codec = HidKeyboardCodec("us", "enter")
    (event,) = hear(codec, "ABC1234567", row_end="both")
    assert isinstance(event, OtherBlock)


def test_the_profile_of_a_reader_whose_row_end_is_a_guess_takes_any():
    assert load().find("access-is-keyboard").settings["row_end"] == "auto"


# Layouts -----------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize(("reader", "box"), SHARED_FILLER)
def test_the_row_of_dates_in_another_layout_is_garbled_and_the_status_says_why(reader, box):
    codec = HidKeyboardCodec(box)
    (event,) = hear(codec, FRENCH[1], layout=reader)
    assert isinstance(event, Garbled)
    (event,) = hear(HidKeyboardCodec(box), *FRENCH, layout=reader, row_end="none")  # the same, in one go
    assert isinstance(event, Garbled)
    assert box in codec.facts["remark"]


@pytest.mark.parametrize(("reader", "box"), SHARED_FILLER)
def test_after_it_no_name_reads_clean_and_wrong(reader, box):
    codec = HidKeyboardCodec(box)
    hear(codec, *FRENCH, layout=reader)
    (row,) = rows_of(hear(codec, *FRENCH, layout=reader))
    assert "?" in row
    assert all(got in (sent, "?") for got, sent in zip(row, FRENCH[0], strict=True))


@pytest.mark.parametrize(("reader", "box"), SHARED_FILLER)
def test_a_reader_set_right_again_is_believed_with_its_first_row_of_dates(reader, box):
    codec = HidKeyboardCodec(box)
    hear(codec, *FRENCH, layout=reader)
    assert rows_of(hear(codec, *FRENCH, layout=box))[1] == FRENCH[1]
    assert "remark" not in codec.facts
    assert rows_of(hear(codec, *FRENCH, layout=box)) == FRENCH


@pytest.mark.parametrize("box", LAYOUTS)
def test_a_reader_of_the_boxs_own_layout_is_never_suspected(box, td1):
    codec = HidKeyboardCodec(box)
    for lines in (FRENCH, td1, ["5901234123457"], ["A-B-C-D-E-F-G-H-I"], ["M1ERIKSSON/ANNA       EABC123 ZRHUTO"]):
        events = hear(codec, *lines, layout=box)
        assert not [event for event in events if isinstance(event, Garbled)]
    assert "remark" not in codec.facts


@pytest.mark.parametrize("reader", ["us", "uk", "de"])
def test_an_article_number_of_another_layout_is_no_bar_code_on_a_french_box(reader):
    (event,) = hear(HidKeyboardCodec("fr"), "5901234123457", layout=reader)
    assert isinstance(event, Garbled)


def test_letters_that_moved_are_those_on_different_keys():
    moved = {
        letter for letter in "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
        if len({key_of(layout, letter) for layout in LAYOUTS}) > 1
    }
    assert moved == set(MOVED.findall("ABCDEFGHIJKLMNOPQRSTUVWXYZ"))


@pytest.mark.parametrize(("reader", "box"), [
    pair for pair in itertools.permutations(LAYOUTS, 2) if set(pair) not in ({"us", "uk"}, {"fr", "de"})
])
def test_between_all_other_layouts_the_fillers_show_it(reader, box, td1):
    """A row of a zone with fillers has characters that no zone has, or is no row at all."""
    for zone in (FRENCH, td1):
        assert all(set(row) & set("?;.,\\") for row in rows_of(hear(HidKeyboardCodec(box), *zone, layout=reader)))


def test_the_remark_reaches_the_status():
    made = build("north", {"port": "usb:1209:0001", "layout": "fr"}, lambda: 0.0, Tier.VIRTUAL)
    codec = made._codec
    hear(codec, FRENCH[1], layout="de")
    assert "layout" in made.status().remark


# Digits of the keypad, which are the same in every layout -----------------------------------------------------------

SWAPPED = ("P<UTOQUARA<<AZIZA<<<<<<<<<<<<<<<<<<<<<<<<<<<", "L898902C36UTO7408122F1204159ZE184226B<<<<<10")
NUMBERS, KEYPAD = 0x1E, 0x59  # the usage of 1; both go on to 9, then 0


def on_the_keypad(sent: bytes) -> bytes:
    """The same reports, digits typed as keys of the keypad (without Shift)."""
    out = bytearray()
    for at in range(0, len(sent), 8):
        report, usage = sent[at : at + 8], sent[at + 2]
        digit = NUMBERS <= usage < NUMBERS + 10
        out += bytes((0, 0, usage - NUMBERS + KEYPAD)).ljust(8, b"\x00") if digit else report
    return bytes(out)


def reports(rows: tuple[str, ...], layout: str, row_end: str = "enter") -> bytes:
    return KeyboardDevice(Typing(layout=layout, row_end=row_end)).present(rows)


@pytest.mark.parametrize(("reader", "box"), [*SHARED_FILLER, ("de", "de"), ("fr", "fr")])
@pytest.mark.parametrize("row_end", ["enter", "none"])
def test_keypad_digits_prove_no_layout(reader, box, row_end):
    """A French reader on a box set to German would read QUARA, AZIZA for AUQRQ, QWIWQ, and nothing would be amiss."""
    codec = HidKeyboardCodec(box)
    for now in (1.0, 100.0):
        events = codec.feed(on_the_keypad(reports(SWAPPED, reader, row_end)), now) + codec.tick(now + LATER)
        rows = rows_of(events)
        assert len(rows) == 2
        assert not MOVED.search("".join(rows))
        assert rows[0].count("?") >= 6
        assert rows[1][10:] == SWAPPED[1][10:].replace("Z", "?")  # a whole zone all the same: the officer types it
        assert "layout_checked" in codec.facts["remark"]


@pytest.mark.parametrize("layout", ["fr", "de"])
@pytest.mark.parametrize("step", [8, 4096])
@pytest.mark.parametrize("zone", [SWAPPED, ("I<UTOD231458907<<<<<<<<<<<<<<<", "7408122F1204159UTO<<<<<<<<<<<6",
                                           "QUARA<<AZIZA<<<<<<<<<<<<<<<<<<")])
def test_no_right_reader_loses_a_read_by_it(layout, step, zone):
    """The name row waits for the digits of the next one, at the first document after opening alone."""
    codec, sent = HidKeyboardCodec(layout), reports(zone, layout)
    for _ in range(2):
        events = [event for at in range(0, len(sent), step) for event in codec.feed(sent[at : at + step], 1.0)]
        assert rows_of(events) == zone
        assert not codec.facts.get("remark")
    at = len(reports(zone[:1], layout))
    assert rows_of(codec.feed(sent[:at], 2.0)) == zone[:1]  # at once


@pytest.mark.parametrize("layout", ["fr", "de"])
def test_a_layout_that_was_checked_is_believed(layout):
    sent = on_the_keypad(reports(SWAPPED, layout))
    assert rows_of(HidKeyboardCodec(layout, layout_checked=True).feed(sent, 1.0)) == SWAPPED


@pytest.mark.parametrize("layout", ["us", "uk"])
def test_where_no_other_layout_shares_the_filler_keypad_digits_are_digits(layout):
    codec = HidKeyboardCodec(layout)
    assert rows_of(codec.feed(on_the_keypad(reports(SWAPPED, layout)), 1.0)) == SWAPPED


def test_a_name_row_that_nothing_follows_is_given_after_the_silence():
    codec = HidKeyboardCodec("de")
    assert codec.feed(reports(SWAPPED[:1], "de"), 1.0) == []
    assert codec.reading
    assert codec.next_timeout == 1.5
    assert rows_of(codec.tick(1.5)) == (MOVED.sub("?", SWAPPED[0]),)
    assert not codec.reading
    assert codec.next_timeout is None
