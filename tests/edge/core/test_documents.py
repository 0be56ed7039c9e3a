"""Date intervals: what a text means, and that no text raises."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.core.documents import DateInterval, Finding, Severity, TravelDocument

days = st.dates(min_value=date(1, 1, 1), max_value=date(9999, 12, 31))
intervals = st.tuples(days, days).map(lambda pair: DateInterval(min(pair), max(pair)))


@pytest.mark.parametrize(
    ("text", "first", "last"),
    [
        ("1974", "1974-01-01", "1974-12-31"),
        ("1974-02", "1974-02-01", "1974-02-28"),
        ("2024-02", "2024-02-01", "2024-02-29"),
        ("1974-12", "1974-12-01", "1974-12-31"),
        ("9999-12", "9999-12-01", "9999-12-31"),
        ("1974-08-12", "1974-08-12", "1974-08-12"),
        ("1974/1976-02", "1974-01-01", "1976-02-29"),
        (" 1974 / 1974-03 ", "1974-01-01", "1974-03-31"),
        (" 1974 ", "1974-01-01", "1974-12-31"),
    ],
)
def test_what_a_text_means(text: str, first: str, last: str) -> None:
    assert DateInterval.parse(text) == DateInterval(date.fromisoformat(first), date.fromisoformat(last))


@pytest.mark.parametrize(
    "text",
    ["", "-", "/", "74", "0000", "1974-13", "1974-02-30", "1974-00", "12.08.1974", "1976/1974", "1974/", "/1974",
     "1974/1975/1976", "1974-08-12-1", "١٩٧٤", "+1974", "1_974", "19740", "1974-99999999999", "1974-01-99999999999"],
)  # fmt: skip
def test_what_is_no_date_is_none(text: str) -> None:
    assert DateInterval.parse(text) is None


@given(st.text(max_size=40) | st.text(alphabet="0123456789-/ ", max_size=24))
def test_no_text_raises(text: str) -> None:
    interval = DateInterval.parse(text)
    assert interval is None or interval.earliest <= interval.latest


def test_a_very_long_text_is_no_date() -> None:
    assert DateInterval.parse("1974/" * 10_000 + "1975") is None
    assert DateInterval.parse("-".join(["1974"] * 10_000)) is None
    assert DateInterval.parse("1974-" + "1" * 10_000) is None


@given(intervals)
def test_what_is_written_reads_back(interval: DateInterval) -> None:
    assert DateInterval.parse(str(interval)) == interval
    assert interval.is_exact is (interval.earliest == interval.latest)


@given(intervals, intervals)
def test_overlap_is_mutual_and_means_a_common_day(one: DateInterval, other: DateInterval) -> None:
    common = max(one.earliest, other.earliest) <= min(one.latest, other.latest)
    assert one.overlaps(other) is other.overlaps(one) is common


def test_neighbouring_days_do_not_overlap() -> None:
    day = DateInterval.parse("1974-08-12")
    assert day is not None
    following = DateInterval(day.latest + timedelta(days=1), day.latest + timedelta(days=2))
    assert not day.overlaps(following)


@pytest.mark.parametrize(
    ("severities", "valid"),
    [([], True), ([Severity.INFO, Severity.WARNING], True), ([Severity.WARNING, Severity.ERROR], False)],
)
def test_only_an_error_makes_a_zone_invalid(severities: list[Severity], valid: bool) -> None:
    findings = tuple(Finding("x", s, "", None, None, "") for s in severities)
    document = TravelDocument(None, (), None, findings, (), None, None, (), (), False)
    assert document.valid is valid
