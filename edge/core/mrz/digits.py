"""Character values and check digits (ICAO Doc 9303-3 section 4.9).

Laws:
1. ``0``-``9`` count 0-9, ``A``-``Z`` count 10-35, the filler counts 0; weights 7, 3, 1 repeat from the left.
2. Nothing else has a value: a span that holds another character agrees with no digit.
3. Only values modulo 10 matter, so a table maps a character to its value modulo 10 and three sums
   over every third byte give the digit.
"""

from __future__ import annotations

from typing import Final

ALPHABET: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ<"
"""The characters that a zone may hold (Doc 9303-3 section 4.4)."""

LEGAL: Final = ALPHABET.encode("ascii")
DIGITS: Final = "0123456789"

_VALUES: Final = bytes(0 if chr(c) not in ALPHABET[:36] else ALPHABET.index(chr(c)) % 10 for c in range(256))


def is_legal(text: str) -> bool:
    """True if every character belongs to the zone's alphabet."""
    return not text.encode("ascii", "replace").translate(None, LEGAL)


def values_of(text: str) -> bytes:
    """The value modulo 10 of each character, one byte each; a character without a value counts 0."""
    return text.encode("ascii", "replace").translate(_VALUES)


def digit_of(values: bytes) -> str:
    """The check digit, as a character, over what ``values_of`` gave."""
    return DIGITS[(7 * sum(values[::3]) + 3 * sum(values[1::3]) + sum(values[2::3])) % 10]


def check_digit(text: str) -> int:
    """The check digit 0-9 over ``text``; -1, which no zone can print, if a character has no value."""
    return int(digit_of(values_of(text))) if is_legal(text) else -1
