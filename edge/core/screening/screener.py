"""One question put to every list: a verdict with its reasons and the lists that were asked.

Laws:
1. Every verdict carries its coverage. A required list that is absent, damaged, too old, or whose age
   cannot be judged makes the verdict INCOMPLETE (ARCHITECTURE law 1).
2. A doubtful zone is screened all the same; the doubts make it UNREADABLE (law 4).
3. Silent and shown reasons are bounded apart, so that what is shown never depends on what is silent
   (law 8).
4. Untrusted time expires nothing (law 10): then no record ends, no age is believed, and the verdict says both.
5. Data never raises: a list whose bytes turn out damaged while it is asked counts as damaged.
6. A verdict asks one generation of a keyed list: the opened list never changes under it.
7. Galleries of fingers have no part in the verdict on a document, however they stand; ``galleries`` tells of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date

from edge.core import freshness
from edge.core.errors import BorderpostError
from edge.core.freshness import Limits
from edge.core.keyed import card as cards
from edge.core.keyed.record import Record
from edge.core.matching import index_of
from edge.core.screening.by_document import by_document
from edge.core.screening.by_keyed import KeyedQuestion, by_keyed, questions_of
from edge.core.screening.by_person import ALERT, REVIEW, Thresholds, bearer_agrees, by_person
from edge.core.screening.lists import Asked, AskedKeyed, ScreenList, facts_of
from edge.core.screening.query import Query
from edge.core.screening.things import ThingQuery
from edge.core.trusted import Trusted
from edge.core.verdicts import Coverage, CoverageState, Evidence, Freshness, Reason, ReasonKind, Verdict
from edge.core.watch import LayoutError, Manifest, PersonRecord, Policy

MAX_REASONS = 10  # shown reasons a list, and as many silent ones; the rest is counted
MAX_FAILED = 4    # questions that a keyed list may fail to answer before no more are put: a bad disk takes seconds each
_KINDS = {
    cards.DOCUMENTS: ReasonKind.DOCUMENT, cards.VEHICLES: ReasonKind.VEHICLE, cards.FIREARMS: ReasonKind.FIREARM,
}  # fmt: skip
_STATES = {Freshness.TOO_OLD: CoverageState.STALE, Freshness.UNKNOWN: CoverageState.TIME_UNTRUSTED}

Question = Query | ThingQuery


@dataclass(frozen=True, slots=True)
class Screener:
    """Screening under one policy.

    ``required`` are the ids whose lists must have been asked; None means every list there is.
    ``max_age_seconds`` bounds the age of a list from its source date, None for no limit;
    ``max_age_seconds_of`` has the limits of single lists. ``warn_age_seconds`` and ``warn_age_seconds_of`` bound what
    is said of an age without changing an outcome. A list's own limits hold where they are stricter.
    """

    required: frozenset[str] | None = None
    max_age_seconds: float | None = None
    max_age_seconds_of: Mapping[str, float] = field(default_factory=dict)
    warn_age_seconds: float | None = None
    warn_age_seconds_of: Mapping[str, float] = field(default_factory=dict)

    def screen(self, query: Question, lists: Sequence[ScreenList], now: Trusted) -> Verdict:
        """The verdict on one question; never raises on data."""
        today = now.expiry.date() if now.expiry is not None else None
        reasons: list[Reason] = []
        coverage: list[Coverage] = []
        keyed: tuple[KeyedQuestion, ...] | None = None  # made once, for whichever lists want them
        lists = [one for one in lists if not one.fingers]
        for one in lists:
            state = self._standing(one, now)
            if (state is CoverageState.ASKED and not _applies(query, one)) or _of_others(query, one):
                state = CoverageState.NOT_APPLICABLE
            part = self._part(one, state, now)
            if one.keyed is not None and one.card is not None:
                if keyed is None:
                    keyed = questions_of(query) if isinstance(query, Query) else query.questions
                found, part = _ask_keyed(query, keyed, one, part, today)
            elif isinstance(query, Query):
                found, part = _ask(query, one, part, today)
            else:
                found = []
            reasons += found
            coverage.append(part)
        present = {one.list_id for one in lists}
        for absent in sorted((self.required or frozenset()) - present):
            coverage.append(_missing(absent))
        reasons.sort(key=lambda r: (-r.outcome.rank, -r.score, r.list_id, r.record))
        return Verdict.of(tuple(reasons), tuple(coverage), query.doubts, records_expire=today is not None)

    def coverage(self, lists: Sequence[ScreenList], now: Trusted) -> tuple[Coverage, ...]:
        """How every list stands, for `status`: as in a verdict on a read that gives every field."""
        lists = [one for one in lists if not one.fingers]
        parts = [self._part(one, self._standing(one, now), now) for one in lists]
        absent = sorted((self.required or frozenset()) - {one.list_id for one in lists})
        return (*parts, *map(_missing, absent))

    def galleries(self, lists: Sequence[ScreenList], now: Trusted) -> tuple[Coverage, ...]:
        """How every gallery stands; each counts for a finger that is searched, whichever lists documents require."""
        found = [one for one in lists if one.fingers]
        return tuple(replace(self._part(one, self._standing(one, now), now), required=True) for one in found)

    def _part(self, one: ScreenList, state: CoverageState, now: Trusted) -> Coverage:
        required = self.required is None or one.list_id in self.required
        facts = facts_of(one)
        if facts is None:
            return Coverage(one.list_id, None, None, 0, state, required, Freshness.UNKNOWN)
        age = freshness.age_seconds(facts.source_date, now)
        said = freshness.judge(age, self._limits(one.list_id, facts.ages))
        seconds = None if age is None else int(age)
        return Coverage(one.list_id, facts.generation, seconds, facts.records, state, required, said)

    def _standing(self, one: ScreenList, now: Trusted) -> CoverageState:
        facts = facts_of(one)
        if facts is None and one.erased is not None:
            return CoverageState.ERASED
        if facts is None or one.behind or (one.keyed is not None and one.keyed.damaged):
            return CoverageState.DAMAGED
        limits = self._limits(one.list_id, facts.ages)
        if limits.incomplete_s is None:
            return CoverageState.ASKED
        said = freshness.judge(freshness.age_seconds(facts.source_date, now), limits)
        return _STATES.get(said, CoverageState.ASKED)

    def _limits(self, list_id: str, own: Policy) -> Limits:
        box = Limits(
            self.warn_age_seconds_of.get(list_id, self.warn_age_seconds),
            self.max_age_seconds_of.get(list_id, self.max_age_seconds),
        )
        return Limits.of(box, Limits(own.warn_after_s, own.incomplete_after_s))


def _missing(list_id: str) -> Coverage:
    return Coverage(list_id, None, None, 0, CoverageState.MISSING, freshness=Freshness.UNKNOWN)


def _ask(query: Query, one: ScreenList, part: Coverage, today: date | None) -> tuple[list[Reason], Coverage]:
    manifest = one.manifest
    if manifest is None:
        return [], part
    asked = Asked(one.list_id, one.documents, one.persons, manifest.silent, manifest.action, _thresholds(manifest))

    def agrees(record: PersonRecord, person: int) -> Evidence | None:
        return bearer_agrees(query, asked, record, person)

    documents = by_document(query, asked, today, agrees)
    found = documents.reasons
    if documents.damaged:
        part = replace(part, state=CoverageState.DAMAGED)
    try:
        found += by_person(query, asked, today)  # damage in one table hides nothing of the other
    except LayoutError:
        part = replace(part, state=CoverageState.DAMAGED)
    return bounded(found), part


def _ask_keyed(
    query: Question, questions: Sequence[KeyedQuestion], one: ScreenList, part: Coverage, today: date | None
) -> tuple[list[Reason], Coverage]:
    card, store = one.card, one.keyed
    if card is None or store is None or not _is_of(query, card.thing):
        return [], part
    asked = AskedKeyed(one.list_id, store, card.silent, card.action, _KINDS[card.thing])
    document_type = query.document_type if isinstance(query, Query) else ""
    found: list[Reason] = []
    failed = 0
    told: set[Record] = set()
    for question in questions:  # one by one: what lies beside the damage is still a lead
        try:
            found += by_keyed((question,), asked, today, document_type, told)
        except BorderpostError:
            failed += 1
            if failed == MAX_FAILED:
                break
    if failed or store.damaged:
        part = replace(part, state=CoverageState.DAMAGED)
    return bounded(found), part


def _of_others(query: Question, one: ScreenList) -> bool:
    """True for a list of vehicles where a traveller is asked about, and the like: however old, it has no say."""
    if one.card is not None:  # read, though the files beside it may not open
        return not _is_of(query, one.card.thing)
    return one.manifest is not None and not isinstance(query, Query)


def _is_of(query: Question, thing: str) -> bool:
    return thing == (cards.DOCUMENTS if isinstance(query, Query) else query.thing)


def _applies(query: Question, one: ScreenList) -> bool:
    if one.keyed is not None and one.card is not None:
        asks = query.readings if isinstance(query, Query) else query.questions
        return bool(asks) and one.keyed.header.count > 0 and _is_of(query, one.card.thing)
    if not isinstance(query, Query):
        return False
    by_number = bool(query.readings) and one.documents is not None and len(one.documents) > 0
    by_name = bool(query.name.tokens) and one.persons is not None and len(one.persons) > 0
    return by_number or by_name


def screen(
    query: Question,
    lists: Sequence[ScreenList],
    *,
    now: Trusted,
    max_age_seconds: float | None = None,
    required: frozenset[str] | None = None,
) -> Verdict:
    """``Screener.screen`` under a policy given in place."""
    return Screener(required, max_age_seconds).screen(query, lists, now)


def prepare(lists: Sequence[ScreenList]) -> None:
    """Make the name indexes of newly opened lists ready, so that no traveller waits for them (about 0.1 s)."""
    for one in lists:
        if one.persons is not None and len(one.persons):
            index_of(one.persons)


def bounded(found: Sequence[Reason]) -> list[Reason]:
    """The best reasons, shown and silent apart; the last one kept says how many more there were."""
    kept: list[Reason] = []
    for silent in (False, True):
        group = [r for r in found if r.silent is silent]
        group.sort(key=lambda r: (-r.outcome.rank, -r.score, r.kind, r.record))
        kept += group[:MAX_REASONS]
        if len(group) > MAX_REASONS:
            more = Evidence("", str(len(group) - MAX_REASONS), "more records of this list agree")
            kept[-1] = replace(kept[-1], evidence=(*kept[-1].evidence, more))
    return kept


def _thresholds(manifest: Manifest) -> Thresholds:
    own = manifest.thresholds
    return Thresholds(
        ALERT if own.alert is None else own.alert, REVIEW if own.review is None else own.review
    )
