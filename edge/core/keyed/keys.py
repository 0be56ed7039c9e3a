"""What a document, a vehicle or a firearm is asked by: its key text, and the keyed hashes of that text.

Laws:
1. List and question are normalised by the same functions here; the text never leaves the process.
2. The key is HMAC-SHA256(list key, text): first 8 bytes, big-endian. Without the list key a file tells nothing of
   a number.
3. A record's payload is masked by HMAC(list key, "mask|" + layer + text): a record that is told anew in a later
   layer gets a new mask, so that two editions of a file laid over each other tell nothing either.
4. An empty text leads to nothing: what cannot be a number is no error (data never raises).
5. What a source did not say stands empty in the text. The question is then asked in several ways, and only the first
   of them is exact.
"""

from __future__ import annotations

import hashlib
import unicodedata
from functools import lru_cache
from typing import Final

from edge.core import states
from edge.core.normal import latin, normal_number

KEY_SIZE: Final = 32        # bytes of a list key
KEY_ID_SIZE: Final = 8      # bytes that name a list key
MAX_NUMBER: Final = 24      # characters of a number, plate or serial, normalised
MAX_WORD: Final = 24        # characters of an issuer, make or calibre, normalised
VIN_LENGTHS: Final = range(5, 18)   # ISO 3779 has 17; vehicles before 1981 have fewer

_VIN: Final = str.maketrans("IOQ", "100")   # ISO 3779: the letters I, O and Q do not occur
# what Arabic and Persian keyboards give for one letter of a plate; a tatweel only stretches the line
_PLATE: Final = str.maketrans({"أ": "ا", "إ": "ا", "آ": "ا", "ٱ": "ا", "ى": "ي", "ی": "ي", "ک": "ك", "ة": "ه", "ـ": ""})
_DIGITS: Final = frozenset("0123456789")
STATED: Final = "*"  # in a firearm's text: the record states it, and the question does not
_CALIBRE_WORDS: Final = ("CALIBRE", "CALIBER", "CAL", "MM")


class ListKey:
    """One list's key, ready to hash. ``key`` is 32 bytes; ``ident`` names it in headers and key rings."""

    __slots__ = ("_inner", "_outer", "ident")

    def __init__(self, key: bytes, ident: bytes = b"") -> None:
        """Raises ``ValueError`` for a key that is not 32 bytes, or an ident that is not 8."""
        if len(key) != KEY_SIZE or len(ident) not in (0, KEY_ID_SIZE):
            raise ValueError(f"a list key has {KEY_SIZE} bytes and its name {KEY_ID_SIZE}")
        block = key.ljust(64, b"\0")
        # RFC 2104 with both pads hashed once: half the time of a new HMAC for every number
        self._inner = hashlib.sha256(bytes(b ^ 0x36 for b in block))
        self._outer = hashlib.sha256(bytes(b ^ 0x5C for b in block))
        self.ident = ident or self._hmac(b"id|")[:KEY_ID_SIZE]

    def mac(self, text: str) -> bytes:
        """32 bytes; the first 8 are the key that a file is sorted by."""
        return self._hmac(text.encode("utf-8", "replace"))

    def mask(self, layer: int, text: str) -> bytes:
        """7 bytes that hide the payload of this text's record in this layer (0 to 2^32 - 1)."""
        return self._hmac(b"mask|" + layer.to_bytes(4, "big") + text.encode("utf-8", "replace"))[:7]

    def _hmac(self, message: bytes) -> bytes:
        inner, outer = self._inner.copy(), self._outer.copy()
        inner.update(message)
        outer.update(inner.digest())
        return outer.digest()

    def __repr__(self) -> str:
        return f"ListKey({self.ident.hex()})"


def mac(list_key: bytes, text: str) -> bytes:
    """HMAC-SHA256 of a key text."""
    return ListKey(list_key).mac(text)


# -- documents ---------------------------------------------------------------------------------------------------


def document_text(issuing_state: str, number: str) -> str:
    """The key text of a travel document; empty if the number cannot be one. Issuer: code as printed, or empty."""
    normal = normal_number(number)
    if not 0 < len(normal) <= MAX_NUMBER:
        return ""
    return f"v1|D|{_family(issuing_state)}|{normal}"


def document_questions(issuing_state: str, number: str) -> tuple[str, ...]:
    """The texts to ask for a document that was read: the issuer's own family first, then whoever may stand for it.

    Then records without an issuer. A code that no State has (one letter misread, or XXX) asks every family: a few
    milliseconds, in place of a stolen passport that nobody finds.
    """
    if not document_text("", number):
        return ()
    tail = normal_number(number)
    return tuple(f"v1|D|{family}|{tail}" for family in _families(normal_number(issuing_state)[:MAX_WORD]))


def _family(code: str) -> str:
    code = normal_number(states.strip(code))[:MAX_WORD]
    return "" if code in states.HOLDERS else states.family_of(code)  # law 5: they say nothing of the issuer


