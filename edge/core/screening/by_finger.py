"""Candidates of a search over fingers as reasons of a verdict.

Laws:
1. A candidate is POSSIBLE, however high its score: a person compares, a finger alone never gives a HIT.
2. Silent candidates become silent reasons; ``Verdict.shown`` drops them. No reason that is shown depends on one that is
   silent, nor on how many of them there are.
3. A reason's ``score`` is the chance that no stranger among the templates searched reaches the comparison score:
   exp(-expected), 0..1. The comparison score itself stands in ``finger`` and in the evidence.
4. Neither pixels nor minutiae are in an evidence: positions, scores, counts and names of references alone.
"""

from __future__ import annotations

import math

from edge.core.fingerprints.answers import MAX_CANDIDATES, FingerCandidate, SearchAnswer
from edge.core.fingerprints.model import Position
from edge.core.verdicts import Evidence, FingerMatch, Outcome, Reason, ReasonKind


def by_finger(answer: SearchAnswer) -> tuple[Reason, ...]:
    """The reasons of every candidate, shown and silent, in the answer's order; none for an answer with a problem."""
    if answer.problem:
        return ()
    kept: list[FingerCandidate] = []
    for silent in (False, True):
        kept += [c for c in answer.candidates if c.silent is silent][:MAX_CANDIDATES]
    return tuple(_reason(candidate, answer.extractor_id) for candidate in kept)


def position_word(position: Position) -> str:
    """``right-index``, ``unknown``…: the word of the configuration, of evidence and of ``texts`` (``position.…``)."""
    return position.name.lower().replace("_", "-")


def _reason(candidate: FingerCandidate, extractor_id: str) -> Reason:
    return Reason(
        list_id=candidate.list_id,
        record=candidate.record,
        kind=ReasonKind.FINGER,
        outcome=Outcome.POSSIBLE,
        score=math.exp(-max(0.0, candidate.expected)),
        evidence=_evidence(candidate, extractor_id),
        silent=candidate.silent,
        category=candidate.category,
        action=candidate.action,
        name=candidate.name,
        finger=FingerMatch(candidate.reference, int(candidate.position), candidate.score, candidate.fingers),
    )


def _evidence(candidate: FingerCandidate, extractor_id: str) -> tuple[Evidence, ...]:
    lines = [
        Evidence("", position_word(candidate.position), "finger"),
        Evidence("", candidate.reference, "reference"),
        Evidence(f"{candidate.score:.2f}", "", "comparison score"),
        Evidence("", f"{candidate.expected:.1g}", "strangers expected to reach this score in one search"),
        Evidence("", str(candidate.templates), "templates searched"),
        Evidence("", extractor_id, "extractor"),
    ]
    if candidate.agrees is not None:
        lines.append(_together(candidate.agrees))
    return tuple(lines)


def _together(agrees: bool) -> Evidence:
    if agrees:
        return Evidence("2", "", "both fingers together agree")
    return Evidence("2", "", "both fingers together agree too little")
