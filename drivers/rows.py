"""What may be a row of a machine-readable zone, and what cannot: shared by families that also send bar codes.

Laws:
1. A misread character never loses a document (it is a finding for the parser), and a bar code never becomes one. What
   says itself by its AIM identifier that it is none of OCR, is none, whatever it holds (``is_told_other``).
2. Fillers tell a row from a bar code: no bar code, stripe or boarding pass holds ``<`` twice, and none that holds it
   once has the form of a row besides.
3. A row without fillers must have the form that Doc 9303 demands of it. That of a row of dates is enough: digits, the
   sex and the State where they belong; a letter that looks like a digit (``O``) is half an error there. The others are
   too weak: the first row of a TD1 must have its check digit right, and letters alone are no row.
4. What came directly before or behind a row of its width is judged more mildly (``beside``): there a wrong check
   digit, letters alone and some errors more are still a row.
5. Which row of a zone a line is (``row_number``), is said only where its form leaves one answer.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

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
HALF, WRONG = 1, 2    # readable characters of the wrong kind: O, I, Z... for a digit, and any other
MOST_WRONG = 2 * WRONG         # that a row without fillers may hold
MOST_WRONG_BESIDE = 3 * WRONG  # a row of digits alone has four: the State and the sex
NEVER = 99            # the wrong first letter, in a line alone
LEAST_DIGITS = 3      # of a row of dates; a row of names holds two misread ones at most
LIKE_DIGITS = frozenset("OQDILZSGB")
# The kinds of characters a form is made of; a misread one may stand for any.
KINDS = {
    "a": frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZ<"),           # letters
    "n": frozenset("0123456789<"),                           # digits
    "s": frozenset("MFX<"),                                  # sex; X as some States print it
    "x": frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789<"),  # any
    "P": frozenset("PV"),                                    # begins a zone of 44 characters
    "C": frozenset("ACIPV"),                                 # of 36 characters
    "I": frozenset("ACI"),                                   # of 30 characters
}
_DATES = "n" * 7 + "s" + "n" * 7  # birth, its digit, sex, expiry, its digit
_LOWER = "x" * 9 + "n" + "aaa" + _DATES  # number, its digit, State, dates


@dataclass(frozen=True, slots=True)
class Form:
    """Row ``number`` of a zone: its ``kinds``, character by character, and the ``checked`` fields of it, each with its
    check digit behind it."""

    number: int
    kinds: str
    checked: tuple[slice, ...] = ()
    right: tuple[frozenset[str], ...] = field(init=False, repr=False)  # what may stand where

    def __post_init__(self) -> None:
        object.__setattr__(self, "right", tuple(KINDS[kind] for kind in self.kinds))

    @property
    def firm(self) -> bool:
        """True of a row of dates (law 3)."""
        return "s" in self.kinds


NUMBER_OF_TD1 = (slice(5, 14),)
FORMS: dict[int, tuple[Form, ...]] = {
    30: (                                                                 # TD1
        Form(1, "Iaaaa" + "x" * 9 + "n" + "x" * 15, NUMBER_OF_TD1),
        Form(2, _DATES + "aaa" + "x" * 11 + "n", (slice(0, 6), slice(8, 14))),
        Form(3, "a" * 30),
    ),
    36: (
        Form(1, "C" + "a" * 35),                                          # TD2, MRV-B
        Form(2, _LOWER + "x" * 8, (slice(0, 9), slice(13, 19), slice(21, 27))),
        Form(1, "Caaaa" + "a" * 25 + "x" * 6),                            # French card of 1988-2021
        Form(2, "x" * 12 + "n" + "a" * 14 + "n" * 7 + "sn", (slice(0, 12), slice(27, 33))),
    ),
    44: (
        Form(1, "P" + "a" * 43),                                          # TD3, MRV-A
        Form(2, _LOWER + "x" * 16, (slice(0, 9), slice(13, 19), slice(21, 27))),
    ),
}
BOARDING_PASS = re.compile(r"[MS][1-9][A-Z][A-Z /'-]{19}")  # IATA BCBP: format code, legs, name of 20
CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1b\x7f-\x9f]")
FOREIGN_CONTROL = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1b\x7f]")
ILLEGIBLE = re.compile(r"[^ -~]")
# ISO/IEC 15424: flag, code, modifier. "o" is OCR; a keyboard's capitals are not told from small letters, and the other
# "O" (Codablock) has modifiers from 4 on. Modifiers are digits, but for Aztec's: a misread row may begin with
# ] and letters.
OCR_ID = re.compile(r"\](?:o[0-9]|O[0-3])")
# The codes for digits alone (EAN, Codabar, Code 11, 2 of 5, MSI, Anker, Plessey) can hold no row and are left out.
AIM_ID = re.compile(r"\](?:[ABCDGJ-LOQT-Za-z][0-9]|[zZ][A-C])")
AIM_LENGTH = 3  # characters
STRIPE = re.compile(r"[%;+]?B?[0-9]{8,19}[=^]|%[A-Z]")      # ISO/IEC 7813 tracks, with or without sentinel


def is_zone(rows: tuple[str, ...]) -> bool:
    """True if the rows may be a machine-readable zone, or what is left of one.

    One to three rows of 7 to 44 zone characters; a single row must be one by ``is_row``, because bar codes
    come as single rows. Several rows that look like a zone's by length and fillers are one whatever else
    they hold: a misread character is a finding for the parser, never a document lost.
    """
    if not 1 <= len(rows) <= MAX_ROWS or is_told_other(rows[0]):
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


def is_row(text: str, *, beside: bool = False) -> bool:
    """True if one line alone may be a row of a zone: 30, 36 or 44 characters of a row's form (law 3), or 28 to 46
    with two fillers or more (law 2). A quarter of the characters may be misread, which is anything but
    ``A-Z0-9<``. Boarding passes, magnetic tracks and bar codes of the usual forms are none.

    ``beside``: a row of the same width came directly before or behind it (law 4).
    """
    if len(text) not in LIKE_ROWS or len(MISREAD.findall(text)) > len(text) * ODD_SHARE:
        return False
    if BOARDING_PASS.match(text) or STRIPE.match(text) or is_told_other(text):
        return False
    if text.count("<") >= LIKE_FILLERS:
        return True
    most = MOST_WRONG_BESIDE if beside else MOST_WRONG
    return any(
        wrong(text, form, first=WRONG if beside else NEVER, most=most) <= most
        and (beside or form.firm or "<" in text or (bool(form.checked) and _agrees(text, form)))
        for form in FORMS.get(len(text), ())
    )


def row_number(text: str) -> int:
    """Which row of its zone this line of 30, 36 or 44 characters is: 1 to 3; 0 if its form does not prove it (law 5).

    A row of dates holds digits and one of names does not, so two readings of one row never get two numbers.
    """
    forms = [] if len(MISREAD.findall(text)) > len(text) * ODD_SHARE else FORMS.get(len(text), ())
    errors = [(wrong(text, form, first=WRONG), form) for form in forms]
    least = min((count for count, _ in errors), default=NEVER)
    if least > MOST_WRONG:
        return 0
    numbers = {form.number for count, form in errors if count == least and _has_digits(text, form)}
    return numbers.pop() if len(numbers) == 1 else 0


def wrong(text: str, form: Form, *, first: int = NEVER, most: int = MOST_WRONG) -> int:
    """The errors in a line of the form's length: ``WRONG`` for each readable character of another kind, ``HALF`` for
    a letter that looks like a digit where a digit belongs, ``first`` for a first letter of another document. Above
    ``most`` they are not counted on."""
    count = 0
    for character, right, kind in zip(text, form.right, form.kinds, strict=True):
        if character in right or character not in KINDS["x"]:
            continue
        if kind in "PCI":
            count += first
        else:
            count += HALF if kind == "n" and character in LIKE_DIGITS else WRONG
        if count > most:
            break
    return count


def _has_digits(text: str, form: Form) -> bool:
    """As many as prove a row with check digits. Rows of names need none, and may hold misread ones (``wrong``)."""
    if form.firm:
        return sum(c.isdecimal() for c, kind in zip(text, form.kinds, strict=True) if kind == "n") >= LEAST_DIGITS
    return not form.checked or sum(c.isdecimal() for c in text) >= LEAST_DIGITS or _agrees(text, form)


def _agrees(text: str, form: Form) -> bool:
    """True if each field of the form is legible and its check digit is there and right. The number of a card may go on
    behind the place of its digit (Doc 9303-5 section 4.2.2, note j)."""
    if form.checked == NUMBER_OF_TD1 and text[14] == "<":
        field, _, _ = text[15:].partition("<")
        fields = [(text[5:14] + field[:-1], field[-1:])]
    else:
        fields = [(text[field], text[field.stop]) for field in form.checked]
    return all(not MISREAD.search(field) and digit == str(check_digit(field)) for field, digit in fields)


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


def is_told_other(text: str) -> bool:
    """True if an AIM identifier says that this came of a bar code and not of OCR: a sticker may hold rows."""
    return bool(AIM_ID.match(text)) and not OCR_ID.match(text)


def is_foreign_text(data: bytes) -> bool:
    """True for text in another code than UTF-8 (Latin-1, a Windows code page), where a frame says that it is a block:
    no control characters of ASCII, and not two fillers, for that is what is left of a zone after noise."""
    return not FOREIGN_CONTROL.search(data) and data.count(b"<") < LIKE_FILLERS


def without_id(text: str, code_id: str = "") -> str:
    """The line without OCR's AIM identifier before it (``]`` is no zone character), and without the vendor's
    ``code_id``, which is cut off only where a full row remains: a name may begin like it. A character that nobody
    has told of (an identifier, noise) is cut off only where it cannot be part of the row: what is behind it proves to
    be one, to the last character and check digit, and what begins with it does not."""
    text = OCR_ID.sub("", text, count=1) if OCR_ID.match(text) else text
    rest = text[len(code_id) :]
    if code_id and text.startswith(code_id) and len(rest) in FULL_ROWS and is_row(rest):
        return rest
    if _is_faultless(text[1:]) and not _is_faultless(text[:-1]):
        return text[1:]
    return text


def _is_faultless(text: str) -> bool:
    forms = FORMS.get(len(text), ()) if ZONE_ROW.fullmatch(text) and UNREADABLE not in text else ()
    return any(wrong(text, form) == 0 and _agrees(text, form) and _has_digits(text, form) for form in forms)


def check_digit(text: str) -> int:
    """The check digit of a field of ``A-Z0-9<`` (Doc 9303-3 section 4.9): weights 7, 3, 1, modulo 10."""
    values = (0 if c == "<" else int(c, 36) for c in text)
    return sum(value * (7, 3, 1)[at % 3] for at, value in enumerate(values)) % 10

