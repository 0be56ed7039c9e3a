"""One Person of FollowTheMoney -> one person entry; Passport and Identification -> its documents.

A property is a list of texts (in nested files also of whole entities). Laws:
1. The primary name is the caption, where it is one of the names; names and aliases that are not in Latin letters are
   ``original``, a ``weakAlias`` is ``low``. Parts of names count only where there is no whole name.
2. ``nationality`` and ``citizenship`` count; ``country`` does not, as it may be where a person lives.
3. Numbers without a stated issuer match any.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date
from typing import Any, Final

from edge.core.documents import DateInterval
from edge.core.watch.entries import (
    LISTED_PERSON,
    MAX_NAME_CHARACTERS,
    MAX_NUMBER,
    MAX_REFERENCE,
    DocumentEntry,
    EntryName,
    PersonEntry,
    Quality,
)
from hq.sources import un_dates
from hq.sources.json_lines import Object
from hq.sources.person_parts import Say, births, comparable, distinct_documents, nationalities, state_of
from hq.sources.un_documents import MIN_NUMBER, numbers_in
from hq.sources.un_names import is_latin

PAPERS: Final = ("Passport", "Identification")

_READ_WORDS: Final = """
name alias weakAlias previousName firstName secondName middleName fatherName motherName lastName birthDate gender
nationality citizenship passportNumber idNumber
"""
_READ: Final = frozenset(_READ_WORDS.split())
_PASSED_OVER_WORDS: Final = """
abbreviation address addressEntity alephUrl appearance birthCountry birthPlace bvdId classification country
createdAt deathDate description education email ethnicity eyeColor hairColor height icijId incorporationDate
indexText indexUpdatedAt innCode jurisdiction keywords kppCode legalForm maidenName mainCountry matronymic
modifiedAt namesMentioned nameSuffix notes ogrnCode okpoCode opencorporatesUrl phone political position profession
program programId proof publisher publisherUrl recordId registrationNumber religion retrievedAt socialSecurityNumber
sourceUrl spokenLanguage status summary taxNumber title topics vatCode website weight wikidataId wikipediaUrl
wikipediaName
"""
_PASSED_OVER: Final = frozenset(_PASSED_OVER_WORDS.split())
_SEX: Final = {"male": "M", "female": "F", "other": "", "": ""}
_STATED: Final = re.compile(r"\(([^()]*)\)\s*$")


def texts(entity: Object, name: str) -> list[str]:
    """The texts of one property; [] for none. Whole entities in it are passed over."""
    properties = entity.get("properties")
    values = properties.get(name, []) if isinstance(properties, dict) else []
    values = values if isinstance(values, list) else [values]
    return [" ".join(v.split()) for v in values if isinstance(v, str) and v.strip()]


def nested(entity: Object) -> Iterator[Object]:
    """The papers that stand whole inside a person (``targets.nested.json``)."""
    properties = entity.get("properties")
    for values in properties.values() if isinstance(properties, dict) else ():
        for value in values if isinstance(values, list) else ():
            if isinstance(value, dict) and value.get("schema") in PAPERS:
                yield value


def unknown_properties(entity: Object) -> set[str]:
    """Names of properties that this program does not know, as far as they can be printed."""
    properties: Any = entity.get("properties")
    known = _READ | _PASSED_OVER
    return {
        name
        for name, values in (properties.items() if isinstance(properties, dict) else ())
        if name not in known and re.fullmatch(r"[A-Za-z]{1,40}", name) and not _has_entities(values)
    }


def _has_entities(values: object) -> bool:
    return isinstance(values, list) and any(isinstance(v, dict) for v in values)


def person(entity: Object, papers: tuple[Object, ...], say: Say) -> PersonEntry | str:
    """The entry, or the reason why there is none. ``papers`` are the entities that name this person as holder."""
    if not isinstance(entity.get("properties"), dict):
        return "an entity has no properties"
    reference = str(entity.get("id", ""))[:MAX_REFERENCE]
    names = comparable(_names(entity), say)
    if not names:
        return "a person has no name that can be compared"
    documents = _own_documents(entity, reference, say)
    for paper in (*papers, *nested(entity)):
        documents += _document(paper, reference, say)
    return PersonEntry(
        reference=reference,
        names=names,
        births=births(_births(entity, say), say),
        sex=_sex(entity, say),
        nationalities=nationalities(_states(entity, say), say),
        documents=distinct_documents(documents, say),
        notice="national",
    )


def _names(entity: Object) -> Iterator[EntryName]:
    whole = texts(entity, "name")
    caption = entity.get("caption")
    if isinstance(caption, str) and caption in whole:
        whole = [caption, *(n for n in whole if n != caption)]
    if not whole:
        parts = ("firstName", "secondName", "middleName", "fatherName", "lastName")
        joined = " ".join(found[0] for p in parts if (found := texts(entity, p)))
        whole = [joined] if joined else []
    for i, text in enumerate(whole):
        yield EntryName(text[:MAX_NAME_CHARACTERS], _quality(text, "good") if i else "primary")
    for name in ("alias", "previousName"):
        yield from (EntryName(t[:MAX_NAME_CHARACTERS], _quality(t, "good")) for t in texts(entity, name))
    yield from (EntryName(t[:MAX_NAME_CHARACTERS], "low") for t in texts(entity, "weakAlias"))


def _quality(text: str, quality: Quality) -> Quality:
    return quality if is_latin(text) else "original"


def _births(entity: Object, say: Say) -> Iterator[DateInterval]:
    for text in texts(entity, "birthDate"):
        day, time, _ = text.partition("T")
        found = DateInterval.parse(day if time else text) or un_dates.of_note(text)
        if found is None:
            say("a birth date cannot be read")
        elif re.match(r"(?:circa|c\.|~|about|approx)", text, re.IGNORECASE):
            yield un_dates.widened(found)
        else:
            yield found


def _sex(entity: Object, say: Say) -> str:
    stated = {g.casefold() for g in texts(entity, "gender")}
    if unknown := stated - set(_SEX):
        say("a gender is none of male, female, other")
    found = {_SEX[g] for g in stated - unknown}
    return found.pop() if len(found) == 1 else ""


def _states(entity: Object, say: Say) -> Iterator[str]:
    for text in texts(entity, "nationality") + texts(entity, "citizenship"):
        if code := state_of(text):
            yield code
        else:
            say("a nationality names no known State")


def _own_documents(entity: Object, reference: str, say: Say) -> list[DocumentEntry]:
    found = []
    for name, kind in (("passportNumber", "P"), ("idNumber", "I")):
        for text in texts(entity, name):
            found += _entries(text, kind, "", None, reference, say)
    return found


def _document(paper: Object, reference: str, say: Say) -> list[DocumentEntry]:
    kind = "P" if paper.get("schema") == "Passport" else "I"
    if any("passport" in t.casefold() for t in texts(paper, "type")):
        kind = "P"
    issuers = [code for t in texts(paper, "country") if (code := state_of(t))]
    if not issuers and texts(paper, "country"):
        say("the issuer of a document names no known State; it counts as unknown")
    numbers = dict.fromkeys(texts(paper, "number") + texts(paper, "passportNumber"))
    if not numbers:
        say("a document is listed with no number")
    found = []
    for text in numbers:
        for issuer in issuers or [""]:
            found += _entries(text, kind, issuer, paper, reference, say)
    return found


def _entries(
    text: str, kind: str, issuer: str, paper: Object | None, reference: str, say: Say
) -> list[DocumentEntry]:  # fmt: skip
    stated = _STATED.search(text)
    numbers = [n for n in numbers_in(text) if MIN_NUMBER <= len(n) <= MAX_NUMBER]
    if not numbers:
        say("a document is listed with no number that a zone could print")
    issued, expires = (_day(paper, n) if paper else None for n in ("startDate", "endDate"))
    return [
        DocumentEntry(
            number=number,
            issuing_state=issuer or (state_of(stated[1]) if stated else ""),
            document_type=kind,
            fraud_category=LISTED_PERSON,
            issued=issued,
            expires=expires,
            reference=reference,
        )
        for number in numbers
    ]


def _day(paper: Object, name: str) -> date | None:
    found = [DateInterval.parse(t[:10]) for t in texts(paper, name)]
    return found[0].earliest if len(found) == 1 and found[0] and found[0].is_exact else None
