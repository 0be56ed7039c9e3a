"""Persons: the name's score, then what the qualifiers make of it.

| birth date                      | needs                                                       | gives    |
|---------------------------------|-------------------------------------------------------------|----------|
| equal                           | name >= alert, sex not contradicted                          | HIT      |
| listed year or less, inside it  | the whole name near exact, three tokens or more agree, sex   | HIT      |
| equal                           | the traveller's whole name is part of the record's, two or   | POSSIBLE |
|                                 | more agree, one of them not common, name >= contained        |          |
| not contradicting, or unknown   | name + points >= review                                      | POSSIBLE |
| contradicts                     | the whole name near exact; three tokens agree, or two of     | POSSIBLE |
|                                 | which one is not a common name (forged birth dates); a name  |          |
|                                 | that a list of this size need not hold twice by chance       |          |

Laws:
1. A record whose own name has one token: exact or skeleton equality with any token of the traveller,
   POSSIBLE only, and not if the birth date contradicts; a very common token (RAHMAN) of a traveller who
   has other names needs a birth date that agrees. A one-token alias of a person with a longer name
   agrees only with a traveller who has no other name: every HASSAN would be a lead otherwise.
2. A low-quality alias never gives more than POSSIBLE unless the birth date is equal to the day.
3. A record past its review date does not match, by trusted time alone.
4. One reason a person: the best of all its names. Every score is explained token by token, and a short or very
   common name says how many others bear as good a one (``namesakes``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from edge.core.matching import (
    NEAR_EXACT,
    Floors,
    NameScore,
    QueryName,
    explain,
    index_of,
    search,
    search_born,
)
from edge.core.screening.lists import Asked
from edge.core.screening.namesakes import Namesakes, is_weak
from edge.core.screening.qualifiers import LOW_ALIAS_POINTS, NATIONALITY_EQUAL, Birth, Qualified, qualify
from edge.core.screening.query import Query
from edge.core.verdicts import Evidence, Outcome, Reason, ReasonKind
from edge.core.watch import PersonRecord, PersonTable
from edge.core.watch.entries import QUALITIES

ALERT = 0.92    # name score from which a person with an equal birth date is a HIT
REVIEW = 0.84   # name score plus points from which a person is worth a look
CONTAINED = 0.55  # name score from which a name with fewer ancestors counts, given the day of birth
ONE_TOKEN_POINTS = -0.20  # a record of one token, and a traveller who has other names too: worth a look, no more
FORGED_TWO = 0.97  # name score that two agreeing tokens need against a contradicting birth date
FORGED_NAMESAKES = 1.0  # bearers of the name that the list holds by chance, from which a birth date is not overlooked
_AGREES = frozenset({Birth.EXACT, Birth.SWAPPED, Birth.OVERLAPS})
_LOW = QUALITIES.index("low")
MAX_REASONS = 10  # shown reasons a list, and as many silent ones, that are explained
_SLACK = 1e-6     # points are added in binary


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Name scores 0..1; ``review`` is compared with the score after qualifiers."""

    alert: float = ALERT
    review: float = REVIEW


@dataclass(frozen=True, slots=True)
class _Found:
    outcome: Outcome
    total: float
    name_id: int
    low: bool


