"""Codes of issuing States, organizations and nationalities (ICAO Doc 9303-3 section 5, parts A to H).

Laws:
1. A code is what a zone prints without its fillers: ``D`` is Germany, ``DEU`` is only its alias.
2. An unknown code is a warning for the caller, never a refusal (old documents carry withdrawn codes).
3. Two codes are the same issuer if one passport office may use one for the other, or if one is a
   withdrawn code that the other succeeds. The relation is symmetric and not transitive.
"""

from __future__ import annotations

import unicodedata
from typing import Final

from edge.core import states_data


def _table(text: str) -> dict[str, tuple[str, ...]]:
    rows = (line.split("|") for line in text.strip().splitlines())
    return {row[0]: tuple(row[1:]) for row in rows}


def _folded(name: str) -> str:
    plain = unicodedata.normalize("NFKD", name.casefold())
    letters = "".join(c if c.isalnum() else " " for c in plain if not unicodedata.combining(c))
    words = letters.split()
    return " ".join(words[1:] if len(words) > 1 and words[0] == "the" else words)


_CURRENT: Final = _table(states_data.ISO_3166) | _table(states_data.OTHERS)
_WITHDRAWN: Final = _table(states_data.WITHDRAWN)
_SUCCESSORS: Final = {code: frozenset(row[1].split(",")) for code, row in _WITHDRAWN.items()}
_FAMILY: Final = {code: line for line in states_data.FAMILIES for code in line.split()}

_BY_NAME: Final[dict[str, str]] = {
    _folded(name): code
    for table in (
        {code: row[:1] for code, row in _WITHDRAWN.items()},
        _table(states_data.WITHDRAWN_SPELLINGS),
        _CURRENT,
    )
    for code, names in table.items()
    for name in names
}
_BY_ADJECTIVE: Final[dict[str, str]] = {
    _folded(word): code for code, words in _table(states_data.ADJECTIVES).items() for word in words
}

_TWO_LETTERS: Final = dict(pair.split(":") for pair in states_data.TWO_LETTERS.split())

CODES: Final = frozenset(_CURRENT)
"""Every code in use today, without fillers."""

WITHDRAWN: Final = frozenset(_WITHDRAWN)
"""Codes that are no longer issued but stand on old documents and in old records."""

HOLDERS: Final = frozenset({"XXA", "XXB", "XXC", "XXX"})
"""Stateless person, refugee by the 1951 Convention, other refugee, unspecified: nobody issues under these."""


def strip(code: str) -> str:
    """A code as printed (``D<<``, ``gbr``) -> without fillers and spaces, upper case."""
    return code.replace("<", "").strip().upper()


def is_known(code: str) -> bool:
    """True for a code in use or withdrawn."""
    return code in CODES or code in WITHDRAWN


def is_issuer(code: str) -> bool:
    """True for a known code that says who issued a document. XXA to XXC and XXX (Doc 9303-3 section 5 part D) say what
    the holder is: where they stand for the issuer, the issuer is not known."""
    return is_known(code) and code not in HOLDERS


def is_withdrawn(code: str) -> bool:
    """True for a code that no State issues under any more."""
    return code in WITHDRAWN


def name_of(code: str) -> str | None:
    """The English name, or None for an unknown code."""
    names = _CURRENT.get(code) or _WITHDRAWN.get(code)
    return names[0] if names else None


def code_of(name: str) -> str | None:
    """An English or UN spelling, or a code -> the code; None if it names no State.

    Case, accents, punctuation and a leading "the" do not count.
    """
    folded = _folded(name)
    if not folded:
        return None
    found = _BY_NAME.get(folded)
    if found:
        return found
    upper = strip(name)
    return upper if is_known(upper) else None


def code_of_adjective(word: str) -> str | None:
    """``Tunisian`` -> ``TUN``: how free text names an issuer; None if the word is no such adjective."""
    return _BY_ADJECTIVE.get(_folded(word))


def code_of_typed(text: str) -> str | None:
    """What a person types for a State (``DEU``, ``Germany``, ``German``, ``DE``) -> the code; None if it names none.

    Not for plates: the signs of vehicles are others than ISO's two letters.
    """
    return code_of(text) or code_of_adjective(text) or _TWO_LETTERS.get(strip(text))


def family_of(code: str) -> str:
    """The first code of the family whose passport offices stand in for each other; a code alone is its own family."""
    return _FAMILY.get(code, code).split(" ", 1)[0]


def same_issuer(a: str, b: str) -> bool:
    """True if a document of issuer ``a`` may stand in a record as ``b``. Codes without fillers."""
    if a == b:
        return True
    family_a, family_b = _FAMILY.get(a, a), _FAMILY.get(b, b)
    if family_a == family_b:
        return True
    return _succeeds(a, b) or _succeeds(b, a)


def _succeeds(new: str, old: str) -> bool:
    heirs = _SUCCESSORS.get(old)
    if heirs is None:
        return False
    family = _FAMILY.get(new, new)
    return new in heirs or any(_FAMILY.get(heir, heir) == family for heir in heirs)
