"""Rows one at a time: put together only where nothing else is possible, never lost, never waiting without end."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from edge.core.assembly import MAX_ROWS, MAX_WAITS, MEMORY_S, Assembler, Sheet
from edge.core.mrz import compose
from edge.core.mrz.digits import check_digit
from edge.core.mrz.rows import Row, has_number, is_sound, row_of, same_row

WAIT = 1.5
Event = tuple[float, str]  # second, row


def td3(number: str = "L898902C3", given_names: str = "Anna Maria", birth: str = "740812") -> tuple[str, ...]:
    return compose.td3(
        issuing_state="UTO", surname="Eriksson", given_names=given_names, number=number, nationality="UTO",
        birth_date=birth, sex="F", expiry_date="310415",
    )


def td1(number: str = "D23145890", given_names: str = "Anna Maria", birth: str = "740812") -> tuple[str, ...]:
    return compose.td1(
        issuing_state="UTO", surname="Eriksson", given_names=given_names, number=number, nationality="UTO",
        birth_date=birth, sex="F", expiry_date="310415",
    )


def td2(number: str = "D23145890", given_names: str = "Anna Maria", birth: str = "740812") -> tuple[str, ...]:
    return compose.td2(
        issuing_state="UTO", surname="Eriksson", given_names=given_names, number=number, nationality="UTO",
        birth_date=birth, sex="F", expiry_date="310415",
    )


def french(number: str = "880692310285", given_names: str = "Corinne", birth: str = "651206") -> tuple[str, ...]:
    return compose.fra_id(
        surname="Berthier", given_names=given_names, number=number, birth_date=birth, sex="F", office="922512"
    )


A, B = td3(), td3("S7310442K", "Bengt Olof", "830207")
CARD_A, CARD_B = td1(), td1("C77120043", "Bengt Olof", "830207")


def run(events: Iterable[Event], wait: float = WAIT) -> list[Sheet]:
    """Feed rows at their seconds, then let time pass until nothing is held."""
    assembler = Assembler(wait)
    sheets = []
    for at, row in events:
        sheets += assembler.take((row,), at)
    while assembler.due is not None:
        sheets += assembler.tick(assembler.due)
    return sheets


def spaced(rows: Iterable[str], step: float = 0.1) -> list[Event]:
    return [(100.0 + step * n, row) for n, row in enumerate(rows)]


def misread(row: str, at: int, as_: str) -> str:
    assert row[at] != as_
    return row[:at] + as_ + row[at + 1 :]


# -- one document ---------------------------------------------------------------------------------


@pytest.mark.parametrize("zone", [A, CARD_A, td2(), french()], ids=["TD3", "TD1", "TD2", "FRA_ID"])
def test_a_whole_zone_in_one_read_goes_on_at_once(zone: tuple[str, ...]) -> None:
    assembler = Assembler(WAIT)
    assert assembler.take(zone, 5.0) == [Sheet(zone, 5.0, complete=True)]
    assert assembler.due is None


@pytest.mark.parametrize("zone", [A, CARD_A, td2(), french()], ids=["TD3", "TD1", "TD2", "FRA_ID"])
def test_single_rows_in_order_go_on_with_the_last_of_them(zone: tuple[str, ...]) -> None:
    assembler = Assembler(WAIT)
    for n, row in enumerate(zone[:-1]):
        assert assembler.take((row,), 5.0 + n) == []
    assert assembler.due == 5.0 + len(zone) - 2 + WAIT
    last = 5.25 + len(zone) - 2
    assert assembler.take((zone[-1],), last) == [Sheet(zone, last, complete=True)]
    assert assembler.due is None


@pytest.mark.parametrize(
    "order", [p for zone in (A, CARD_A) for p in itertools.permutations(range(len(zone))) if p != tuple(sorted(p))],
    ids=str,
)
def test_rows_in_another_order_are_put_in_place_once_nothing_contradicts(order: tuple[int, ...]) -> None:
    zone = A if len(order) == 2 else CARD_A
    assembler = Assembler(WAIT)
    for n, index in enumerate(order):
        assert assembler.take((zone[index],), 5.0 + n / 10) == []
    last = 5.0 + (len(order) - 1) / 10
    assert assembler.due == pytest.approx(last + WAIT)
    assert assembler.tick(last + WAIT - 0.001) == []
    assert assembler.tick(last + WAIT + 0.001) == [Sheet(zone, last, complete=True)]


@pytest.mark.parametrize(
    "kept", [k for n in (1, 2) for k in itertools.combinations(range(3), n)] + [(0,), (1,)], ids=str
)
def test_after_the_wait_the_rows_that_came_go_on_as_one_incomplete_sheet(kept: tuple[int, ...]) -> None:
    for zone in (CARD_A, A):
        if kept[-1] >= len(zone) or len(kept) == len(zone):
            continue
        rows = tuple(zone[index] for index in kept)
        (sheet,) = run(spaced(rows))
        assert sheet == Sheet(rows, spaced(rows)[-1][0], complete=False)


def test_two_rows_of_a_card_in_one_read_wait_for_the_third() -> None:
    assembler = Assembler(WAIT)
    assert assembler.take(CARD_A[:2], 5.0) == []
    assert assembler.take(CARD_A[2:], 5.2) == [Sheet(CARD_A, 5.2, complete=True)]


@pytest.mark.parametrize(
    "lines", [(), ("",), ("HELLO",), ("?" * 44,), (A[0][:-1], A[1]), ("", *A), (A[0], CARD_A[0]), ("X" * 60,)], ids=str
)
def test_what_is_neither_row_nor_zone_goes_on_at_once_as_it_came(lines: tuple[str, ...]) -> None:
    assembler = Assembler(WAIT)
    assert assembler.take(lines, 5.0) == [Sheet(lines, 5.0, complete=False)]
    assert assembler.held == 0


def test_rows_of_another_length_in_between_change_nothing() -> None:
    sheets = run(spaced((A[0], CARD_A[0], CARD_A[1], A[1], CARD_A[2])))
    assert [(s.lines, s.complete) for s in sheets] == [(A, True), (CARD_A, True)]


# -- the same row twice ---------------------------------------------------------------------------


def test_a_row_read_twice_is_one_and_the_better_reading_stays() -> None:
    bad_upper, bad_lower = misread(A[0], 7, "?"), misread(A[1], 3, "7")
    for uppers in itertools.permutations((A[0], bad_upper)):
        assert [s.lines for s in run(spaced((*uppers, A[1])))] == [A]
    # a lower row that is better comes too late only if the zone has gone on already
    for lowers in itertools.permutations((A[1], bad_lower)):
        assert run(spaced((*lowers, A[0])))[0].lines == A


def test_doubled_rows_after_the_zone_went_on_are_swallowed() -> None:
    for tail in ((A[1],), (A[0],), (A[1], A[1]), (misread(A[1], 3, "7"),)):
        (sheet,) = run(spaced((*A, *tail)))
        assert sheet.lines == A
        assembler = Assembler(WAIT)
        assembler.take(A, 5.0)
        assert assembler.take(tail[:1], 5.1) == []
        assert assembler.tick(5.1 + WAIT) == []
        assert assembler.held == 0


def test_the_zone_that_went_on_comes_again_only_as_a_whole() -> None:
    assert [s.lines for s in run(spaced((*A, *A)))] == [A, A]
    assert [s.lines for s in run(spaced((*CARD_A, *CARD_A[:2])))] == [CARD_A]


def test_a_doubled_row_is_never_paired_with_a_row_of_the_next_document() -> None:
    for tail in ((A[1], B[0]), (A[0], B[1]), (A[1], B[0], B[1]), (B[0], A[1], B[1]), (A[0], B[0], B[1])):
        for sheet in run(spaced((*A, *tail))):
            assert set(sheet.lines) <= set(A) or set(sheet.lines) <= set(B), tail
    assert run(spaced((*A, B[0], A[1], B[1])))[-1].lines == B


def test_a_number_that_comes_again_late_is_not_given_to_the_next_name() -> None:
    late = [*spaced(A), (103.0, B[0]), (103.1, A[1])]  # the lower row of B was lost, that of A is a double
    assert [(s.lines, s.complete) for s in run(late)] == [(A, True), ((B[0],), False), ((A[1],), False)]
    other = td3(given_names="Anja Maria")  # the same document, its name read otherwise: once asked again, then believed
    events = [*spaced(A), *((at + 5, row) for at, row in spaced(other)), *((at + 10, row) for at, row in spaced(other))]
    assert [s.complete for s in run(events)] == [True, False, False, True]


def test_a_read_of_the_whole_zone_supersedes_its_single_rows() -> None:
    assembler = Assembler(WAIT)
    assembler.take((A[0],), 5.0)
    assert assembler.take(A, 5.5) == [Sheet(A, 5.5, complete=True)]
    assembler.take((B[1],), 6.0)
    assert [s.lines for s in assembler.take(A, 6.5)] == [(B[1],), A]
    for row in reversed(B):  # in the wrong order, and no silence has confirmed them
        assembler.take((row,), 10.0)
    assert [s.lines for s in assembler.take(A, 10.5)] == [(B[1],), (B[0],), A]


# -- two documents --------------------------------------------------------------------------------


def test_two_upper_rows_leave_no_choice_for_the_lower_ones() -> None:
    sheets = run(spaced((A[0], B[0], A[1], B[1])))
    assert [s.lines for s in sheets] == [(A[0],), (B[0],), (A[1],), (B[1],)]
    assert not any(s.complete for s in sheets)


def test_twins_are_two_documents_however_little_differs() -> None:
    twin = td3("L898902C4", "Anne Maria")  # one character in the name; number, two digits
    assert not same_row(A[0], twin[0], Row(1, 2, 44))
    assert not same_row(A[1], twin[1], Row(2, 2, 44))
    assert not any(s.complete for s in run(spaced((A[0], twin[0], A[1], twin[1]))))
    father = td3("L898902C4")  # the very same name
    sheets = run(spaced((A[0], father[0], A[1], father[1])))
    assert [s.lines for s in sheets if s.complete] == [A]
    assert (father[1],) in [s.lines for s in sheets]


def test_after_two_documents_only_silence_makes_whole_zones_again() -> None:
    early = spaced((A[0], B[0], A[1], B[1], *A))
    assert not any(s.complete for s in run(early))
    late = [*spaced((A[0], B[0], A[1], B[1])), (102.0, A[0]), (102.1, A[1])]
    assert [s.lines for s in run(late)][-1] == A


def test_digits_put_rows_1_and_2_of_a_card_together_but_never_complete_it() -> None:
    sheets = run(spaced((CARD_A[0], CARD_B[0], CARD_B[1], CARD_A[1], CARD_A[2], CARD_B[2])))
    assert [s.lines for s in sheets] == [CARD_A[:2], CARD_B[:2], CARD_A[2:], CARD_B[2:]]
    assert not any(s.complete for s in sheets)


def test_where_digits_leave_two_choices_nothing_is_put_together() -> None:
    # A card with the same second row: both first rows agree with both, or with none.
    numbers = (f"C7712{n:04}" for n in range(200))
    other = next(z for z in (td1(n) for n in numbers) if z[1] == CARD_A[1])
    sheets = run(spaced((CARD_A[0], other[0], CARD_A[1])))
    assert all(len(s.lines) == 1 for s in sheets)


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
def test_one_document_comes_out_once_in_whatever_order_and_however_often_its_rows_come(
    zone: tuple[str, ...], data: st.DataObject
) -> None:
    assume(len(set(zone)) == len(zone))
    rows = [row for row in data.draw(st.permutations(zone)) for _ in range(data.draw(st.integers(1, 2)))]
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
