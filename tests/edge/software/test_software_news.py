"""A version that was given up: a row of doctor's, and one alarm."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge.checks import Grade
from edge.checks_software import software
from edge.software import trial
from edge.software.news import tell_returned
from edge.state import State


@pytest.fixture
def base(tmp_path: Path) -> Path:
    for version in ("1.0", "2.0", "3.0"):
        (tmp_path / "versions" / version).mkdir(parents=True)
    trial.point(tmp_path, "1.0")
    return tmp_path


def given_up(base: Path, version: str = "2.0") -> None:
    trial.begin(base, version, "1.0", 7)
    for at in range(trial.MAX_FAILURES + 1):
        trial.starting(trial.Here(base, "boot-1", at))
    assert trial.current(base) == "1.0"


def test_a_program_that_no_package_brought_has_no_row(tmp_path: Path) -> None:
    assert list(software(tmp_path)) == []


def test_the_version_in_use_is_named(base: Path) -> None:
    (check,) = software(base)
    assert (check.grade, check.found) == (Grade.OK, "1.0")


def test_a_trial_is_told_with_its_failures(base: Path) -> None:
    trial.begin(base, "2.0", "1.0")
    for at in range(2):
        trial.starting(trial.Here(base, "boot-1", at))
    (check,) = software(base)
    assert (check.grade, check.found) == (Grade.INFO, "2.0 is on trial, after 1.0; 1 of 3 starts failed")


def test_a_version_that_was_given_up_is_a_warning_until_another_one_stays(base: Path) -> None:
    given_up(base)
    (check,) = software(base)
    assert (check.grade, check.found) == (Grade.WARNING, "1.0; 2.0 was given up: 3 starts failed")
    trial.begin(base, "3.0", "1.0")
    trial.ready(trial.Here(base, "boot-1", 0.0))
    assert trial.settle(trial.Here(base, "boot-1", trial.SETTLED_S))
    (check,) = software(base)
    assert (check.grade, check.found) == (Grade.OK, "3.0")


def test_headquarters_hears_of_each_version_once(base: Path, tmp_path: Path) -> None:
    told: list[tuple[str, str]] = []

    def look() -> None:
        state = State(tmp_path / "state.sqlite")
        tell_returned(state, lambda code, name: told.append((code, name)), base)
        state.close()

    look()
    given_up(base)
    look()
    look()
    given_up(base, "3.0")
    look()
    assert told == [("software_returned", "2.0"), ("software_returned", "3.0")]


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"version": 1, "outcome": "returned"}', '{"odd": 1}', "\xff"])
def test_an_outcome_that_makes_no_sense_is_none(base: Path, text: str) -> None:
    (base / trial.OUTCOME).write_text(text, "latin-1")
    assert trial.outcome(base) is None
    (check,) = software(base)
    assert check.grade is Grade.OK
