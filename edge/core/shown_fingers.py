"""What a finger adds to the verdict of a passage, and what the counter is told of it, as plain JSON values.

Laws:
1. Takes the truth and projects it itself (ARCHITECTURE law 8): a search with silent candidates alone and one without
   any give the same message but for ids and times.
2. A finger never takes a lead away: a passage that was shown as one stays one until a person decides.
3. A finger that was asked for and not searched leaves the passage INCOMPLETE at least: not fully screened is never
   shown like CLEAR (ARCHITECTURE law 1). A later search that succeeds lifts that. One that compared it with no
   template, because no gallery has a print of that finger, is none.
4. What the documents left INCOMPLETE or UNREADABLE stays so, whatever was asked about the finger.
5. No template, no minutia, no pixel.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from edge.core.fingerprints.answers import MAX_CANDIDATES, FingerTaken, SearchAnswer
from edge.core.fingerprints.model import Position
from edge.core.screening.by_finger import by_finger, position_word
from edge.core.shown import coverage, reason_values
from edge.core.verdicts import Coverage, CoverageState, Outcome, Reason, ReasonKind, Verdict, worst

_LEADS: Final = frozenset({Outcome.HIT, Outcome.POSSIBLE})
_LOOKED_INTO: Final = frozenset({CoverageState.ASKED, CoverageState.STALE, CoverageState.TIME_UNTRUSTED})


@dataclass(frozen=True, slots=True)
class Judged:
    """A passage with its fingers: ``verdict`` by all that was found, ``truth`` and ``shown`` the passage's outcomes.

    ``candidates`` are the reasons by fingers, silent ones too.
    """

    verdict: Verdict
    truth: Outcome
    shown: Outcome
    candidates: tuple[Reason, ...]


def searched(answer: SearchAnswer | None) -> bool:
    """True if the finger was compared with one template at least, be it of an old gallery (law 3)."""
    if answer is None or answer.problem:
        return False
    return any(c.state in _LOOKED_INTO and c.generation is not None and c.records > 0 for c in answer.coverage)


def merged(before: Iterable[Reason], answer: SearchAnswer | None, *, second: bool) -> tuple[Reason, ...]:
    """Candidates of all fingers so far: one a record, the best first, at most MAX_CANDIDATES shown and as many silent.

    A ``second`` finger's word replaces the first's, because it knows both; else the better score stays.
    """
    found = {(r.list_id, r.record, r.silent): r for r in before}
    for reason in by_finger(answer) if answer else ():
        key = (reason.list_id, reason.record, reason.silent)
        if second or key not in found or found[key].score < reason.score:
            found[key] = reason
    ranked = sorted(found.values(), key=lambda r: -r.score)
    kept: list[Reason] = []
    for silent in (False, True):
        kept += [r for r in ranked if r.silent is silent][:MAX_CANDIDATES]
    return tuple(kept)


def judged(
    documents: Verdict, candidates: tuple[Reason, ...], galleries: tuple[Coverage, ...],
    *, truth: Outcome, shown: Outcome, failed: bool,
) -> Judged:
    """The passage whose documents gave ``documents``; ``truth`` and ``shown`` are its outcomes until now."""
    verdict = Verdict.of(
        (*documents.reasons, *candidates), (*documents.coverage, *galleries), documents.unreadable,
        records_expire=documents.records_expire,
    )
    least = Outcome.INCOMPLETE if failed else Outcome.CLEAR
    return Judged(
        verdict,
        worst([verdict.outcome, documents.outcome, least, *_lead(truth)]),
        worst([verdict.shown().outcome, documents.shown().outcome, least, *_lead(shown)]),
        candidates,
    )


def _lead(outcome: Outcome) -> list[Outcome]:
    return [outcome] if outcome in _LEADS else []


def finger_message(
    found: Judged, answer: SearchAnswer | None, taken: FingerTaken | None,
    *, passage: str, at: str, counter: str, direction: str, at_counter: str, purpose: str,
    positions: Sequence[Position], score: float | None, same: bool | None, problem: str, after: str,
    second: Position | None,
) -> dict[str, Any]:
    """The ``fingers`` message but for ``order``, ``recorded`` and ``elapsed_ms``, which its counter adds.

    ``at_counter`` is the counter whose scanner took it. ``answer`` is the first finger's where a second one has a
    ``problem``. ``score`` and ``same`` are of a verification; ``second`` the finger that is asked for next.
    ``uncompared`` names the shown candidates of which no gallery has a print of the second finger.
    """
    public = answer.shown() if answer else None
    return {
        "type": "fingers",
        "passage": passage,
        "at": at,
        "counter": counter,
        "direction": direction,
        "at_counter": at_counter,
        "purpose": purpose,
        "positions": [position_word(p) for p in positions],
        "outcome": str(found.shown),
        "candidates": [reason_values(r) for r in found.verdict.shown().reasons if r.kind is ReasonKind.FINGER],
        "templates": public.templates if public else 0,
        "coverage": coverage(public.coverage) if public else [],
        "quality": taken.quality if taken else 0,
        "tries": taken.tries if taken else 0,
        "score": None if score is None else round(score, 2),
        "same": same,
        "problem": problem,
        "after": after,
        "second": position_word(second) if second is not None else "",
        "uncompared": _uncompared(public) if purpose == "second" and not problem else [],
    }


def _uncompared(shown: SearchAnswer | None) -> list[str]:
    return [f"{c.list_id}/{c.record}" for c in shown.candidates if c.agrees is None] if shown else []
