"""Which row of which zone is this, and does it hold? For rows that come alone (docs/adr/0016).

Laws:
1. The length gives the size of the zone; which row it is, its characters tell: own check digits that agree, or
   letters and fillers alone, decide at once; else the row that the characters misfit least, if by a clear margin.
   What fits none clearly is no row: it is never joined to anything.
2. A row is *sound* if it holds no illegal character and each digit that it can check by itself agrees. A row of
   names has no digit: it is sound if it holds letters and fillers alone.
3. Two readings are *the same row* read twice if they are equal, or differ in few characters and the difference is
   a misreading: with digits, they are not both sound or have one number; without, at each place one of them has no
   letter. Two rows of twins differ as little as a misreading does; only this keeps them apart.
4. Two readings *may be one row* also where no digit sees the difference: what the digits vouch for is the same but
   for look-alikes, or for two characters whose digit still agrees, however much else differs; names differ in
   look-alikes alone; or, but for a first row, the rows differ in two characters at most. Numbers that follow each
   other differ in three (their digit and the composite digit too), so a family's passports are not one.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from operator import ne
from typing import Final, NamedTuple

from edge.core.mrz.digits import ALPHABET, DIGITS, is_legal, values_of
from edge.core.mrz.layouts import FRA_ID, MRVA, MRVB, NOWHERE, TD1, TD2, TD3, Layout, recognise
from edge.core.mrz.verify import Checked, check

MISFIT: Final = 0.2   # of the characters that say something may be misread
SOUND: Final = 0.1    # and of a row whose digits agree: one sex or letter of a nationality
MARGIN: Final = 0.10  # by which the best row must beat the next
NEAR: Final = 8       # one character in so many may be misread between two readings of one row
FEW: Final = 2        # characters of a row, or of a number, that may be misread so that every digit still agrees

_NAMES: Final = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZ<")
_CLASSES: Final = {
    "A": _NAMES, "C": frozenset(TD1.code_letters), "S": frozenset("MFX<"),
    "D": frozenset("0123456789"), "d": frozenset("0123456789<"),
}  # fmt: skip


class Row(NamedTuple):
    """Row ``number`` (from 1) of a zone of ``of`` rows of ``length`` characters."""

    number: int
    of: int
    length: int


ROWS: Final = {30: 3, 36: 2, 44: 2}
"""Characters a row: rows a zone."""

_DATES: Final = "ddddddD" "S" "ddddddd"  # birth, its digit, sex, expiry, its digit
_TEMPLATES: Final[dict[int, tuple[tuple[Row, str], ...]]] = {
    44: (
        (Row(1, 2, 44), "A" * 44),
        (Row(2, 2, 44), "." * 9 + "DAAA" + _DATES + "." * 16),
    ),
    36: (
        (Row(1, 2, 36), "A" * 30 + "." * 6),
        (Row(2, 2, 36), "." * 9 + "dAAA" + _DATES + "." * 8),
        (Row(2, 2, 36), "." * 12 + "D" + "A" * 14 + "ddddddDSD"),
    ),
    30: (
        (Row(1, 3, 30), "C" + "A" * 4 + "." * 9 + "d" + "." * 15),
        (Row(2, 3, 30), _DATES + "AAA" + "." * 11 + "D"),
        (Row(3, 3, 30), "A" * 30),
    ),
}
"""What may stand where: A letter or filler, C first letter of a card's code, D digit, d digit or filler, S sex.

