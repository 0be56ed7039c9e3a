"""What is left of a token when spelling habits are taken away: consonant classes, and the vowels between.

Arabic, Persian, Turkish and Russian names reach a passport through English, French, German or ICAO
habits: KH, SH/CH/SCH, DJ/J, OU/U/W, doubled letters, vowels that were never written. Two tokens with
the same skeleton may be the same name; the vowels between the consonants (``gaps``) say how likely.

The letter G is KEY class here (Q, K, G and GH are one), but Egypt and others write it for jeem
(GAMAL, JAMAL): ``keys`` lists the other skeletons that a token must be looked up by.

``readings`` respells a token by habits that change a consonant: TH is S or D (OTHMAN, OSMAN), D is Z (RAMADAN,
RAMAZAN), W is V, and two letters that only look like one sound (FAT-HI, IS-HAQ).
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

from edge.core.names.tables import ESCAPES, SURE_ESCAPE

MAX_G = 3  # letters G or J for which other readings are tried

_ESCAPED = re.compile(SURE_ESCAPE)
_ESCAPE = re.compile("|".join(sorted(ESCAPES, key=len, reverse=True)))
_CLASSES: tuple[tuple[str, str], ...] = (
    # letter groups of one sound, longest first; lower case marks what is settled
    ("SCHTSCH", "s"), ("SHCH", "s"), ("DSCH", "j"), ("TSCH", "s"), ("TCH", "s"), ("SCH", "s"), ("DZH", "j"),
    ("TSH", "s"), ("SH", "s"), ("CH", "s"), ("DJ", "j"), ("ZH", "j"), ("KH", "h"), ("GH", "g"), ("PH", "f"),
    ("TH", "t"), ("DH", "d"), ("CK", "k"), ("CZ", "s"), ("TS", "s"), ("TZ", "s"),
    ("C", "k"), ("Q", "k"), ("X", "ks"), ("V", "f"),
)
_CLASS = re.compile("|".join(letters for letters, _ in _CLASSES))
_CLASS_OF = dict(_CLASSES)
_SOFT_C = re.compile(r"C(?=[EIY])")  # YACINE
_DOUBLE = re.compile(r"([a-z])\1+")
_START_W = re.compile(r"^(?:ou|u|w)(?=[aeiouy])|^w")
_START_Y = re.compile(r"^(?:i|y)(?=[aeou])|^y")


def unescape(token: str) -> str:
    """An A-Z token with ICAO's X-escapes undone (MXHMD -> MHMD); tokens without a sure escape stay."""
    if "X" not in token or not _ESCAPED.search(token):
        return token
    return _ESCAPE.sub(lambda m: ESCAPES[m.group()], token) or token


def _classes(token: str) -> str:
    """Lower-case letters: one a sound, doubles collapsed, an initial W or Y kept as upper case."""
    text = unescape(token)
    if text.startswith("X"):
        text = "S" + text[1:]
    text = _CLASS.sub(lambda m: _CLASS_OF[m.group()], _SOFT_C.sub("S", text)).lower()
    text = _DOUBLE.sub(r"\1", text)
    changed = _START_W.sub("W", text)
    return changed if changed != text else _START_Y.sub("Y", text)


@lru_cache(maxsize=65536)
def shape(token: str) -> tuple[str, tuple[str, ...]]:
    """(consonants, gaps): upper-case consonant classes with ``A`` first for an initial vowel, and the
    vowels before each consonant and after the last, ``len(gaps) == len(consonants) + 1`` (the marker
    ``A`` has an empty gap before it)."""
    consonants: list[str] = []
    gaps: list[str] = []
    gap = ""
    text = _classes(token)
    for at, letter in enumerate(text):
        if letter in "aeiouyw":
            if at == 0:
                consonants.append("A")
                gaps.append("")
            gap += "u" if letter in "ow" else "i" if letter == "y" else letter
        else:
            consonants.append("K" if letter in "gk" else letter.upper())
            gaps.append(gap)
            gap = ""
    gaps.append(gap)
    if len(consonants) > 1 and consonants[-1] == "H" and not gap:  # ABDALLAH, ABDALLA
        consonants.pop()
        gaps.pop()
    return "".join(consonants), tuple(gaps)


