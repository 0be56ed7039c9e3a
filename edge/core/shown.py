"""What the counter is told about a passage: the projection of a verdict as plain JSON values.

Laws:
1. Takes a verdict and projects it itself, so that no caller can forget to (ARCHITECTURE law 8).
2. Two passages that project alike give the same keys and value types in the same order.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from edge.core.documents import Finding, Severity, TravelDocument
from edge.core.verdicts import Coverage, Evidence, Reason, Verdict

MAX_FINDINGS = 12  # lines on the officer's screen
MAX_ROWS, MAX_ROW = 3, 48  # rows shown of a read that is no whole zone, characters of each


def verdict_message(
    verdict: Verdict, document: TravelDocument, *, passage: str, at: str, counter: str, direction: str
) -> dict[str, Any]:
    """The ``verdict`` message but for ``recorded`` and ``elapsed_ms``, which are known after the commit."""
    shown = verdict.shown()
    return {
        "type": "verdict",
        "passage": passage,
        "at": at,
        "counter": counter,
        "direction": direction,
        "outcome": str(shown.outcome),
        "document": _document(document),
        "rows": _rows(document),
        "reasons": [reason_values(r) for r in shown.reasons],
        "findings": _findings(document.findings),
        "unreadable": list(shown.unreadable),
        "coverage": coverage(shown.coverage),
        "records_expire": shown.records_expire,
    }


def again_message(verdict: Mapping[str, Any], *, at: str, times: int) -> dict[str, Any]:
    """The ``again`` message but for ``elapsed_ms``: the document of this verdict message, read ``times`` times."""
    kept = ("passage", "counter", "direction", "outcome", "document")
    return {"type": "again", "at": at, "times": times, **{key: verdict[key] for key in kept}}


def summary(verdict: Verdict) -> list[dict[str, str | float]]:
    """The shown reasons without names or numbers: what the box may keep unsealed."""
    return [
        {"list": r.list_id, "record": r.record, "kind": str(r.kind), "score": round(r.score, 3)}
        for r in verdict.shown().reasons
    ]


def coverage(asked: Sequence[Coverage]) -> list[dict[str, Any]]:
    """Every list's part: id, generation, age in seconds, what is to be said of it, records, state."""
    return [
        {
            "list": c.list_id,
            "generation": c.generation,
            "age_seconds": c.age_seconds,
            "freshness": str(c.freshness),
            "records": c.records,
            "state": str(c.state),
        }
        for c in asked
    ]


def _document(document: TravelDocument) -> Mapping[str, str]:
    fields = document.known
    if fields is None:
        return dict.fromkeys(
            ("format", "issuing_state", "number", "surname", "given_names", "birth_date", "sex", "nationality"), ""
        )
    return {
        "format": document.format or "",
        "issuing_state": fields.issuing_state,
        "number": fields.document_number,
        "surname": fields.surname,
        "given_names": fields.given_names,
        "birth_date": str(document.birth_date) if document.birth_date else fields.birth_date,
        "sex": fields.sex,
        "nationality": fields.nationality,
    }


def _rows(document: TravelDocument) -> dict[str, Any]:
    """Which rows of how many were read (numbers from 1, empty if not known); their text if they are no whole zone."""
    if document.format is not None:
        count = len(document.lines)
        return {"read": list(range(1, count + 1)), "of": count, "text": []}
    part = document.part
    text = [line[:MAX_ROW] for line in document.lines[:MAX_ROWS]]
    return {"read": list(part.rows) if part else [], "of": part.of if part else 0, "text": text}


def reason_values(reason: Reason) -> dict[str, Any]:
    """One reason as JSON values; the caller has projected."""
    return {
        "list": reason.list_id,
        "record": reason.record,
        "kind": str(reason.kind),
        "outcome": str(reason.outcome),
        "score": round(reason.score, 3),
        "category": reason.category,
        "action": reason.action,
        "name": reason.name,
        "evidence": [_evidence(e) for e in reason.evidence],
    }


def _evidence(step: Evidence) -> dict[str, Any]:
    return {
        "query": step.query,
        "listed": step.listed,
        "rule": step.rule,
        "similarity": round(step.similarity, 3),
        "weight": round(step.weight, 3),
        "points": round(step.points, 3),
    }


def _findings(findings: Sequence[Finding]) -> list[dict[str, str]]:
    order = {Severity.ERROR: 0, Severity.WARNING: 1, Severity.INFO: 2}
    ranked = sorted(findings, key=lambda f: order[f.severity])[:MAX_FINDINGS]
    return [{"code": f.code, "severity": str(f.severity), "field": f.field, "message": f.message} for f in ranked]
