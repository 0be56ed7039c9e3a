"""The gallery file: references of wanted persons, their templates, and by finger position what a scan needs.

Laws:
1. References stand in the order of record, reference, position (by code points), and none stands there twice. Shards
   follow one another by position; within one the templates stand in the order of their references.
2. The same references and templates give the same bytes, whether a gallery was built at once or composed from an older
   one and a delta (``gallery_delta``).
3. Every bound, of the texts too, is checked when the file is opened (``gallery_texts``), not when a person is found;
   bytes that break a rule raise ``LayoutError`` and nothing else.
4. One gallery, one extractor (law 3 of ``model``), and one way to describe: what another program described differently
   is refused, since its scores would mean nothing here (``describer``).
5. Nothing of a record, a name or a finger is in any ``repr``.

Layout: a container of ``edge.core.watch.layout``, kind ``GALL``. ``head`` (msgpack) and ``strings``; one item a
reference: ``position`` ``quality`` ``flags`` u8, ``review`` u32 (proleptic day, 0 none), ``category`` ``action`` u16,
``width`` ``height`` u16; ``text_at`` u64 and ``text``: record id, reference id and name of each, UTF-8. Minutiae, in
the order of the references: ``min_at`` u64, ``min_x`` ``min_y`` i16, ``min_a`` ``min_k`` ``min_q`` u8. Cylinders, in
the order of the shards: ``cyl_at`` u64, ``cyl_bits`` u64 (WORDS each), ``cyl_a`` u8, ``cyl_x`` ``cyl_y`` i16.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import date
from functools import lru_cache
from itertools import chain, pairwise
from typing import Any, Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from edge.core.fingerprints import gallery_texts
from edge.core.fingerprints.cylinders import MOST, WORDS, describe
from edge.core.fingerprints.model import MAX_MINUTIAE, MAX_SIDE, FingerError, Position, Template
from edge.core.fingerprints.shard import Shard, check_shard
from edge.core.watch.entries import MAX_ACTION
from edge.core.watch.layout import (
    I16,
    KIND_GALLERY,
    U8,
    U16,
    U32,
    U64,
    Array,
    Buffer,
    LayoutError,
    Sections,
    check_below,
    check_offsets,
)
from edge.core.watch.manifest import is_extractor_id
from edge.core.watch.strings import MAX_STRINGS, open_strings

MAX_TEMPLATES: Final = 1_000_000   # of one gallery: 2 kB each, and a file is opened into memory
MAX_NAME: Final = gallery_texts.MAX_NAME
MAX_CATEGORY: Final = 60           # characters
UNKNOWN_QUALITY: Final = 255
SILENT: Final = 1                  # flag
POSITIONS: Final = len(Position)

Columns = dict[str, np.dtype[Any]]
# Columns with one item a reference, and the two groups of columns with several items a template.
COLUMNS: Final[Columns] = {
    "position": U8, "quality": U8, "flags": U8, "review": U32, "category": U16, "action": U16, "width": U16,
    "height": U16,
}  # fmt: skip
MINUTIAE: Final[Columns] = {"min_x": I16, "min_y": I16, "min_a": U8, "min_k": U8, "min_q": U8}
CYLINDERS: Final[Columns] = {"cyl_bits": U64, "cyl_a": U8, "cyl_x": I16, "cyl_y": I16}


class Head(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which extractor made the templates, and which way of describing the cylinders."""

    extractor_id: str
    describer: str


