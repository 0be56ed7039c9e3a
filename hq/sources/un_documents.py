"""Document numbers of the UN consolidated list: from free text to numbers that a zone could print.

Laws:
1. Every number of a passport comes out as an entry, or the caller is told why it does not.
2. The issuing State is ISSUING_COUNTRY, else what the text says, else COUNTRY_OF_ISSUE; but a
   country given together with a city, and not the bearer's own, may be the place of a consulate:
   then the issuer is unknown (''), which matches any.
3. Kinds of paper that carry no machine-readable zone (ration cards, social security numbers…) give
   no entry: their short numbers would only strike strangers.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from typing import Final

from edge.core import states
from edge.core.documents import DateInterval
from edge.core.watch.entries import LISTED_PERSON, MAX_NUMBER, DocumentEntry
from edge.core.watch.layout import normal_number

MIN_NUMBER: Final = 4  # characters; shorter ones are fragments

_PASSPORT: Final = re.compile(r"passport|passeport|pasaporte|laissez|travel document", re.IGNORECASE)
_NO_ZONE: Final = re.compile(
    r"social security|\bssn\b|fiscal|ration|voter|student|driv|birth certificate|certificate|military"
    r"|armed forces|serviceman|\bfardc\b|alien registration|\bnif\b",
    re.IGNORECASE,
)
_PARENTHESES: Final = re.compile(r"\([^()]*\)?")
_SPLIT: Final = re.compile(r"[,;]|\band\b|\bor\b")
_LEADING_NO: Final = re.compile(r"^No\.?(?=\d)")
_FROM_ZONE: Final = re.compile(r"([A-Z0-9]{6,9})[.<]\d([A-Z]{3})")
_SERIES: Final = re.compile(r"(\d{4})\s+No\.?\s*(\d{6})")
_IN_PROSE: Final = re.compile(
    r"(?:number|no\.?|card|code|booklet)\s*:?\s+((?:[A-Z]{1,3}[-/ ]{0,2})?\d[\d/-]{3,}[A-Z]?)", re.IGNORECASE
)
_ALONE: Final = re.compile(r"^\s*([A-Z]{0,2}\d{5,})\b")
_BOOKLET: Final = re.compile(
    r"(?:booklet|passport) (?:number|no\.?)\s*:?\s*([A-Z]{0,3}\s?\d{5,}[A-Z]?)", re.IGNORECASE
)
_ISSUED_BY: Final = re.compile(r"\bissued by (?:the )?(?P<state>[A-Z][\w' -]+)")
_OPENS_WITH: Final = re.compile(r"^(?P<state>[A-Z][^,;]+)[,;]\s*issued")


@dataclass(frozen=True, slots=True)
class DocumentText:
    """The texts of one INDIVIDUAL_DOCUMENT; empty strings where an element is missing."""

    kind: str
    kind2: str
    number: str
    issuing_country: str
    country_of_issue: str
    city_of_issue: str
    issue_date: str
    note: str

    @property
    def is_empty(self) -> bool:
        """True for the element without content that stands where there is no document."""
        return not any((self.kind, self.kind2, self.number, self.note))

    @property
    def is_passport(self) -> bool:
        """True if either type says passport or travel document, in the list's three languages."""
        return _PASSPORT.search(f"{self.kind} {self.kind2}") is not None


def entries(
    text: DocumentText, nationalities: tuple[str, ...], reference: str
) -> tuple[DocumentEntry, ...] | str:
    """The documents that one element tells of, or the reason why there is none."""
    if not text.is_passport and _NO_ZONE.search(f"{text.kind2} {text.number} {text.note}"):
        return "a paper without a machine-readable zone is not put into the document list"
    numbers = numbers_in(text.number)
    numbers += tuple(normal_number(m[1]) for m in _BOOKLET.finditer(text.note))
    if not numbers:
        numbers = _numbers_in_prose(text.kind2) or _numbers_in_prose(text.note)
    plausible = [n for n in dict.fromkeys(numbers) if MIN_NUMBER <= len(n) <= MAX_NUMBER]
    if not plausible:
        what = "no number that a zone could print" if text.number else "no number"
        return f"a {'passport' if text.is_passport else 'national identification'} is listed with {what}"
    issuer, issued = _issuer(text, nationalities), _exact(text.issue_date)
    return tuple(
        DocumentEntry(
            number=number,
            issuing_state=issuer,
            document_type="P" if text.is_passport else "I",
            fraud_category=LISTED_PERSON,
            issued=issued,
            reference=reference,
        )
        for number in plausible
    )


