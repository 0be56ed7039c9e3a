"""Keystrokes of a keyboard reader, as characters that can be replaced where they stand.

Laws:
1. A key types when it goes down, as in drivers.hid_keyboard; it is replaced in every report in which it is held.
2. A letter becomes a letter and a digit a digit of the same Shift, so no report changes but in its usages.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from drivers.hid_keyboard import ERRORS, REPORT
from drivers.hid_layouts import ENTER, KEYPAD_ENTER, LAYOUTS, SHIFTS, TAB, typed
from drivers.masked_rows import Invention
from drivers.trace import Entry

ENDS = frozenset({ENTER, KEYPAD_ENTER, TAB})
WORD = re.compile("[A-Z0-9]+")
BOARDING = re.compile("(?:^|\n)([MS][1-9])(?=[A-Z])")  # IATA: format code and legs


@dataclass(frozen=True, slots=True)
class Key:
    """One character, and where its usage stands in the stream while it is held."""

    character: str
    shifted: bool
    places: list[int]


class KeyStream:
    """All reports of one recording; ``data`` are their bytes, changed by ``replace``."""

    def __init__(self, entries: Sequence[Entry], layout: str, gap_s: float) -> None:
        self.data = bytearray(b"".join(entry.data for entry in entries))
        self._inverse: dict[tuple[str, bool], int] = {}
        for (usage, shifted), character in LAYOUTS[layout].items():
            self._inverse.setdefault((character, shifted), usage)
        self._keys = self._typed(_reports(entries, gap_s), layout)

    def replace(self, rows: Sequence[str], masked: Sequence[str], invent: Invention) -> None:
        """Rows by their masked rows, every other word by class."""
        text = "".join(key.character for key in self._keys)
        done = bytearray(len(text))
        at = 0
        for old, new in zip(rows, masked, strict=True):
            found = text.find(old, at)
            if found >= 0:
                at = found + len(old)
                done[found:at] = b"\1" * len(old)
                self._write(found, new)
        for head in BOARDING.finditer(text):
            done[head.start(1) : head.end(1)] = b"\1\1"
        for word in WORD.finditer(text):
            for offset, character in enumerate(invent.text("word", word[0])):
                if not done[word.start() + offset]:
                    self._write(word.start() + offset, character)

    def _write(self, at: int, text: str) -> None:
        for key, character in zip(self._keys[at : at + len(text)], text, strict=True):
            usage = self._inverse.get((character, key.shifted))
            if key.character != character and usage is not None:
                for place in key.places:
                    self.data[place] = usage

    def _typed(self, reports: Iterator[int], layout: str) -> list[Key]:
        """Law 1; ``reports`` are the offsets at which whole reports begin."""
        keys: list[Key] = []
        held: dict[int, Key | None] = {}  # usage -> what it typed when it went down
        for offset in reports:
            report = self.data[offset : offset + REPORT]
            if ERRORS.issuperset(report[2:]):
                continue
            down: dict[int, Key | None] = {}
            for at, usage in enumerate(report[2:], offset + 2):
                if usage == 0 or usage in ERRORS or usage in down:
                    continue
                key = held[usage] if usage in held else _key(usage, report[0], layout)
                if usage not in held and key is not None:
                    keys.append(key)
                if key is not None:
                    key.places.append(at)
                down[usage] = key
            held = down
        return keys


def _key(usage: int, modifiers: int, layout: str) -> Key | None:
    """What goes down; a line's end is a character too, so that words end there."""
    character = "\n" if usage in ENDS else typed(layout, usage, modifiers)
    return Key(character, bool(modifiers & SHIFTS), []) if character else None


def _reports(entries: Sequence[Entry], gap_s: float) -> Iterator[int]:
    """Where whole reports begin; a silence drops a part of one."""
    at, part, before = 0, 0, 0.0
    for entry in entries:
        if part and entry.at - before >= gap_s:
            part = 0
        before = entry.at
        start, end = at - part, at + len(entry.data)
        whole = (end - start) // REPORT
        yield from range(start, start + whole * REPORT, REPORT)
        at, part = end, (end - start) % REPORT