def skeleton(token: str) -> str:
    """The consonant skeleton of an A-Z token: MOHAMMED, MUHAMAD and MXHMD all give MHMD. May be short."""
    return shape(token)[0]


@lru_cache(maxsize=16384)
def keys(token: str) -> frozenset[str]:
    """Every skeleton under which a listed token could be the same name: G read as jeem, either way."""
    own = skeleton(token)
    if "K" not in own and "J" not in own:
        return frozenset((own,))
    found = {own}
    places = [i for i, c in enumerate(own) if c == "J"][:MAX_G]
    for i in places:
        found |= {k[:i] + "K" + k[i + 1 :] for k in found}
    if "G" in token:
        for variant in jeem_variants(token):
            found.add(variant)
    return frozenset(found)


def jeem_variants(token: str) -> frozenset[str]:
    """Skeletons of ``token`` with each G (not GH, not NG; at most three) read as J as well."""
    at = [i for i, c in enumerate(token) if c == "G" and _may_be_jeem(token, i)][:MAX_G]
    variants = {token}
    for i in at:
        variants |= {v[:i] + "J" + v[i + 1 :] for v in variants}
    return frozenset(skeleton(v) for v in variants)


def _may_be_jeem(token: str, at: int) -> bool:
    return token[at + 1 : at + 2] != "H" and token[at - 1 : at] != "N"


class Reading(NamedTuple):
    """A token respelt by one habit: its letters, what that costs, and letters the other token must hold or ""."""

    letters: str
    cost: float
    needs: str


MAX_READINGS = 24       # of one token
READING_CONSONANTS = 3  # a token is respelt only if so many carry it
_HABITS: tuple[tuple[re.Pattern[str], str, float, str], ...] = tuple(
    (re.compile(written), read, cost, needs)
    for written, read, cost, needs in (
        ("TH", "S", 0.04, ""), ("TH", "DH", 0.05, ""), ("TH", "Z", 0.06, ""),
        ("S(?!H)", "TH", 0.04, "TH"), ("DH", "TH", 0.05, "TH"), ("Z(?!H)", "TH", 0.06, "TH"),
        ("DH", "Z", 0.03, ""), ("D(?!H|J|Z)", "Z", 0.08, ""), ("(?<!D|T)Z(?!H)", "DH", 0.03, "DH"),
        ("(?<!D|T)Z(?!H)", "D", 0.08, ""),
        ("S$", "Z", 0.05, ""), ("Z$", "S", 0.05, ""),
        ("V", "W", 0.04, ""), ("W", "V", 0.04, "V"),
        # A stop and a heh that stand side by side: FATHI is written FTHI in Arabic, and read so from there as FTAHI.
        ("TH", "TAH", 0.04, ""), ("SH", "SAH", 0.04, ""), ("DH", "DAH", 0.04, ""), ("KH", "KAH", 0.04, ""),
        ("ZH", "ZAH", 0.04, ""), ("TAH", "TH", 0.04, "TH"), ("SAH", "SH", 0.04, "SH"), ("DAH", "DH", 0.04, "DH"),
        ("KAH", "KH", 0.04, "KH"), ("ZAH", "ZH", 0.04, "ZH"),
    )
)  # fmt: skip


@lru_cache(maxsize=16384)
def readings(token: str) -> dict[str, tuple[Reading, ...]]:
    """The token respelt by one habit at one place each, by skeleton: those that differ from the token's own and have
    ``READING_CONSONANTS`` and more. ``MAX_READINGS`` at most, none for X-escapes."""
    if unescape(token) != token:
        return {}
    every = [
        Reading(token[: m.start()] + read + token[m.end() :], cost, needs)
        for written, read, cost, needs in _HABITS for m in written.finditer(token)
    ]
    found: dict[str, tuple[Reading, ...]] = {}
    for one in every[:MAX_READINGS]:
        letters = skeleton(one.letters)
        if len(letters) >= READING_CONSONANTS and letters != skeleton(token):
            found[letters] = (*found.get(letters, ()), one)
    return found
