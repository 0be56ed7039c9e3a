"""The five outcomes, their precedence, and the projection that hides silent reasons."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.core.verdicts import (
    Coverage,
    CoverageState,
    Evidence,
    Outcome,
    Reason,
    ReasonKind,
    Verdict,
    worst,
)

ORDER = [Outcome.HIT, Outcome.POSSIBLE, Outcome.UNREADABLE, Outcome.INCOMPLETE, Outcome.CLEAR]
SOUND = frozenset({CoverageState.ASKED, CoverageState.NOT_APPLICABLE})

reasons = st.builds(
    Reason, list_id=st.sampled_from(["un", "national", "quiet"]), record=st.text(max_size=6),
    kind=st.sampled_from(ReasonKind), outcome=st.sampled_from([Outcome.HIT, Outcome.POSSIBLE]),
    score=st.floats(0, 1), evidence=st.just((Evidence("A", "A", "equal"),)), silent=st.booleans(),
    category=st.just("stolen"), action=st.just("Confirm with the NCB."), name=st.text(max_size=6),
)
parts = st.builds(
    Coverage, list_id=st.sampled_from(["un", "national", "quiet"]), generation=st.none() | st.integers(1, 9),
    age_seconds=st.none() | st.integers(0, 10**7), records=st.integers(0, 9), state=st.sampled_from(CoverageState),
    required=st.booleans(),
)
found = st.tuples(
    st.lists(reasons, max_size=4).map(tuple), st.lists(parts, max_size=4).map(tuple),
    st.lists(st.sampled_from(["check_digit", "no_format"]), max_size=2).map(tuple),
)


def plain(outcome: Outcome, *, silent: bool = False) -> Reason:
    return Reason("un", "R1", ReasonKind.PERSON, outcome, 1.0, (), silent, "red", "Confirm with the NCB.")


def part(state: CoverageState, *, required: bool = True) -> Coverage:
    return Coverage("un", 1, 60, 5, state, required)


ASKED = (part(CoverageState.ASKED),)


def test_the_outcomes_are_five_in_this_order() -> None:
    assert list(Outcome) == ORDER
    assert [o.rank for o in ORDER] == [4, 3, 2, 1, 0]
    assert worst([]) is Outcome.CLEAR


@pytest.mark.parametrize(
    "present", [c for n in range(5) for c in itertools.combinations(ORDER[:4], n)], ids=lambda c: "+".join(c) or "none"
)
def test_precedence_for_every_combination_of_causes(present: tuple[Outcome, ...]) -> None:
    lists = (part(CoverageState.STALE if Outcome.INCOMPLETE in present else CoverageState.ASKED), *ASKED)
    verdict = Verdict.of(
        tuple(plain(o) for o in present if o in (Outcome.HIT, Outcome.POSSIBLE)), lists,
        ("check_digit",) if Outcome.UNREADABLE in present else (),
    )
    assert verdict.outcome is (present[0] if present else Outcome.CLEAR)


@pytest.mark.parametrize("state", CoverageState)
@pytest.mark.parametrize("required", [True, False])
def test_only_a_required_list_that_was_not_asked_makes_incomplete(state: CoverageState, required: bool) -> None:
    verdict = Verdict.of((), (*ASKED, part(state, required=required)))
    expected = Outcome.INCOMPLETE if required and state not in SOUND else Outcome.CLEAR
    assert verdict.outcome is expected


@pytest.mark.parametrize(
    "lists", [(), (part(CoverageState.NOT_APPLICABLE),), (part(CoverageState.STALE, required=False),)]
)
def test_nothing_is_clear_where_no_list_was_asked(lists: tuple[Coverage, ...]) -> None:
    assert Verdict.of((), lists).outcome is Outcome.INCOMPLETE


@given(found)
def test_the_outcome_is_that_of_the_highest_cause(
    given_: tuple[tuple[Reason, ...], tuple[Coverage, ...], tuple[str, ...]],
) -> None:
    causes, lists, doubts = given_
    outcome = Verdict.of(causes, lists, doubts).outcome
    asked = any(c.state is CoverageState.ASKED for c in lists)
    lacking = any(c.required and c.state not in SOUND for c in lists)
    if any(r.outcome is Outcome.HIT for r in causes):
        assert outcome is Outcome.HIT
    elif causes:
        assert outcome is Outcome.POSSIBLE
    elif doubts:
        assert outcome is Outcome.UNREADABLE
    elif lacking or not asked:
        assert outcome is Outcome.INCOMPLETE
    else:
        assert outcome is Outcome.CLEAR


@given(found)
def test_shown_is_what_would_have_been_without_the_silent_reasons(
    given_: tuple[tuple[Reason, ...], tuple[Coverage, ...], tuple[str, ...]],
) -> None:
    causes, lists, doubts = given_
    truth = Verdict.of(causes, lists, doubts)
    shown = truth.shown()
    assert shown == Verdict.of(tuple(r for r in causes if not r.silent), lists, doubts)
    assert not any(r.silent for r in shown.reasons)
    assert shown.outcome.rank <= truth.outcome.rank
    assert shown.shown() == shown
    if not any(r.silent for r in causes):
        assert shown == truth


def test_a_silent_hit_beside_an_open_possible_is_shown_as_possible() -> None:
    verdict = Verdict.of((plain(Outcome.HIT, silent=True), plain(Outcome.POSSIBLE)), ASKED)
    assert (verdict.outcome, verdict.shown().outcome) == (Outcome.HIT, Outcome.POSSIBLE)
