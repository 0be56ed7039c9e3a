"""Keystrokes of a keyboard reader, replaced where they stand.

Laws:
1. A key types when it goes down, as in drivers.hid_keyboard; it is replaced in every report in which it is held.
2. A letter becomes a letter and a digit a digit of the same Shift, so no report changes but in its usages.
3. The layout may be set wrong, or reports may have slipped. So a key that types a letter or digit in any layout is
   replaced too, by one that to the configured layout is the same, and so are parts of reports, the reserved byte, odd
   modifiers; where bytes look like text (a reader that sends no keys at all), keys that type nothing as well.
   Each such replacement is one to one, so what was equal stays equal and what differed differs.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from drivers.hid_keyboard import ERRORS, REPORT, ROW_ENDS
from drivers.hid_layouts import (
    ENTER,
    KEYPAD_ENTER,
    LAYOUTS,
    NUMBER_ROW,
    OTHER_MODIFIERS,
    ROWS,
    SHIFTS,
    SILENT,
    SYMBOLS,
    TAB,
    UNREADABLE,
    typed,
)
from drivers.masked_words import SHORT, Invention
from drivers.rows import BOARDING_PASS
from drivers.trace import Entry

ENDS = frozenset({ENTER, KEYPAD_ENTER, TAB})
WORD = re.compile("[A-Z0-9]+")
TEXT = re.compile(rb"[A-Za-z0-9]{3,}")
PLAIN_MODIFIERS = frozenset({0, 1, 2, 3, 0x20, 0x22, 0x40, 0x41})  # Ctrl, Shift, AltGr: none of them a letter's usage
FIRST_USAGE, USAGES = 4, range(4, 256)
NATIONAL = {
    (usage, shifted): character
    for symbols in SYMBOLS.values() for shifted, rows in ((False, symbols[:4]), (True, symbols[4:]))
    for usages, characters in zip(ROWS, rows, strict=True)
    for usage, character in zip(usages, characters, strict=True) if character.isalnum()
}  # keys that type a letter or digit somewhere


@dataclass(frozen=True, slots=True)
class Key:
    """One character, the key that typed it, and where its usage stands in the stream while it is held."""

    character: str
    usage: int
    modifiers: int
    places: list[int]

    @property
    def shifted(self) -> bool:
        """With Shift."""
        return bool(self.modifiers & SHIFTS)


class KeyStream:
    """All reports of one recording; ``data`` are their bytes, changed by ``replace``."""

    def __init__(
        self, entries: Sequence[Entry], layout: str, row_end: str, gap_s: float, error_characters: str,
        invent: Invention,
    ) -> None:
        self.data = bytearray(b"".join(entry.data for entry in entries))
        self.kept = bytearray(len(self.data))
        self._layout, self._errors, self._invent = layout, error_characters, invent
        self._idle = ENDS - ROW_ENDS[row_end]  # type nothing
        self._inverse: dict[tuple[str, bool, bool], int] = {}
        for (usage, shifted), character in LAYOUTS[layout].items():
            self._inverse.setdefault((character, shifted, usage in NUMBER_ROW), usage)
        self._usages = {modifiers: self._turned(modifiers) for modifiers in (0, 2, 1, 3)}
        pieces = list(_pieces(entries, gap_s))
        self._keys = self._typed(at for at, length in pieces if length == REPORT)
        self._silent = _turned([sorted(SILENT)], invent, "silent") if TEXT.search(self.data) else {}
        self._pieces = pieces

    def words(self, layout: str) -> set[str]:
        """What was typed, as this layout reads it: words of SHORT characters or more.

        In a layout that is not the configured one only those in which that one sees more than letters and digits:
        the others are there in it already, and accents on number keys would make many of few.
        """
        text = "".join(
            "\n" if key.character == "\n" or self.kept[key.places[0]] or key.modifiers & OTHER_MODIFIERS
            else _seen(layout, key.usage, key.shifted)
            for key in self._keys
        )
        return {
            found[0] for found in re.finditer(r"[^\W_]+", text)
            if len(found[0]) >= SHORT and (
                layout == self._layout
                or not all(key.character.isalnum() for key in self._keys[found.start() : found.end()])
            )
        }

    def replace(
        self, rows: Sequence[str], masked: Sequence[str], kept: Sequence[frozenset[int]]
    ) -> None:
        """Rows by their masked rows, of which the places ``kept`` stay; all else by laws 2 and 3."""
        keys, text = self._keys, "".join(key.character for key in self._keys)
        done = bytearray(len(text))
        at = 0
        for old, new, places in zip(rows, masked, kept, strict=True):
            cells = "".join(re.escape(one) if one.isalnum() or one == "<" else "." for one in old)
            found = re.compile(cells, re.DOTALL).search(text, at)
            if found:
                at = found.end()
                for number, (was, character) in enumerate(zip(old, new, strict=True), found.start()):
                    if was.isalnum():
                        done[number] = 1
                        self._write(keys[number], character, kept=number - found.start() in places)
        for head in re.finditer("(?:^|\n)(?:][A-Z][0-9A-Z])?", text):
            stays = head.end() + 2 if BOARDING_PASS.match(text, head.end()) else head.end()
            for number in range(head.start(), stays):
                done[number] = 1
                self._keep(keys[number])
        open_text = "".join("\n" if own else character for character, own in zip(text, done, strict=True))
        for word in WORD.finditer(open_text):
            for number, character in enumerate(self._invent.text("word", word[0]), word.start()):
                done[number] = 1
                self._write(keys[number], character)
        for number, key in enumerate(keys):
            if not done[number]:
                self._turn(key.places, key.modifiers, key.usage)
        self._rest()

    def _rest(self) -> None:
        """Law 3: what are no keys."""
        reserved = _turned([USAGES], self._invent, "reserved")
        odd = _turned([[one for one in range(256) if one not in PLAIN_MODIFIERS and one & OTHER_MODIFIERS]],
                      self._invent, "modifiers")
        for start, length in self._pieces:
            modifiers = self.data[start]
            for at in range(start + 2, start + length):
                if length < REPORT:
                    self._turn([at], modifiers, self.data[at])
                elif self.data[at] in SILENT:
                    self.data[at] = self._silent.get(self.data[at], self.data[at])
                elif self.data[at] in ENDS:
                    self.kept[at] = 1
            self.data[start] = odd.get(modifiers, modifiers)
            if length > 1:
                self.data[start + 1] = reserved.get(self.data[start + 1], self.data[start + 1])

    def _write(self, key: Key, character: str, *, kept: bool = False) -> None:
        usage = self._inverse.get((character, key.shifted, key.usage in NUMBER_ROW))
        if kept:
            self._keep(key)
        elif key.character != character and usage is not None:
            for place in key.places:
                self.data[place] = usage

    def _keep(self, key: Key) -> None:
        for place in key.places:
            self.kept[place] = 1

    def _turn(self, places: Iterable[int], modifiers: int, usage: int) -> None:
        turned = self._usages[bool(modifiers & SHIFTS) * 2 + bool(modifiers & OTHER_MODIFIERS)]
        for place in places:
            self.data[place] = turned.get(usage, usage)

    def _turned(self, modifiers: int) -> Mapping[int, int]:
        """For each usage another that is the same to the configured layout; fillers, ends and signs stay."""
        pools: dict[str, list[int]] = {}
        shifted = bool(modifiers & SHIFTS)
        for usage in USAGES:
            character = typed(self._layout, usage, modifiers)
            known = any((usage, on) in layout for layout in LAYOUTS.values() for on in (False, True))
            if usage in ENDS or usage in SILENT or not character or (character == "<" and not modifiers & 1):
                continue
            if known and not modifiers & 1 and not _means_something(usage, shifted):
                continue
            kind = "9" if character.isdigit() else "A" if character.isalpha() else "?"
            if kind == "?" and character != UNREADABLE and character not in self._errors:
                kind = "."
            pools.setdefault(f"{kind}{usage in NUMBER_ROW}", []).append(usage)
        return _turned(pools.values(), self._invent, f"keys {modifiers}")

    def _typed(self, reports: Iterable[int]) -> list[Key]:
        """Law 1; ``reports`` are the offsets at which whole reports begin."""
        keys: list[Key] = []
        held: dict[int, Key | None] = {}  # usage -> what it typed when it went down
        for offset in reports:
            report = self.data[offset : offset + REPORT]
            if ERRORS.issuperset(report[2:]):
                continue
            down: dict[int, Key | None] = {}
            for at, usage in enumerate(report[2:], offset + 2):
                if usage == 0 or usage in ERRORS:
                    continue
                key = down[usage] if usage in down else held[usage] if usage in held else self._key(usage, report[0])
                if usage not in held and usage not in down and key is not None:
                    keys.append(key)
                if key is not None:
                    key.places.append(at)
                down[usage] = key
            held = down
        return keys

    def _key(self, usage: int, modifiers: int) -> Key | None:
        """What goes down; a line's end is a character too, so that words end there."""
        character = "" if usage in self._idle else "\n" if usage in ENDS else typed(self._layout, usage, modifiers)
        return Key(character, usage, modifiers, []) if character else None


