"""One form for what is written in many: the text that lists and screening agree on."""

from __future__ import annotations

import unicodedata
from typing import Final

# letters of plates and numbers that share their form with Latin ones (Vienna Convention on Road Traffic, annex 2):
# whoever types them on a keyboard of that script means the Latin ones, or nobody can tell which was meant
_TWINS: Final = str.maketrans("АВЕКМНОРСТУХІЅЈ" "ΑΒΕΖΗΙΚΜΝΟΡΤΥΧ", "ABEKMHOPCTYXISJ" "ABEZHIKMNOPTYX")


def normal_number(text: str) -> str:
    """A document number as screening asks for it: upper case, A-Z and 0-9 only.

    Digits of any script count as 0-9, and Cyrillic and Greek letters of a Latin form as that.
    """
    if not text.isascii():
        text = latin(text)
    return "".join(c for c in text.upper() if c.isascii() and c.isalnum())


def latin(text: str) -> str:
    """Upper case, NFKC, digits of any script as 0-9, twins as Latin letters; the rest as it is."""
    upper = unicodedata.normalize("NFKC", text).upper()
    return "".join(c if c.isascii() else str(unicodedata.digit(c, c)) for c in upper).translate(_TWINS)


def is_comparable(text: str) -> bool:
    """False if a letter or digit of the text is lost in ``normal_number``: what is asked then is another number."""
    return text.isascii() or not any(c.isalnum() and not c.isascii() for c in latin(text))
