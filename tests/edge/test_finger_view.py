"""What the terminal says of fingers: leads to confirm, never a clearance, in three languages."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from click.testing import CliRunner
from counter_finger_kit import DISCREET, LEAD, PROBLEM, WANTED, FingerBench, answer, only

from edge.cli import borderpost
from edge.core.fingerprints.thresholds import TOO_LITTLE
from edge.core.texts import CATALOGUES, LANGUAGES
from edge.counter.fingers import NO_SCANNER, OVERTAKEN
from edge.fingers import searcher, station
from edge.fingers.orders import AWAY
from edge.journal import Journal
from edge.verbs import counter as counter_verb
from edge.verbs.fingers_follow import FINGERS

STEP = {
    "type": "finger", "passage": "P1", "counter": "lane-1", "scanner": "s-1", "step": "place", "position": "left-index",
    "purpose": "search", "instruction": "", "try": 1, "of": 3,
}  # fmt: skip


def said(message: dict[str, Any], capsys: pytest.CaptureFixture[str], language: str = "en") -> str:
    capsys.readouterr()  # the log of the counter
    counter_verb.show(message, language)
    return capsys.readouterr().out


@pytest.fixture
def bench(journal: Journal) -> FingerBench:
    made = FingerBench(journal, ask="always")
    made.scan()
    return made


def test_a_candidate_is_a_lead_to_confirm(bench: FingerBench, capsys: pytest.CaptureFixture[str]) -> None:
    text = said(only(bench.found(answer(WANTED, DISCREET)), "fingers"), capsys)
    assert "POSSIBLE" in text
    assert "confirm with the NCB before any step against the person" in text
    assert "prints/F-7" in text
    assert "candidates: 1 in 20000 templates of prints, generation 4" in text
    assert "a second finger is asked for: left index finger" in text
    assert "borderpost close P1 --outcome CODE" in text
    assert "F-9" not in text
    assert "Quillfeather" not in text


@pytest.mark.parametrize(
    ("language", "words"),
    [("en", "no candidate in 20000 templates"), ("fr", "20000"), ("ar", "20000")],
)
def test_no_candidate_is_told_with_how_much_was_searched_and_never_as_clear(
    bench: FingerBench, capsys: pytest.CaptureFixture[str], language: str, words: str
) -> None:
    message = only(bench.found(answer(DISCREET)), "fingers")
    text = said(message, capsys, language)
    assert words in text
    assert "CLEAR" not in text
    assert ("this is no clearance" in text) is (language == "en")


def test_what_could_not_be_searched_is_incomplete_with_what_to_do(
    bench: FingerBench, capsys: pytest.CaptureFixture[str]
) -> None:
    text = said(only(bench.found(problem=PROBLEM), "fingers"), capsys)
    assert "INCOMPLETE" in text
    assert PROBLEM in text
    assert "follow the post's fallback" in text


def test_a_second_finger_that_was_not_taken_takes_nothing_from_the_first(
    bench: FingerBench, capsys: pytest.CaptureFixture[str]
) -> None:
    bench.found(answer(WANTED))
    text = said(only(bench.found(problem=PROBLEM), "fingers"), capsys)
    assert "the second finger was not compared; what the first one found stands" in text
    assert "candidates: 1 in 20000 templates of prints, generation 4" in text
    assert "was not searched" not in text


def test_a_second_finger_without_a_print_of_it_is_said(bench: FingerBench, capsys: pytest.CaptureFixture[str]) -> None:
    bench.found(answer(WANTED))
    text = said(only(bench.found(answer(WANTED)), "fingers"), capsys)
    assert "no print of the left index finger to compare with: prints/F-7" in text


@pytest.mark.parametrize(
    ("problem", "again"),
    [(PROBLEM, True), (searcher.FAILED, True), (TOO_LITTLE, True), (AWAY, False), (station.BROKEN, False),
     ("prints: made by leader-1, the finger was extracted by mindtct", False)],
)  # fmt: skip
def test_to_try_again_is_said_only_where_it_can_help(
    bench: FingerBench, capsys: pytest.CaptureFixture[str], problem: str, again: bool
) -> None:
    text = said(only(bench.found(problem=problem), "fingers"), capsys)
    assert problem in text
    assert ("take it again" in text) is again
    assert ("call the technician" in text) is not again


@pytest.mark.parametrize(("expected", "words"), [(7e-38, "under 1e-6"), (2e-6, "2e-06"), (0.02, "0.02")])
def test_so_few_strangers_that_it_says_nothing_more_are_not_counted(
    bench: FingerBench, capsys: pytest.CaptureFixture[str], expected: float, words: str
) -> None:
    text = said(only(bench.found(answer(replace(WANTED, expected=expected))), "fingers"), capsys)
    assert words in text
    assert "e-38" not in text


def test_a_finger_that_lies_there_is_named_as_no_finger(capsys: pytest.CaptureFixture[str]) -> None:
    text = said({**STEP, "step": "lift", "instruction": "lift"}, capsys)
    assert text.strip() == "lift the finger that lies there"
    assert "left index finger" in said({**STEP, "step": "lift", "instruction": "centre"}, capsys)


@pytest.mark.parametrize(("same", "words"), [(True, "the same finger"), (False, "not the same finger")])
def test_a_comparison_is_told_in_words(
    journal: Journal, capsys: pytest.CaptureFixture[str], same: bool, words: str
) -> None:
    bench = FingerBench(journal)
    bench.scan(LEAD)
    bench.found(answer())
    bench.ask("P1", "verify", scanner="second-line")
    text = said(only(bench.found(score=12.3, same=same), "fingers"), capsys)
    assert f"{words} as before (score 12.3)" in text
    assert "lane-1 < second-line" in text


def test_what_came_late_or_was_not_recorded_is_told(bench: FingerBench, capsys: pytest.CaptureFixture[str]) -> None:
    message = only(bench.found(answer(WANTED), after=121), "fingers")
    text = said({**message, "recorded": False}, capsys)
    assert "NOT RECORDED" in text
    assert "came after its time" in text


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_step_and_every_trouble_has_words_in_every_language(
    language: str, capsys: pytest.CaptureFixture[str]
) -> None:
    for step in ("place", "reading", "lift", "retry", "working"):
        assert said({**STEP, "step": step}, capsys, language).strip()
    assert said({**STEP, "step": "failed"}, capsys, language) == ""
    troubles = (NO_SCANNER, OVERTAKEN, station.FAILED, station.NO_FINGER, station.BROKEN, station.STOPPED,
                station.WITHDRAWN, searcher.FAILED, AWAY, TOO_LITTLE)
    assert [t for t in troubles if f"trouble.{t}" not in CATALOGUES[language]] == []
    assert [f for f in FINGERS if f"position.{f}" not in CATALOGUES[language]] == []


@pytest.mark.parametrize("verb", ["take", "verify"])
def test_the_verbs_explain_themselves(verb: str) -> None:
    told = CliRunner().invoke(borderpost, ["fingers", verb, "--help"])
    assert told.exit_code == 0
    assert "PASSAGE" in told.output
    assert "Try it" in told.output
