"""What a keyboard reader typed that is no zone: its text, for an officer's PC that wants text."""

from __future__ import annotations

import string
import time
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.api import DocumentRead, OtherRead, Tier
from drivers.framing import OtherBlock, RowsRead
from drivers.hid_keyboard import HidKeyboardCodec
from drivers.reader import FramedReader
from drivers.virtual.keyboard_device import LAYOUTS, ROW_END_KEYS, KeyboardDevice, Typing
from edge.passthrough import in_form

UP = bytes(8)
ENTER = bytes.fromhex("0000280000000000")
BOARDING_PASS = "M1ERIKSSON/ANNA       EABC123 ARNLHRXX 0123 226Y012A0001 100"
LETTERS = {letter: 0x04 + at for at, letter in enumerate(string.ascii_lowercase)}  # HID usage tables, page 07
DIGITS = {digit: 0x1E + at for at, digit in enumerate("1234567890")}


def by_hand(text: str) -> bytes:
    """Letters and digits on a US keyboard: a capital with Shift."""
    out = b""
    for one in text:
        usage = LETTERS.get(one.lower()) or DIGITS[one]
        out += bytes((0x02 if one.isupper() else 0, 0, usage)).ljust(8, b"\x00") + UP
    return out


def other(sent: bytes, layout: Any = "us", row_end: Any = "auto", **more: Any) -> OtherBlock:
    codec = HidKeyboardCodec(layout, row_end, **more)
    (event,) = codec.feed(sent, 0.0) + codec.tick(99.0)
    assert isinstance(event, OtherBlock)
    return event


class Line:
    """The reports, as a port gives them."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def read(self, size: int, wait_s: float) -> bytes:
        now, self._data = self._data[:size], self._data[size:]
        return now

    def write(self, data: bytes) -> None:
        assert not data

    rest = wake = reset = close = lambda *_: None


def to_the_pc(sent: bytes, form: Literal["frame", "text"]) -> bytes:
    """What the officer's PC gets for what a keyboard reader typed."""
    reader = FramedReader(
        name="keys-1", driver="hid_keyboard", tier=Tier.VIRTUAL, port="usb:1a2b:0001", clock=time.monotonic,
        codec=HidKeyboardCodec, connect=lambda: Line(sent),
    )
    reader.open()
    read = reader.read(0.0)
    assert isinstance(read, DocumentRead | OtherRead)
    assert "EABC123" not in repr(read)
    return in_form(read, form)


def test_the_pc_gets_the_text_of_a_bar_code_and_the_reports_only_as_frames() -> None:
    sent = KeyboardDevice(Typing()).present([BOARDING_PASS])
    assert to_the_pc(sent, "text") == BOARDING_PASS.encode() + b"\r"
    assert to_the_pc(sent, "frame") == sent.removesuffix(UP)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("row_end", ROW_END_KEYS)
def test_in_every_layout_and_however_the_line_ends(layout: str, row_end: str) -> None:
    sent = KeyboardDevice(Typing(layout, row_end, rolling=True, glitch_every=3, idle=2)).present([BOARDING_PASS])
    assert other(sent, layout, "none" if row_end == "none" else "auto").text == BOARDING_PASS


@given(st.text(string.ascii_letters + string.digits, min_size=1, max_size=25))
def test_letters_are_as_they_were_typed(text: str) -> None:
    block = other(by_hand(text) + ENTER)
    assert block.text == text
    assert block.raw == by_hand(text) + ENTER


def test_an_error_character_of_rows_is_itself_in_a_bar_code() -> None:
    sent = KeyboardDevice(Typing()).present(["AB*5901234123457*"])
    assert other(sent, error_characters="*").text == "AB*5901234123457*"


def test_a_key_without_a_character_is_a_question_mark() -> None:
    altgr = bytes((0x40, 0, LETTERS["e"])).ljust(8, b"\x00")
    assert other(by_hand("Ab") + altgr + UP + by_hand("12") + ENTER).text == "Ab?12"


def test_what_a_line_before_it_held_is_not_in_it() -> None:
    codec = HidKeyboardCodec()
    first, second = codec.feed(by_hand("one1") + ENTER + UP + by_hand("Two2") + ENTER, 0.0)
    assert isinstance(first, OtherBlock)
    assert isinstance(second, OtherBlock)
    assert (first.text, second.text) == ("one1", "Two2")


def test_a_text_whose_reports_were_too_many_goes_to_the_pc_all_the_same() -> None:
    assert in_form(OtherRead("keys-1", b"", 1.0, "5901234123457"), "text") == b"5901234123457\r"
    assert in_form(OtherRead("keys-1", b"", 1.0, "5901234123457"), "frame") == b""


# What says that it is a bar code -------------------------------------------------------------------------------------

BRACKET = {"us": (0, 0x30), "uk": (0, 0x30), "fr": (0x40, 0x2D), "de": (0x40, 0x26)}  # modifiers, usage of ]
ROWS = ("P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<", "L898902C36UTO7408122F1204159ZE184226B<<<<<10")


def with_aim(layout: Any, letter: str, *lines: str) -> bytes:
    """``]`` and the letter (as it is: ``o`` without Shift) before the first line."""
    modifiers, usage = BRACKET[layout]
    aim = bytes((modifiers, 0, usage)).ljust(8, b"\x00") + UP
    aim += bytes((2 if letter.isupper() else 0, 0, LETTERS["a" if (layout, letter) == ("fr", "Q") else letter.lower()])
                 ).ljust(8, b"\x00") + UP
    return aim + KeyboardDevice(Typing(layout)).present(["1" + lines[0], *lines[1:]])


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("lines", [ROWS, ("X", *ROWS)])
def test_a_bar_code_that_says_it_is_one_is_no_document_to_its_end(layout: Any, lines: tuple[str, ...]) -> None:
    sent = with_aim(layout, "Q", *lines)
    for step in (8, len(sent)):
        codec, events = HidKeyboardCodec(layout), []
        for at in range(0, len(sent), step):
            events += codec.feed(sent[at : at + step], 1.0)
        assert [type(event) for event in events] == [OtherBlock] * len(lines)
        after = codec.feed(KeyboardDevice(Typing(layout)).present(ROWS), 2.0)
        assert [event.rows for event in after if isinstance(event, RowsRead)] == [(row,) for row in ROWS]


@pytest.mark.parametrize("layout", LAYOUTS)
def test_what_says_that_it_is_ocr_is_a_document(layout: Any) -> None:
    events = HidKeyboardCodec(layout).feed(with_aim(layout, "o", *ROWS), 1.0)
    assert [event.rows for event in events if isinstance(event, RowsRead)] == [(row,) for row in ROWS]


def test_a_bar_code_longer_than_any_line_is_no_document_behind_its_cut_either() -> None:
    events = HidKeyboardCodec().feed(with_aim("us", "Q", "A" * 600, *ROWS), 1.0)
    assert not [event for event in events if isinstance(event, RowsRead)]
