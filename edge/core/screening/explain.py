"""One traveller against one record, without a list: the score that screening would compare, and why.

Laws:
1. The steps are screening's own: ``matching`` scores the name, ``qualifiers`` weighs what else is known, ``by_person``
   adds them up. Nothing here decides how alike two names are. Weights come from the built-in table alone: a single
   record knows nothing of how rare a name is in a list.
2. What screening would not take for a match has the score 0, and the evidence says why.
3. Data never raises. A value that cannot be read counts as not known and is named in ``doubts``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from edge.core import states
from edge.core.documents import DateInterval
from edge.core.matching import NameScore, QueryName, score_texts
from edge.core.names import tokens, unread
from edge.core.screening.by_person import one_token_points, one_token_stands, total
from edge.core.screening.qualifiers import qualify
from edge.core.screening.query import MAX_FIELD
from edge.core.verdicts import Evidence
from edge.core.watch.entries import MAX_BIRTHS, MAX_NATIONALITIES, MAX_TOKENS

FIELDS: Final = ("name", "birth_date", "sex", "nationality")
FIELD_WIDTHS: Final = (30, 31, 39)  # characters of a name field: TD1; TD2 and MRV-B; TD3 and MRV-A
TOO_LITTLE: Final = "too little of the name agrees"
ONE_COMMON: Final = "one common name of several: no match"
ONE_TOKEN: Final = "record of one name token: review only"

_GAPS: Final = re.compile(r"[\s<,;-]+")
_ISO_2: Final = 2  # letters of a code of ISO 3166-1 alpha-2, which no zone prints
_NEUTRAL: Final = frozenset({"", "X", "<", "U"})
_STATE: Final = re.compile(r"[A-Z]{1,3}")


@dataclass(frozen=True, slots=True)
class Person:
    """One side of a pair, as far as it was understood. ``doubts`` name the fields that were not."""

    name: str = ""
    births: tuple[DateInterval, ...] = ()
    sex: str = ""
    nationalities: tuple[str, ...] = ()
    doubts: tuple[str, ...] = ()

    @classmethod
    def of_fields(cls, fields: Mapping[str, Any], *, record: bool = False) -> Person:
        """Any subset of ``FIELDS``; None is as absent. A record may have arrays of birth dates and nationalities.

        A birth date is ``YYYY[-MM[-DD]]`` or an interval ``A/B`` of those, a nationality an ICAO code or an English
        name, a sex M or F (X, U and < say nothing). Other keys are not looked at. A name with letters of a script that
        folding does not know is a doubt: they are left out.
        """
        doubts: list[str] = []
        name = fields.get("name")
        if name is not None and not isinstance(name, str):
            doubts.append("name")
            name = ""
        name = _bounded((name or "").strip())
        if name and (unread(name) or not tokens(name)):
            doubts.append("name")
        dates = _texts(fields, "birth_date", MAX_BIRTHS if record else 1, doubts)
        births = [DateInterval.parse(text) for text in dates]
        if None in births:
            doubts.append("birth_date")
        sex = " ".join(_texts(fields, "sex", 1, doubts)).upper()
        if sex not in {"M", "F"} and sex not in _NEUTRAL:
            doubts.append("sex")
        states_given = _texts(fields, "nationality", MAX_NATIONALITIES if record else 1, doubts)
        codes = [_code(text) for text in states_given]
        if "" in codes:
            doubts.append("nationality")
        return cls(
            name=name,
            births=tuple(birth for birth in births if birth is not None),
            sex=sex if sex in {"M", "F"} else "",
            nationalities=tuple(code for code in codes if code),
            doubts=tuple(dict.fromkeys(doubts)),
        )


@dataclass(frozen=True, slots=True)
class Explained:
    """``score`` 0..1, and the steps that led to it."""

    score: float
    evidence: tuple[Evidence, ...]


def may_be_cut(name: str) -> bool:
    """True for a raw name field that may not hold the whole name.

    A field of 30, 31 or 39 characters that is full, or was cut behind a component (one filler at the end) or between
    the identifiers (two, and no secondary one). More fillers mean that there was room (Doc 9303-4 section 4.2.3).
    """
    if "<" not in name or len(name) not in FIELD_WIDTHS:
        return False
    text = name.rstrip("<")
    room = len(name) - len(text)
    return room <= 1 or (room == 2 and "<<" not in text)


def explain_pair(traveller: Person, record: Person) -> Explained:
    """The score of a traveller against a record, and every step to it."""
    name = QueryName.of_text(traveller.name, cut=may_be_cut(traveller.name))
    found = score_texts(name, record.name) if name.tokens and record.name else None
    qualified = qualify(
        birth=traveller.births[0] if traveller.births else None,
        births=record.births,
        sexes=(traveller.sex, record.sex),
        nationality=traveller.nationalities[0] if traveller.nationalities else "",
        nationalities=_comparable(traveller.nationalities[:1], record.nationalities),
    )
    if found is None:
        return Explained(0.0, (Evidence(" ".join(name.tokens), record.name, TOO_LITTLE), *qualified.evidence))
    lines = (*found.evidence, *qualified.evidence)
    if not one_token_stands(found, name, qualified.birth):
        return Explained(0.0, (*lines, Evidence("", record.name, ONE_COMMON)))
    if found.one_token:
        lines += (Evidence("", record.name, ONE_TOKEN, points=one_token_points(found)),)
    return Explained(_rounded(found, qualified.points), lines)


def _rounded(found: NameScore, points: float) -> float:
    return round(total(found, points, low=False), 4)


def _texts(fields: Mapping[str, Any], key: str, most: int, doubts: list[str]) -> list[str]:
    """The texts of one key, a string or an array of them, without empty ones."""
    value = fields.get(key)
    given = value if isinstance(value, list) else [value]
    if len(given) > most or not all(isinstance(one, str | None) for one in given):
        doubts.append(key)
    texts = (one.strip()[:MAX_FIELD] for one in given[:most] if isinstance(one, str))
    return [text for text in texts if text]


def _code(text: str) -> str:
    """The code of a State; an unknown code of up to three letters as written, '' for what names no State."""
    found = states.code_of(text)
    if found is not None:
        return found
    code = states.strip(text)
    return code if _STATE.fullmatch(code) else ""


def _comparable(mine: tuple[str, ...], listed: tuple[str, ...]) -> tuple[str, ...]:
    """Listed codes of the traveller's kind: a code of two letters contradicts none of three."""
    short = bool(mine) and len(mine[0]) == _ISO_2
    return tuple(code for code in listed if (len(code) == _ISO_2) is short)


def _bounded(name: str) -> str:
    """As much of a name as a record may have (``MAX_FIELD`` characters, ``MAX_TOKENS`` words)."""
    name = name[:MAX_FIELD]
    for count, gap in enumerate(_GAPS.finditer(name), start=1):
        if count == MAX_TOKENS:
            return name[: gap.start()]
    return name