def of_prose(text: str, reference: str) -> tuple[DocumentEntry, ...]:
    """Passports that an alias mentions in passing ("… passport no. 123456, expires …")."""
    numbers = dict.fromkeys(normal_number(m[1]) for m in _BOOKLET.finditer(text))
    return tuple(
        DocumentEntry(number=n, document_type="P", fraud_category=LISTED_PERSON, reference=reference)
        for n in numbers
        if MIN_NUMBER <= len(n) <= MAX_NUMBER
    )


def numbers_in(text: str) -> tuple[str, ...]:
    """The numbers of one NUMBER element, normalised; several where it holds several."""
    text = " ".join(_PARENTHESES.sub(" ", text).split())
    zone = _FROM_ZONE.fullmatch(text)
    if zone:
        return (zone[1],)
    series = _SERIES.search(text)
    if series:  # Russian internal form: four digits of series, six of number
        return series[1] + series[2], series[2]
    found = []
    for i, piece in enumerate(_SPLIT.split(text)):
        number, prose = _after_prose(piece)
        if number and (i == 0 or not prose):
            found.append(number)
    return tuple(found)


def _after_prose(piece: str) -> tuple[str, bool]:
    """What follows the last word of prose, normalised ('' without a digit), and whether there was any."""
    words = piece.split()
    last = max((i for i, w in enumerate(words) if _is_prose(w)), default=-1)
    rest = "".join(_LEADING_NO.sub("", w) for w in words[last + 1 :])
    number = normal_number(rest)
    return (number if any(c.isdigit() for c in number) else ""), last >= 0


def _is_prose(word: str) -> bool:
    bare = word.strip(".:“”\"'")
    return bare.isalpha() and (len(bare) > 3 or bare != bare.upper())


def _numbers_in_prose(text: str) -> tuple[str, ...]:
    text = " ".join(text.split())
    alone = _ALONE.match(text)
    if alone:
        return (normal_number(alone[1]),)
    return tuple(normal_number(m[1]) for m in _IN_PROSE.finditer(text))


def _issuer(text: DocumentText, nationalities: tuple[str, ...]) -> str:
    stated = states.code_of(text.issuing_country)
    if stated:
        return stated
    zone = _FROM_ZONE.fullmatch(text.number.strip())
    if zone and states.is_known(zone[2]):
        return zone[2]
    prose = _issuer_in(text.number) or _issuer_in(text.kind2) or _issuer_of_note(text.note)
    if prose:
        return prose
    place = states.code_of(text.country_of_issue) or ""
    own = not text.city_of_issue or any(states.same_issuer(place, n) for n in nationalities)
    return place if own else ""


def _issuer_in(text: str) -> str:
    """``Libyan passport No. 1``, ``Jordan 1``, ``1 (US)``, ``1, South Sudan``; '' if no State is named."""
    parts = [re.sub(r"[()]", "", m) for m in _PARENTHESES.findall(text)]
    parts += _PARENTHESES.sub(" ", text).split(",")[1:]
    words = text.split()
    parts += [" ".join(words[:n]) for n in (3, 2, 1)]
    found = (_state(p.strip(" .:“”")) for p in parts)
    return next((s for s in found if s), "")


def _state(text: str) -> str:
    if any(c.isdigit() for c in text) or len(text) < 2:
        return ""
    return states.code_of(text) or states.code_of_adjective(text) or ""


def _issuer_of_note(note: str) -> str:
    note = " ".join(note.split())
    found = _OPENS_WITH.match(note) or _ISSUED_BY.search(note)
    if found:
        return states.code_of(found["state"].strip()) or ""
    words = note.split()
    return states.code_of_adjective(words[0]) or "" if words else ""


def _exact(text: str) -> date | None:
    interval = DateInterval.parse(text) if text else None
    return interval.earliest if interval and interval.is_exact else None