def by_person(query: Query, asked: Asked, today: date | None) -> list[Reason]:
    """Reasons from the list's persons. ``today`` by trusted time, None if there is none."""
    table = asked.persons
    if table is None or not query.name.tokens:
        return []
    limits = asked.thresholds
    records: dict[int, tuple[PersonRecord, Qualified] | None] = {}
    best: dict[int, _Found] = {}
    alike: dict[int, float] = {}  # the best name score of everybody found, whatever becomes of them
    for name_id, name, contradicts in search_born(query.name, query.birth, table, floors(query, limits)):
        person = int(table.name_persons[name_id])
        alike[person] = max(alike.get(person, 0.0), name.score)
        if contradicts and not (same_in_spite_of_birth(name) and rare_enough(table, name_id)):
            continue
        if person not in records:
            records[person] = _qualified(query, table.person(person, names=False), today)
        known = records[person]
        if known is None:
            continue
        if known[1].birth is Birth.CONTRADICTS and not (contradicts or rare_enough(table, name_id)):
            continue
        low = int(table.name_qualities[name_id]) == _LOW
        if not one_token_stands(name, query.name, known[1].birth):
            continue
        if name.one_token and query.name.strong > 1 and (low or not index_of(table).alone[name_id]):
            continue
        found = decide(name, known[1], limits, low=low)
        if found is None:
            continue
        candidate = _Found(found, total(name, known[1].points, low=low), name_id, low)
        old = best.get(person)
        if old is None or (candidate.outcome.rank, candidate.total) > (old.outcome.rank, old.total):
            best[person] = candidate
    return _reasons(query, asked, table, records, best, Namesakes(table, alike, today, silent=asked.silent))


def _reasons(
    query: Query,
    asked: Asked,
    table: PersonTable,
    records: Mapping[int, tuple[PersonRecord, Qualified] | None],
    best: Mapping[int, _Found],
    namesakes: Namesakes,
) -> list[Reason]:
    """A reason a person. Of those beyond the bound only the number is ever told: they are not explained."""
    standing = [(person, known, best[person]) for person in best if (known := records[person]) is not None]
    standing.sort(key=lambda s: (-s[2].outcome.rank, -round(s[2].total, 4), s[1][0].reference))  # as ``bounded`` does
    told: dict[bool, int] = {}
    reasons = []
    for _, known, found in standing:
        silent = known[0].silent or asked.silent
        told[silent] = told.get(silent, 0) + 1
        if told[silent] <= MAX_REASONS:
            reasons.append(_reason(query, asked, table, known, found, namesakes))
        else:
            reasons.append(_counted(asked, known[0], found, silent=silent))
    return reasons


def floors(query: Query, limits: Thresholds) -> Floors:
    """Name scores below which ``decide`` gives nothing, whatever sex and nationality say."""
    nation = NATIONALITY_EQUAL if query.nationality else 0.0

    def least(best: Birth) -> float:
        return max(0.0, limits.review - best.points - nation - _SLACK)

    if query.birth is None:
        return Floors(least(Birth.EXACT), least(Birth.EXACT), least(Birth.UNKNOWN), 1.0)
    off = max(Birth.ONE_DIGIT, Birth.SAME_YEAR, Birth.UNKNOWN, key=lambda b: b.points)
    equal = min(least(Birth.EXACT), CONTAINED)
    return Floors(equal, least(max(Birth.SWAPPED, Birth.OVERLAPS, key=lambda b: b.points)), least(off), NEAR_EXACT)


def one_token_stands(name: NameScore, query: QueryName, birth: Birth) -> bool:
    """False for a very common single name of a traveller who has other names, unless the birth date agrees (law 1)."""
    return not name.one_token or query.strong <= 1 or bool(name.distinctive) or birth in _AGREES


def total(name: NameScore, points: float, *, low: bool) -> float:
    """Name score and points of the qualifiers, 0..1: what is compared with ``review`` and shown."""
    return min(1.0, max(0.0, name.score + points + (LOW_ALIAS_POINTS if low else 0.0) + one_token_points(name)))


def one_token_points(name: NameScore) -> float:
    """What a record of one token loses if the traveller has other names, of which it says nothing."""
    return ONE_TOKEN_POINTS if name.one_token and not name.contained else 0.0


def decide(name: NameScore, qualified: Qualified, limits: Thresholds, *, low: bool) -> Outcome | None:
    """The outcome that one listed name gives, None for no match (the table at the top)."""
    if qualified.birth is Birth.CONTRADICTS:
        return Outcome.POSSIBLE if same_in_spite_of_birth(name) and not low else None
    if name.one_token:
        return Outcome.POSSIBLE
    fewer = name.contained and name.agreeing >= 2 and name.distinctive >= 1 and name.score >= CONTAINED
    if qualified.birth is Birth.EXACT and fewer and not qualified.sex_contradicts and name.score < limits.review:
        return Outcome.POSSIBLE
    if name.score + qualified.points + (LOW_ALIAS_POINTS if low else 0.0) < limits.review:
        return None
    if qualified.sex_contradicts:
        return Outcome.POSSIBLE
    if qualified.birth is Birth.EXACT and name.score >= limits.alert:
        return Outcome.HIT
    whole = name.complete and name.agreeing >= 3 and name.score >= max(limits.alert, NEAR_EXACT)
    if qualified.birth is Birth.OVERLAPS and qualified.narrow and whole and not low:
        return Outcome.HIT
    return Outcome.POSSIBLE


