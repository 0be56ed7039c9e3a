"""A reader that types what it reads like a USB keyboard: rows in, boot reports out.

Laws (USB "Device Class Definition for HID" 1.11, appendix B and C; "HID Usage Tables" 1.12, page 07):
1. A report is eight bytes: modifiers (bit 1: left Shift), a zero, then the usages of up to six keys that are down.
2. A key that is typed is a report with it and one without it. The same key twice needs the second; different keys do
   not (``rolling``: the next key comes down as the one before goes up).
3. More keys than six are told as roll-over: every usage is 01. A report may be repeated while nothing changes.
4. ``<`` is Shift and 36 on US and British keyboards, and 64 on French and German ones. French digits need Shift; French
   A, Q, W, Z, M and German Y, Z sit elsewhere.
5. With Caps Lock on, letters come without Shift; the key is 39.

What is typed differs by vendor and is an option: the layout that the reader was set to, the key after each row.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from drivers.virtual.device import SendsUnasked

LEFT_SHIFT = 0x02
CAPS_LOCK, ROLL_OVER = 0x39, 0x01
ROW_END_KEYS = {"enter": (0x28,), "keypad-enter": (0x58,), "tab": (0x2B,), "both": (0x2B, 0x28), "none": ()}

# Where a US keyboard has its letters and digits: A is 04 ... Z is 1D, 1 is 1E ... 9 is 26, 0 is 27.
_US = {chr(0x41 + at): (True, 0x04 + at) for at in range(26)} | {str(at): (False, 0x1D + at) for at in range(1, 10)}
_US |= {"0": (False, 0x27), " ": (False, 0x2C)}
_PUNCTUATION = {
    "us": {"<": (True, 0x36), "?": (True, 0x38), "/": (False, 0x38), "-": (False, 0x2D), ".": (False, 0x37),
           "*": (True, 0x25), "_": (True, 0x2D)},
    "uk": {"<": (True, 0x36), "?": (True, 0x38), "/": (False, 0x38), "-": (False, 0x2D), ".": (False, 0x37),
           "*": (True, 0x25), "_": (True, 0x2D)},
    "fr": {"<": (False, 0x64), "?": (True, 0x10), "/": (True, 0x37), "-": (False, 0x23), ".": (True, 0x36),
           "*": (False, 0x31), "_": (False, 0x25)},
    "de": {"<": (False, 0x64), "?": (True, 0x2D), "/": (True, 0x24), "-": (False, 0x38), ".": (False, 0x37),
           "*": (True, 0x30), "_": (True, 0x38)},
}
_MOVED = {
    "us": {}, "uk": {},
    "fr": {"A": 0x14, "Q": 0x04, "Z": 0x1A, "W": 0x1D, "M": 0x33},
    "de": {"Y": 0x1D, "Z": 0x1C},
}  # fmt: skip
LAYOUTS = tuple(_PUNCTUATION)


def key_of(layout: str, character: str) -> tuple[bool, int]:
    """(Shift held, usage) for a character; one that the layout's table lacks is typed as ``?``."""
    table = _PUNCTUATION[layout]
    if character in table:
        return table[character]
    if character in _MOVED[layout]:
        return True, _MOVED[layout][character]
    if character not in _US:
        return table["?"]
    shift, usage = _US[character]
    return (True, usage) if layout == "fr" and character.isdigit() else (shift, usage)


@dataclass(frozen=True, slots=True)
class Typing:
    """How this vendor types. ``glitch_every``: a report of roll-over after so many keys (0: never); ``idle``: each
    report comes so many times; ``split_shift``: Shift goes down and up in reports of its own."""

    layout: str = "us"
    row_end: str = "enter"
    caps_lock: bool = False
    rolling: bool = False
    split_shift: bool = False
    glitch_every: int = 0
    idle: int = 1


class KeyboardDevice(SendsUnasked):
    """The reader: it types each document once, when it is laid down."""

    def __init__(self, typing: Typing | None = None) -> None:
        self._typing = typing or Typing()

    def present(self, lines: Sequence[str]) -> bytes:
        """Type the rows, each with the key that ends it."""
        typing = self._typing
        strokes: list[tuple[bool, int]] = []
        if typing.caps_lock:
            strokes.append((False, CAPS_LOCK))
        for line in lines:
            strokes += [self._stroke(character) for character in line]
            strokes += [(False, usage) for usage in ROW_END_KEYS[typing.row_end]]
        if typing.caps_lock:
            strokes.append((False, CAPS_LOCK))
        return self._reports(strokes)

    def _stroke(self, character: str) -> tuple[bool, int]:
        shift, usage = key_of(self._typing.layout, character)
        return shift and not (self._typing.caps_lock and character.isalpha()), usage

    def _reports(self, strokes: Sequence[tuple[bool, int]]) -> bytes:
        """Laws 1 to 3."""
        typing, out = self._typing, b""
        for at, (shift, usage) in enumerate(strokes):
            modifiers = LEFT_SHIFT if shift else 0
            if shift and typing.split_shift:
                out += self._report(modifiers)
            out += self._report(modifiers, usage)
            if typing.glitch_every and at % typing.glitch_every == 0:
                out += self._report(modifiers, *[ROLL_OVER] * 6)
            same_next = at + 1 < len(strokes) and strokes[at + 1][1] == usage
            if not typing.rolling or same_next or at + 1 == len(strokes):
                if shift and typing.split_shift:
                    out += self._report(modifiers)
                out += self._report(0)
        return out

    def _report(self, modifiers: int, *usages: int) -> bytes:
        return bytes((modifiers, 0, *usages)).ljust(8, b"\x00") * self._typing.idle
