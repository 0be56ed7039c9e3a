"""Other words in place of these, and the question whether any of these is left.

Laws:
1. Letters become letters, digits digits, capitals capitals; a character beyond ASCII becomes one of as many UTF-8
   bytes, a byte that is no UTF-8 another that never is. So what was text stays text, and what was none stays none.
2. The same word always becomes the same other one; which one is decided by ``seed`` alone.
3. A word is what stands between characters that are no letters or digits, in any script. It is hidden from SHORT
   characters on (two beyond the Latin alphabet). Hidden words of RUN characters must not even be part of another.
"""

from __future__ import annotations

import datetime
import hashlib
import random
import re
from collections.abc import Iterable, Iterator

# Letters that no family uses as a command byte: an invented name must not begin a frame.
LETTERS = "ABDEFGHJKLMNOPQSUXYZ"
DIGITS = "0123456789"
CENTURY = 36_525  # days: dates have two digits for the year
TRIES = 64
SHORT, RUN = 3, 5  # characters
WORD = re.compile(r"[^\W_]+")
LATIN = "\u024f"  # the last letter of the Latin alphabets
C1 = range(0x80, 0xA0)  # control characters
TWO_BYTES = "".join(chr(one) for one in range(0xC0, 0x180) if one not in (0xD7, 0xF7))
NEVER_UTF8 = "".join(chr(0xDC00 + one) for one in (0xC0, 0xC1, 0xF5, 0xF6, *range(0xF8, 0x100)))
CHINESE, RARE = (0x4E00, 0x9FA5), (0x20000, 0x2A6D6)  # letters of three and of four bytes
FIRST_HALVES, SECOND_HALVES = (0xD840, 0xD868), (0xDC00, 0xDFFF)  # of the rare ones, as JSON escapes them
ESCAPES = re.compile(r"\\u([0-9A-Fa-f]{4})")


class Hidden:
    """Words that must not be left."""

    def __init__(self, words: Iterable[str] = ()) -> None:
        self.words = {word.lower() for word in words if is_word(word)}
        self._by_start: dict[str, list[str]] = {}
        for word in self.words:
            if len(word) >= RUN:
                self._by_start.setdefault(word[:RUN], []).append(word)

    def in_word(self, word: str) -> bool:
        """Is it one of them, or is a longer one part of it? (Law 3.)"""
        text = word.lower()
        return text in self.words or any(True for _ in self.places(text))

    def places(self, text: str) -> Iterator[tuple[int, int]]:
        """Where words of RUN characters or more stand in ``text`` (lower case): first place, one behind the last."""
        if len(text) < RUN or not self._by_start:
            return
        for at in range(len(text) - RUN + 1):
            for word in self._by_start.get(text[at : at + RUN], ()):
                if text.startswith(word, at):
                    yield at, at + len(word)


def is_word(word: str) -> bool:
    """Law 3: long enough to be hidden?"""
    return len(word) >= SHORT or (len(word) == SHORT - 1 and min(word) > LATIN)


def words_of(data: bytes, kept: bytes) -> set[str]:
    """The words in a stream; bytes with a 1 in ``kept`` are the protocol's own and end a word like a blank."""
    blank = bytes(32 if own else byte for byte, own in zip(data, kept, strict=True)) if any(kept) else data
    return {word for text in readings(blank) for word in WORD.findall(text) if is_word(word)}


def readings(data: bytes) -> Iterator[str]:
    """Bytes as latin-1, as UTF-8, and with JSON's escapes resolved."""
    yield data.decode("latin-1")
    text = data.decode("utf-8", "surrogateescape")
    yield text
    if "\\u" in text:
        plain = ESCAPES.sub(lambda found: chr(int(found[1], 16)), text)
        yield plain.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def any_left(data: bytes, kept: bytes, hidden: Hidden) -> bool:
    """Is a hidden word in these bytes? What consists of kept bytes alone does not count."""
    if any(hidden.in_word(word) for word in words_of(data, kept)):
        return True
    for found in WORD.finditer(data.decode("latin-1")):
        text = found[0].lower()
        spans = [(0, len(text))] if text in hidden.words else []
        if len(text) != len(found[0]):
            continue  # no byte of latin-1 does that
        for start, end in (*spans, *hidden.places(text)):
            if not all(kept[found.start() + start : found.start() + end]):
                return True
    return False


