"""One INDIVIDUAL element of the UN consolidated list -> one person entry, with what was left out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from edge.core import states
from edge.core.documents import DateInterval
from edge.core.watch.entries import (
    MAX_BIRTHS,
    MAX_NAME_CHARACTERS,
    MAX_NAMES,
    MAX_NATIONALITIES,
    MAX_REFERENCE,
    DocumentEntry,
    EntryName,
    PersonEntry,
    Quality,
)
from edge.core.watch.persons_build import renderings
from hq.sources import un_dates, un_documents, un_names

_NAME_PARTS: Final = ("FIRST_NAME", "SECOND_NAME", "THIRD_NAME", "FOURTH_NAME")
_SEX: Final = {"male": "M", "female": "F"}
_MAX_DOCUMENTS: Final = 100

Complain = Callable[[int, str], None]
"""``complain(line, reason)``: a part of the row that is left out."""


@dataclass(slots=True)
class Node:
    """One XML element: its text, its children, and the line it starts on (from 1)."""

    tag: str
    line: int
    text: str = ""
    children: list[Node] = field(default_factory=list)

    def all(self, tag: str) -> list[Node]:
        """The direct children of this tag."""
        return [c for c in self.children if c.tag == tag]

    def get(self, tag: str) -> str:
        """The text of the first child of this tag, spaces collapsed; '' without one."""
        return next((" ".join(c.text.split()) for c in self.children if c.tag == tag), "")

    def raw(self, tag: str) -> str:
        """The text of the first child of this tag as it stands; '' without one."""
        return next((c.text for c in self.children if c.tag == tag), "")


def person(node: Node, complain: Complain) -> PersonEntry | str:
    """The entry, or the reason why there is none. ``complain(line, reason)`` for parts left out."""
    own = un_names.joined(tuple(node.get(tag) for tag in _NAME_PARTS))
    if not own or not renderings(own):
        return "an individual has no name that can be compared"
    reference = (node.get("REFERENCE_NUMBER") or node.get("DATAID"))[:MAX_REFERENCE]
    nationalities = _nationalities(node, complain)
    names = [EntryName(own, "primary"), *_original(node)]
    births = _births(node, complain)
    documents: list[DocumentEntry] = []
    for alias in node.all("INDIVIDUAL_ALIAS"):
        names += _alias(alias, complain)
        told = f"{alias.raw('ALIAS_NAME')} ; {alias.raw('NOTE')}"
        births += [*_alias_birth(alias, complain), *un_dates.births_in(told)]
        documents += un_documents.of_prose(told, reference)
    for element in node.all("INDIVIDUAL_DOCUMENT"):
        note = element.raw("NOTE")
        names += un_names.of_document_note(note)
        births += un_dates.births_in(note)
        documents += _documents(element, nationalities, reference, complain)
    return PersonEntry(
        reference=reference,
        names=_comparable(names, node.line, complain),
        births=tuple(dict.fromkeys(births))[:MAX_BIRTHS],
        sex=_SEX.get(node.get("GENDER").casefold(), ""),
        nationalities=nationalities,
        documents=_distinct(documents),
        notice="un",
    )


def _original(node: Node) -> list[EntryName]:
    text = node.get("NAME_ORIGINAL_SCRIPT")[:MAX_NAME_CHARACTERS]
    return [EntryName(text, "original")] if text else []


def _alias(alias: Node, complain: Complain) -> list[EntryName]:
    quality: Quality = "low" if alias.get("QUALITY").casefold() == "low" else "good"
    text = alias.raw("ALIAS_NAME")
    found = [*un_names.of_alias(text, quality), *un_names.of_alias_note(alias.raw("NOTE"), quality)]
    if text.strip() and not found:
        complain(alias.line, "an alias holds no name")
    return found


def _alias_birth(alias: Node, complain: Complain) -> list[DateInterval]:
    text = alias.get("DATE_OF_BIRTH")
    if not text:
        return []
    found = DateInterval.parse(text) or un_dates.of_note(text)
    if not found:
        complain(alias.line, "an alias has a birth date that cannot be read")
    return [found] if found else []


def _births(node: Node, complain: Complain) -> list[DateInterval]:
    found = []
    for element in node.all("INDIVIDUAL_DATE_OF_BIRTH"):
        years = (element.get("YEAR"), element.get("FROM_YEAR"), element.get("TO_YEAR"))
        note, day = element.get("NOTE"), element.get("DATE")
        interval = un_dates.of_element(element.get("TYPE_OF_DATE"), day, years, note)
        if interval:
            found.append(interval)
        elif day or any(years) or note:
            complain(element.line, "a birth date cannot be read")
    return found


def _nationalities(node: Node, complain: Complain) -> tuple[str, ...]:
    found = []
    for value in (v for n in node.all("NATIONALITY") for v in n.children):
        text = " ".join(value.text.split())
        code = states.code_of(text) or states.code_of_adjective(text)
        if code:
            found.append(code)
        elif text:
            complain(value.line, "a nationality names no known State")
    return tuple(dict.fromkeys(found))[:MAX_NATIONALITIES]


def _documents(
    element: Node, nationalities: tuple[str, ...], reference: str, complain: Complain
) -> tuple[DocumentEntry, ...]:
    text = un_documents.DocumentText(
        kind=element.get("TYPE_OF_DOCUMENT"),
        kind2=element.get("TYPE_OF_DOCUMENT2"),
        number=element.raw("NUMBER").strip(),
        issuing_country=element.get("ISSUING_COUNTRY"),
        country_of_issue=element.get("COUNTRY_OF_ISSUE"),
        city_of_issue=element.get("CITY_OF_ISSUE"),
        issue_date=element.get("DATE_OF_ISSUE"),
        note=element.raw("NOTE"),
    )
    if text.is_empty:
        return ()
    found = un_documents.entries(text, nationalities, reference)
    if isinstance(found, str):
        complain(element.line, found)
        return ()
    return found


def _distinct(documents: list[DocumentEntry]) -> tuple[DocumentEntry, ...]:
    """One entry a number and issuer; an entry that names its issuer stands for one that does not."""
    known = {d.number for d in documents if d.issuing_state}
    kept = {
        (d.number, d.issuing_state, d.document_type): d
        for d in reversed(documents)
        if d.issuing_state or d.number not in known
    }
    return tuple(reversed(kept.values()))[:_MAX_DOCUMENTS]


def _comparable(
    names: list[EntryName], line: int, complain: Complain
) -> tuple[EntryName, ...]:
    distinct = dict.fromkeys(names)
    kept = tuple(n for n in distinct if renderings(n.text))
    if len(kept) < len(distinct):
        complain(line, "a name in a script that is not compared is left out")
    if len(kept) > MAX_NAMES:
        complain(line, f"names beyond the first {MAX_NAMES} are left out")
    return kept[:MAX_NAMES]
