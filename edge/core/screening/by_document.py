"""Documents: exact look-up of every plausible number, then the issuing State decides.

| reading                            | issuer equal | issuer unknown on a side | issuer different |
|------------------------------------|--------------|--------------------------|------------------|
| printed, long                      | HIT          | POSSIBLE *               | no match **      |
| principal, corrected, look-alike   | POSSIBLE     | POSSIBLE                 | no match         |

* HIT if the document belongs to a listed person whose name or birth date agrees as well.
** POSSIBLE for a passport whose nationality is the record's issuing State: no check digit covers the issuing
   State, and issuer and nationality of a passport are seldom two. A code that no State has counts as unknown,
   and so does what only says what the holder is (XXA, XXB, XXC, XXX), read or listed, unless both sides have the same.

Laws:
1. A record past its review date does not match, by trusted time alone (untrusted time expires nothing).
2. A different document type is explained, never decisive: types are often miscoded.
3. A corrected or look-alike reading leads to POSSIBLE only (mrz.md section 5.2).
4. Damage takes no hit away: what was found stands, and the list counts as damaged. Where the bearer's record cannot be
   read, nobody knows whether he is to be met in silence: then headquarters alone is told (ARCHITECTURE law 8).
5. A document that is listed because of a notice, without its bearer (TDAWN), answers as a person alert: its record is
   the notice, its category the notice's colour.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import date

from edge.core.documents import NumberReading, NumberSource
from edge.core.screening.lists import Asked
from edge.core.screening.query import Query
from edge.core.states import HOLDERS, is_issuer, same_issuer
from edge.core.verdicts import Evidence, Outcome, Reason, ReasonKind
from edge.core.watch import DocumentRecord, LayoutError, PersonRecord
from edge.core.watch.entries import LISTED_PERSON, NOTICES

SURE = frozenset({NumberSource.PRINTED, NumberSource.LONG})
SIMILARITY = {
    NumberSource.PRINTED: 1.0,
    NumberSource.LONG: 1.0,
    NumberSource.PRINCIPAL: 0.9,
    NumberSource.CORRECTED: 0.9,
    NumberSource.LOOK_ALIKE: 0.8,
}
UNKNOWN_ISSUER = 0.9       # factor on the score when one side does not say who issued the document
_TDAWN = frozenset({LISTED_PERSON, "tdawn"})
_TYPES = {"P": "P", "V": "V", "A": "I", "C": "I", "I": "I"}

BearerAgrees = Callable[[PersonRecord, int], Evidence | None]


@dataclass(slots=True)
class Answers:
    """The reasons, and whether damage was met on the way to them (law 4)."""

    reasons: list[Reason] = field(default_factory=list)
    damaged: bool = False


def by_document(query: Query, asked: Asked, today: date | None, bearer_agrees: BearerAgrees) -> Answers:
    """Reasons from the list's documents. ``today`` by trusted time, None if there is none."""
    found = Answers()
    if asked.documents is None:
        return found
    best: dict[DocumentRecord, tuple[Outcome, float, tuple[Evidence, ...]]] = {}
    for reading in query.readings:
        try:
            for record in asked.documents.find(reading.number):
                if today is not None and record.review_date is not None and record.review_date < today:
                    continue
                judged = _judge(query, reading, record, lambda r: _agrees(r, asked, bearer_agrees, found))
                if judged is None:
                    continue
                old = best.get(record)
                if old is None or (judged[0].rank, judged[1]) > (old[0].rank, old[1]):
                    best[record] = judged
        except LayoutError:
            found.damaged = True
    for record, judged in best.items():
        try:
            bearer = _bearer(asked, record)
        except LayoutError:
            found.damaged = True
            found.reasons.append(replace(_reason(asked, record, None, *judged), silent=True))
        else:
            found.reasons.append(_reason(asked, record, bearer, *judged))
    return found


def _bearer(asked: Asked, record: DocumentRecord) -> PersonRecord | None:
    """Raises ``LayoutError`` where the bearer's record is damaged."""
    if record.person is None or asked.persons is None:
        return None
    return asked.persons.person(record.person)


