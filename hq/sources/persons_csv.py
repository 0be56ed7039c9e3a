"""A national list of persons as CSV (docs/lists.md).

One row, one person: a row without any name that can be compared is lost; whatever else cannot be
read is left out and reported. Several values in one field are separated by ``|``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from edge.core.documents import DateInterval
from edge.core.watch.entries import (
    LISTED_PERSON,
    MAX_BIRTHS,
    MAX_NAME_CHARACTERS,
    MAX_NAMES,
    MAX_NATIONALITIES,
    NOTICES,
    QUALITIES,
    DocumentEntry,
    EntryName,
    PersonEntry,
    Quality,
)
from edge.core.watch.persons_build import renderings
from hq.sources import fields
from hq.sources.csv_source import CsvSource

REQUIRED: Final = ("reference", "surname", "given_names")
OPTIONAL: Final = (
    "aliases", "name_original", "birth_date", "sex", "nationalities", "documents", "notice", "action",
    "silent", "review_date",
)
_SEX: Final = {"m": "M", "male": "M", "f": "F", "female": "F", "": "", "x": "", "u": "", "<": ""}
_MAX_DOCUMENTS: Final = 100


def person(texts: Mapping[str, str], complain: fields.Complain) -> PersonEntry:
    """One row -> one person. Raises ``RowError``."""
    reference = fields.reference(texts["reference"], complain)
    if not reference:
        raise fields.RowError("reference is empty")
    review = fields.day(texts.get("review_date", ""), "review_date", complain)
    return PersonEntry(
        reference=reference,
        names=_names(texts, complain),
        births=_births(texts.get("birth_date", ""), complain),
        sex=_sex(texts.get("sex", ""), complain),
        nationalities=_nationalities(texts.get("nationalities", ""), complain),
        documents=_documents(texts.get("documents", ""), reference, complain),
        notice=_notice(texts.get("notice", ""), complain),
        action=fields.action(texts.get("action", ""), complain),
        silent=fields.silent(texts.get("silent", ""), complain),
        review_date=review,
    )


def _values(text: str) -> list[str]:
    return [v for part in text.split("|") if (v := part.strip())]


def _names(texts: Mapping[str, str], complain: fields.Complain) -> tuple[EntryName, ...]:
    own = " ".join(f"{texts['surname']} {texts['given_names']}".split())
    found = [EntryName(own, "primary")] if own else []
    found += [EntryName(v, "original") for v in _values(texts.get("name_original", ""))]
    for value in _values(texts.get("aliases", "")):
        stated, colon, name = value.partition(":")
        quality = _quality(stated) if colon else "good"
        if quality is None:
            complain("an alias has an unknown quality; it counts as good")
        found.append(EntryName(name.strip() if colon else value, quality or "good"))
    distinct = dict.fromkeys(n for n in found if n.text)
    kept = tuple(n for n in distinct if len(n.text) <= MAX_NAME_CHARACTERS and renderings(n.text))
    if not kept:
        raise fields.RowError("the row has no name that can be compared")
    if len(kept) < len(distinct) or len(kept) > MAX_NAMES:
        complain("a name that is too long, one too many, or in no script that is compared, is left out")
    return kept[:MAX_NAMES]


def _quality(text: str) -> Quality | None:
    wanted = text.strip().casefold()
    return next((q for q in QUALITIES if q == wanted), None)


def _births(text: str, complain: fields.Complain) -> tuple[DateInterval, ...]:
    found = []
    for value in _values(text):
        interval = DateInterval.parse(value)
        if interval:
            found.append(interval)
        else:
            complain("a birth date is not YYYY[-MM[-DD]] or A/B of those; it is left out")
    return tuple(dict.fromkeys(found))[:MAX_BIRTHS]


def _sex(text: str, complain: fields.Complain) -> str:
    found = _SEX.get(text.casefold())
    if found is None:
        complain("sex is none of M, F, X; it is left out")
    return found or ""


def _nationalities(text: str, complain: fields.Complain) -> tuple[str, ...]:
    found = []
    for value in _values(text):
        try:
            found.append(fields.state(value, "a nationality", complain))
        except fields.RowError:
            complain("a nationality is not an ICAO code; it is left out")
    return tuple(dict.fromkeys(found))[:MAX_NATIONALITIES]


def _documents(text: str, reference: str, complain: fields.Complain) -> tuple[DocumentEntry, ...]:
    """``ISSUER:NUMBER:TYPE`` each; issuer and type may be empty."""
    found = []
    for value in _values(text):
        parts = [p.strip() for p in value.split(":")]
        try:
            if not 2 <= len(parts) <= 3:
                raise fields.RowError("a document is not ISSUER:NUMBER:TYPE")
            entry = DocumentEntry(
                number=fields.number(parts[1], "a document's number"),
                issuing_state=fields.state(parts[0], "a document's issuer", complain),
                document_type=fields.document_type(parts[2] if len(parts) == 3 else "", complain),
                fraud_category=LISTED_PERSON,
                reference=reference,
            )
        except fields.RowError as error:
            complain(f"{error}; the document is left out")
        else:
            found.append(entry)
    if len(found) > _MAX_DOCUMENTS:
        complain(f"documents beyond the first {_MAX_DOCUMENTS} are left out")
    return tuple(dict.fromkeys(found))[:_MAX_DOCUMENTS]


def _notice(text: str, complain: fields.Complain) -> str:
    notice = text.casefold() or "national"
    if notice not in NOTICES:
        complain("notice is of an unknown kind; it counts as national")
        return "national"
    return notice


class PersonsCsv(CsvSource):
    """A source of kind ``persons-csv``."""

    required = REQUIRED
    optional = OPTIONAL

    def entry(self, texts: Mapping[str, str], complain: fields.Complain) -> PersonEntry:
        """See ``CsvSource``."""
        return person(texts, complain)
