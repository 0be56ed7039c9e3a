"""What an officer is told of a search: counts and generations, no clearance, nothing silent, in every language."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from edge.core.fingerprints.answers import FingerCandidate, SearchAnswer
from edge.core.fingerprints.model import Position
from edge.core.fingerprints.told import told
from edge.core.screening.by_finger import by_finger
from edge.core.texts import LANGUAGES, evidence_text, listed_text
from edge.core.verdicts import Coverage, CoverageState

ASKED = Coverage("wanted", 7, 60, 1234, CoverageState.ASKED)
DAMAGED = Coverage("other", None, None, 0, CoverageState.DAMAGED)
ONE = FingerCandidate(
    "wanted", "R-1", "F-1", Position.LEFT_THUMB, 5.25, 0.0004, silent=False, action="Confirm with the NCB."
)
CLEARANCE = {"en": "no clearance", "fr": "pas un feu vert", "ar": "ليست براءة"}


def answer(*candidates: FingerCandidate, coverage: tuple[Coverage, ...] = (ASKED,), problem: str = "") -> SearchAnswer:
    return SearchAnswer(candidates, coverage, "leader-1", problem)


@pytest.mark.parametrize("language", LANGUAGES)
def test_nobody_found_is_told_with_numbers_and_is_no_clearance(language: str) -> None:
    (said,) = told(language, answer())
    assert CLEARANCE[language] in said
    assert {"1234", "7"} <= set(re.findall(r"\d+", said))
    assert "wanted" in said


@pytest.mark.parametrize("language", LANGUAGES)
def test_silent_candidates_are_not_there(language: str) -> None:
    silent = replace(ONE, record="S", silent=True)
    assert told(language, answer(silent)) == told(language, answer())
    assert told(language, answer(ONE, silent)) == told(language, answer(ONE))
    assert told(language, answer(ONE)) != told(language, answer())


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_was_not_searched_is_named_and_never_told_as_none(language: str) -> None:
    first, second = told(language, answer(coverage=(ASKED, DAMAGED)))
    assert "other" not in first
    assert "other" in second
    (alone,) = told(language, answer(coverage=(DAMAGED,)))
    assert CLEARANCE[language] not in alone
    assert len({told(language, answer(problem="x")), told(language, answer(coverage=()))}) == 2


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_template_compared_is_never_told_as_none(language: str) -> None:
    (said,) = told(language, answer(coverage=(replace(ASKED, records=0),)))
    assert CLEARANCE[language] not in said
    assert "wanted" in said
    assert "0" not in said
    found, without = told(language, answer(ONE, coverage=(ASKED, replace(ASKED, list_id="second", records=0))))
    assert "second" not in found
    assert "second" in without


def test_reasons_carry_positions_scores_and_what_they_mean() -> None:
    (reason,) = by_finger(answer(replace(ONE, fingers=2, agrees=True)))
    rows = [(e.rule, e.query, e.listed) for e in reason.evidence]
    assert ("comparison score", "5.25", "") in rows
    assert ("strangers expected to reach this score in one search", "", "0.0004") in rows
    assert reason.score == pytest.approx(0.9996)
    assert evidence_text("en", rows[-1][0]) == "both fingers together agree"
    (other,) = by_finger(answer(replace(ONE, fingers=2, agrees=False)))
    assert "may be another finger" in evidence_text("en", other.evidence[-1].rule)
    assert listed_text("en", "finger", "left-thumb") == "left thumb"
    assert listed_text("fr", "finger", "left-thumb") == "pouce gauche"


def test_shown_and_silent_reasons_are_bounded_apart() -> None:
    many = [replace(ONE, record=str(i), silent=i % 2 == 0) for i in range(60)]
    reasons = by_finger(answer(*many))
    assert [sum(r.silent is kind for r in reasons) for kind in (False, True)] == [10, 10]