@lru_cache(maxsize=1)
def describer() -> str:
    """The name of this program's way to describe: 16 hex digits of what it makes of 40 drawn minutiae."""
    step = np.arange(40)
    x, y, angle = (step * 89) % 211, (step * 151) % 197, (step * 101) % 256
    found = describe(
        Template(
            "", Position.UNKNOWN, 256, 256, x.astype(np.int16), y.astype(np.int16), angle.astype(np.uint8),
            np.ones(40, np.uint8), ((step * 37) % 101).astype(np.uint8),
        )
    )  # fmt: skip
    arrays = (found.bits.astype("<u8"), found.x.astype("<i2"), found.y.astype("<i2"), found.angle)
    return hashlib.sha256(b"|".join(one.tobytes() for one in arrays)).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class GalleryEntry:
    """One reference: one finger of one record.

    ``record`` and ``reference`` have 1 to 60 characters, ``quality`` is 0 to 100 or 255 for unknown; the other texts
    may be empty. After ``review_date`` it matches no more (by trusted time).
    """

    record: str = field(repr=False)
    reference: str = field(repr=False)
    position: Position
    quality: int = UNKNOWN_QUALITY
    review_date: date | None = None
    silent: bool = False
    category: str = field(default="", repr=False)
    action: str = field(default="", repr=False)
    name: str = field(default="", repr=False)

    @property
    def key(self) -> tuple[str, str, int]:
        """The order of a gallery."""
        return self.record, self.reference, int(self.position)


