"""The counter's message: projected by itself, bounded, one shape for all."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date
from typing import Any

from edge.core.documents import Finding, Severity, TravelDocument
from edge.core.mrz import compose, parse
from edge.core.shown import MAX_FINDINGS, again_message, coverage, summary, verdict_message
from edge.core.verdicts import Coverage, CoverageState, Evidence, Outcome, Reason, ReasonKind, Verdict

LINES = compose.td3(
    issuing_state="UTO", surname="Eriksson", given_names="Anna Maria", number="L898902C3", nationality="UTO",
    birth_date="740812", sex="F", expiry_date="310415",
)
DOCUMENT = parse(LINES, today=date(2026, 3, 1))
ASKED = (Coverage("un", 3, 86400, 730, CoverageState.ASKED),)
STEP = Evidence("ERIKSSON", "ERIKSEN", "similar", 0.87654, 0.4, 0.0)
OPEN = Reason(
    "un", "R-1", ReasonKind.PERSON, Outcome.POSSIBLE, 0.87654, (STEP,), False, "red", "Confirm with the NCB.", "Eriksen"
)
SILENT = replace(OPEN, list_id="quiet", record="S-9", outcome=Outcome.HIT, silent=True, name="Somebody Else")


def message(*reasons: Reason, document: TravelDocument = DOCUMENT, doubts: tuple[str, ...] = ()) -> dict[str, Any]:
    verdict = Verdict.of(reasons, ASKED, doubts)
    return verdict_message(
        verdict, document, passage="P1", at="2026-03-01T12:00:00+00:00", counter="lane-1", direction="entry"
    )


def test_the_message_projects_by_itself() -> None:
    assert json.dumps(message(SILENT)) == json.dumps(message())
    assert json.dumps(message(OPEN, SILENT)) == json.dumps(message(OPEN))
    assert message(OPEN, SILENT)["outcome"] == "POSSIBLE"
    assert summary(Verdict.of((SILENT,), ASKED)) == []


def test_every_message_has_the_same_keys_in_the_same_order() -> None:
    empty = parse((), today=date(2026, 3, 1))
    shapes = {tuple(m) for m in (message(), message(OPEN), message(document=empty, doubts=("no_format",)))}
    assert len(shapes) == 1
    assert list(message()["document"]) == list(message(document=empty)["document"])
    assert set(message(document=empty)["document"].values()) == {""}


def test_a_reason_is_told_with_action_and_evidence_and_kept_without_the_person() -> None:
    (reason,) = message(OPEN)["reasons"]
    told = (reason["record"], reason["outcome"], reason["score"], reason["name"])
    assert told == ("R-1", "POSSIBLE", 0.877, "Eriksen")
    assert reason["action"] == "Confirm with the NCB."
    assert reason["evidence"] == [
        {"query": "ERIKSSON", "listed": "ERIKSEN", "rule": "similar", "similarity": 0.877, "weight": 0.4, "points": 0.0}
    ]
    assert summary(Verdict.of((OPEN,), ASKED)) == [{"list": "un", "record": "R-1", "kind": "person", "score": 0.877}]


def test_findings_are_bounded_and_errors_come_first() -> None:
    def found(number: int, severity: Severity) -> Finding:
        return Finding(f"F{number}", severity, "number", 1, 1, "text")

    many = tuple(found(n, (Severity.INFO, Severity.WARNING, Severity.ERROR)[n % 3]) for n in range(3 * MAX_FINDINGS))
    told = message(document=replace(DOCUMENT, findings=many))["findings"]
    assert len(told) == MAX_FINDINGS
    assert {f["severity"] for f in told} == {"error"}
    assert [f["code"] for f in told] == [f"F{n}" for n in range(2, 3 * MAX_FINDINGS, 3)]


def test_coverage_says_list_generation_age_and_state() -> None:
    absent = Coverage("national", None, None, 0, CoverageState.MISSING)
    assert coverage([*ASKED, absent]) == [
        {"list": "un", "generation": 3, "age_seconds": 86400, "freshness": "fresh", "records": 730, "state": "asked"},
        {"list": "national", "generation": None, "age_seconds": None, "freshness": "fresh", "records": 0,
         "state": "missing"},
    ]


def test_an_uncertain_birth_date_is_shown_as_its_interval() -> None:
    partial = (LINES[0], LINES[1][:15] + "<<<<" + LINES[1][19:])
    document = parse(partial, today=date(2026, 3, 1))
    assert str(message(document=document)["document"]["birth_date"]).startswith("19")


def test_rows_that_are_no_whole_zone_are_shown_as_they_came() -> None:
    assert message()["rows"] == {"read": [1, 2], "of": 2, "text": []}
    part = message(document=parse(LINES[1:], today=date(2026, 3, 1)), doubts=("rows_missing",))
    assert part["rows"] == {"read": [2], "of": 2, "text": [LINES[1]]}
    assert [part["document"][key] for key in ("number", "format", "surname")] == ["L898902C3", "", ""]
    noise = message(document=parse(["X" * 200] * 9, today=date(2026, 3, 1)), doubts=("format",))
    assert noise["rows"] == {"read": [], "of": 0, "text": ["X" * 48] * 3}


def test_the_same_document_again_tells_of_the_first_verdict_alone() -> None:
    again = again_message(message(OPEN, SILENT), at="2026-03-01T12:00:05+00:00", times=2)
    assert again == again_message(message(OPEN), at="2026-03-01T12:00:05+00:00", times=2)
    assert (again["type"], again["passage"], again["outcome"], again["times"]) == ("again", "P1", "POSSIBLE", 2)
    assert again["document"] == message()["document"]
    assert again["at"] == "2026-03-01T12:00:05+00:00"
