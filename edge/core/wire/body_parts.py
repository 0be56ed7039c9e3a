"""What several bodies are made of: reasons with their evidence, and the lists that were asked."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from edge.core.verdicts import Coverage, Reason


class BodyEvidence(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One step of an explanation, as in ``edge.core.verdicts.Evidence``."""

    query: str = ""
    listed: str = ""
    rule: str = ""
    similarity: float = 0.0
    weight: float = 0.0
    points: float = 0.0


class BodyReason(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One record that weighed, silent ones included.

    Of a reason by a finger: the ``reference`` of the list, its ``position`` (0..10, ISO/IEC 19794-2:2005, table 2), the
    ``comparison`` score (0 and more; the sum where ``fingers`` is 2). However much a body is trimmed, a candidate that
    stands in it has these.
    """

    list: str
    record: str
    kind: str
    outcome: str
    score: float
    silent: bool = False
    category: str = ""
    action: str = ""
    name: str = ""
    reference: str = ""
    position: int = 0
    comparison: float = 0.0
    fingers: int = 0
    evidence: tuple[BodyEvidence, ...] = ()


class BodyCoverage(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One list's part in the verdict; age in seconds from its source date."""

    list: str
    generation: int | None = None
    age: int | None = None
    records: int = 0
    state: str = "asked"


def reason_of(reason: Reason) -> BodyReason:
    """One reason of a verdict as a body has it."""
    finger = reason.finger
    return BodyReason(
        list=reason.list_id,
        record=reason.record,
        kind=str(reason.kind),
        outcome=str(reason.outcome),
        score=round(reason.score, 4),
        silent=reason.silent,
        category=reason.category,
        action=reason.action,
        name=reason.name,
        reference=finger.reference if finger else "",
        position=finger.position if finger else 0,
        comparison=round(finger.score, 3) if finger else 0.0,
        fingers=finger.fingers if finger else 0,
        evidence=tuple(
            BodyEvidence(
                query=e.query,
                listed=e.listed,
                rule=e.rule,
                similarity=round(e.similarity, 3),
                weight=round(e.weight, 3),
                points=round(e.points, 3),
            )
            for e in reason.evidence
        ),
    )


def coverage_of(coverage: Sequence[Coverage]) -> tuple[BodyCoverage, ...]:
    """The coverage of a verdict as a body has it."""
    return tuple(
        BodyCoverage(
            list=c.list_id, generation=c.generation, age=c.age_seconds, records=c.records, state=str(c.state)
        )
        for c in coverage
    )