class Invention:
    """Other names, numbers and dates in place of these; what is hidden does not come out.

    ``apart``: capitals that in running text become each other only, because the family's frames begin with them.
    """

    def __init__(
        self, seed: str, hidden: Hidden | None = None, *, apart: str = "", dates: frozenset[str] = frozenset()
    ) -> None:
        self._seed, self._hidden, self._apart, self._dates = seed, hidden or Hidden(), apart, dates
        source = self.source("shift", "")
        self._shifts = {kind: source.choice((-1, 1)) * source.randint(90, 1400) for kind in ("birth", "expiry")}

    def text(self, kind: str, text: str) -> str:
        """Law 1; each character another one; equal neighbours stay equal, others differ."""
        source = self.source(kind, text)
        out = text
        for _ in range(TRIES):
            out = self._draw(source, kind, text)
            if len(text) < SHORT - 1 or not self._hidden.in_word(out):
                break
        return out

    def running(self, data: bytes) -> bytes:
        """A word of running text, in whatever encoding."""
        return self.text("word", data.decode("utf-8", "surrogateescape")).encode("utf-8", "surrogateescape")

    def names(self, field: str) -> str:
        """Component by component; fillers stay."""
        return "<".join(self.text("name", part) for part in field.split("<"))

    def date(self, kind: str, field: str) -> str:
        """Days away where it is a date; else its year is another, and what is wrong with it stays wrong."""
        try:
            day = datetime.date(2000 + int(field[:2]), int(field[2:4]), int(field[4:]))
        except ValueError:
            return self._no_date(kind, field)
        start = datetime.date(2000, 1, 1)
        moved = field
        for times in range(1, TRIES):
            away = datetime.timedelta(days=((day - start).days + times * self._shifts[kind]) % CENTURY)
            moved = f"{start + away:%y%m%d}"
            if moved not in self._dates and moved != field:
                break
        return moved

    def _no_date(self, kind: str, field: str) -> str:
        """Months 13 and up and days 32 and up are no date whatever the rest is."""
        out = list(self.text(kind, field))
        if field.isascii() and field.isdecimal():
            month = int(field[2:4])
            out[4 if 1 <= month <= 12 else 2] = "9"
            if 1 <= month <= 12:
                out[2:4] = f"{self.source(kind, field).randint(1, 12):02}"
        return "".join(out)

    def _draw(self, source: random.Random, kind: str, text: str) -> str:
        out: list[str] = []
        for at, character in enumerate(text):
            if at and character == text[at - 1]:
                out.append(out[-1])
            else:
                out.append(self._one(source, kind, character, out[-1] if out else ""))
        return "".join(out)

    def _one(self, source: random.Random, kind: str, character: str, before: str) -> str:
        """Another character of the same class; no number begins with a zero, for JSON has none that does."""
        code = ord(character)
        if code < 0x80:
            capital = character.upper()
            if character.isdigit():
                pool = DIGITS if before else DIGITS[1:]
            elif character.isalpha():
                pool = self._apart if kind == "word" and character in self._apart else LETTERS
            else:
                return character
            drawn = source.choice([one for one in pool if one not in (capital, before.upper())])
            return drawn.lower() if character.islower() else drawn
        if code in C1:
            return chr(0x80 + (code - 0x80 + 7) % 32)
        if kind == "escapes" and 0xD800 <= code < 0xE000:
            return _within(source, FIRST_HALVES if code < 0xDC00 else SECOND_HALVES, character, before)
        if code < 0x800 or 0xDC80 <= code < 0xDD00:
            pool = TWO_BYTES if code < 0x800 else NEVER_UTF8
            return source.choice([one for one in pool if one not in (character, before)])
        return _within(source, CHINESE if code < 0x10000 else RARE, character, before)

    def source(self, kind: str, text: str) -> random.Random:
        """Law 2."""
        key = f"{self._seed}\0{kind}\0{text}".encode("utf-8", "surrogatepass")
        return random.Random(hashlib.sha256(key).digest())


def _within(source: random.Random, span: tuple[int, int], *never: str) -> str:
    drawn = chr(source.randint(*span))
    while drawn in never:
        drawn = chr(source.randint(*span))
    return drawn