def _judge(
    query: Query, reading: NumberReading, record: DocumentRecord,
    agrees_of: Callable[[DocumentRecord], Evidence | None],
) -> tuple[Outcome, float, tuple[Evidence, ...]] | None:
    listed = "" if record.issuing_state in HOLDERS else record.issuing_state
    known = (is_issuer(reading.issuing_state) and bool(listed)) or reading.issuing_state == record.issuing_state != ""
    if known and not same_issuer(reading.issuing_state, record.issuing_state):
        return _by_nationality(query, reading, record)
    similarity = SIMILARITY[reading.source]
    lines = [Evidence(reading.number, "", f"number {reading.source.replace('_', '-')}", similarity, 1.0)]
    outcome = Outcome.HIT if reading.source in SURE else Outcome.POSSIBLE
    score = similarity
    if known:
        lines.append(Evidence(reading.issuing_state, record.issuing_state, "issuing State equal"))
    else:
        rule = "issuing State not known on both sides"
        lines.append(Evidence(reading.issuing_state, record.issuing_state, rule))
        score *= UNKNOWN_ISSUER
        if outcome is Outcome.HIT:
            outcome = Outcome.POSSIBLE
            agrees = agrees_of(record)
            if agrees is not None:
                lines.append(agrees)
                outcome = Outcome.HIT
    type_line = type_differs(query.document_type, record.document_type)
    if type_line is not None:
        lines.append(type_line)
    if record.fraud_category:
        since = record.reported.isoformat() if record.reported else ""
        lines.append(Evidence("", f"{record.fraud_category} {since}".strip(), "reported as"))
    return outcome, round(score, 4), tuple(lines)


def _agrees(
    record: DocumentRecord, asked: Asked, bearer_agrees: BearerAgrees, found: Answers
) -> Evidence | None:
    try:
        bearer = _bearer(asked, record)
        return None if bearer is None or record.person is None else bearer_agrees(bearer, record.person)
    except LayoutError:
        found.damaged = True
        return None


def _by_nationality(
    query: Query, reading: NumberReading, record: DocumentRecord
) -> tuple[Outcome, float, tuple[Evidence, ...]] | None:
    passport = query.document_type.startswith("P") and reading.source in SURE
    if not passport or not query.nationality or not same_issuer(query.nationality, record.issuing_state):
        return None
    score = SIMILARITY[reading.source] * UNKNOWN_ISSUER
    number = Evidence(reading.number, "", f"number {reading.source}", SIMILARITY[reading.source], 1.0)
    state = Evidence(query.nationality, record.issuing_state, "nationality is the issuing State of the record")
    return Outcome.POSSIBLE, round(score, 4), (number, state)


def type_differs(printed: str, listed: str) -> Evidence | None:
    """The line that says so (law 2); None where the types agree or one is not known."""
    mine = _TYPES.get(printed[:1], "")
    if not mine or listed in {"", "O", mine}:
        return None
    return Evidence(mine, listed, "document type differs")


def _reason(
    asked: Asked, record: DocumentRecord, bearer: PersonRecord | None, outcome: Outcome, score: float,
    evidence: tuple[Evidence, ...],
) -> Reason:
    colour, notice = _notice(record) if bearer is None else ("", "")
    return Reason(
        list_id=asked.list_id,
        record=notice or record.reference or (bearer.reference if bearer else ""),
        kind=ReasonKind.PERSON if bearer is None and record.fraud_category in _TDAWN else ReasonKind.DOCUMENT,
        outcome=outcome,
        score=score,
        evidence=evidence,
        silent=record.silent or asked.silent or (bearer is not None and bearer.silent),
        category=(bearer.notice if bearer and bearer.notice else "") or colour or record.fraud_category,
        action=record.action or (bearer.action if bearer else "") or asked.action,
        name=bearer.names[0].text if bearer and bearer.names else "",
    )


def _notice(record: DocumentRecord) -> tuple[str, str]:
    """Colour and number of the notice of a TDAWN record, whose reference is ``COLOUR NUMBER`` or the number alone."""
    if record.fraud_category not in _TDAWN:
        return "", ""
    colour, _, notice = record.reference.rpartition(" ")
    return (colour, notice) if colour in NOTICES else ("", record.reference)
