"""Keyed lists: every plausible number of a zone as key texts, and what a record found by one of them is worth.

The table is that of ``by_document``. A keyed list holds no number and no issuing State beside its keys, so the question
is put once for every State whose record the document may stand in:

| reading                          | asked under                                                       |
|----------------------------------|-------------------------------------------------------------------|
| any, issuing State known         | that State and those it stands for (as known), no State (unknown) |
| printed, long, no known State    | every State, and none (unknown)                                   |
| others, no known State           | the code as printed, the nationality's State, and none (unknown)  |
| printed, long, of a passport     | the nationality's State as well (POSSIBLE)                        |

Laws:
1. What ``by_document`` would call a HIT or POSSIBLE is the same here, but for what tests/edge/core/test_screening_keyed
   argues: a reading that is not the printed one, of a State that nobody knows.
2. A zone of which only salvaged numbers are left has no printed reading: then those stand in its place, at most
   ``MAX_SALVAGED``.
3. A record past its review date does not match, by trusted time alone.
4. What is listed because its bearer is (TDAWN) answers as a person alert.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

from edge.core.documents import NumberReading
from edge.core.keyed.keys import document_questions, document_text
from edge.core.keyed.record import Record
from edge.core.screening.by_document import SIMILARITY, SURE, UNKNOWN_ISSUER, type_differs
from edge.core.screening.lists import AskedKeyed
from edge.core.screening.query import Query
from edge.core.states import is_issuer
from edge.core.verdicts import Evidence, Outcome, Reason, ReasonKind

MAX_SALVAGED: Final = 4     # readings without a printed one beside them that are asked under every State
PERSON_CATEGORIES: Final = frozenset({"tdawn", "listed_person"})


@dataclass(frozen=True, slots=True)
class KeyedQuestion:
    """One key text, and what a record that answers to it is worth.

    ``once``: a record stands under several texts of one question; it is told by the first that finds it.
    """

    text: str
    outcome: Outcome
    score: float
    evidence: tuple[Evidence, ...]
    once: bool = False


def questions_of(query: Query) -> tuple[KeyedQuestion, ...]:
    """Everything to ask of a keyed list of documents; no text twice."""
    sure = any(reading.source in SURE for reading in query.readings)
    widely = {id(r) for r in query.readings if r.source in SURE}
    if not sure:
        widely = {id(r) for r in query.readings[:MAX_SALVAGED]}
    return best(
        question for reading in query.readings for question in _of_reading(query, reading, id(reading) in widely)
    )


def best(questions: Iterable[KeyedQuestion]) -> tuple[KeyedQuestion, ...]:
    """Each text once, as what weighs most; in the order asked, but for those ``once``: these the strongest first."""
    found: dict[str, KeyedQuestion] = {}
    for question in questions:
        old = found.get(question.text)
        if question.text and (old is None or (question.outcome.rank, question.score) > (old.outcome.rank, old.score)):
            found[question.text] = question
    return tuple(sorted(found.values(), key=lambda q: (-q.score if q.once else 0.0)))


def by_keyed(
    questions: Sequence[KeyedQuestion], asked: AskedKeyed, today: date | None, document_type: str = "",
    told: set[Record] | None = None,
) -> list[Reason]:  # fmt: skip
    """Reasons from one keyed list. ``today`` by trusted time, None if there is none. Raises what ``find`` raises.

    ``told`` are the records that questions asked ``once`` have found before; those found now are added.
    """
    reasons = []
    told = set() if told is None else told
    for question in questions:
        for record in dict.fromkeys(found.record for found in asked.store.find(question.text)):
            if question.once:
                if record in told:
                    continue
                told.add(record)
            if today is None or record.review_date is None or record.review_date >= today:
                reasons.append(_reason(question, asked, record, document_type))
    return reasons


def _of_reading(query: Query, reading: NumberReading, widely: bool) -> Iterator[KeyedQuestion]:
    issuer, number = reading.issuing_state, reading.number
    similarity = SIMILARITY[reading.source]
    line = Evidence(number, "", f"number {reading.source.replace('_', '-')}", similarity, 1.0)
    known = is_issuer(issuer)
    if known or widely:
        texts = document_questions(issuer, number)
    else:
        near = document_questions(query.nationality, number) if is_issuer(query.nationality) else ()
        texts = tuple(dict.fromkeys((document_text(issuer, number), *near, document_text("", number))))
    for text in texts:
        listed = _issuer(text)
        if known and listed:
            outcome = Outcome.HIT if reading.source in SURE else Outcome.POSSIBLE
            state = Evidence(issuer, listed, "issuing State equal")
            yield KeyedQuestion(text, outcome, similarity, (line, state))
        else:
            state = Evidence(issuer, listed, "issuing State not known on both sides")
            score = round(similarity * UNKNOWN_ISSUER, 4)
            yield KeyedQuestion(text, Outcome.POSSIBLE, score, (line, state))
    if known and query.document_type.startswith("P") and query.nationality and reading.source in SURE:
        yield from _by_nationality(query.nationality, number, line, frozenset(texts))


def _by_nationality(
    nationality: str, number: str, line: Evidence, asked: frozenset[str]
) -> Iterator[KeyedQuestion]:
    """No check digit covers the issuing State, and on a passport issuer and nationality are seldom two."""
    texts = document_questions(nationality, number) if is_issuer(nationality) else (document_text(nationality, number),)
    for text in texts:
        if _issuer(text) and text not in asked:
            state = Evidence(nationality, _issuer(text), "nationality is the issuing State of the record")
            yield KeyedQuestion(text, Outcome.POSSIBLE, round(line.similarity * UNKNOWN_ISSUER, 4), (line, state))


def _issuer(text: str) -> str:
    """The issuer's family in a document's key text (``v1|D|family|number``)."""
    return text.split("|", 3)[2] if text else ""


def _reason(question: KeyedQuestion, asked: AskedKeyed, record: Record, document_type: str) -> Reason:
    lines = [*question.evidence]
    differs = type_differs(document_type, record.kind)
    if differs is not None:
        lines.append(differs)
    if record.category:
        lines.append(Evidence("", record.category, "reported as"))
    return Reason(
        list_id=asked.list_id,
        record="" if record.detail is None else str(record.detail),
        kind=ReasonKind.PERSON if record.category in PERSON_CATEGORIES else asked.kind,
        outcome=question.outcome,
        score=question.score,
        evidence=tuple(lines),
        silent=record.silent or asked.silent,
        category=record.category,
        action=asked.action,
    )
