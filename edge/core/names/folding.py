"""Any script a name may come in -> A-Z words. One folding for listed names and for travellers' names.

Laws:
1. It never raises; what no table knows gives no word, and ``unread`` counts it.
2. The same text gives the same words, on a list and at the counter.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping

from edge.core.names import tables
from edge.core.names.sound import unescape

MAX_TEXT = 1000    # characters of a name that are looked at
MAX_WORDS = 40     # words of a name
MAX_LETTERS = 40   # letters of a word

_DROPPED = re.compile("['’‘ʼʻ`´ʾʿ\u0640\u200b-\u200f\u00ad\u064b-\u0652\u0670\u0591-\u05c7]")
_TREMA = re.compile(r"(?<=[UNO])XX(?=[A-Z]|$)")     # Doc 9303-3 table A: NXX and UXX
_WORD = re.compile(r"[A-Z0-9]+")
_DIGITS = str.maketrans("012568", "OIZSGB")          # what readers print for a letter (mrz.md 5.2)
_ARABIC = re.compile("[\u0600-\u06ff\ufb50-\ufdff\ufe70-\ufefc]")  # letters, and their forms by place
_AITCHES = frozenset("هحھہ")
_DIGRAPH_STARTS = frozenset({"T", "S", "K", "D", "G", "P", "Z"})
_CYRILLIC_Y = {"Я": "YA", "Ю": "YU", "Є": "YE", "Ї": "YI", "Й": "Y", "Ё": "YO"}


def words(text: str, *, plain: bool = False) -> list[str]:
    """A-Z words of ``text`` in order. ``plain`` takes table A's one-letter forms (MULLER for MÜLLER)
    and the transcriptions YA, YU for Cyrillic, which many States print beside ICAO's IA, IU."""
    text = unicodedata.normalize("NFC", text[:MAX_TEXT])
    text = _DROPPED.sub("", text)
    if not text.isascii():
        if _ARABIC.search(text):
            text = " ".join(map(_arabic, unicodedata.normalize("NFKC", text).split()))
        text = _to_ascii(text.replace("ı", "I").upper(), plain)
    found = [_letters(word) for word in _WORD.findall(text.upper()) if not word.isdigit()]
    return [word[:MAX_LETTERS] for word in found if word][:MAX_WORDS]


def unread(text: str) -> int:
    """How many letters of ``text`` no table knows: ``words`` leaves them out, as if they were not there."""
    if text.isascii():
        return 0
    text = _DROPPED.sub("", unicodedata.normalize("NFKC", text[:MAX_TEXT])).replace("ı", "I").upper()
    return sum(letter.isalpha() and not letter.isascii() and not _is_known(letter) for letter in text)


def _is_known(letter: str) -> bool:
    parts = (letter, *unicodedata.normalize("NFKD", letter))
    return any(
        part.isascii() or part in tables.ARABIC or part in tables.YEHS or part in {tables.WAW, tables.AIN}
        or _letter(part, plain=False) is not None
        for part in parts
    )  # fmt: skip


def _letters(word: str) -> str:
    if not word.isalpha():
        word = re.sub(r"[^A-Z]", "", word.translate(_DIGITS))
    return unescape(_TREMA.sub("", word) if "XX" in word else word)


def _to_ascii(text: str, plain: bool) -> str:
    for pair in ("ΟΥ", "ΑΥ", "ΕΥ", "ΜΠ", "ΓΓ", "ΓΚ", "ΝΤ"):
        if pair in text:
            text = text.replace(pair, tables.GREEK[pair])
    out: list[str] = []
    for letter in text:
        if letter.isascii():
            out.append(letter)
            continue
        found = _letter(letter, plain)
        if found is None:
            base = unicodedata.normalize("NFKD", letter)
            found = "".join(
                part if part.isascii() else (_letter(part, plain) or "")
                for part in base
                if not unicodedata.combining(part)
            )
            if not found and not unicodedata.combining(letter) and not letter.isalpha():
                found = " "
        out.append(found)
    return "".join(out)


def _letter(letter: str, plain: bool) -> str | None:
    if plain:
        found = tables.LATIN_PLAIN.get(letter) or _CYRILLIC_Y.get(letter)
        if found:
            return found
    chosen: Mapping[str, str]
    for chosen in (tables.LATIN, tables.CYRILLIC, tables.GREEK, tables.HEBREW):
        if letter in chosen:
            return chosen[letter]
    place = ord(letter) - 0xAC00
    if 0 <= place < 11172:  # Hangul syllables: 19 leads x 21 vowels x 28 tails
        lead, rest = divmod(place, 588)
        vowel, tail = divmod(rest, 28)
        return tables.HANGUL_LEADS[lead] + tables.HANGUL_VOWELS[vowel] + tables.HANGUL_TAILS[tail]
    return None


def _glides(word: str, at: int) -> bool:
    """True for a yeh behind an initial alef and before a long vowel: AYOUB, IYAD; not IMAN."""
    return at == 1 and word[0] == "ا" and word[2:3] in {"ا", "و"}


def _carries_a_vowel(word: str, at: int) -> bool:
    """True for an ain inside a word with no long vowel beside it: SAAD, JAAFAR, MUSAAB; not SHABAN, MANI."""
    beside = {word[at - 1], word[at + 1 : at + 2]}
    return at < len(word) - 1 and not beside & {"ا", "ى", "ة"}


def _arabic(word: str) -> str:
    """One word of Arabic script as a transcription without short vowels; the article set apart."""
    if not _ARABIC.search(word):
        return word
    prefix = ""
    if word == tables.ALI:
        return "ALI"
    if word.startswith("عبدال") and len(word) > 6:  # written together: Abd al-…
        return "ABD " + _arabic(word[3:])
    if word.startswith(tables.ARTICLE) and len(word) > 4 and word not in tables.NO_ARTICLE:
        prefix, word = "AL ", word[2:]
    out: list[str] = []
    for at, letter in enumerate(word):
        if letter == tables.WAW:
            out.append("W" if at == 0 or word[at + 1 : at + 2] in {"ا", "ى"} else "U")
        elif letter in tables.YEHS:
            out.append("Y" if at == 0 or _glides(word, at) or word[at + 1 : at + 2] in {"ا", "ى"} else "I")
        elif letter == tables.AIN:
            out.append("A" if at == 0 or _carries_a_vowel(word, at) else "")
        elif letter == "ا" and at == 0 and word[1:2] in {"ي", "ی"}:
            out.append("A" if _glides(word, 1) else "")  # alef before yeh at the start carries it: EI, I; AY in AYOUB
        elif letter in _AITCHES and out and out[-1] in _DIGRAPH_STARTS:
            out.append("A" + "H")  # teh and heh are two sounds, TH would be one
        else:
            out.append(tables.ARABIC.get(letter, letter))
    return prefix + "".join(out)
