"""Which character a key of a USB keyboard types, by layout: us, uk, fr, de.

Sources: usage ids from USB "HID Usage Tables" 1.12, keyboard page 07; characters from the xkeyboard-config symbols us,
gb, fr and de (basic, with what they include). Where ``<`` is: us and uk 36 with Shift, fr and de 64. (64 is the key
beside the left Shift; by note 3 of the usage tables it is ``<`` in French and German, a backslash in British English.)
Laws:
1. Letters are capitals, with Shift or without: a zone has no others, and whether Caps Lock is on is not known.
2. A key that types no ASCII character (a letter with an accent, a sign of money) gives ``?``; so does any key with
   Ctrl, Alt, AltGr or GUI held, and any usage that is in no table: a character was meant, and could not be read. But
   for ``]`` of French and German keyboards, typed with AltGr: it begins an AIM identifier.
3. US keyboards lack the key 64, and here it gives ``?`` (Linux would make it ``<``): a German reader on a box set to us
   must not pass for a good one that merely swaps Y and Z in names, which no check digit covers.
4. Keys that type nothing on any keyboard (locks, function keys, arrows) give nothing.
"""

from __future__ import annotations

import re
from types import MappingProxyType

UNREADABLE = "?"
ENTER, KEYPAD_ENTER, TAB = 0x28, 0x58, 0x2B
SHIFTS = 0x22  # bits of the modifier byte: left and right Shift
OTHER_MODIFIERS = 0xDD  # Ctrl, Alt, AltGr, GUI
ALT_GR = 0x40
BRACKETS = {"fr": 0x2D, "de": 0x26}  # the key that types ] with AltGr
SILENT = frozenset({0x29, 0x39, *range(0x3A, 0x54), 0x65, *range(0x68, 0x74), *range(0xE0, 0xE8)})
# Escape, Caps Lock, F1-F12 to Num Lock, application, F13-F24, modifiers sent as keys

# The usages of a keyboard's four rows from left to right, as a US keyboard is engraved:
# ` 1234567890 - =   qwertyuiop [ ]   asdfghjkl ; ' and the key beside Enter   key beside Shift, zxcvbnm , . /
ROWS = (
    bytes.fromhex("35 1e1f2021222324252627 2d 2e"),
    bytes.fromhex("14 1a 08 15 17 1c 18 0c 12 13 2f 30"),
    bytes.fromhex("04 16 07 09 0a 0b 0d 0e 0f 33 34 31"),
    bytes.fromhex("64 1d 1b 06 19 05 11 10 36 37 38"),
)
# Four rows without Shift, four with it; one character a key, NUL where there is no key. Dead keys are their accent.
SYMBOLS: dict[str, tuple[str, ...]] = {
    "us": (
        "`1234567890-=", "qwertyuiop[]", "asdfghjkl;'\\", "\0zxcvbnm,./",
        "~!@#$%^&*()_+", "QWERTYUIOP{}", "ASDFGHJKL:\"|", "\0ZXCVBNM<>?",
    ),
    "uk": (
        "`1234567890-=", "qwertyuiop[]", "asdfghjkl;'#", "\\zxcvbnm,./",
        "¬!\"£$%^&*()_+", "QWERTYUIOP{}", "ASDFGHJKL:@~", "|ZXCVBNM<>?",
    ),
    "fr": (
        "²&é\"'(-è_çà)=", "azertyuiop^$", "qsdfghjklmù*", "<wxcvbn,;:!",
        "~1234567890°+", "AZERTYUIOP¨£", "QSDFGHJKLM%µ", ">WXCVBN?./§",
    ),
    "de": (
        "^1234567890ß´", "qwertzuiopü+", "asdfghjklöä#", "<yxcvbnm,.-",
        "°!\"§$%&/()=?`", "QWERTZUIOPÜ*", "ASDFGHJKLÖÄ'", ">YXCVBNM;:_",
    ),
}
KEYPAD = dict(zip(range(0x54, 0x64), "/*-+\r1234567890.", strict=True))  # Num Lock taken as on; 58 is its Enter
NUMBER_ROW = range(0x1E, 0x28)  # 1 to 9, then 0
MOVED = re.compile("[AMQWYZ]", re.IGNORECASE)  # letters that are not on the same key in every layout
SPACE = 0x2C
SAME_KEY = 0x32  # the key beside Enter on ISO keyboards: hosts treat it as 31


def _keys(symbols: tuple[str, ...]) -> dict[tuple[int, bool], str]:
    """(usage, Shift held) -> the character, for every key of a layout that types one."""
    keys: dict[tuple[int, bool], str] = {}
    for shifted, rows in ((False, symbols[:4]), (True, symbols[4:])):
        for usages, characters in zip(ROWS, rows, strict=True):
            for usage, character in zip(usages, characters, strict=True):
                keys[usage, shifted] = character.upper() if " " < character <= "~" else UNREADABLE
        keys[SAME_KEY, shifted] = keys[0x31, shifted]
        keys[SPACE, shifted] = " "
        keys |= {(usage, shifted): character for usage, character in KEYPAD.items() if usage != KEYPAD_ENTER}
    return keys


LAYOUTS = MappingProxyType({name: MappingProxyType(_keys(symbols)) for name, symbols in SYMBOLS.items()})


def typed(layout: str, usage: int, modifiers: int) -> str:
    """What pressing the key ``usage`` (4 to 255) types while ``modifiers`` (the report's first byte) are held.

    One character, or "" for a key that types none. ``layout``: a name in LAYOUTS. Terminators are not asked for here.
    """
    if usage in SILENT:
        return ""
    if modifiers == ALT_GR and usage == BRACKETS.get(layout):
        return "]"
    if modifiers & OTHER_MODIFIERS:
        return UNREADABLE
    return LAYOUTS[layout].get((usage, bool(modifiers & SHIFTS)), UNREADABLE)
