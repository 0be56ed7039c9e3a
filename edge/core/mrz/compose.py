"""Writers: fields -> the lines of a right zone. For the demo, virtual devices and tests.

Laws:
1. What is written parses without an error: digits are computed, fields padded, the alphabet kept.
2. Names are folded to A-Z: apostrophes and other punctuation drop out, hyphen, comma and space part
   components, marks of letters drop out (Doc 9303-3 section 4.6). Letters of other scripts must be
   transliterated before.
3. A name too long for its field is cut as Doc 9303-4 to 6 section 4.2.3 says: at least one letter of
   the first secondary component stays, primary components are shortened, and a letter stands last wherever
   one can (dozens of initials may not allow it).
4. A number of more than nine characters goes on in the optional data (TD1 up to 22, TD2 up to 14
   characters, note j of parts 5 and 6); a visa shows its nine principal characters (9303-7 note j).

A field that cannot be written raises ``ComposeError``: that is the caller's fault, not data.
"""

from __future__ import annotations

import unicodedata
from typing import Final

from edge.core.errors import BorderpostError
from edge.core.mrz.digits import ALPHABET, digit_of, values_of
from edge.core.mrz.verify import EXCLUDED, INCLUDED

_SPECIAL: Final = str.maketrans({
    "ß": "SS", "Æ": "AE", "æ": "AE", "Œ": "OE", "œ": "OE", "Ø": "OE", "ø": "OE", "Ð": "D", "ð": "D",
    "Þ": "TH", "þ": "TH", "Ł": "L", "ł": "L", "Đ": "D", "đ": "D", "ı": "I", "Ħ": "H", "ħ": "H",
})  # fmt: skip
_PARTING: Final = " -,<\u2010\u2011\u2013\t"


class ComposeError(BorderpostError):
    """A field does not fit the zone that was asked for."""


def td3(
    *, document_code: str = "P", issuing_state: str, surname: str, given_names: str = "", number: str,
    nationality: str, birth_date: str, sex: str = "<", expiry_date: str, optional: str = "",
) -> tuple[str, str]:  # fmt: skip
    """A passport, 2 lines of 44. Dates YYMMDD (``<`` for unknown parts), sex M, F or <, optional <= 14."""
    upper = _head(document_code, issuing_state) + name_field(surname, given_names, 39)
    number_part = _with_digit(_padded("number", number, 9))
    middle = _with_digit(_date(birth_date)), _sex(sex), _with_digit(_date(expiry_date))
    rest = _with_digit(_padded("optional", optional, 14))
    composite = _digit(number_part + middle[0] + middle[2] + rest)
    return upper, number_part + _padded("nationality", nationality, 3) + "".join(middle) + rest + composite


def td2(
    *, document_code: str = "I", issuing_state: str, surname: str, given_names: str = "", number: str,
    nationality: str, birth_date: str, sex: str = "<", expiry_date: str, optional: str = "",
    weighting: str = EXCLUDED,
) -> tuple[str, str]:  # fmt: skip
    """A card, 2 lines of 36. ``number`` <= 14 characters, the more the less room for ``optional`` (<= 7)."""
    upper = _head(document_code, issuing_state) + name_field(surname, given_names, 31)
    number_part, rest = _number_and_optional(number, optional, 7, weighting)
    middle = _with_digit(_date(birth_date)), _sex(sex), _with_digit(_date(expiry_date))
    composite = _digit(number_part + middle[0] + middle[2] + rest)
    return upper, number_part + _padded("nationality", nationality, 3) + "".join(middle) + rest + composite


def td1(
    *, document_code: str = "I", issuing_state: str, surname: str, given_names: str = "", number: str,
    nationality: str, birth_date: str, sex: str = "<", expiry_date: str, optional1: str = "",
    optional2: str = "", weighting: str = EXCLUDED,
) -> tuple[str, str, str]:  # fmt: skip
    """A card, 3 lines of 30. ``number`` <= 22 characters; ``optional1`` <= 15 less what overflows."""
    number_part, first = _number_and_optional(number, optional1, 15, weighting)
    middle = _with_digit(_date(birth_date)), _sex(sex), _with_digit(_date(expiry_date))
    second = _padded("optional2", optional2, 11)
    composite = _digit(number_part + first + middle[0] + middle[2] + second)
    return (
        _head(document_code, issuing_state) + number_part + first,
        "".join(middle) + _padded("nationality", nationality, 3) + second + composite,
        name_field(surname, given_names, 30),
    )


def mrva(
    *, document_code: str = "V", issuing_state: str, surname: str, given_names: str = "", number: str,
    nationality: str, birth_date: str, sex: str = "<", expiry_date: str, optional: str = "",
) -> tuple[str, str]:  # fmt: skip
    """A visa, 2 lines of 44. ``number`` is the visa's or the passport's; optional <= 16."""
    upper = _head(document_code, issuing_state) + name_field(surname, given_names, 39)
    lower = _visa_lower(number, nationality, birth=birth_date, sex=sex, expiry=expiry_date)
    return upper, lower + _padded("optional", optional, 16)