def rare_enough(table: PersonTable, name_id: int) -> bool:
    """True if a list of this size would hold less than one other bearer of the name by chance: else who is born on
    another day is a namesake, and no forger."""
    return index_of(table).namesakes_expected(name_id) < FORGED_NAMESAKES


def same_in_spite_of_birth(name: NameScore) -> bool:
    """True for a name near enough to outweigh a contradicting birth date, which may be forged."""
    same = name.score >= NEAR_EXACT and name.complete and not name.one_token
    two = name.agreeing == 2 and name.distinctive >= 1 and name.score >= FORGED_TWO
    return same and (name.agreeing >= 3 or two)


def bearer_agrees(query: Query, asked: Asked, record: PersonRecord, person: int) -> Evidence | None:
    """Evidence that a traveller is the bearer of a listed document: birth date or name at alert level."""
    qualified = _compare(query, record)
    if qualified.birth is Birth.EXACT:
        return qualified.evidence[0]
    table = asked.persons
    if table is None or not query.name.tokens:
        return None
    for name_id, name, _ in search(query.name, table, asked.thresholds.alert):
        if int(table.name_persons[name_id]) == person:
            return Evidence(" ".join(query.name.tokens), table.name(name_id).text, "name agrees", name.score)
    return None


def _qualified(
    query: Query, record: PersonRecord, today: date | None
) -> tuple[PersonRecord, Qualified] | None:
    """The record with its qualifiers; None past its review date."""
    if today is not None and record.review_date is not None and record.review_date < today:
        return None
    return record, _compare(query, record, told=False)  # most are candidates that nobody is told of


def _compare(query: Query, record: PersonRecord, *, told: bool = True) -> Qualified:
    return qualify(
        birth=query.birth,
        births=record.births,
        sexes=(query.sex, record.sex),
        nationality=query.nationality,
        nationalities=record.nationalities,
        told=told,
    )


def _reason(
    query: Query, asked: Asked, table: PersonTable, known: tuple[PersonRecord, Qualified], found: _Found,
    namesakes: Namesakes,
) -> Reason:
    record, _ = known
    silent = record.silent or asked.silent
    name = explain(query.name, table, found.name_id)
    listed = table.name(found.name_id)
    lines = (*(name.evidence if name else ()), *_compare(query, record).evidence)
    if listed.quality == "low":
        lines += (Evidence("", listed.text, "low-quality alias", points=LOW_ALIAS_POINTS),)
    if name is not None and name.one_token:
        lines += (Evidence(
            "", listed.text, "record of one name token: review only", points=one_token_points(name)
        ),)
    if name is not None and is_weak(name):
        lines += (namesakes.evidence(found.name_id, name.score - _SLACK, silent=silent),)
    return Reason(
        list_id=asked.list_id,
        record=record.reference,
        kind=ReasonKind.PERSON,
        outcome=found.outcome,
        score=round(found.total, 4),
        evidence=lines,
        silent=silent,
        category=record.notice,
        action=record.action or asked.action,
        name=listed.text,
    )


def _counted(asked: Asked, record: PersonRecord, found: _Found, *, silent: bool) -> Reason:
    """A reason that comes behind as many as are told: it only counts, and says no more than is needed for that."""
    return Reason(
        list_id=asked.list_id, record=record.reference, kind=ReasonKind.PERSON, outcome=found.outcome,
        score=round(found.total, 4), evidence=(), silent=silent, category="", action="",
    )  # fmt: skip