def _seen(layout: str, usage: int, shifted: bool) -> str:
    """The character as it is engraved, letters with accents too."""
    character = LAYOUTS[layout].get((usage, shifted), " ")
    if character != UNREADABLE:
        return character
    symbols = SYMBOLS[layout][4:] if shifted else SYMBOLS[layout][:4]
    for usages, characters in zip(ROWS, symbols, strict=True):
        if usage in usages:
            return characters[usages.index(usage)]
    return " "


def _means_something(usage: int, shifted: bool) -> bool:
    """Does the key type a letter or digit in any layout?"""
    return (usage, shifted) in NATIONAL or any(
        layout.get((usage, shifted), "").isalnum() for layout in LAYOUTS.values()
    )


def _turned(pools: Iterable[Iterable[int]], invent: Invention, name: str) -> dict[int, int]:
    """Each member of a pool -> another one of it, one to one."""
    turned: dict[int, int] = {}
    for number, pool in enumerate(pools):
        members = list(pool)
        invent.source("turn", f"{name} {number}").shuffle(members)
        turned |= dict(zip(members, members[1:] + members[:1], strict=True))
    return turned


def _pieces(entries: Sequence[Entry], gap_s: float) -> Iterator[tuple[int, int]]:
    """Where reports begin and how long they are: whole ones, and parts that a silence has dropped."""
    start, end, before = 0, 0, 0.0
    for entry in entries:
        if end > start and entry.at - before >= gap_s:
            yield start, end - start
            start = end
        before = entry.at
        end += len(entry.data)
        while end - start >= REPORT:
            yield start, REPORT
            start += REPORT
    if end > start:
        yield start, end - start
