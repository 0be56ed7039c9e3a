"""Rows of machine-readable zones without the person: names, numbers and dates invented, check digits recomputed.

Laws:
1. A row keeps its length, its fillers and the class of every character; document code, States, sex stay: they name
   nobody, and readers and parsers decide by them (formats of single States, codes that only one State uses). They stay
   only where they can be what their places say: in a row that slipped, or came in another's place, nothing stays.
2. The same name, number or date always becomes the same other one, so that a document that was read twice still is
   one, and rows that came singly still belong together. Which one is decided by ``seed`` alone; who has the seed can
   try originals, so it is thrown away.
3. A check digit is moved by as much as its field's own moved (modulo 10): a right one stays right, a wrong one wrong.
4. A row in which no field can be placed (a character lost or doubled) is replaced by class as a whole.

Sources: Doc 9303-3 section 4.9 (check digits), 9303-4 to -7 (fields); note j of 9303-5 and -6 (long numbers); the
French card of 1988-2021 as its issuer describes it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from drivers.masked_words import DIGITS, Invention
from drivers.rows import FULL_ROWS, check_digit

ZONE = re.compile("[^A-Z0-9<]")

Span = tuple[int, int, int]  # row, first character, one behind the last
Check = tuple[tuple[int, int], tuple[Span, ...]]  # the digit's row and place, and what it covers


@dataclass(frozen=True, slots=True)
class Form:
    """Where a format has what; composite digits come last."""

    names: tuple[Span, ...]
    numbers: tuple[Span, ...]
    birth: Span
    expiry: Span | None
    checks: tuple[Check, ...]


def _two_rows(width: int, optional: int, *, composite: bool) -> Form:
    """TD3, TD2 and both visas: they differ in width and in what stands behind the optional data."""
    checks: list[Check] = [((1, 9), ((1, 0, 9),)), ((1, 19), ((1, 13, 19),)), ((1, 27), ((1, 21, 27),))]
    if width == 44 and composite:
        checks.append(((1, 42), ((1, 28, 42),)))
    if composite:
        checks.append(((1, width - 1), ((1, 0, 10), (1, 13, 20), (1, 21, width - 1))))
    return Form(((0, 5, width),), ((1, 0, 9), (1, 28, optional)), (1, 13, 19), (1, 21, 27), tuple(checks))


TD3, MRV_A = _two_rows(44, 42, composite=True), _two_rows(44, 44, composite=False)
TD2, MRV_B = _two_rows(36, 35, composite=True), _two_rows(36, 36, composite=False)
FRA = Form(
    ((0, 5, 30), (1, 13, 27)), ((0, 30, 36), (1, 0, 12)), (1, 27, 33), None,
    (((1, 12), ((1, 0, 12),)), ((1, 33), ((1, 27, 33),)), ((1, 35), ((0, 0, 36), (1, 0, 35)))),
)
TD1 = Form(
    ((2, 0, 30),), ((0, 5, 14), (0, 15, 30), (1, 18, 29)), (1, 0, 6), (1, 8, 14),
    (((0, 14), ((0, 5, 14),)), ((1, 6), ((1, 0, 6),)), ((1, 14), ((1, 8, 14),)),
     ((1, 29), ((0, 5, 30), (1, 0, 7), (1, 8, 15), (1, 18, 29)))),
)
# The places of what stays, by format and row.
CODE_ENDS = 5  # document code and State begin the first row of every format
OF_TWO, OF_TD1, OF_FRA = ((10, 13), (20, 21)), ((15, 18), (7, 8)), ((0, 0), (34, 35))  # nationality, sex
CODE = re.compile("[ACIPV?<][A-Z<?]{4}")
STATE = re.compile("[A-Z<?]{0,3}")
SEXES = "MFX<?"
LONG_NUMBERS = {TD1: (0, 5, 14, 15, 30), TD2: (1, 0, 9, 28, 35)}  # row, number, the digit's place, optional data


@dataclass(frozen=True, slots=True)
class Placed:
    """One row: which of a form's rows it is; ``partners`` are the places (in the list of all rows) of the others."""

    form: Form | None
    row: int = 0
    partners: tuple[int | None, ...] = ()


