"""What is asked of the lists about one traveller, from a read zone or from typed fields."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from edge.core import states
from edge.core.documents import DateInterval, Finding, NumberReading, NumberSource, Severity, TravelDocument
from edge.core.matching import QueryName
from edge.core.mrz import look_alikes
from edge.core.names import unread
from edge.core.normal import is_comparable, normal_number

MAX_FIELD = 300              # characters of a typed field
PRINCIPAL = 9                # Doc 9303-5 section 4.2.2 note j: characters of a long number in its own field
MAX_NUMBER = 24              # characters of a document number

# Errors in these fields leave the question itself sound: no list is asked by them.
_HARMLESS_CODES = frozenset({"sex", "expiry_date", "expiry_date_format"})
_HARMLESS_FIELDS = frozenset({"sex", "expiry_date", "optional1", "optional2", "document_type"})
# Warnings that leave a question unasked: without them a zone would be CLEAR that was not screened.
_UNASKED = frozenset({"name_missing", "document_number_missing"})

FIELDS = ("surname", "given_names", "birth_date", "sex", "nationality", "document_number", "issuing_state")
_CODE = re.compile("[A-Z]{1,3}")  # as a document prints it, also where no State has it
NO_NAME = QueryName(())
NAME_UNREAD = "name_letters"     # the doubt about a name of which letters stand in a script that folding does not know
UNKNOWN_FIELD = "unknown_field"  # the doubt about a question with a key that is none of FIELDS


@dataclass(frozen=True, slots=True)
class Query:
    """One question. Empty or None means not known.

    ``sex`` is M, F or empty; ``nationality`` a code without fillers; ``doubts`` are the codes of findings
    that make the question itself doubtful (they make a verdict UNREADABLE, never unscreened).
    """

    name: QueryName = field(default_factory=lambda: QueryName(()))
    birth: DateInterval | None = None
    sex: str = ""
    nationality: str = ""
    readings: tuple[NumberReading, ...] = ()
    document_type: str = ""
    doubts: tuple[str, ...] = ()

    @classmethod
    def of_document(cls, document: TravelDocument) -> Query:
        """The question that a read zone puts; never raises."""
        fields = document.known
        doubts = tuple(dict.fromkeys(f.code for f in document.findings if _is_doubt(f)))
        if fields is None:
            return cls(readings=document.readings, doubts=doubts or ("format",))
        sex = fields.sex if fields.sex in {"M", "F"} else ""
        # A name alone cries wolf: of an incomplete zone it is asked by only together with a birth date.
        by_name = document.part is None or (document.primary and document.birth_date is not None)
        return cls(
            name=QueryName.of(document.primary, document.secondary, cut=document.truncated) if by_name else NO_NAME,
            birth=document.birth_date,
            sex=sex,
            nationality=_code(fields.nationality),
            readings=document.readings,
            document_type=fields.document_type,
            doubts=doubts,
        )

    @classmethod
    def of_fields(cls, fields: Mapping[str, Any]) -> Query:
        """The question that typed fields put: any subset of ``FIELDS``, None as if absent.

        ``birth_date`` is ``YYYY[-MM[-DD]]``; a State its code, the English name, the adjective or ISO's two letters.
        One to three letters that no State has stand as they are: a document may print them.
        A value of the wrong kind or an impossible date becomes a
        doubt named after its field, any other key the doubt ``UNKNOWN_FIELD``: a misspelt key is a question
        that was not asked. Nothing raises.
        """
        doubts = [UNKNOWN_FIELD] if unknown_fields(fields) else []
        doubts += [name for name in FIELDS if not isinstance(fields.get(name, ""), str | None)]
        text = {name: (fields.get(name) or "").strip()[:MAX_FIELD] for name in FIELDS if name not in doubts}
        birth = DateInterval.parse(text["birth_date"]) if text.get("birth_date") else None
        if text.get("birth_date") and birth is None:
            doubts.append("birth_date")
        sex = text.get("sex", "").upper()
        if sex not in {"M", "F", "", "X", "<", "U"}:
            doubts.append("sex")
        codes = {name: states.code_of_typed(text.get(name, "")) for name in ("nationality", "issuing_state")}
        codes |= {name: _code(text.get(name, "")) for name, code in codes.items() if code is None}
        doubts += [name for name, code in codes.items() if code and not _CODE.fullmatch(code)]
        typed = text.get("document_number", "")
        number = normal_number(typed)
        if (typed and not number) or len(number) > MAX_NUMBER or not is_comparable(typed):
            doubts.append("document_number")
        found = cls(
            name=QueryName.of([text.get("surname", "")], [text.get("given_names", "")]),
            birth=birth,
            sex=sex if sex in {"M", "F"} else "",
            nationality=codes["nationality"] or "",
            readings=tuple(_readings(number[:MAX_NUMBER], codes["issuing_state"] or "")),
        )
        names_given = f"{text.get('surname', '')} {text.get('given_names', '')}".strip()
        if names_given and not found.name.tokens:
            doubts.append("name")
        elif unread(names_given):  # the rest is asked; a part that was not is no CLEAR
            doubts.append(NAME_UNREAD)
        if not found.asks and not doubts:
            doubts.append("empty")
        return replace(found, doubts=tuple(doubts))

    @property
    def asks(self) -> bool:
        """True if there is a name or a number to ask by."""
        return bool(self.name.tokens or self.readings)


def unknown_fields(fields: Mapping[str, Any]) -> tuple[str, ...]:
    """The keys that are none of ``FIELDS`` and hold a value, in their order."""
    return tuple(key for key, value in fields.items() if value is not None and key not in FIELDS)


def _readings(number: str, issuer: str) -> Iterable[NumberReading]:
    if number:
        yield NumberReading(number, issuer, NumberSource.PRINTED)
        if len(number) > PRINCIPAL:
            yield NumberReading(number[:PRINCIPAL], issuer, NumberSource.PRINCIPAL)
        for other in look_alikes(number):
            yield NumberReading(other, issuer, NumberSource.LOOK_ALIKE)


def _is_doubt(finding: Finding) -> bool:
    if finding.code in _UNASKED:
        return True
    if finding.severity is not Severity.ERROR:
        return False
    return finding.code not in _HARMLESS_CODES and finding.field not in _HARMLESS_FIELDS


def _code(text: str) -> str:
    return text.replace("<", "").strip().upper()
