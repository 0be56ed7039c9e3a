"""Proposals: which look-alike characters, put right, make the check digits agree?

Laws:
1. A proposal is made only where the field's own digit *and* the composite digit agree with it, and
   the date in it is a date. Visas have no composite digit, so they get no proposals.
2. The fewest changes win: two characters of a field are tried only when no single one fits.
3. All that fit are told: ``len({a.lines for a in alternatives})`` ways are equally good. A zone in
   which more than two fields fail is not a matter of look-alikes.
4. The work is bounded: at most ``MAX_CANDIDATES`` per field and ``MAX_ALTERNATIVES`` in all.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations, product
from typing import Final

from edge.core.documents import Alternative
from edge.core.mrz import dates
from edge.core.mrz.layouts import Layout
from edge.core.mrz.verify import check

MAX_ALTERNATIVES: Final = 16
MAX_CANDIDATES: Final = 12      # corrected readings of one field that its own digit agrees with
MAX_TRIED: Final = 400          # readings of one field tried

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
_Change = tuple[int, str]  # offset over the joined lines, character to stand there


def propose(layout: Layout, zone: str, failed: tuple[str, ...]) -> tuple[Alternative, ...]:
    """The corrected readings of a clean zone whose digits ``failed``; empty if there are none."""
    own = [code for code in failed if code != "composite"]
    if not layout.composite or len(own) > 2:
        return ()
    choices = [_candidates(layout, zone, code) for code in own]
    composite = layout.composite_digit.start
    if "composite" in failed and zone[composite].isalpha():  # a letter in the digit's place
        choices.append([((composite, c),) for c in LOOK_ALIKE.get(zone[composite], "") if c.isdigit()])
        own = [*own, "composite"]
    if not choices:
        return ()
    found: list[Alternative] = []
    for changes in product(*choices):
        fixed = _changed(zone, [change for part in changes for change in part])
        cut = layout.cut(fixed)
        checked = check(layout, fixed, cut, clean=True)
        if checked.failed or dates.parts_of(cut[5]) is None or (cut[8] and dates.parts_of(cut[8]) is None):
            continue
        size = layout.line_length
        lines = tuple(fixed[i : i + size] for i in range(0, len(fixed), size))
        values = {
            "document_number": checked.document_number.rstrip("<"),
            "birth_date": cut[5],
            "expiry_date": cut[8],
            "optional_data": checked.optional1.rstrip("<"),
            "composite": cut[13],
        }
        count = sum(map(len, changes))
        found += [Alternative(_field(code), values[code], lines, count) for code in own]
        if len(found) >= MAX_ALTERNATIVES:
            break
    return tuple(found[:MAX_ALTERNATIVES])


def _field(code: str) -> str:
    return "optional1" if code == "optional_data" else code


def _candidates(layout: Layout, zone: str, code: str) -> list[tuple[_Change, ...]]:
    """Changes within one field and its digit after which its own digit agrees, fewest first."""
    sites = [
        (offset, other)
        for offset in _offsets(layout, zone, code)
        for other in LOOK_ALIKE.get(zone[offset], "")
        if code not in ("birth_date", "expiry_date") or other.isdigit()
    ]
    fitting: list[tuple[_Change, ...]] = []
    for tried, changes in enumerate(_sets(sites)):
        if tried >= MAX_TRIED or len(fitting) >= MAX_CANDIDATES:
            break
        if fitting and len(changes) > len(fitting[0]):
            break
        fixed = _changed(zone, changes)
        if code not in check(layout, fixed, layout.cut(fixed), clean=True).failed:
            fitting.append(changes)
    return fitting


def _offsets(layout: Layout, zone: str, code: str) -> list[int]:
    field, digit = (getattr(layout, name) for name in _OWN_DIGIT[code])
    offsets = [*range(field.start, field.stop), digit.start]
    if code == "document_number" and layout.overflow and zone[digit.start] == "<":
        end = zone.find("<", layout.optional1.start, layout.optional1.stop)
        offsets += range(layout.optional1.start, max(end, layout.optional1.start))
    return offsets


def _sets(sites: list[_Change]) -> Iterator[tuple[_Change, ...]]:
    for site in sites:
        yield (site,)
    for first, second in combinations(sites, 2):
        if first[0] != second[0]:
            yield first, second


def _changed(zone: str, changes: list[_Change] | tuple[_Change, ...]) -> str:
    for offset, character in changes:
        zone = zone[:offset] + character + zone[offset + 1 :]
    return zone
