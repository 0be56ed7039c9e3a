"""Layouts of keyboards against the tables of xkeyboard-config (xkb_keys.txt), and the virtual typist against both."""

from __future__ import annotations

from pathlib import Path

import pytest

from drivers.hid_layouts import LAYOUTS, SILENT, typed
from drivers.virtual import keyboard_device

NAMES = ("us", "uk", "fr", "de")
SHIFT, RIGHT_SHIFT, CTRL, ALTGR = 0x02, 0x20, 0x01, 0x40
# Names of key symbols that are ASCII characters; each accent stands for its dead key. All others are none.
ASCII = {
    "ampersand": "&", "apostrophe": "'", "asciicircum": "^", "asciitilde": "~", "asterisk": "*", "at": "@",
    "backslash": "\\", "bar": "|", "braceleft": "{", "braceright": "}", "bracketleft": "[", "bracketright": "]",
    "colon": ":", "comma": ",", "dead_circumflex": "^", "dead_grave": "`", "dollar": "$", "equal": "=", "exclam": "!",
    "grave": "`", "greater": ">", "less": "<", "minus": "-", "numbersign": "#", "parenleft": "(", "parenright": ")",
    "percent": "%", "period": ".", "plus": "+", "question": "?", "quotedbl": '"', "semicolon": ";", "slash": "/",
    "underscore": "_",
}


def keys() -> list[tuple[int, str, str, str]]:
    """(usage, layout, symbol without Shift, symbol with it) of every key of every layout."""
    found = []
    for line in Path(__file__).with_name("xkb_keys.txt").read_text("utf-8").splitlines():
        if not line.startswith("#"):
            _, usage, *pairs = line.split()
            found += [(int(usage, 16), name, *pair.split(",")) for name, pair in zip(NAMES, pairs, strict=True)]
    return found


def meant(symbol: str) -> str:
    return symbol.upper() if len(symbol) == 1 else ASCII.get(symbol, "?")


def test_every_key_of_every_layout_types_what_xkeyboard_config_says():
    assert len(keys()) == 48 * 4
    for usage, layout, plain, shifted in keys():
        assert typed(layout, usage, 0) == meant(plain), (layout, hex(usage))
        assert typed(layout, usage, SHIFT) == typed(layout, usage, RIGHT_SHIFT) == meant(shifted), (layout, hex(usage))


@pytest.mark.parametrize(("layout", "usage", "modifiers"), [
    ("us", 0x36, SHIFT), ("uk", 0x36, SHIFT), ("fr", 0x64, 0), ("de", 0x64, 0),
])
def test_where_the_filler_is(layout, usage, modifiers):
    assert typed(layout, usage, modifiers) == "<"


def test_the_key_beside_the_left_shift_is_a_backslash_in_british_english():
    assert typed("uk", 0x64, 0) == "\\"


def test_a_reader_set_to_another_layout_is_seen_by_its_fillers():
    """Y and Z are swapped between German and US keyboards, in names that no check digit covers."""
    assert typed("us", 0x64, 0) == typed("us", 0x64, SHIFT) == "?"
    assert typed("de", 0x36, SHIFT) != "<" != typed("fr", 0x36, SHIFT)


@pytest.mark.parametrize("layout", NAMES)
def test_every_character_of_a_zone_can_be_typed_in_one_way_by_the_main_keys(layout):
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789<?"
    ways = {typed(layout, usage, modifiers) for usage in range(4, 0x65) for modifiers in (0, SHIFT)}
    assert set(alphabet) <= ways
    for character in alphabet:
        shift, usage = keyboard_device.key_of(layout, character)
        assert typed(layout, usage, SHIFT if shift else 0) == character
    for character in " /-.*_":
        shift, usage = keyboard_device.key_of(layout, character)
        assert typed(layout, usage, SHIFT if shift else 0) == character


@pytest.mark.parametrize("layout", NAMES)
def test_letters_are_capitals_without_shift_too(layout):
    for letter in "ABCDEFGHIJKLMNOPQRSTUVWXYZ":
        _, usage = keyboard_device.key_of(layout, letter)
        assert typed(layout, usage, 0) == letter


@pytest.mark.parametrize("layout", NAMES)
def test_the_keypad_and_the_space_bar_are_alike_everywhere(layout):
    assert "".join(typed(layout, usage, 0) for usage in range(0x59, 0x63)) == "1234567890"
    assert typed(layout, 0x2C, 0) == typed(layout, 0x2C, SHIFT) == " "
    assert typed(layout, 0x32, 0) == typed(layout, 0x31, 0)


@pytest.mark.parametrize("modifiers", [CTRL, 0x04, 0x08, 0x10, ALTGR, 0x80, ALTGR | SHIFT])
def test_with_other_modifiers_a_character_was_meant_that_we_do_not_know(modifiers):
    assert typed("us", 0x04, modifiers) == "?"


def test_keys_that_type_nothing_and_usages_that_nobody_knows():
    for usage in range(4, 256):
        character = typed("us", usage, 0)
        assert (character == "") == (usage in SILENT)
        assert len(character) <= 1
    assert typed("us", 0x39, 0) == ""  # Caps Lock
    assert typed("us", 0xA5, 0) == "?"


def test_no_layout_can_be_changed():
    with pytest.raises(TypeError):
        LAYOUTS["us"][0x04, False] = "B"  # type: ignore[index]
