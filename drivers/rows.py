"""What may be a row of a machine-readable zone, and what cannot: shared by families that also send bar codes.

Laws:
1. A misread character never loses a document (it is a finding for the parser), and a bar code never becomes one.
2. Fillers tell a row from a bar code: no bar code, stripe or boarding pass holds ``<`` twice.
3. A row without fillers must have the form that Doc 9303 demands of it: a name row is letters, a row of dates
   has digits, the sex and the State where they belong. The one row whose form is too weak for that (the first
   of a TD1) must have its check digit right.
"""

from __future__ import annotations

import re

UNREADABLE = "?"
SHORTEST_ROW, LONGEST_ROW = 7, 44  # characters
MAX_ROWS = 3
ZONE_ROW = re.compile(rf"[A-Z0-9<{re.escape(UNREADABLE)}]{{{SHORTEST_ROW},{LONGEST_ROW}}}")
ODD = re.compile(r"[^A-Z0-9< ]")
ODD_SHARE = 0.25  # of the characters of a zone may be misread; more is noise
LIKE_ROWS = range(28, 47)  # a row with a character lost or doubled
LIKE_FILLERS = 2  # bar codes and stripes hold none
FULL_ROWS = (30, 36, 44)  # Doc 9303-5, -6, -4: characters per row of TD1, TD2, TD3

MISREAD = re.compile(r"[^A-Z0-9<]")
WRONG_KIND = 2  # readable characters of the wrong kind (O for 0) that a row without fillers may hold
# The kinds of characters a form is made of; a misread one may stand for any.
KINDS = {
    "a": frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZ<"),           # letters
    "n": frozenset("0123456789<"),                           # digits
    "s": frozenset("MFX<"),                                  # sex; X as some States print it
    "x": frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789<"),  # any
    "P": frozenset("PV"),                                    # begins a zone of 44 characters
    "C": frozenset("ACIPV"),                                 # of 36 characters
}
NO_OTHER = "PC"  # kinds of which no character may be wrong
_DATES = "n" * 7 + "s" + "n" * 7  # birth, its digit, sex, expiry, its digit
_LOWER = "x" * 9 + "n" + "aaa" + _DATES  # number, its digit, State, dates
FORMS: dict[int, tuple[str, ...]] = {
    30: (_DATES + "aaa" + "x" * 11 + "n", "a" * 30),                      # TD1, second and third row
    36: (
        "C" + "a" * 35, _LOWER + "x" * 8,                                 # TD2, MRV-B
        "Caaaa" + "a" * 25 + "x" * 6, "x" * 12 + "n" + "a" * 14 + "n" * 7 + "sn",  # French card of 1988-2021
    ),
    44: ("P" + "a" * 43, _LOWER + "x" * 16),                              # TD3, MRV-A
}
TD1_FIRST = re.compile(r"[ACI][A-Z<][A-Z<]{3}([A-Z0-9<]{9})([0-9])[A-Z0-9<]{15}")
BOARDING_PASS = re.compile(r"[MS][1-9][A-Z][A-Z /'-]{19}")  # IATA BCBP: format code, legs, name of 20
CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1b\x7f-\x9f]")
ILLEGIBLE = re.compile(r"[^ -~]")
AIM_ID = re.compile(r"\][A-Za-z][0-9A-Za-z]")              # ISO/IEC 15424: flag, code, modifier
STRIPE = re.compile(r"[%;+]?B?[0-9]{8,19}[=^]|%[A-Z]")      # ISO/IEC 7813 tracks, with or without sentinel


def is_zone(rows: tuple[str, ...]) -> bool:
    """True if the rows may be a machine-readable zone, or what is left of one.

    One to three rows of 7 to 44 zone characters; a single row must be one by ``is_row``, because bar codes
    come as single rows. Several rows that look like a zone's by length and fillers are one whatever else
    they hold: a misread character is a finding for the parser, never a document lost.
    """
    if not 1 <= len(rows) <= MAX_ROWS:
        return False
    if len(rows) == 1:
        return is_row(rows[0])
    if all(ZONE_ROW.fullmatch(row) for row in rows):
        return True
    text = "".join(rows)
    if len(ODD.findall(text)) > len(text) * ODD_SHARE:
        return False
    whole = len({len(row) for row in rows}) == 1 and len(rows[0]) in FULL_ROWS
    return whole or any(len(row) in LIKE_ROWS and row.count("<") >= LIKE_FILLERS for row in rows)


def is_row(text: str) -> bool:
    """True if one line alone may be a row of a zone: 30, 36 or 44 characters of a row's form (law 3), or 28 to 46
    with two fillers or more (law 2). A quarter of the characters may be misread, which is anything but
    ``A-Z0-9<``. Boarding passes, magnetic tracks and bar codes of the usual forms are none.
    """
    if len(text) not in LIKE_ROWS or len(MISREAD.findall(text)) > len(text) * ODD_SHARE:
        return False
    if BOARDING_PASS.match(text) or STRIPE.match(text):
        return False
    if text.count("<") >= LIKE_FILLERS:
        return True
    if any(_has_form(text, form) for form in FORMS.get(len(text), ())):
        return True
    first = TD1_FIRST.fullmatch(text)
    return first is not None and check_digit(first[1]) == int(first[2])


def legible(row: str) -> str:
    """The row with ``?`` for what no zone can hold: controls, and characters beyond ASCII (a flipped bit)."""
    return row if row.isascii() and row.isprintable() else ILLEGIBLE.sub(UNREADABLE, row)


def is_text(data: bytes) -> bool:
    """True for what a bar code or a stripe may hold: UTF-8 without control characters, but for tab, line ends
    and the separators FS to US. Random bytes are none, from a few bytes on.
    """
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return not CONTROL.search(text)


def without_id(text: str, code_id: str = "") -> str:
    """The line without the AIM identifier before it (``]`` is no zone character), and without the vendor's
    ``code_id``, which is cut off only where a full row remains: a name may begin like it."""
    text = AIM_ID.sub("", text, count=1) if AIM_ID.match(text) else text
    rest = text[len(code_id) :]
    return rest if code_id and text.startswith(code_id) and len(rest) in FULL_ROWS and is_row(rest) else text


def check_digit(text: str) -> int:
    """The check digit of a field of ``A-Z0-9<`` (Doc 9303-3 section 4.9): weights 7, 3, 1, modulo 10."""
    values = (0 if c == "<" else int(c, 36) for c in text)
    return sum(value * (7, 3, 1)[at % 3] for at, value in enumerate(values)) % 10


def _has_form(text: str, form: str) -> bool:
    wrong = 0
    for character, kind in zip(text, form, strict=True):
        if character not in KINDS[kind] and character in KINDS["x"]:
            wrong += WRONG_KIND + 1 if kind in NO_OTHER else 1
    return wrong <= WRONG_KIND
