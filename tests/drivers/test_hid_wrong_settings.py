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