class GalleryTable:
    """An open gallery; ``len`` is the number of templates. Raises ``LayoutError`` when it is made; later only if the
    buffer was changed since."""

    def __init__(self, buffer: Buffer) -> None:
        sections = Sections(buffer, KIND_GALLERY)
        self.head = _head(sections)
        position = sections.array("position", U8)
        size = len(position)
        if size > MAX_TEMPLATES:
            raise LayoutError(f"a gallery has more than {MAX_TEMPLATES} templates")
        self.strings = open_strings(sections)
        """Categories and action texts, which the columns number."""
        self.columns: dict[str, Array] = {tag: sections.array(tag, dtype, items=size) for tag, dtype in COLUMNS.items()}
        self._check_columns()
        self.text_at = sections.array("text_at", U64, items=3 * size + 1)
        self.text = sections.bytes("text")
        check_offsets(self.text_at, len(self.text), "a gallery's texts")
        gallery_texts.check_texts(self.text_at, self.text, position)
        self.minutiae_at, self.minutiae = _group(sections, "min_at", MINUTIAE, size)
        if size and int(np.diff(self.minutiae_at).max()) > MAX_MINUTIAE:
            raise LayoutError(f"a template of a gallery has more than {MAX_MINUTIAE} minutiae")
        self.cylinders_at, found = _group(sections, "cyl_at", CYLINDERS, size)
        self.cylinders = {**found, "cyl_bits": found["cyl_bits"].reshape(-1, WORDS)}
        self._offsets = self.cylinders_at.astype(np.int64)
        self.order = np.argsort(position, kind="stable")
        """The reference of each template of the shards, in their order."""
        self._starts = np.append(0, np.cumsum(np.bincount(position, minlength=POSITIONS)))
        try:
            check_shard(self._shard(0, size))
        except FingerError as error:
            raise LayoutError("the cylinders of a gallery do not fit together") from error

    def __len__(self) -> int:
        return len(self.columns["position"])

    @property
    def extractor_id(self) -> str:
        """Of every template."""
        return self.head.extractor_id

    @property
    def positions(self) -> tuple[int, ...]:
        """Templates by position, 11 counts."""
        return tuple(int(b - a) for a, b in pairwise(self._starts))

    @property
    def persons(self) -> int:
        """Distinct records."""
        at = self.text_at.tolist()
        records = [bytes(self.text[at[3 * i] : at[3 * i + 1]]) for i in range(len(self))]
        return sum(1 for i, one in enumerate(records) if not i or records[i - 1] != one)

    def shard(self, position: Position) -> Shard:
        """All templates of a position, views of the buffer but for the offsets.

        ``Position.UNKNOWN`` are those whose position the source did not state.
        """
        return self._shard(int(self._starts[position]), int(self._starts[position + 1]))

    def rows(self, position: Position) -> NDArray[np.int64]:
        """The reference of each template of ``shard(position)``: its place in the gallery."""
        found: NDArray[np.int64] = self.order[self._starts[position] : self._starts[position + 1]]
        return found

    def _shard(self, first: int, last: int) -> Shard:
        offsets = self._offsets[first : last + 1]
        run = slice(int(offsets[0]), int(offsets[-1]))
        c = self.cylinders
        return Shard(
            self.extractor_id, c["cyl_bits"][run], c["cyl_x"][run], c["cyl_y"][run], c["cyl_a"][run],
            offsets - offsets[0],
        )  # fmt: skip

    def entry(self, row: int) -> GalleryEntry:
        """The reference at a place of the gallery. Raises ``LayoutError`` for a text that is no UTF-8."""
        c = self.columns
        record, reference, name = self.texts(row)
        review = int(c["review"][row])
        return GalleryEntry(
            record=record, reference=reference, position=Position(int(c["position"][row])),
            quality=int(c["quality"][row]), review_date=date.fromordinal(review) if review else None,
            silent=bool(c["flags"][row] & SILENT), category=self.strings[c["category"][row]],
            action=self.strings[c["action"][row]], name=name,
        )  # fmt: skip

    def texts(self, row: int) -> tuple[str, str, str]:
        """Record id, reference id and name. Raises ``LayoutError``."""
        at = [int(one) for one in self.text_at[3 * row : 3 * row + 4]]
        try:
            record, reference, name = (str(self.text[a:b], "utf-8") for a, b in pairwise(at))
        except UnicodeDecodeError:
            raise LayoutError("a text of a gallery cannot be read") from None
        return record, reference, name

    def template(self, row: int) -> Template:
        """The minutiae of a reference: views of the buffer."""
        first, last = int(self.minutiae_at[row]), int(self.minutiae_at[row + 1])
        c, m = self.columns, self.minutiae
        return Template(
            extractor_id=self.extractor_id, position=Position(int(c["position"][row])), width=int(c["width"][row]),
            height=int(c["height"][row]), x=m["min_x"][first:last], y=m["min_y"][first:last],
            angle=m["min_a"][first:last], kind=m["min_k"][first:last], quality=m["min_q"][first:last],
            image_quality=int(c["quality"][row]),
        )  # fmt: skip

    def keys(self) -> list[tuple[str, str, int]]:
        """Record, reference and position of every reference, in order."""
        return list(chain.from_iterable(gallery_texts.keys_of(self.text_at, self.text, self.columns["position"])))

    def _check_columns(self) -> None:
        c = self.columns
        check_below(c["position"], POSITIONS, "a finger position")
        check_below(c["flags"], 2 * SILENT, "a flag")
        check_below(c["category"], len(self.strings), "a category")
        check_below(c["action"], len(self.strings), "an action text")
        check_below(c["review"], date.max.toordinal() + 1, "a review date")
        check_below(c["width"], MAX_SIDE + 1, "a width")
        check_below(c["height"], MAX_SIDE + 1, "a height")
        if bool(((c["quality"] > 100) & (c["quality"] != UNKNOWN_QUALITY)).any()):
            raise LayoutError("a quality is above 100")
        if len(self.strings) > MAX_STRINGS + 1 or any(len(text) > MAX_ACTION for text in self.strings):
            raise LayoutError("a gallery has too many categories and action texts, or one that is too long")
        if any(len(self.strings[i]) > MAX_CATEGORY for i in np.unique(c["category"]).tolist()):
            raise LayoutError("a category is too long")


def _head(sections: Sections) -> Head:
    try:
        head = msgspec.msgpack.decode(sections.bytes("head"), type=Head)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise LayoutError("the head of a gallery cannot be read") from error
    if not is_extractor_id(head.extractor_id):
        raise LayoutError("a gallery does not name its extractor")
    if head.describer != describer():
        raise LayoutError("a gallery was described by another version of this program")
    return head


def _group(sections: Sections, offsets: str, columns: Columns, size: int) -> tuple[Array, dict[str, Array]]:
    """Columns with several items a template, their lengths and offsets checked."""
    at = sections.array(offsets, U64, items=size + 1)
    total = int(at[-1])
    found = {
        tag: sections.array(tag, dtype, items=total * (WORDS if tag == "cyl_bits" else 1))
        for tag, dtype in columns.items()
    }
    check_offsets(at, total, "a gallery's templates")
    return at, found


assert MOST <= MAX_MINUTIAE
