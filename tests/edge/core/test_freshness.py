"""The age of lists in a verdict: told, warned of, INCOMPLETE, unknown; the clock is an argument."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from memory_lists import NOW, TRUSTED, UNTRUSTED, MemoryList, memory_list

from edge.config import ScreeningConfig
from edge.core.freshness import Limits, judge, past_erasure
from edge.core.screening import Query, Screener
from edge.core.trusted import ClockState, Trusted
from edge.core.verdicts import CoverageState, Freshness, Outcome, Verdict
from edge.core.watch import DocumentEntry, EntryName, PersonEntry, Policy, Thresholds
from edge.core.watch import manifest as manifests
from edge.rules import screener

DAY = 86_400
PERSON = PersonEntry("N-3", (EntryName("Zubaida Nuwayra", "primary"),))
CALM = Query.of_fields({"surname": "LINDGREN", "given_names": "SVEN", "birth_date": "1980"})
LEAD = Query.of_fields({"surname": "NUWAYRA", "given_names": "ZUBAIDA"})
ages = st.one_of(st.none(), st.floats(1, 1e9))


def aged(days: float, policy: Policy | None = None) -> MemoryList:
    return memory_list("national", persons=[PERSON], source_date=NOW - timedelta(days=days), policy=policy)


def asked(one: MemoryList, box: ScreeningConfig, query: Query = CALM, now: Trusted = TRUSTED) -> Verdict:
    return screener(box).screen(query, (one,), now)


@pytest.mark.parametrize(
    ("days", "state", "said", "outcome"),
    [
        (1, CoverageState.ASKED, Freshness.FRESH, Outcome.CLEAR),
        (3, CoverageState.ASKED, Freshness.OLD, Outcome.CLEAR),
        (8, CoverageState.STALE, Freshness.TOO_OLD, Outcome.INCOMPLETE),
        (-5, CoverageState.TIME_UNTRUSTED, Freshness.UNKNOWN, Outcome.INCOMPLETE),  # a clock is wrong
    ],
)
def test_a_list_past_its_warning_is_said_to_be_old_and_the_outcome_stands(
    days: float, state: CoverageState, said: Freshness, outcome: Outcome
) -> None:
    found = asked(aged(days), ScreeningConfig(warn_age_days=2.0))
    (part,) = found.coverage
    assert (part.state, part.freshness, found.outcome) == (state, said, outcome)
    assert part.age_seconds == (days * DAY if days > 0 else None)
    assert asked(aged(days), ScreeningConfig(warn_age_days=2.0), LEAD).outcome is Outcome.POSSIBLE


@pytest.mark.parametrize(
    ("box", "own", "limits"),
    [
        (ScreeningConfig(), None, (3.5, 7)),                                                # half, where nobody says
        (ScreeningConfig(max_age_days=20.0, warn_age_days=15.0), None, (15, 20)),
        (ScreeningConfig(max_age_days=20.0, max_age_days_of={"national": 2.0}), None, (1, 2)),
        (ScreeningConfig(warn_age_days=5.0, warn_age_days_of={"national": 1.0}), None, (1, 7)),
        (ScreeningConfig(), Policy(warn_after_s=DAY, incomplete_after_s=2 * DAY), (1, 2)),  # the list is stricter
        (ScreeningConfig(max_age_days=3.0, warn_age_days=1.0), Policy(warn_after_s=9 * DAY, incomplete_after_s=9 * DAY),
         (1, 3)),                                                                           # the post is
        (ScreeningConfig(max_age_days=9.0, warn_age_days=1.0), Policy(warn_after_s=5 * DAY, incomplete_after_s=4 * DAY),
         (1, 4)),                                                                           # each in one of them
    ],
)
def test_of_the_posts_and_the_lists_own_limits_the_stricter_holds(
    box: ScreeningConfig, own: Policy | None, limits: tuple[float, float]
) -> None:
    warn, incomplete = limits
    below, above = 0.999, 1.001
    for days, said in (
        (warn * below, Freshness.FRESH), (warn * above, Freshness.OLD), (incomplete * below, Freshness.OLD),
        (incomplete * above, Freshness.TOO_OLD),
    ):
        assert asked(aged(days, own), box).coverage[0].freshness is said


@given(ages, ages, ages, ages)
def test_limits_are_never_laxer_than_either_side(w1: float, i1: float, w2: float, i2: float) -> None:
    both = Limits.of(Limits(w1, i1), Limits(w2, i2))
    for age in (0.0, 1e3, 1e6, 1e9, 1e10):
        said = judge(age, both)
        for one in (Limits(w1, i1), Limits(w2, i2)):
            order = [Freshness.FRESH, Freshness.OLD, Freshness.TOO_OLD]
            assert order.index(said) >= order.index(judge(age, one))


def test_untrusted_time_judges_no_age_ends_no_record_and_says_so() -> None:
    expired = replace(PERSON, review_date=date(2026, 1, 1))
    papers = memory_list(
        "sltd", documents=[DocumentEntry("X1234567", "UTO", review_date=date(2026, 1, 1))], persons=[expired]
    )
    query = Query.of_fields(
        {"surname": "NUWAYRA", "given_names": "ZUBAIDA", "document_number": "X1234567", "issuing_state": "UTO"}
    )
    blind = screener(ScreeningConfig()).screen(query, (papers,), UNTRUSTED)
    assert [r.record for r in blind.reasons] == ["", "N-3"]
    assert (blind.records_expire, blind.shown().records_expire) == (False, False)
    assert (blind.coverage[0].freshness, blind.coverage[0].age_seconds) == (Freshness.UNKNOWN, None)
    sure = screener(ScreeningConfig()).screen(query, (papers,), TRUSTED)
    assert (sure.reasons, sure.records_expire) == ((), True)


def test_without_any_limit_untrusted_time_is_still_said() -> None:
    found = Screener().screen(CALM, (aged(1),), UNTRUSTED)
    assert (found.outcome, found.coverage[0].freshness) == (Outcome.CLEAR, Freshness.UNKNOWN)
    assert not found.records_expire


def test_a_held_clock_ends_records_by_the_last_signed_time_alone() -> None:
    held = Trusted(ClockState.HELD, NOW, NOW - timedelta(days=20))
    one = replace(PERSON, review_date=(NOW - timedelta(days=10)).date())
    assert Screener().screen(LEAD, (memory_list("n", persons=[one]),), held).outcome is Outcome.POSSIBLE
    assert Screener().screen(LEAD, (memory_list("n", persons=[one]),), TRUSTED).outcome is Outcome.CLEAR


@given(st.floats(0, 1e9), st.one_of(st.none(), st.integers(3600, 10**9)), st.sampled_from(ClockState))
def test_erasing_needs_a_policy_an_age_and_a_sure_time(age_s: float, policy: int | None, state: ClockState) -> None:
    now = Trusted(state, NOW, None if state is ClockState.UNTRUSTED else NOW)
    due = past_erasure(NOW - timedelta(seconds=age_s), policy, now)
    sure = state in (ClockState.SIGNED, ClockState.SYSTEM)
    assert due is (sure and policy is not None and (NOW - (NOW - timedelta(seconds=age_s))).total_seconds() > policy)


def test_both_thresholds_of_a_list_count() -> None:
    born = replace(PERSON, births=CALM.birth and (Query.of_fields({"birth_date": "1970-02-03"}).birth,))
    query = Query.of_fields({"surname": "NUWAYRAH", "given_names": "ZUBAIDA", "birth_date": "1970-02-03"})

    def outcome(alert: float, review: float) -> Outcome:
        own = memory_list("n", persons=[born], thresholds=Thresholds(alert=alert, review=review))
        return Screener().screen(query, (own,), TRUSTED).outcome

    assert outcome(0.90, 0.80) is Outcome.HIT
    assert outcome(1.00, 0.80) is Outcome.POSSIBLE


def test_a_manifest_without_a_policy_reads_as_before_and_one_with_it_keeps_it() -> None:
    plain, own = aged(1).manifest, aged(1, Policy(erase_after_s=30 * DAY)).manifest
    assert plain is not None
    assert own is not None
    assert b"policy" not in manifests.encode(plain)
    assert manifests.decode(manifests.encode(plain)).ages == Policy()
    assert manifests.decode(manifests.encode(own)).ages == Policy(erase_after_s=30 * DAY)
    torn = manifests.encode(own).replace(b"2592000", b"2592001")
    with pytest.raises(manifests.LayoutError, match="digest"):
        manifests.decode(torn)
