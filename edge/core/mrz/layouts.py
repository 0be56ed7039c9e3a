"""Where each field stands: one table a format, offsets counted over the joined lines from 0.

Sources: TD1 Doc 9303-5 section 4.2.2, TD2 Doc 9303-6 section 4.2.2, TD3 Doc 9303-4 section 4.2.2,
MRV-A and MRV-B Doc 9303-7 section 4.2.2, composite spans section 4.2.4 of the same parts. The French
national identity card of 1988-2021 (2 lines of 36) follows no part: number of 12 characters with its
own digit, given names in the lower line, composite digit over everything before it, no expiry, no
nationality.

Law: a format is recognised by the number and length of its lines, then by ``V`` (visa) or ``IDFRA``
in the first places; everything else in a zone is a matter for findings.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from operator import itemgetter
from typing import Any, Final

NOWHERE: Final = slice(0, 0)


@dataclass(frozen=True, slots=True, eq=False)  # one object a format: compared and hashed by identity
class Layout:
    """One format. A field that the format lacks lies at ``NOWHERE`` and reads as the empty text."""

    format: str
    line_count: int
    line_length: int
    code_letters: str                 # first letters that a document code of this format may have
    forbidden_codes: frozenset[str]   # whole codes that it may not have (note k of parts 5 and 6)
    document_type: slice
    issuing_state: slice
    document_number: slice
    document_number_digit: slice
    nationality: slice
    birth_date: slice
    birth_date_digit: slice
    sex: slice
    expiry_date: slice
    expiry_date_digit: slice
    optional1: slice
    optional1_digit: slice
    optional2: slice
    composite_digit: slice
    name: slice
    given_names: slice                # only where they stand apart from the surname
    composite: tuple[slice, ...] = ()
    overflow: bool = False            # a long number may go on in optional1 (note j of parts 5 and 6)
    cut: Callable[[str], tuple[str, ...]] = field(init=False)
    cut_composite: Callable[[bytes], Any] = field(init=False)
    composite_weights: tuple[int, ...] = field(init=False)  # by offset; 0 where the digit does not look

    def __post_init__(self) -> None:
        object.__setattr__(self, "cut", itemgetter(*(getattr(self, name) for name in FIELDS)))
        spans = self.composite + (NOWHERE,) * (2 - len(self.composite))  # two or more give a tuple
        object.__setattr__(self, "cut_composite", itemgetter(*spans))
        weights = [0] * (self.line_count * self.line_length)
        offsets = (offset for span in self.composite for offset in range(span.start, span.stop))
        for index, offset in enumerate(offsets):
            weights[offset] = (7, 3, 1)[index % 3]
        object.__setattr__(self, "composite_weights", tuple(weights))

    def place(self, offset: int) -> tuple[int, int]:
        """Offset over the joined lines -> line and column, both from 1."""
        return offset // self.line_length + 1, offset % self.line_length + 1

    def place_of(self, name: str) -> tuple[int, int] | tuple[None, None]:
        """Line and column, both from 1, where the field ``name`` begins; None for what has no place."""
        span = getattr(self, name, NOWHERE)
        return (None, None) if span == NOWHERE else self.place(span.start)

    def field_at(self, offset: int) -> str:
        """The name of the field that covers the offset."""
        for name in FIELDS:
            span = getattr(self, name)
            if span.start <= offset < span.stop:
                return _PRINTED_AS.get(name, name)
        return ""


FIELDS: Final = (
    "document_type", "issuing_state", "document_number", "document_number_digit", "nationality",
    "birth_date", "birth_date_digit", "sex", "expiry_date", "expiry_date_digit", "optional1",
    "optional1_digit", "optional2", "composite_digit", "name", "given_names",
)  # fmt: skip
"""The order in which ``Layout.cut`` gives the fields of a zone."""

_PRINTED_AS: Final = {"composite_digit": "composite"}


def _span(text: str) -> slice:
    start, _, stop = text.partition(":")
    return slice(int(start), int(stop) if stop else int(start) + 1)


def _layout(
    format_: str, count: int, length: int, letters: str, spans: str, *,
    composite: str = "", forbidden: str = "", overflow: bool = False,
) -> Layout:  # fmt: skip
    given = dict(part.split("=") for part in spans.split())
    names = dict(zip(_SHORT, FIELDS, strict=True))
    return Layout(
        format_, count, length, letters, frozenset(forbidden.split()),
        **{names[s]: _span(given[s]) if s in given else NOWHERE for s in _SHORT},
        composite=tuple(_span(part) for part in composite.split()),
        overflow=overflow,
    )  # fmt: skip


_SHORT: Final = ("type", "from", "no", "no#", "nat", "born", "born#", "sex", "ends", "ends#",
                 "opt", "opt#", "opt2", "all#", "name", "given")  # fmt: skip

_UPPER: Final = "type=0:2 from=2:5 "

TD3: Final = _layout(
    "TD3", 2, 44, "P",
    _UPPER + "name=5:44 no=44:53 no#=53 nat=54:57 born=57:63 born#=63 sex=64 ends=65:71 ends#=71 "
    "opt=72:86 opt#=86 all#=87",
    composite="44:54 57:64 65:87",
)  # fmt: skip
MRVA: Final = _layout(
    "MRVA", 2, 44, "V",
    _UPPER + "name=5:44 no=44:53 no#=53 nat=54:57 born=57:63 born#=63 sex=64 ends=65:71 ends#=71 opt=72:88",
)  # fmt: skip
TD2: Final = _layout(
    "TD2", 2, 36, "ACI",
    _UPPER + "name=5:36 no=36:45 no#=45 nat=46:49 born=49:55 born#=55 sex=56 ends=57:63 ends#=63 "
    "opt=64:71 all#=71",
    composite="36:46 49:56 57:71", forbidden="AV CV IV AC", overflow=True,
)  # fmt: skip
MRVB: Final = _layout(
    "MRVB", 2, 36, "V",
    _UPPER + "name=5:36 no=36:45 no#=45 nat=46:49 born=49:55 born#=55 sex=56 ends=57:63 ends#=63 opt=64:72",
)  # fmt: skip
TD1: Final = _layout(
    "TD1", 3, 30, "ACI",
    _UPPER + "no=5:14 no#=14 opt=15:30 born=30:36 born#=36 sex=37 ends=38:44 ends#=44 nat=45:48 "
    "opt2=48:59 all#=59 name=60:90",
    composite="5:37 38:45 48:59", forbidden="AV CV IV AI", overflow=True,
)  # fmt: skip
FRA_ID: Final = _layout(
    "FRA_ID", 2, 36, "I",
    _UPPER + "name=5:30 opt=30:36 no=36:48 no#=48 given=49:63 born=63:69 born#=69 sex=70 all#=71",
    composite="0:71",
)  # fmt: skip

ALL: Final = {layout.format: layout for layout in (TD1, TD2, TD3, MRVA, MRVB, FRA_ID)}


def recognise(lines: Sequence[str]) -> Layout | None:
    """The format of the lines, or None. A French card may yet prove to be a TD2: see ``parser``."""
    if len(lines) == 2:
        upper, length = lines[0], len(lines[0])
        if length == len(lines[1]):
            if length == 44:
                return MRVA if upper[0] in "Vv" else TD3
            if length == 36:
                if upper[:5] == "IDFRA":
                    return FRA_ID
                return MRVB if upper[0] in "Vv" else TD2
    elif len(lines) == 3 and len(lines[0]) == len(lines[1]) == len(lines[2]) == 30:
        return TD1
    return None
