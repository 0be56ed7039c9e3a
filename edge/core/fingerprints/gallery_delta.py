"""What leads from one generation of a gallery to the next: references that are gone, and those that came.

Laws:
1. A delta is made for one set: it names the digest of the manifest that it starts from. Whoever holds another set is
   told so before anything is composed.
2. A reference that changed in anything is gone and came again.
3. The same generations give the same delta, and the older one composed with it the very bytes of the newer.
4. Bytes that break a rule raise ``LayoutError``, nothing else.

Layout: a container of ``edge.core.watch.layout``, kind ``GDLT``: ``head`` (msgpack), ``removed`` u32 (rows of the older
gallery, rising), ``added`` (a gallery of its own).
"""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated, Final

import msgspec
import numpy as np

from edge.core.fingerprints.gallery import COLUMNS, GalleryTable
from edge.core.fingerprints.gallery_write import Rows, gather, runs
from edge.core.watch.layout import (
    KIND_GALLERY_DELTA,
    U32,
    Array,
    Buffer,
    Content,
    LayoutError,
    Sections,
    check_below,
    pack,
)
from edge.core.watch.manifest import MAX_GENERATION

FILE_NAME: Final = "gallery.delta"
_NUMBERED: Final = ("category", "action")  # columns that number texts, each gallery its own

Generation = Annotated[int, msgspec.Meta(ge=1, le=MAX_GENERATION)]


class DeltaHead(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Between which generations, and from which set. ``before`` is the SHA-256 (hex) of the older ``manifest.json``."""

    list_id: Annotated[str, msgspec.Meta(pattern="^[a-z0-9-]{2,40}$")]
    since: Generation
    to: Generation
    before: Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")]


class GalleryDelta:
    """An open delta: ``head``, ``removed`` (rows of the older gallery) and ``added``. Raises ``LayoutError``."""

    def __init__(self, buffer: Buffer) -> None:
        sections = Sections(buffer, KIND_GALLERY_DELTA)
        try:
            self.head = msgspec.msgpack.decode(sections.bytes("head"), type=DeltaHead)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            raise LayoutError("the head of a gallery's delta cannot be read") from error
        if self.head.to <= self.head.since:
            raise LayoutError("a gallery's delta does not lead forward")
        self.removed = sections.array("removed", U32)
        if bool((self.removed[1:] <= self.removed[:-1]).any()):
            raise LayoutError("the removed references of a gallery's delta are not in order")
        self.added = GalleryTable(sections.bytes("added"))


def make(head: DeltaHead, old: GalleryTable, new: GalleryTable) -> bytes:
    """The delta from ``old`` to ``new``. Raises ``LayoutError`` for galleries of two extractors."""
    if old.head != new.head:
        raise LayoutError("the galleries are of two extractors: no delta leads from one to the other")
    gone, came = changes(old, new)
    added = b"".join(gather([new], np.zeros(len(came), np.int64), came))
    sections: dict[str, Content] = {"head": msgspec.msgpack.encode(head), "removed": gone.astype(U32), "added": added}
    return pack(KIND_GALLERY_DELTA, sections)


def changes(old: GalleryTable, new: GalleryTable) -> tuple[Rows, Rows]:
    """Rows of ``old`` that are gone or changed, rows of ``new`` that came or changed; rising both."""
    places = {key: row for row, key in enumerate(old.keys())}
    pairs = [(places.pop(key, -1), row) for row, key in enumerate(new.keys())]
    both = np.array([pair for pair in pairs if pair[0] >= 0], np.int64).reshape(-1, 2)
    changed = both[_differing(old, new, both[:, 0], both[:, 1])]
    gone = np.sort(np.append(np.array(list(places.values()), np.int64), changed[:, 0]))
    came = np.sort(np.append(np.array([row for was, row in pairs if was < 0], np.int64), changed[:, 1]))
    return gone, came


def compose(old: GalleryTable, delta: GalleryDelta) -> list[Buffer]:
    """The newer gallery, as the buffers of one file. Raises ``LayoutError``."""
    check_below(delta.removed, len(old), "a gallery's delta")
    stays = np.ones(len(old), bool)
    stays[delta.removed] = False
    kept = np.flatnonzero(stays)
    known = old.keys()
    order = sorted([(known[row], 0, row) for row in kept.tolist()]
                   + [(key, 1, row) for row, key in enumerate(delta.added.keys())])  # fmt: skip
    if any(a[0] == b[0] for a, b in pairwise(order)):
        raise LayoutError("a gallery's delta adds a reference that is there")
    source = np.array([which for _, which, _ in order], np.int64)
    rows = np.array([row for _, _, row in order], np.int64)
    try:
        return gather([old, delta.added], source, rows)
    except ValueError as error:
        raise LayoutError("a gallery would have too many categories or action texts") from error


def _differing(old: GalleryTable, new: GalleryTable, before: Rows, after: Rows) -> Rows:
    """Which of these pairs of rows are not the same in everything. Both stand in one order."""
    differs = np.zeros(len(before), bool)
    for tag in COLUMNS:
        a, b = old.columns[tag][before], new.columns[tag][after]
        if tag in _NUMBERED:
            differs |= np.array(old.strings, object)[a] != np.array(new.strings, object)[b]
        else:
            differs |= a != b
    slots = [np.argsort(one.order, kind="stable") for one in (old, new)]
    groups = (
        (3 * before, 3 * after, 3, (old.text_at, new.text_at), ((old.text, new.text),)),
        (before, after, 1, (old.minutiae_at, new.minutiae_at), _columns(old.minutiae, new.minutiae)),
        (slots[0][before], slots[1][after], 1, (old.cylinders_at, new.cylinders_at),
         _columns(old.cylinders, new.cylinders)),
    )  # fmt: skip
    for ours, theirs, step, (at, to), columns in groups:
        for k in range(step):  # lengths first: what has the same lengths is compared in long pieces
            differs |= np.diff(at)[ours + k] != np.diff(to)[theirs + k]
        _compare(differs, ours // step, theirs // step, at[::step], to[::step], columns)
    return np.flatnonzero(differs)


_Columns = tuple[tuple[Buffer | Array, Buffer | Array], ...]


def _columns(old: dict[str, Array], new: dict[str, Array]) -> _Columns:
    return tuple((old[tag], new[tag]) for tag in old)


def _compare(
    differs: Array, ours: Rows, theirs: Rows, at: Array, to: Array, columns: _Columns
) -> None:
    """Mark the pairs whose items are not the same; neighbours are compared at once, and halved where they differ."""
    same = np.flatnonzero(~differs)
    shift = theirs[same] - ours[same]
    begin = 0
    for _, first, last in runs(shift, ours[same]):
        todo = [(begin, begin + last - first)]
        begin += last - first
        while todo:
            a, b = todo.pop()
            i, j = same[a], same[b - 1]
            left = slice(int(at[ours[i]]), int(at[ours[j] + 1]))
            right = slice(int(to[theirs[i]]), int(to[theirs[j] + 1]))
            if all(np.array_equal(np.asarray(x[left]), np.asarray(y[right])) for x, y in columns):
                continue
            if b - a == 1:
                differs[i] = True
            else:
                todo += [(a, (a + b) // 2), ((a + b) // 2, b)]