def mask_rows(reads: Sequence[tuple[str, ...]], invent: Invention) -> list[tuple[str, ...]]:
    """Every read's rows, masked; ``reads`` in the order in which they came."""
    rows = [row for read in reads for row in read]
    placed = place(reads)
    bare = [_fields(row, where, invent) for row, where in zip(rows, placed, strict=True)]
    for _ in range(2):  # a composite may cover the digits of a row that comes later
        for at, where in enumerate(placed):
            _digits(at, rows, bare, where)
    done = iter(bare)
    return [tuple(next(done) for _ in read) for read in reads]


def secrets_of(reads: Sequence[tuple[str, ...]]) -> frozenset[str]:
    """Names and numbers (3 characters or more) that stand in these rows: what must not be left anywhere."""
    found: set[str] = set()
    rows = [row for read in reads for row in read]
    for row, where in zip(rows, place(reads), strict=True):
        if where.form is None:
            found.update(row.split("<"))
            continue
        for at, start, end in (*where.form.names, *where.form.numbers):
            if at == where.row:
                found.update(row[start:end].split("<"))
    return frozenset(text for text in found if len(text) >= 3)


def dates_of(reads: Sequence[tuple[str, ...]]) -> frozenset[str]:
    """The dates that stand in these rows."""
    rows = [row for read in reads for row in read]
    spans = [(row, where.row, span) for row, where in zip(rows, place(reads), strict=True) if where.form is not None
             for span in (where.form.birth, where.form.expiry) if span]
    return frozenset(row[start:end] for row, number, (at, start, end) in spans if at == number)


def kept_in(reads: Sequence[tuple[str, ...]]) -> list[frozenset[int]]:
    """For each row of all reads the places whose characters stay (law 1), fillers left aside."""
    rows = [row for read in reads for row in read]
    return [frozenset(_kept(row, where)) for row, where in zip(rows, place(reads), strict=True)]


def _kept(row: str, where: Placed) -> Iterator[int]:
    form = where.form
    if form is None:
        yield from (0,) if re.match("[ACIPV]<", row) else ()
        return
    if where.row == 0:
        yield from range(CODE_ENDS) if CODE.fullmatch(row[:CODE_ENDS]) else ()
    if where.row != 1:
        return
    dates = "".join(row[start:end] for _, start, end in filter(None, (form.birth, form.expiry)))
    if sum(map(str.isdigit, dates)) < len(dates) * 3 // 4:
        return
    state, sex = OF_TD1 if form is TD1 else OF_FRA if form is FRA else OF_TWO
    yield from range(*state) if STATE.fullmatch(row[slice(*state)]) else ()
    yield from range(*sex) if row[sex[0]] in SEXES else ()


def _fields(row: str, where: Placed, invent: Invention) -> str:
    kept = frozenset(_kept(row, where))
    if where.form is None:
        return "".join(row[at] if at in kept else new for at, new in enumerate(invent.names(row)))
    out = list(row)
    kinds: list[tuple[Span, Callable[[str], str]]] = [(span, invent.names) for span in where.form.names]
    kinds += [(span, lambda field: invent.text("number", field)) for span in where.form.numbers]
    kinds.append((where.form.birth, lambda field: invent.date("birth", field)))
    if where.form.expiry:
        kinds.append((where.form.expiry, lambda field: invent.date("expiry", field)))
    digits = {at for (number, at), _ in where.form.checks if number == where.row and row[at] in DIGITS}
    others = set(range(len(row))) - kept - digits
    for (at, start, end), change in kinds:
        if at == where.row:
            out[start:end] = change(row[start:end])
            others.difference_update(range(start, end))
    for at in others:  # nothing that belongs there: the row has slipped
        out[at] = invent.text("number", row[at])
    return "".join(out)


def _digits(at: int, rows: Sequence[str], bare: list[str], where: Placed) -> None:
    """Law 3; ``bare`` is mended in place, so that composites cover digits that are right already."""
    _long_number(at, rows, bare, where)
    for (row, place_), spans in where.form.checks if where.form else ():
        if row != where.row:
            continue
        before = _covered(spans, at, rows, where)
        after = _covered(spans, at, bare, where)
        if before is not None and after is not None:
            bare[at] = _moved(rows[at], bare[at], place_, before, after)


