"""Rows one at a time: put together only where nothing else is possible, never lost, never waiting without end."""

from __future__ import annotations

import itertools

import pytest
from assembly_kit import CARD_A, CARD_B, WAIT, A, B, french, misread, run, spaced, td1, td2, td3

from edge.core.assembly import Assembler, Sheet
from edge.core.mrz.rows import Row, same_row

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
def test_rows_in_another_order_are_never_a_zone(order: tuple[int, ...]) -> None:
    zone = A if len(order) == 2 else CARD_A
    for events in (spaced([zone[n] for n in order]), [*spaced([zone[n] for n in order]), (109.0, zone[0])]):
        assert not any(s.complete for s in run(events))
    assembler = Assembler(WAIT)
    for n, index in enumerate(order):
        assert assembler.take((zone[index],), 5.0 + n / 10) == []
    last = 5.0 + (len(order) - 1) / 10
    assert assembler.due == pytest.approx(last + WAIT)
    assert assembler.tick(last + WAIT - 0.001) == []
    assert {line for s in assembler.tick(last + WAIT + 0.001) for line in s.lines} == set(zone)


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


def test_a_row_read_twice_is_one() -> None:
    assert [s.lines for s in run(spaced((A[0], A[0], A[1], A[1])))] == [A]
    assert [s.lines for s in run(spaced([row for row in CARD_A for _ in range(3)]))] == [CARD_A]


def test_where_two_readings_of_a_row_differ_the_document_is_asked_for_again() -> None:
    bad_upper, bad_lower = misread(A[0], 7, "?"), misread(A[1], 3, "7")
    for uppers in itertools.permutations((A[0], bad_upper)):
        assert [s.lines for s in run(spaced((*uppers, A[1])))] == [A[:1], A[1:]]  # the better reading alone
    sheets = run(spaced((A[0], bad_lower, A[1])))  # the first went on at once: its digits fail
    assert [s.lines for s in sheets] == [(A[0], bad_lower), (A[1],)]


def test_doubled_rows_after_the_zone_went_on_are_swallowed() -> None:
    elsewhere, in_number = misread(A[1], 11, "M"), misread(A[1], 3, "7")
    for tail in ((A[1],), (A[0],), (A[1], A[1]), (elsewhere,)):
        (sheet,) = run(spaced((*A, *tail)))
        assert sheet.lines == A
        assembler = Assembler(WAIT)
        assembler.take(A, 5.0)
        assert assembler.take(tail[:1], 5.1) == []
        assert assembler.tick(5.1 + WAIT) == []
        assert assembler.held == 0
    assert [s.lines for s in run(spaced((*A, in_number)))] == [A, (in_number,)]  # it may be another's number


@pytest.mark.parametrize(
    ("place", "as_"), [(10, "M"), (11, "M"), (20, "M"), (20, "X"), (35, "K")],
    ids=["nationality", "nationality, end", "sex", "sex, X", "optional data"],
)
@pytest.mark.parametrize("pause", [0.2, 2.0, 20.0])
def test_a_double_misread_where_no_digit_looks_never_joins_the_next_upper_row(
    place: int, as_: str, pause: float
) -> None:
    double = misread(A[1], place, as_)
    for before in (A, (double, A[0]), (A[0], double), (A[1],), (double,)):
        first = spaced(before)
        at = first[-1][0] + pause
        for joined in ([(at, double), (at + 0.3, B[0])], [(at, B[0]), (at + 0.3, double)]):
            for sheet in run([*first, *joined]):
                assert not (sheet.complete and B[0] in sheet.lines), (before, joined)


def test_the_zone_that_went_on_comes_again_only_as_a_whole() -> None:
    assert [s.lines for s in run(spaced((*A, *A)))] == [A, A]
    assert [s.lines for s in run(spaced((*CARD_A, *CARD_A[:2])))] == [CARD_A]


def test_a_doubled_row_is_never_paired_with_a_row_of_the_next_document() -> None:
    for tail in ((A[1], B[0]), (A[0], B[1]), (A[1], B[0], B[1]), (B[0], A[1], B[1]), (A[0], B[0], B[1])):
        for sheet in run(spaced((*A, *tail))):
            assert set(sheet.lines) <= set(A) or set(sheet.lines) <= set(B), tail
    assert [s.lines for s in run(spaced((*A, B[0], A[1], B[1])))] == [A, (B[0],), (B[1],)]


def test_without_a_silence_after_the_document_before_the_next_is_asked_for_again() -> None:
    assert [s.complete for s in run(spaced((*A, *B)))] == [True, False, False]
    again = [*spaced((*A, *B)), (103.0, B[0]), (103.1, B[1])]  # then believed, if silence follows
    assert [(s.lines, s.complete) for s in run(again)][-1] == (B, True)
    assert [s.complete for s in run([*again, (103.2, A[1])])][-2:] == [False, False]


def test_a_row_that_was_lost_is_made_good_by_presenting_the_document_again() -> None:
    for kept in ((A[0],), (CARD_A[0],), CARD_A[:2], (CARD_A[0], CARD_A[2])):
        zone = A if kept[0] in A else CARD_A
        events = [*spaced(kept), *((at + 4, row) for at, row in spaced(zone))]
        assert [s.lines for s in run(events)] == [kept, zone]
    events = [*spaced(A[1:]), *((at + 4, row) for at, row in spaced(A))]  # of this lower row no upper one is known
    assert [s.complete for s in run(events)] == [False, False, False]
    assert [s.complete for s in run([*events, (108.0, A[0]), (108.1, A[1])])][-1] is True


def test_an_upper_row_whose_lower_one_is_awaited_keeps_the_next_zone_apart_for_ten_seconds() -> None:
    for pause, complete in ((2.0, False), (9.0, False), (10.1, True)):
        late = [(100.0, A[0]), (100.0 + pause, B[0]), (100.1 + pause, A[1]), (100.2 + pause, B[1])]
        assert any(s.complete for s in run(late)) is complete
        events = [(100.0, A[0]), (100.0 + pause, B[0]), (100.1 + pause, B[1])]
        assert any(s.lines == B for s in run(events)) is complete


def test_a_line_of_no_zone_between_two_rows_may_have_been_the_row_that_tells_them_apart() -> None:
    for between in ("?" * 44, B[0][:-1]):
        sheets = run([(100.0, A[0]), (100.1, between), (100.2, B[1])])
        assert [(s.lines, s.complete) for s in sheets] == [
            ((between,), False), ((A[0],), False), ((B[1],), False)
        ]


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
    assert [s.lines for s in run(late)][-2:] == [A[:1], A[1:]]  # this lower row was seen beside two upper ones
    assert [s.lines for s in run([*late, (104.0, A[0]), (104.1, A[1])])][-1] == A


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