A full stop says nothing.
"""

_ALIKE: Final = ("0ODQ", "1IL", "2Z", "5S", "8BS", "6G", "K<", "C<")
"""Characters that are taken for each other; never two digits."""

_UNSEEN: Final = str.maketrans("GLSK", "618<")  # no digit tells them apart, so each is screened as the other

_LAYOUTS: Final = {44: (TD3, MRVA), 36: (TD2, FRA_ID, MRVB), 30: (TD1,)}
_CHECKED: Final = {
    # code of a digit: the spans that it takes
    "document_number": ("document_number", "document_number_digit"),
    "birth_date": ("birth_date", "birth_date_digit"),
    "expiry_date": ("expiry_date", "expiry_date_digit"),
    "optional_data": ("optional1", "optional1_digit"),
}


def row_of(text: str) -> Row | None:
    """Which row this is, or None. Never raises; a row of 30, 36 or 44 characters only."""
    candidates = _TEMPLATES.get(len(text))
    if candidates is None:
        return None
    for row, _ in candidates:
        if is_sound(text, row):
            return row
    misfits: dict[Row, float] = {}
    for row, template in candidates:
        if not _too_few_digits(text, row):
            misfits[row] = min(_misfit(text, template), misfits.get(row, 1.0))
    ranked = sorted(misfits, key=lambda row: misfits[row])
    best, others = ranked[0], ranked[1:]
    if misfits[best] > MISFIT or any(misfits[other] < misfits[best] + MARGIN for other in others):
        return None
    return best


def has_digits(row: Row) -> bool:
    """True for a row that check digits vouch for, False for one of names."""
    return row.number == 2 or (row.number == 1 and row.of == 3)


def has_number(row: Row) -> bool:
    """True for the row with the document number: no two documents share it."""
    return row.number == (1 if row.of == 3 else 2)


def is_sound(text: str, row: Row) -> bool:
    """See law 2."""
    if not has_digits(row):
        return text[0] != "<" and all(_is_name(text, place) for place in range(len(text)))
    if not is_legal(text) or _too_few_digits(text, row):
        return False
    if all(_misfit(text, template) > SOUND for known, template in _TEMPLATES[row.length] if known == row):
        return False
    return any(not own_failures({row.number: text}, layout) for layout in _LAYOUTS[row.length])


def quality(text: str, row: Row) -> tuple[bool, int, int]:
    """How good a reading is, larger is better: sound, digits that agree, characters that may stand in such a row."""
    if not has_digits(row):
        return is_sound(text, row), 0, -sum(not _is_name(text, place) for place in range(len(text)))
    kept = {row.number: text}
    agreeing = max(
        len(_checkable(layout, (row.number,))) - len(own_failures(kept, layout)) for layout in _LAYOUTS[row.length]
    )
    return is_sound(text, row), agreeing, -sum(c not in ALPHABET for c in text)


def same_row(a: str, b: str, row: Row) -> bool:
    """See law 3; both are readings of ``row``."""
    if a == b:
        return True
    if sum(map(ne, a, b)) > row.length // NEAR:
        return False
    places = _differing(a, b)
    if has_digits(row):
        return not (is_sound(a, row) and is_sound(b, row)) or (has_number(row) and same_number(a, b, row))
    return all(not (_is_name(a, place) and _is_name(b, place)) for place in places)


def may_be_one(a: str, b: str, row: Row) -> bool:
    """See law 4; both are readings of ``row``."""
    differing = sum(map(ne, a, b))
    if differing <= row.length // NEAR:
        if same_row(a, b, row) or (row.number > 1 and differing <= FEW):
            return True
        if not has_digits(row):
            return all(not (_is_name(a, n) and _is_name(b, n)) or a[n] + b[n] in _TAKEN for n in _differing(a, b))
    if not has_digits(row):
        return False
    return any(
        layout in _fitting(a, b, row)
        for layout in _LAYOUTS[row.length]
        if not any(_unlike(a, b, span, most=0) for span in _vouched(layout, row, a))
        or (row.number > 1 and _hidden(a, b, layout, row))
    )


def same_number(a: str, b: str, row: Row) -> bool:
    """True if two readings of a row with the number have one number, or two that are screened as one (6 and G)."""
    return any(
        all(a[span].translate(_UNSEEN) == b[span].translate(_UNSEEN) for span in _vouched(layout, row, a))
        for layout in _fitting(a, b, row)
    )


def layout_of(rows: Mapping[int, str], length: int) -> Layout:
    """The layout that these rows, by number, fit best: the one whose digits fail least, the commonest first."""
    layouts = _LAYOUTS[length]
    head = recognise((rows[1],) * ROWS[length]) if 1 in rows else None
    if head is not None:
        return head
    return min(layouts, key=lambda layout: (len(own_failures(rows, layout)), layouts.index(layout)))


def own_failures(rows: Mapping[int, str], layout: Layout) -> tuple[str, ...]:
    """The digits that these rows check by themselves and that do not agree, by code."""
    checked, _ = check_rows(rows, layout)
    return checked.failed


def check_rows(rows: Mapping[int, str], layout: Layout) -> tuple[Checked, str]:
    """What the digits say of some rows of a zone, and the zone with fillers for the rows that are missing.

    ``failed`` has only the digits whose whole span stands in these rows.
    """
    zone = zone_of(rows, layout)
    checked = check(layout, zone, layout.cut(zone), is_legal(zone))
    possible = _checkable(layout, tuple(sorted(rows)))
    return checked._replace(failed=tuple(code for code in checked.failed if code in possible)), zone


def proven_together(rows: Mapping[int, str], layout: Layout) -> bool:
    """True if the composite digit spans these rows, and it and each other digit in them agrees."""
    texts = tuple(sorted(rows))
    alone = any("composite" in _checkable(layout, (number,)) for number in texts)
    return "composite" in _checkable(layout, texts) and not alone and not own_failures(rows, layout)


def zone_of(rows: Mapping[int, str], layout: Layout) -> str:
    """The joined zone, fillers for what is missing."""
    return "".join(rows.get(n + 1, "<" * layout.line_length) for n in range(layout.line_count))


@cache  # bounded: layouts x sets of rows
def _checkable(layout: Layout, numbers: tuple[int, ...]) -> frozenset[str]:
    def stand(*spans: slice) -> bool:
        return all(span != NOWHERE and set(range(layout.place(span.start)[0], layout.place(span.stop - 1)[0] + 1))
                   <= set(numbers) for span in spans)

    found = {code for code, names in _CHECKED.items() if stand(*(getattr(layout, name) for name in names))}
    if layout.composite and stand(*layout.composite):
        found.add("composite")
    return frozenset(found)


@cache  # bounded: layouts x rows
def _spans(layout: Layout, number: int) -> tuple[slice, ...]:
    """Where the number and the dates that this row checks stand in it, each with its digit last."""
    start = (number - 1) * layout.line_length
    possible = _checkable(layout, (number,))
    fields = [[getattr(layout, name) for name in names] for code, names in _CHECKED.items()
              if code in possible and code != "optional_data"]
    return tuple(slice(field.start - start, digit.stop - start) for field, digit in fields)


def _vouched(layout: Layout, row: Row, text: str) -> tuple[slice, ...]:
    """What tells one such row from another: the number, a long one with its rest, or where there is none the dates."""
    spans = _spans(layout, row.number)
    if not has_number(row):
        return spans
    start = (row.number - 1) * row.length
    rest = slice(layout.optional1.start - start, layout.optional1.stop - start)
    return (spans[0], rest) if layout.overflow and text[spans[0].stop - 1] == "<" else spans[:1]


def _unlike(a: str, b: str, span: slice, most: int) -> list[int]:
    """The places of the span at which one is not taken for the other; no further than one more than ``most``."""
    places = []
    for n in range(span.start, span.stop):
        if a[n] != b[n] and a[n] + b[n] not in _SAME_OR_UNSEEN:
            places.append(n)
            if len(places) > most:
                break
    return places


def _hidden(a: str, b: str, layout: Layout, row: Row) -> bool:
    """True if number and dates differ, but so little, and at no digit, that it may be misread unseen by the digits."""
    spans = _spans(layout, row.number)
    unlike = [n for span in spans for n in _unlike(a, b, span, FEW)]
    return len(unlike) <= FEW and not any(span.stop - 1 in unlike for span in spans)


def _fitting(a: str, b: str, row: Row) -> set[Layout]:
    return {layout_of({row.number: text}, row.length) for text in (a, b)}


def _differing(a: str, b: str) -> list[int]:
    return [place for place, (c, d) in enumerate(zip(a, b, strict=True)) if c != d]


_TAKEN: Final = frozenset(c + d for group in _ALIKE for c in group for d in group)
_SAME_OR_UNSEEN: Final = _TAKEN | {  # or no digit tells them apart
    c + d for c in ALPHABET for d in ALPHABET if values_of(c) == values_of(d) and not (c in DIGITS and d in DIGITS)
}


def _is_name(text: str, place: int) -> bool:
    """True if a letter or filler stands there, or a digit of a French card's office."""
    office = place >= FRA_ID.optional1.start and len(text) == FRA_ID.line_length and text[:5] == "IDFRA"
    return text[place] in _NAMES or (office and text[place] in _CLASSES["D"])


def _too_few_digits(text: str, row: Row) -> bool:
    """A row with check digits has two digits at least, and the number of a card its own, here or behind."""
    if row == Row(1, 3, 30) and text[TD1.document_number_digit.start :][:2] == "<<":
        return True
    return has_digits(row) and sum(c in _CLASSES["D"] for c in text) < 2


def _misfit(text: str, template: str) -> float:
    """The share of telling characters that stand where they may not; one outside the alphabet counts half."""
    telling = [(c, kind) for c, kind in zip(text, template, strict=True) if kind != "."]
    wrong = sum(0.5 if c not in ALPHABET else float(c not in _CLASSES[kind]) for c, kind in telling)
    return wrong / len(telling)
