"""Fields that the CSV formats share: numbers, codes, dates, action texts."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date
from typing import Final

from edge.core import states
from edge.core.watch import manifest
from edge.core.watch.entries import MAX_ACTION, MAX_NUMBER, MAX_REFERENCE
from edge.core.watch.layout import normal_number
from edge.core.watch.objects import MAX_MAKE

MIN_NUMBER: Final = 3  # characters

_NUMBER: Final = re.compile(r"[A-Za-z0-9 <./-]+")
_STATE: Final = re.compile(r"[A-Z]{1,3}")
_TYPES: Final = {
    "p": "P", "passport": "P", "pp": "P", "travel_document": "P", "laissez_passer": "P",
    "i": "I", "id": "I", "ic": "I", "identity_card": "I", "national_identity_card": "I",
    "v": "V", "visa": "V", "residence_permit": "I", "other": "O", "o": "O",
}
_YES: Final = {"yes": True, "true": True, "1": True, "no": False, "false": False, "0": False, "": False}

Complain = Callable[[str], None]


class RowError(Exception):
    """The row cannot be used; the text is the reason (no personal data)."""


def number(text: str, column: str) -> str:
    """A document number, A-Z and 0-9 only. Raises ``RowError``."""
    if not text:
        raise RowError(f"{column} is empty")
    if not _NUMBER.fullmatch(text):
        raise RowError(f"{column} holds characters that no document number has")
    normal = normal_number(text)
    if not MIN_NUMBER <= len(normal) <= MAX_NUMBER:
        raise RowError(f"{column} has not {MIN_NUMBER} to {MAX_NUMBER} letters and digits")
    return normal


def state(text: str, column: str, complain: Complain) -> str:
    """An ICAO code without fillers; '' for an empty field. An unknown code is kept with a remark.

    Raises ``RowError`` for what is no code at all.
    """
    code = states.strip(text)
    if code and not _STATE.fullmatch(code):
        named = states.code_of(text)
        if not named:
            raise RowError(f"{column} is not an ICAO code")
        return named
    if code and not states.is_known(code):
        complain(f"{column} is an unknown code; it is kept as written")
    return code


def document_type(text: str, complain: Complain) -> str:
    """P, I, V or O; '' for an empty or unknown field (a type is explained, never matched on)."""
    found = _TYPES.get(re.sub(r"[ -]+", "_", text.casefold()), "")
    if text and not found:
        if re.fullmatch(r"[PIAVC][A-Z<]?", text.upper()):
            return {"A": "I", "C": "I"}.get(text[0].upper(), text[0].upper())
        complain("document_type is unknown; it is left out")
    return found


def day(text: str, column: str, complain: Complain) -> date | None:
    """``YYYY-MM-DD``; anything else is left out with a remark."""
    if not text:
        return None
    if len(text) == 10:
        try:
            return date.fromisoformat(text)
        except ValueError:
            pass
    complain(f"{column} is not a date YYYY-MM-DD; it is left out")
    return None


def reference(text: str, complain: Complain) -> str:
    """The record's reference, cut to the limit."""
    if len(text) > MAX_REFERENCE:
        complain(f"reference is longer than {MAX_REFERENCE} characters; it is cut")
    return text[:MAX_REFERENCE]


def action(text: str, complain: Complain) -> str:
    """An action text for the officer, with the sentence on the NCB; '' for the list's own.

    A text that prejudges, or is too long, is left out with a remark: the list's own stands instead.
    """
    if not text:
        return ""
    full = manifest.with_ncb(text)
    if len(full) > MAX_ACTION or manifest.prejudges(full):
        complain("action is too long or prejudges the person; the list's own text stands instead")
        return ""
    return full


def silent(text: str, complain: Complain) -> bool:
    """What was shown by mistake cannot be taken back, so a doubtful word counts as yes."""
    found = _YES.get(text.casefold())
    if found is None:
        complain("silent is neither yes nor no; it counts as yes")
    return found is not False


def category(text: str, column: str, known: tuple[str, ...]) -> str:
    """One of ``known``, whatever its case, spaces and hyphens. Raises ``RowError``."""
    found = re.sub(r"[ -]+", "_", text.casefold())
    if found not in known:
        raise RowError(f"{column} is none of {', '.join(known)}")
    return found


def state_or_none(text: str, column: str, complain: Complain) -> str:
    """An ICAO code; what is none is left out with a remark. '' for an empty field."""
    try:
        return state(text, column, complain)
    except RowError:
        complain(f"{column} is not an ICAO code; it is left out")
        return ""


def word(text: str, column: str, complain: Complain) -> str:
    """A make, model or colour as written, spaces collapsed, cut to the limit."""
    plain = " ".join(text.split())
    if len(plain) > MAX_MAKE:
        complain(f"{column} is longer than {MAX_MAKE} characters; it is cut")
    return plain[:MAX_MAKE]