@lru_cache(maxsize=512)
def _families(code: str) -> tuple[str, ...]:
    """Families whose records a document of this issuer may stand in, its own first, the empty one last."""
    every = sorted(states.CODES | states.WITHDRAWN)
    near = every if not states.is_issuer(code) else [c for c in every if states.same_issuer(code, c)]
    return tuple(dict.fromkeys((states.family_of(code), *map(states.family_of, near), "")))


# -- vehicles ----------------------------------------------------------------------------------------------------


def normal_plate(plate: str) -> str:
    """A number plate: letters and digits of any script, digits as 0-9, upper case, twins as Latin letters."""
    text = latin(plate[: 4 * MAX_NUMBER])
    return "".join(c for c in text if c.isalpha() or c in _DIGITS).translate(_PLATE)


def normal_vin(vin: str) -> str:
    """A vehicle identification number: A-Z and 0-9; I, O and Q, which no VIN has, as 1 and 0."""
    return normal_number(vin).translate(_VIN)


def plate_text(state: str, plate: str) -> str:
    """The key text of a number plate and the State it is of (distinguishing sign or code; may be empty)."""
    normal = normal_plate(plate)
    return f"v1|V|{_family(state)}|{normal}" if 0 < len(normal) <= MAX_NUMBER else ""


def vin_text(vin: str) -> str:
    """The key text of a vehicle by its VIN."""
    normal = normal_vin(vin)
    return f"v1|N|{normal}" if len(normal) in VIN_LENGTHS else ""


def plate_questions(state: str, plate: str) -> tuple[str, ...]:
    """The texts to ask for a plate that was read: with its State, then records that do not state one.

    A State that is not stated or not known asks every one.
    """
    if not plate_text("", plate):
        return ()
    normal = normal_plate(plate)
    return tuple(f"v1|V|{family}|{normal}" for family in _families(normal_number(state)[:MAX_WORD]))


# -- firearms ----------------------------------------------------------------------------------------------------


def normal_calibre(calibre: str) -> str:
    """``9 x 19 mm``, ``Cal. 9x19`` -> ``9X19``; a decimal point stays a point (``7,62`` -> ``7.62``)."""
    text = latin(calibre[: 4 * MAX_WORD]).replace(",", ".").replace("٫", ".").replace("×", "X")
    text = "".join(c for c in text if c.isascii() and (c.isalnum() or c == "."))
    for word in _CALIBRE_WORDS:
        text = text.replace(word, "")
    return text.lstrip("0").strip(".")[:MAX_WORD]


def firearm_text(make: str, calibre: str, serial: str) -> str:
    """The key text of a firearm; make and calibre may be empty, the serial may not."""
    normal = normal_number(serial)
    if not 0 < len(normal) <= MAX_NUMBER:
        return ""
    return f"v1|F|{_folded(make)}|{normal_calibre(calibre)}|{normal}"


def firearm_rows(make: str, calibre: str, serial: str) -> tuple[str, ...]:
    """The texts that a listed firearm is stored under: its own first, then with ``*`` for what it states and a question
    may leave out. What it does not state stands empty in all of them."""
    normal, words = normal_number(serial), (_folded(make), normal_calibre(calibre))
    return _firearms(normal, [[word, STATED] if word else [""] for word in words])


def firearm_questions(make: str, calibre: str, serial: str) -> tuple[str, ...]:
    """The texts to ask for a firearm: what is stated, equal in the record, left open or other there; else either way.

    So the serial number alone always asks: one arm's calibre is ``9 mm`` and ``9x19`` to two who read it.

    The first is exact if make and calibre are stated; ``differs`` tells those that only a different record answers to.
    """
    normal, words = normal_number(serial), (_folded(make), normal_calibre(calibre))
    return _firearms(normal, [list(dict.fromkeys((word or STATED, "", STATED))) for word in words])


def differs(make: str, calibre: str, text: str) -> tuple[bool, bool]:
    """Whether make, and calibre, of a record stand in ``text`` as stated but not as asked for."""
    _, _, listed_make, listed_calibre, _ = text.split("|", 4)
    return bool(_folded(make)) and listed_make == STATED, bool(normal_calibre(calibre)) and listed_calibre == STATED


def _firearms(serial: str, words: list[list[str]]) -> tuple[str, ...]:
    if not 0 < len(serial) <= MAX_NUMBER:
        return ()
    return tuple(f"v1|F|{make}|{calibre}|{serial}" for make in words[0] for calibre in words[1])


def _folded(word: str) -> str:
    """A make in Latin letters; empty, as if it was not stated, for one in another script, which agrees with none."""
    plain = unicodedata.normalize("NFKD", word[: 4 * MAX_WORD])
    if any(c.isalpha() and not unicodedata.name(c, "").startswith("LATIN") for c in plain):
        return ""
    return normal_number("".join(c for c in plain if not unicodedata.combining(c)))[:MAX_WORD]