def mrvb(
    *, document_code: str = "V", issuing_state: str, surname: str, given_names: str = "", number: str,
    nationality: str, birth_date: str, sex: str = "<", expiry_date: str, optional: str = "",
) -> tuple[str, str]:  # fmt: skip
    """A visa, 2 lines of 36. ``number`` is the visa's or the passport's; optional <= 8."""
    upper = _head(document_code, issuing_state) + name_field(surname, given_names, 31)
    lower = _visa_lower(number, nationality, birth=birth_date, sex=sex, expiry=expiry_date)
    return upper, lower + _padded("optional", optional, 8)


def fra_id(
    *, surname: str, given_names: str = "", number: str, birth_date: str, sex: str = "<", office: str = "",
) -> tuple[str, str]:  # fmt: skip
    """A French identity card of 1988-2021, 2 lines of 36. ``number`` 12 characters, ``office`` <= 6."""
    upper = _head("ID", "FRA") + name_field(surname, "", 25) + _padded("office", office, 6)
    given = _cut("<<".join(fold(given_names)), 14)
    lower = _with_digit(_padded("number", number, 12)) + given + _with_digit(_date(birth_date)) + _sex(sex)
    return upper, lower + _digit(upper + lower)


def fold(text: str) -> list[str]:
    """The components of a name in A-Z: ``"van der Müller-Ó'Hara"`` -> ``[VAN, DER, MULLER, OHARA]``."""
    plain = unicodedata.normalize("NFKD", text.translate(_SPECIAL)).upper().translate(_SPECIAL)
    spaced = "".join(" " if c in _PARTING else c for c in plain)
    words = ("".join(c for c in word if "A" <= c <= "Z") for word in spaced.split())
    return [word for word in words if word]


def name_field(surname: str, given_names: str, width: int) -> str:
    """The name field of ``width`` characters, cut by the rules if need be."""
    primary, secondary = fold(surname), fold(given_names)
    if not primary and not secondary:
        return "<" * width
    rest = "<<" + "<".join(secondary) if secondary else ""
    if len("<".join(primary)) + len(rest) <= width:
        return ("<".join(primary) + rest).ljust(width, "<")
    primary = _shortened(primary, width - 3 if secondary else width)  # 3: "<<" and one letter
    return _cut("<".join(primary) + rest, width)


def _shortened(parts: list[str], width: int) -> list[str]:
    """Take letters from the longest component until all fit; drop the last ones if initials do not."""
    parts = parts[: (width + 1) // 2]
    while len("<".join(parts)) > width:
        longest = max(range(len(parts)), key=lambda i: (len(parts[i]), i))
        parts[longest] = parts[longest][:-1]
    return parts


def _cut(text: str, width: int) -> str:
    """Cut to ``width`` so that a letter stands last: a filler there would deny the cut."""
    while len(text) > width and text[width - 1] == "<":
        head = text[: width - 1].rstrip("<")
        start = head.rfind("<") + 1
        if len(head) - start > 1:       # one letter less of the component before lets the next begin
            text = head[:-1] + text[len(head) :]
        else:                           # an initial stands there: take from the longest before it
            longest = max(head.split("<"), key=len)
            if len(longest) < 2:
                return head[:width].ljust(width, "<")
            at = head.index(longest) + len(longest) - 1
            text = text[:at] + text[at + 1 :]
    return text[:width].ljust(width, "<")


def _number_and_optional(number: str, optional: str, width: int, weighting: str) -> tuple[str, str]:
    if weighting not in (EXCLUDED, INCLUDED):
        raise ComposeError(f"unknown weighting {weighting!r}", advice="use 'excluded' or 'included'")
    if len(number) <= 9:
        return _with_digit(_padded("number", number, 9)), _padded("optional data", optional, width)
    number = _padded("number", number, 9 + width - 2, pad=False)
    principal, overflow = number[:9], number[9:]
    digit = _digit(principal + ("<" if weighting == INCLUDED else "") + overflow)
    rest = overflow + digit + "<" + _padded("optional data", optional, width, pad=False)
    return principal + "<", _padded("optional data", rest, width)


def _visa_lower(number: str, nationality: str, *, birth: str, sex: str, expiry: str) -> str:
    return (
        _with_digit(_padded("number", number[:9], 9)) + _padded("nationality", nationality, 3)
        + _with_digit(_date(birth)) + _sex(sex) + _with_digit(_date(expiry))
    )  # fmt: skip


def _head(code: str, state: str) -> str:
    return _padded("document code", code, 2) + _padded("issuing State", state, 3)


def _padded(what: str, text: str, width: int, *, pad: bool = True) -> str:
    """Special characters and spaces become fillers (Doc 9303-4 section 4.2.2.2)."""
    text = "".join(c if c in ALPHABET else "<" for c in text.upper())
    if len(text.rstrip("<")) > width:
        raise ComposeError(f"{what} has more than {width} characters", advice="shorten it or change format")
    return text[:width].ljust(width, "<") if pad else text


def _date(text: str) -> str:
    if len(text) != 6 or any(c not in "0123456789<" for c in text):
        raise ComposeError("a date is not six characters YYMMDD", advice="write 850214, or 85<<<< for 1985")
    return text


def _sex(text: str) -> str:
    if text not in ("M", "F", "<"):
        raise ComposeError("the sex is none of M, F and <", advice="write < where it is not stated")
    return text


def _digit(text: str) -> str:
    return digit_of(values_of(text))


def _with_digit(text: str) -> str:
    return text + _digit(text)
