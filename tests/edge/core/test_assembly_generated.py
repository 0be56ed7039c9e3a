"""What holds of any rows in any order, and which row a row is."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from assembly_kit import CARD_A, CARD_B, WAIT, A, B, Event, french, run, spaced, td1, td2, td3
from hypothesis import assume, given
from hypothesis import strategies as st

from edge.core.assembly import MAX_ROWS, MAX_WAITS, Assembler, Sheet
from edge.core.mrz.digits import check_digit
from edge.core.mrz.rows import Row, has_number, is_sound, row_of
from edge.core.seen import MEMORY_S

# -- properties -----------------------------------------------------------------------------------

NUMBERS = st.text("ABCDEFGHJKLMNPRSTUVWXYZ0123456789", min_size=6, max_size=9).filter(
    lambda text: sum(c.isdigit() for c in text) >= 3
)
NAMES = st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZ", min_size=2, max_size=9)
BIRTHS = st.dates().map(lambda day: day.strftime("%m%d")).map(lambda text: "74" + text)
ZONES = st.tuples(st.sampled_from((td3, td1, td2)), NUMBERS, NAMES, BIRTHS).map(lambda t: t[0](*t[1:])) | st.tuples(
    st.integers(10**11, 10**12 - 1).map(str), NAMES, BIRTHS
).map(lambda t: french(*t))
STEPS = st.floats(0.001, WAIT - 0.01)
LONG_STEPS = st.floats(0.001, 2 * WAIT)


def of_one(sheet: Sheet, zones: Sequence[tuple[str, ...]]) -> bool:
    return any(set(sheet.lines) <= set(zone) for zone in zones)


@st.composite
def interleaved(draw: st.DrawFn) -> tuple[list[tuple[str, ...]], list[Event]]:
    """Documents whose rows come in order, none lost, some doubled, interleaved anyhow.

    Each row comes within the wait after the one of its length before it.
    """
    zones = draw(st.lists(ZONES, min_size=1, max_size=4))
    streams = [[row for row in zone for _ in range(draw(st.integers(1, 3)))] for zone in zones]
    rows: list[str] = []
    while any(streams):
        stream = draw(st.sampled_from([s for s in streams if s]))
        rows.append(stream.pop(0))
        if draw(st.booleans()) and draw(st.booleans()):
            rows.append(draw(st.sampled_from(rows)))  # one that came before, again
    at, events = 100.0, []
    last: dict[int, float] = {}
    most = draw(st.sampled_from((0.1, WAIT - 0.01)))
    for row in rows:
        assume(at < last.get(len(row), at) + WAIT)
        last[len(row)] = at
        events.append((at, row))
        at += draw(st.floats(0.001, most))
    assume(at < 100.0 + MEMORY_S)
    return zones, events


@given(interleaved())
def test_rows_in_order_never_make_a_sheet_of_two_documents(case: tuple[list[tuple[str, ...]], list[Event]]) -> None:
    zones, events = case
    for sheet in run(events):
        assert of_one(sheet, zones) or not sheet.complete


@given(st.lists(ZONES, min_size=1, max_size=4), st.data())
def test_whatever_is_lost_doubled_or_out_of_order_no_choice_is_ever_made(
    zones: list[tuple[str, ...]], data: st.DataObject
) -> None:
    """A sheet of two documents needs that no other reading of its rows came between them (but known doubles)."""
    pool = [row for zone in zones for row in zone]
    rows = data.draw(st.lists(st.sampled_from(pool), min_size=1, max_size=14))
    steps = data.draw(st.lists(LONG_STEPS, min_size=len(rows), max_size=len(rows)))
    events = list(zip(itertools.accumulate(steps, initial=100.0), rows, strict=False))
    for sheet in run(events):
        if not sheet.complete or of_one(sheet, zones):
            continue
        start = min(max(at for at, row in events if row == line and at <= sheet.at) for line in sheet.lines)
        within = {row for at, row in events if start <= at <= sheet.at and len(row) == len(sheet.lines[0])}
        doubles = {row for at, row in events if at < start and (kind := row_of(row)) and has_number(kind)}
        assert within - set(sheet.lines) <= doubles


@given(st.lists(ZONES, min_size=1, max_size=4), st.data())
def test_every_row_that_holds_is_in_some_sheet(zones: list[tuple[str, ...]], data: st.DataObject) -> None:
    pool = [row for zone in zones for row in zone]
    rows = data.draw(st.lists(st.sampled_from(pool), min_size=1, max_size=20))
    steps = data.draw(st.lists(LONG_STEPS, min_size=len(rows), max_size=len(rows)))
    events = list(zip(itertools.accumulate(steps, initial=100.0), rows, strict=False))
    told = {line for sheet in run(events) for line in sheet.lines}
    assert set(rows) <= told


@given(ZONES, st.data())
def test_one_document_comes_out_once_however_often_its_rows_come(zone: tuple[str, ...], data: st.DataObject) -> None:
    assume(len(set(zone)) == len(zone))
    rows = [row for row in zone for _ in range(data.draw(st.integers(1, 2)))]
    (sheet,) = run(spaced(rows, 0.2))
    assert (sheet.lines, sheet.complete) == (zone, True)


@given(st.lists(st.tuples(STEPS, st.text(max_size=50) | st.sampled_from([*A, *B, *CARD_A, *CARD_B])), max_size=60))
def test_what_is_held_is_bounded_in_rows_and_in_time(events: list[tuple[float, str]]) -> None:
    assembler, now = Assembler(WAIT), 100.0
    for step, row in events:
        now += step
        while assembler.due is not None and assembler.due <= now:
            due = assembler.due
            assert all(due - sheet.at <= MAX_WAITS * WAIT + 1e-9 for sheet in assembler.tick(due))
        assembler.take((row,), now)
        assert assembler.held <= 3 * (MAX_ROWS + 3)
        assert assembler.due is None or assembler.due <= now + WAIT + 1e-9
    assembler.tick(now + WAIT + 1e-9)
    assert assembler.due is None


@given(interleaved(), st.data())
def test_how_reads_and_ticks_alternate_does_not_matter(
    case: tuple[list[tuple[str, ...]], list[Event]], data: st.DataObject
) -> None:
    _, events = case
    assembler, sheets, last = Assembler(WAIT), [], 0.0
    for at, row in events:
        for tick in sorted(data.draw(st.lists(st.floats(last, at), max_size=2))):
            sheets += assembler.tick(tick)
        sheets += assembler.take((row,), at)
        last = at
    while assembler.due is not None:
        sheets += assembler.tick(assembler.due)
    assert sheets == run(events)


# -- which row is this ----------------------------------------------------------------------------


@given(ZONES)
def test_every_row_of_a_right_zone_is_known_and_sound(zone: tuple[str, ...]) -> None:
    for number, row in enumerate(zone, 1):
        known = row_of(row)
        assert known == Row(number, len(zone), len(row))
        assert is_sound(row, known)


@given(ZONES, st.data())
def test_a_row_with_misread_characters_is_still_known_or_nothing(zone: tuple[str, ...], data: st.DataObject) -> None:
    number = data.draw(st.integers(1, len(zone)))
    row = zone[number - 1]
    for place in data.draw(st.sets(st.integers(0, len(row) - 1), max_size=3)):
        row = row[:place] + data.draw(st.sampled_from("?0OB8S51I<")) + row[place + 1 :]
    known = row_of(row)
    assert known is None or known.number == number


@given(st.text(max_size=60))
def test_any_text_is_some_row_or_none(text: str) -> None:
    row = row_of(text)
    assert row is None or row.length == len(text)


def test_the_digit_is_the_one_of_the_standard() -> None:
    assert check_digit(A[1][:9]) == int(A[1][9])  # the rows above are right ones