def _long_number(at: int, rows: Sequence[str], bare: list[str], where: Placed) -> None:
    """A number that goes on in the optional data has its digit behind its end; both ways of weighing are in use."""
    row, start, digit, optional, end = LONG_NUMBERS.get(where.form, (-1, 0, 0, 0, 0)) if where.form else (-1,) * 5
    if row != where.row or rows[at][digit] != "<":
        return
    last = rows[at].find("<", optional, end) - 1
    if last <= optional or rows[at][last] not in DIGITS:
        return
    ways = [
        (text[start:digit] + text[optional:last], text[start:digit] + "<" + text[optional:last])
        for text in (rows[at], bare[at])
    ]
    right = [int(rows[at][last]) == _digit_of(text) for text in ways[0]]
    after = [_digit_of(text) for text in ways[1]]
    wrong = next(digit for digit in range(10) if digit not in after)
    digit = after[0] if right[0] else after[1] if right[1] else wrong
    bare[at] = bare[at][:last] + str(digit) + bare[at][last + 1 :]


def _covered(spans: Sequence[Span], at: int, rows: Sequence[str], where: Placed) -> str | None:
    parts = []
    for row, start, end in spans:
        place_ = at if row == where.row else where.partners[row] if row < len(where.partners) else None
        if place_ is None:
            return None
        parts.append(rows[place_][start:end])
    return "".join(parts)


def _moved(before: str, after: str, place_: int, old: str, new: str) -> str:
    given = before[place_]
    if given not in DIGITS:
        return after
    digit = (int(given) + _digit_of(new) - _digit_of(old)) % 10
    return after[:place_] + str(digit) + after[place_ + 1 :]


def _digit_of(text: str) -> int:
    return check_digit(ZONE.sub("<", text))


# -- which row is which ------------------------------------------------------------------------------

def place(reads: Sequence[tuple[str, ...]]) -> list[Placed]:
    """What each row is, in order."""
    placed: list[Placed] = []
    rows = [row for read in reads for row in read]
    roles = [role(row) for row in rows]
    at = 0
    for read in reads:
        whole = tuple(range(at, at + len(read)))
        form = _form_of(read)
        for index in whole:
            if form is not None:
                placed.append(Placed(form, index - at, whole))
            else:
                placed.append(_single(index, rows, roles))
        at += len(read)
    return placed


def _form_of(read: tuple[str, ...]) -> Form | None:
    """The format of a whole zone; None if these rows are none."""
    shape = (len(read), {len(row) for row in read})
    if shape == (3, {30}):
        return TD1
    if shape == (2, {36}):
        return FRA if read[0].startswith("IDFRA") else MRV_B if read[0].startswith("V") else TD2
    if shape == (2, {44}):
        return MRV_A if read[0].startswith("V") else TD3
    return None


def role(row: str) -> int | None:
    """Which row of its format this is, judged by itself; None if it has no full length."""
    digits = sum(character.isdigit() for character in row)
    if len(row) not in FULL_ROWS:
        return None
    if len(row) == 30:
        dates = sum(character.isdigit() for character in row[:6] + row[8:14])
        return 1 if dates >= 9 else 2 if digits <= 3 else 0
    return 0 if digits <= 6 or (row.startswith("IDFRA") and len(row) == 36 and digits <= 9) else 1


def _single(at: int, rows: Sequence[str], roles: Sequence[int | None]) -> Placed:
    """A row that came alone: with the first rows of its width that fit it, nearest first, earlier ones before."""
    row, own = rows[at], roles[at]
    if own is None:
        return Placed(None)
    near = sorted(range(len(rows)), key=lambda other: (abs(other - at), other > at))
    heads = [other for other in near if len(rows[other]) == len(row) and roles[other] == 0 and other != at]
    if len(row) == 30:
        right = [head for head in heads if own == 1 and _composite_right(rows[head], row)]
        head = next(iter(right or heads), None)
        return Placed(TD1, own, (head, at))
    head_row = row if own == 0 else rows[heads[0]] if heads else ""
    french = head_row.startswith("IDFRA") and (own == 0 or bool(re.match("[0-9]{13}", row)))
    visa = head_row.startswith("V")
    narrow, wide = FRA if french else MRV_B if visa else TD2, MRV_A if visa else TD3
    return Placed(narrow if len(row) == 36 else wide, own, (heads[0] if own == 1 and heads else at, at))


def _composite_right(first: str, second: str) -> bool:
    covered = first[5:30] + second[0:7] + second[8:15] + second[18:29]
    return second[29].isdigit() and _digit_of(covered) == int(second[29])
