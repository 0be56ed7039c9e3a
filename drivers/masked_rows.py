"""Rows of machine-readable zones without the person: names, numbers and dates invented, check digits recomputed.

Laws:
1. A row keeps its length, its fillers and the class of every character; document code, States, sex stay: they name
   nobody, and readers and parsers decide by them (formats of single States, codes that only one State uses).
2. The same name, number or date always becomes the same other one, so that a document that was read twice still is
   one, and rows that came singly still belong together. Which one is decided by ``seed`` alone; who has the seed can
   try originals, so it is thrown away.
3. A check digit is moved by as much as its field's own moved (modulo 10): a right one stays right, a wrong one wrong.
4. A row in which no field can be placed (a character lost or doubled) is replaced by class as a whole.

Sources: Doc 9303-3 section 4.9 (check digits), 9303-4 to -7 (fields); note j of 9303-5 and -6 (long numbers); the
French card of 1988-2021 as its issuer describes it.
"""

from __future__ import annotations

import datetime
import hashlib
import random
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from drivers.rows import FULL_ROWS, check_digit

# Letters that no family uses as a command byte: an invented name must not begin a frame.
LETTERS = "ABDEFGHJKLMNOPQSUXYZ"
DIGITS = "0123456789"
TRIES = 64
CENTURY = 36_525  # days: dates have two digits for the year
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
LONG_NUMBERS = {TD1: (0, 5, 14, 15, 30), TD2: (1, 0, 9, 28, 35)}  # row, number, the digit's place, optional data


class Invention:
    """Other names, numbers and dates in place of these; ``taken`` are texts that must not come out."""

    def __init__(self, seed: str, taken: frozenset[str] = frozenset()) -> None:
        self._seed, self._taken = seed, taken
        source = self._source("shift", "")
        self._shifts = {kind: source.choice((-1, 1)) * source.randint(90, 1400) for kind in ("birth", "expiry")}

    def text(self, kind: str, text: str) -> str:
        """Letters for letters, digits for digits, each another one; equal neighbours stay equal, others differ."""
        source = self._source(kind, text)
        out = text
        for _ in range(TRIES):
            out = self._draw(source, text)
            if len(text) < 3 or out not in self._taken:
                break
        return out

    def names(self, field: str) -> str:
        """Component by component; fillers stay."""
        return "<".join(self.text("name", part) for part in field.split("<"))

    def date(self, kind: str, field: str) -> str:
        """Days away where it is a date; else its year is another, and what is wrong with it stays wrong."""
        try:
            day = datetime.date(2000 + int(field[:2]), int(field[2:4]), int(field[4:]))
        except ValueError:
            return self._no_date(kind, field)
        start = datetime.date(2000, 1, 1)
        moved = start + datetime.timedelta(days=((day - start).days + self._shifts[kind]) % CENTURY)
        return f"{moved:%y%m%d}"

    def _no_date(self, kind: str, field: str) -> str:
        """Months 13 and up and days 32 and up are no date whatever the rest is."""
        out = list(self.text(kind, field))
        if field.isdecimal():
            month = int(field[2:4])
            out[4 if 1 <= month <= 12 else 2] = "9"
            if 1 <= month <= 12:
                out[2:4] = f"{self._source(kind, field).randint(1, 12):02}"
        return "".join(out)

    def _draw(self, source: random.Random, text: str) -> str:
        out: list[str] = []
        for at, character in enumerate(text):
            kind = LETTERS if character.isalpha() else DIGITS if character.isdigit() else ""
            if not character.isascii() or not kind:
                out.append(character)
            elif at and character == text[at - 1]:
                out.append(out[-1])
            else:
                never = {character.upper(), out[-1].upper() if out else ""}
                drawn = source.choice([one for one in kind if one not in never])
                out.append(drawn.lower() if character.islower() else drawn)
        return "".join(out)

    def _source(self, kind: str, text: str) -> random.Random:
        return random.Random(hashlib.sha256(f"{self._seed}\0{kind}\0{text}".encode()).digest())


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


def _fields(row: str, where: Placed, invent: Invention) -> str:
    if where.form is None:
        return row[:2] + invent.names(row[2:])
    out = row
    kinds: list[tuple[Span, Callable[[str], str]]] = [(span, invent.names) for span in where.form.names]
    kinds += [(span, lambda field: invent.text("number", field)) for span in where.form.numbers]
    kinds.append((where.form.birth, lambda field: invent.date("birth", field)))
    if where.form.expiry:
        kinds.append((where.form.expiry, lambda field: invent.date("expiry", field)))
    for (at, start, end), change in kinds:
        if at == where.row:
            out = out[:start] + change(row[start:end]) + out[end:]
    return out


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
    if last <= optional or not rows[at][last].isdigit():
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
    if not given.isdigit():
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
