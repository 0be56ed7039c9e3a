"""Proposals: which look-alike characters, put right, make the check digits agree?

Laws:
1. A proposal is made only where the field's own digit *and* the composite digit agree with it, and
   the date in it is a date. Visas have no composite digit, so they get no proposals.
2. The fewest changes win: two characters of one field are exchanged only if no single exchange fits.
   Two fields may fail, with one character each; more is not a matter of look-alikes.
3. All that fit are told: ``len({a.lines for a in alternatives})`` ways are equally good.
4. The work is bounded by the length of a field: an exchange shifts a sum by weight times difference, so
   candidates are found by adding shifts modulo 10, and only what fits both sums is checked in full.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations, product
from typing import Final, NamedTuple

from edge.core.documents import Alternative
from edge.core.mrz import dates
from edge.core.mrz.digits import ALPHABET, DIGITS, digit_of, values_of
from edge.core.mrz.layouts import Layout
from edge.core.mrz.verify import check

MAX_ALTERNATIVES: Final = 16
WEIGHTS: Final = (7, 3, 1)
_VALUE: Final = dict(zip(ALPHABET, values_of(ALPHABET), strict=True))

LOOK_ALIKE: Final[dict[str, str]] = {
    "0": "ODQ", "O": "0", "D": "0", "Q": "0",
    "1": "IL", "I": "1", "L": "1",
    "2": "Z", "Z": "2",
    "5": "S", "S": "58",
    "6": "G", "G": "6",
    "8": "BS", "B": "8",
    "K": "<", "C": "<",
}  # fmt: skip
"""What a reader may have seen instead. A filler is never turned into a letter: too many would fit."""

_OWN_DIGIT: Final = {
    # code of the failing digit: (field, its digit) as named in Layout
    "document_number": ("document_number", "document_number_digit"),
    "birth_date": ("birth_date", "birth_date_digit"),
    "expiry_date": ("expiry_date", "expiry_date_digit"),
    "optional_data": ("optional1", "optional1_digit"),
}


class _Exchange(NamedTuple):
    """Other characters at some places, and by how much they shift the own and the composite sum, modulo 10."""

    changes: tuple[tuple[int, str], ...]  # offset over the joined lines, character to stand there
    own: int
    composite: int


def propose(layout: Layout, zone: str, failed: tuple[str, ...]) -> tuple[Alternative, ...]:
    """The corrected readings of a clean zone whose digits ``failed``; empty if there are none."""
    own = [code for code in failed if code != "composite"]
    if not layout.composite or len(own) > 2:
        return ()
    values = values_of(zone)
    place = layout.composite_digit.start
    computed = int(digit_of(b"".join(layout.cut_composite(values))))
    endings: list[_Exchange] = []  # ways to take the composite digit; ``composite`` is the shift it asks for
    if zone[place] in DIGITS:
        endings.append(_Exchange((), 0, (int(zone[place]) - computed) % 10))
    else:
        for other in LOOK_ALIKE.get(zone[place], ""):
            if other in DIGITS:
                endings.append(_Exchange(((place, other),), 0, (int(other) - computed) % 10))
        own = [*own, "composite"]
    if not endings or own == []:
        return ()
    fields = [code for code in own if code != "composite"]
    for size in (1, 2) if len(fields) == 1 else (1,):
        choices = [list(_candidates(layout, zone, values, code, size)) for code in fields]
        found: list[Alternative] = []
        for *exchanges, ending in product(*choices, endings):
            if sum(e.composite for e in exchanges) % 10 == ending.composite:
                changes = [change for e in (*exchanges, ending) for change in e.changes]
                found += _verified(layout, _changed(zone, changes), own, len(changes))
                if len(found) >= MAX_ALTERNATIVES:
                    break
        if found:
            return tuple(found[:MAX_ALTERNATIVES])
    return ()


def _verified(layout: Layout, zone: str, codes: list[str], changes: int) -> list[Alternative]:
    """The corrected zone as alternatives, one for each field put right; none if any digit or date is wrong."""
    cut = layout.cut(zone)
    checked = check(layout, zone, cut, clean=True)
    if checked.failed or dates.parts_of(cut[5]) is None or (cut[8] and dates.parts_of(cut[8]) is None):
        return []
    size = layout.line_length
    lines = tuple(zone[i : i + size] for i in range(0, len(zone), size))
    values = {
        "document_number": checked.document_number.rstrip("<"),
        "birth_date": cut[5],
        "expiry_date": cut[8],
        "optional_data": checked.optional1.rstrip("<"),
        "composite": cut[13],
    }
    return [
        Alternative("optional1" if code == "optional_data" else code, values[code], lines, changes)
        for code in codes
    ]


def _candidates(layout: Layout, zone: str, values: bytes, code: str, size: int) -> Iterator[_Exchange]:
    """Exchanges of ``size`` characters of a field and its digit after which its own digit agrees."""
    field, digit = (getattr(layout, name) for name in _OWN_DIGIT[code])
    place: int = digit.start
    if code == "document_number" and layout.overflow and zone[place] == "<":
        yield from _candidates_long(layout, zone, values, size)
        return
    only = DIGITS if code in ("birth_date", "expiry_date") else ""
    sites = [
        _exchange(layout, values, offset, other, WEIGHTS[index % 3])
        for index, offset in enumerate(range(field.start, field.stop))
        for other in LOOK_ALIKE.get(zone[offset], "")
        if not only or other in only
    ]
    computed = int(digit_of(values[field]))
    if zone[place] in DIGITS:
        asked = (int(zone[place]) - computed) % 10
        if size == 1:
            yield from (site for site in sites if site.own == asked)
        else:
            for a, b in combinations(sites, 2):
                if (a.own + b.own) % 10 == asked and a.changes[0][0] != b.changes[0][0]:
                    yield _Exchange(a.changes + b.changes, 0, a.composite + b.composite)
    for other in LOOK_ALIKE.get(zone[place], ""):
        if other in DIGITS:
            asked = (int(other) - computed) % 10
            ending = _exchange(layout, values, place, other, 0)
            if size == 1 and asked == 0:
                yield ending
            elif size == 2:
                for site in sites:
                    if site.own == asked:
                        yield _Exchange(site.changes + ending.changes, 0, site.composite + ending.composite)


def _candidates_long(layout: Layout, zone: str, values: bytes, size: int) -> Iterator[_Exchange]:
    """The same for a number that goes on in the optional data, one exchange, both weightings."""
    start = layout.optional1.start
    end = zone.find("<", start, layout.optional1.stop)
    if size > 1:
        return
    for offset in (*range(layout.document_number.start, layout.document_number.stop), *range(start, end)):
        for other in LOOK_ALIKE.get(zone[offset], ""):
            fixed = _changed(zone, [(offset, other)])
            if "document_number" not in check(layout, fixed, layout.cut(fixed), clean=True).failed:
                yield _exchange(layout, values, offset, other, 0)


def _exchange(layout: Layout, values: bytes, offset: int, other: str, weight: int) -> _Exchange:
    shift = _VALUE[other] - values[offset]
    return _Exchange(((offset, other),), weight * shift % 10, layout.composite_weights[offset] * shift % 10)


def _changed(zone: str, changes: list[tuple[int, str]]) -> str:
    for offset, character in changes:
        zone = zone[:offset] + character + zone[offset + 1 :]
    return zone
