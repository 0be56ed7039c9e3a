"""From references with their templates, or from rows of galleries, to the bytes of one gallery.

Laws:
1. What is written depends on the references and templates alone, not on the order they came in or on where they came
   from (law 2 of ``gallery``): references in order, texts of categories and actions in order, each once.
2. Of galleries that rows are taken from nothing is copied but into the result: neighbours that stay neighbours are
   taken as one piece.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import chain, pairwise
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from edge.core.fingerprints.cylinders import WORDS, Described
from edge.core.fingerprints.gallery import (
    COLUMNS,
    CYLINDERS,
    MAX_CATEGORY,
    MAX_NAME,
    MAX_TEMPLATES,
    MINUTIAE,
    SILENT,
    UNKNOWN_QUALITY,
    Columns,
    GalleryEntry,
    GalleryTable,
    Head,
    describer,
)
from edge.core.fingerprints.model import MAX_MINUTIAE, MAX_SIDE, Template, same_extractor
from edge.core.watch.entries import MAX_ACTION, MAX_REFERENCE
from edge.core.watch.layout import KIND_GALLERY, U8, U64, Array, Buffer, Content, LayoutError, pack_parts
from edge.core.watch.manifest import is_extractor_id
from edge.core.watch.strings import TAG, StringPool

Rows = NDArray[np.int64]

_FIELDS: Final = {"min_x": "x", "min_y": "y", "min_a": "angle", "min_k": "kind", "min_q": "quality",
                  "cyl_bits": "bits", "cyl_a": "angle", "cyl_x": "x", "cyl_y": "y"}  # fmt: skip


def build(
    extractor_id: str, entries: Sequence[GalleryEntry], templates: Sequence[Template], described: Sequence[Described]
) -> bytes:  # fmt: skip
    """The gallery of these references, in any order; ``templates`` and ``described`` stand in the order of ``entries``.

    Raises ``ValueError`` for a reference that is there twice or beyond the limits, ``FingerError`` for a template of
    another extractor.
    """
    head = Head(extractor_id, describer())
    if not is_extractor_id(extractor_id):
        raise ValueError("an extractor's id has 1 to 100 printable ASCII characters, no blank")
    if len(entries) > MAX_TEMPLATES:
        raise ValueError(f"a gallery has at most {MAX_TEMPLATES} templates")
    for entry, template, cylinders in zip(entries, templates, described, strict=True):
        same_extractor(extractor_id, template.extractor_id)
        same_extractor(extractor_id, cylinders.extractor_id)
        _check(entry, template, cylinders)
    order = sorted(range(len(entries)), key=lambda i: entries[i].key)
    if any(entries[a].key == entries[b].key for a, b in pairwise(order)):
        raise ValueError("one finger of a reference stands in a gallery twice")
    pool = _pool({text for e in entries for text in (e.category, e.action)})
    rows = [_row(entries[i], templates[i], pool) for i in order]
    columns = {
        tag: np.array([row[k] for row in rows], dtype=dtype) for k, (tag, dtype) in enumerate(COLUMNS.items())
    }
    texts = [text.encode() for i in order for text in (entries[i].record, entries[i].reference, entries[i].name)]
    shards = [order[i] for i in np.argsort(columns["position"], kind="stable")]
    sections: dict[str, Content] = {
        **columns, "text_at": _ends([len(t) for t in texts]), "text": b"".join(texts),
        "min_at": _ends([len(templates[i]) for i in order]),
        **_pieces(MINUTIAE, [templates[i] for i in order]),
        "cyl_at": _ends([len(described[i].angle) for i in shards]),
        **_pieces(CYLINDERS, [described[i] for i in shards]),
    }  # fmt: skip
    return b"".join(_packed(head, pool, sections))


def gather(sources: Sequence[GalleryTable], source: Rows, rows: Rows) -> list[Buffer]:
    """The gallery of row ``rows[i]`` of ``sources[source[i]]``, as the buffers of one file.

    The rows must stand in the order of a gallery. Raises ``LayoutError`` for galleries of two extractors or too many
    templates, ``ValueError`` for too many texts.
    """
    head = sources[0].head
    if any(one.head != head for one in sources):
        raise LayoutError("galleries of two extractors cannot be one")
    if len(rows) > MAX_TEMPLATES:
        raise LayoutError(f"a gallery has more than {MAX_TEMPLATES} templates")
    bases = np.cumsum([0, *(len(one) for one in sources)])
    every = bases[source] + rows  # of the sources one behind the other
    columns, pool = _columns(sources, every)
    shard_order = np.argsort(columns["position"], kind="stable")
    # The place of each row among the cylinders of its source, which stand by shards there.
    slots = np.concatenate([np.argsort(one.order, kind="stable") for one in sources])
    sections: dict[str, Content] = {**columns}
    _take_texts(sections, sources, source, rows)
    _take(sections, "min_at", MINUTIAE, [(s.minutiae_at, s.minutiae) for s in sources], source, rows)
    wanted = every[shard_order]
    _take(
        sections, "cyl_at", CYLINDERS, [(s.cylinders_at, s.cylinders) for s in sources], source[shard_order],
        slots[wanted],
    )  # fmt: skip
    return _packed(head, pool, sections)


def runs(source: Rows, rows: Rows) -> list[tuple[int, int, int]]:
    """Neighbours that stay neighbours: (source, first row, row behind the last) of each stretch, in order."""
    if not len(rows):
        return []
    breaks = np.flatnonzero((np.diff(rows) != 1) | (np.diff(source) != 0)) + 1
    begins, ends = np.append(0, breaks), np.append(breaks, len(rows))
    return [
        (int(source[a]), int(rows[a]), int(rows[a]) + int(b - a)) for a, b in zip(begins, ends, strict=True)
    ]


def _check(entry: GalleryEntry, template: Template, cylinders: Described) -> None:
    texts = ((entry.record, 1, MAX_REFERENCE), (entry.reference, 1, MAX_REFERENCE), (entry.name, 0, MAX_NAME),
             (entry.category, 0, MAX_CATEGORY), (entry.action, 0, MAX_ACTION))  # fmt: skip
    if any(not low <= len(text) <= high for text, low, high in texts):
        raise ValueError("a text of a reference is empty or too long")
    if not (0 <= entry.quality <= 100 or entry.quality == UNKNOWN_QUALITY):
        raise ValueError("the quality of a reference is not between 0 and 100")
    if template.position not in (entry.position, 0):
        raise ValueError("a template is of another finger than its reference")
    if not (0 <= template.width <= MAX_SIDE and 0 <= template.height <= MAX_SIDE) or len(template) > MAX_MINUTIAE:
        raise ValueError(f"a template has more than {MAX_MINUTIAE} minutiae, or its image more than {MAX_SIDE} pixels")
    n = len(cylinders)
    if cylinders.bits.shape != (n, WORDS) or not n == len(cylinders.x) == len(cylinders.y):
        raise ValueError("the cylinders of a template do not fit together")


def _row(entry: GalleryEntry, template: Template, pool: StringPool) -> tuple[int, ...]:
    """In the order of ``COLUMNS``."""
    review = entry.review_date.toordinal() if entry.review_date else 0
    return (int(entry.position), entry.quality, SILENT * entry.silent, review, pool.index(entry.category),
            pool.index(entry.action), template.width, template.height)  # fmt: skip


def _pool(texts: set[str]) -> StringPool:
    pool = StringPool()
    for text in sorted(texts):
        pool.index(text)
    return pool


def _pieces(columns: Columns, things: Sequence[object]) -> dict[str, Content]:
    """The arrays of these templates or cylinders, one behind the other, for each column."""
    return {
        tag: [np.empty(0, dtype), *(np.asarray(getattr(one, _FIELDS[tag])).astype(dtype) for one in things)]
        for tag, dtype in columns.items()
    }


def _columns(sources: Sequence[GalleryTable], every: Rows) -> tuple[dict[str, Array], StringPool]:
    columns = {tag: np.concatenate([one.columns[tag] for one in sources])[every] for tag in COLUMNS}
    texts = list(chain.from_iterable(one.strings for one in sources))
    bases = np.repeat(
        np.cumsum([0, *(len(one.strings) for one in sources[:-1])]), [len(one) for one in sources]
    )[every]
    named = {tag: columns[tag].astype(np.int64) + bases for tag in ("category", "action")}
    used = {int(i) for one in named.values() for i in np.unique(one)}
    pool = _pool({texts[i] for i in used})
    numbers = np.zeros(len(texts), COLUMNS["action"])
    for i in used:
        numbers[i] = pool.index(texts[i])
    return {**columns, **{tag: numbers[one] for tag, one in named.items()}}, pool


def _take_texts(
    sections: dict[str, Content], sources: Sequence[GalleryTable], source: Rows, rows: Rows
) -> None:  # fmt: skip
    lengths = np.concatenate([np.diff(one.text_at).reshape(-1, 3) for one in sources])
    bases = np.cumsum([0, *(len(one) for one in sources)])
    found: list[Array] = [np.empty(0, U8)]
    for which, first, last in runs(source, rows):
        at, text = sources[which].text_at, np.frombuffer(sources[which].text, U8)
        found.append(text[int(at[3 * first]) : int(at[3 * last])])
    sections["text_at"] = _ends(lengths[bases[source] + rows].reshape(-1))
    sections["text"] = found


def _take(
    sections: dict[str, Content], offsets: str, columns: Columns,
    stores: Sequence[tuple[Array, Mapping[str, Array]]], source: Rows, rows: Rows,
) -> None:  # fmt: skip
    """Put the items of these rows, and where each row begins, into ``sections``."""
    lengths = np.concatenate([np.diff(at) for at, _ in stores])
    bases = np.cumsum([0, *(len(at) - 1 for at, _ in stores)])
    stretches = [
        (which, int(stores[which][0][first]), int(stores[which][0][last]))
        for which, first, last in runs(source, rows)
    ]
    sections[offsets] = _ends(lengths[bases[source] + rows])
    for tag, dtype in columns.items():
        sections[tag] = [np.empty(0, dtype), *(stores[which][1][tag][a:b] for which, a, b in stretches)]


def _ends(lengths: Sequence[int] | Array) -> Array:
    """Where each begins, and the end of the last."""
    return np.append(0, np.cumsum(np.asarray(lengths, dtype=np.int64))).astype(U64)


def _packed(head: Head, pool: StringPool, sections: Mapping[str, Content]) -> list[Buffer]:
    return pack_parts(KIND_GALLERY, {"head": msgspec.msgpack.encode(head), TAG: pool.encode(), **sections})
