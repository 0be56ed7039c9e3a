"""The verdict: five closed outcomes, their reasons, and the lists that were asked.

Laws:
1. HIT > POSSIBLE > UNREADABLE > INCOMPLETE > CLEAR, and nothing else (ARCHITECTURE law 1).
2. ``Verdict.outcome`` is the truth; ``Verdict.shown()`` is the only projection that a counter, a
   log, a light or a statistic may use (law 8). A verdict with a silent reason projects to exactly
   what it would have been without that reason.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable
from dataclasses import dataclass, field


class Outcome(enum.StrEnum):
    """The five outcomes, highest precedence first."""

    HIT = "HIT"
    POSSIBLE = "POSSIBLE"
    UNREADABLE = "UNREADABLE"
    INCOMPLETE = "INCOMPLETE"
    CLEAR = "CLEAR"

    @property
    def rank(self) -> int:
        """0 for CLEAR to 4 for HIT."""
        return _RANK[self]


_RANK = {o: 4 - i for i, o in enumerate(Outcome)}


def worst(outcomes: Iterable[Outcome]) -> Outcome:
    """The outcome of highest precedence; CLEAR for none."""
    return max(outcomes, key=lambda o: o.rank, default=Outcome.CLEAR)


@dataclass(frozen=True, slots=True)
class Evidence:
    """One step of an explanation.

    For a token pair: ``query`` and ``listed`` tokens, the ``rule`` that joined them, ``similarity``
    0..1 and ``weight``. For a qualifier (birth date, sex, nationality, document type…): the two
    values, the rule's name and ``points`` added to the score (-1..1), weight 0.
    """

    query: str
    listed: str
    rule: str
    similarity: float = 0.0
    weight: float = 0.0
    points: float = 0.0


class ReasonKind(enum.StrEnum):
    """What agreed."""

    DOCUMENT = "document"
    PERSON = "person"
    VEHICLE = "vehicle"
    FIREARM = "firearm"
    FINGER = "finger"


@dataclass(frozen=True, slots=True)
class FingerMatch:
    """What a candidate by a finger was compared with, as numbers: its evidence says the same in words.

    ``reference`` is the list's own name for the prints, ``position`` the finger (ISO/IEC 19794-2:2005, table 2).
    ``score`` is the comparison score, 0 and more, the sum over ``fingers`` fingers (1 or 2).
    """

    reference: str = field(repr=False)
    position: int
    score: float
    fingers: int


@dataclass(frozen=True, slots=True)
class Reason:
    """One candidate that weighs. ``score`` 0..1. ``action`` is the list's own action text."""

    list_id: str
    record: str
    kind: ReasonKind
    outcome: Outcome            # HIT or POSSIBLE: what this reason alone would give
    score: float
    evidence: tuple[Evidence, ...]
    silent: bool
    category: str               # fraud category or notice kind, as the list states it
    action: str
    name: str = ""              # the listed name that agreed (person reasons); shown, never logged
    finger: FingerMatch | None = None  # of finger reasons alone


class CoverageState(enum.StrEnum):
    """Whether a list could be asked, and if not why."""

    ASKED = "asked"
    NOT_APPLICABLE = "not_applicable"  # present and sound, but holds nothing for the fields given
    MISSING = "missing"
    DAMAGED = "damaged"
    STALE = "stale"                    # asked, but older than the limit
    TIME_UNTRUSTED = "time_untrusted"  # asked, but its age cannot be judged
    ERASED = "erased"                  # erased at the age that its own policy demands


class Freshness(enum.StrEnum):
    """What is to be said of a list's age. Only TOO_OLD and UNKNOWN may move an outcome, through the state."""

    FRESH = "fresh"
    OLD = "old"            # older than it should be: the officer is told, the outcome stands
    TOO_OLD = "too_old"    # older than it may be
    UNKNOWN = "unknown"    # the time is not sure, or no generation can be used


@dataclass(frozen=True, slots=True)
class Coverage:
    """One list's part in a verdict. Ages in seconds from the source date; None where unknown."""

    list_id: str
    generation: int | None
    age_seconds: int | None
    records: int
    state: CoverageState
    required: bool = True
    freshness: Freshness = Freshness.FRESH


@dataclass(frozen=True, slots=True)
class Verdict:
    """What screening states about one read. ``unreadable`` names the findings that prevent CLEAR.

    ``records_expire`` is False where the time is not trusted: then records past their review date were matched too.
    """

    outcome: Outcome
    reasons: tuple[Reason, ...]
    coverage: tuple[Coverage, ...]
    unreadable: tuple[str, ...] = ()
    records_expire: bool = True

    @classmethod
    def of(
        cls,
        reasons: tuple[Reason, ...],
        coverage: tuple[Coverage, ...],
        unreadable: tuple[str, ...] = (),
        *,
        records_expire: bool = True,
    ) -> Verdict:
        """Apply the precedence of law 1 to what was found."""
        outcomes = [r.outcome for r in reasons]
        if unreadable:
            outcomes.append(Outcome.UNREADABLE)
        if not any(c.state is CoverageState.ASKED for c in coverage) or any(map(_incomplete, coverage)):
            outcomes.append(Outcome.INCOMPLETE)
        return cls(worst(outcomes), reasons, coverage, unreadable, records_expire)

    def shown(self) -> Verdict:
        """The verdict as if silent reasons did not exist: what the counter may know."""
        if not any(r.silent for r in self.reasons):
            return self
        public = tuple(r for r in self.reasons if not r.silent)
        return Verdict.of(public, self.coverage, self.unreadable, records_expire=self.records_expire)


def _incomplete(c: Coverage) -> bool:
    return c.required and c.state not in (CoverageState.ASKED, CoverageState.NOT_APPLICABLE)
