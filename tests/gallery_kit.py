"""Galleries of templates that are no finger's: numbers drawn by a seed, in the shapes that real ones have."""

from __future__ import annotations

import hashlib
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import numpy as np

from edge.core.fingerprints.cylinders import describe_many
from edge.core.fingerprints.gallery import GalleryEntry, GalleryTable
from edge.core.fingerprints.gallery_write import build
from edge.core.fingerprints.model import Position, Template
from edge.core.vault import RingEntry, seal_file
from edge.core.watch.manifest import (
    FILE_NAME,
    GALLERY,
    FileDigest,
    GalleryInfo,
    Lost,
    Manifest,
    Records,
    encode,
    folder_name,
)

EXTRACTOR = "invented-1"
AS_OF = datetime(2026, 3, 1, 12, tzinfo=UTC)


def finger(seed: int, position: Position = Position.RIGHT_INDEX, *, minutiae: int | None = None) -> Template:
    drawn = np.random.default_rng(seed)
    n = int(drawn.integers(0, 60)) if minutiae is None else minutiae
    return Template(
        extractor_id=EXTRACTOR, position=position, width=300, height=400,
        x=drawn.integers(0, 300, n).astype(np.int16), y=drawn.integers(0, 400, n).astype(np.int16),
        angle=drawn.integers(0, 256, n).astype(np.uint8), kind=drawn.integers(0, 3, n).astype(np.uint8),
        quality=drawn.integers(0, 101, n).astype(np.uint8), image_quality=int(drawn.integers(0, 101)),
    )  # fmt: skip


def entry(record: str, position: Position = Position.RIGHT_INDEX, **more: Any) -> GalleryEntry:
    return GalleryEntry(record=record, reference=more.pop("reference", "a"), position=position, **more)


Wanted = dict[tuple[str, str, Position], tuple[GalleryEntry, int]]
"""References and the seed of each one's finger."""


def written(wanted: Wanted) -> bytes:
    """The gallery of these, in the order of the mapping."""
    templates = [finger(seed, one.position) for one, seed in wanted.values()]
    return build(EXTRACTOR, [one for one, _ in wanted.values()], templates, list(describe_many(templates)))


def some(count: int, *, seed: int = 0) -> Wanted:
    """``count`` references of ``count`` // 2 records or so, several positions, texts and dates."""
    drawn = np.random.default_rng(seed)
    found: Wanted = {}
    for i in range(count):
        position = Position(int(drawn.integers(0, 11)))
        one = GalleryEntry(
            record=f"R-{i // 2:05d}", reference=f"F-{i % 2}", position=position, quality=int(drawn.integers(0, 101)),
            review_date=date(2030, 1, 1 + i % 28) if i % 3 else None, silent=i % 5 == 0,
            category=("", "murder", "fraud")[i % 3],
            action=("", "Call the shift leader. Confirm with the NCB.")[i % 2],
            name=f"Invented {i}" if i % 4 else "",
        )  # fmt: skip
        found[one.record, one.reference, position] = (one, seed * 100_000 + i)
    return found


def generation(
    out: Path, wanted: Wanted, number: int, *, list_id: str = "un", as_of: datetime = AS_OF,
    key: RingEntry | None = None,
) -> Path:  # fmt: skip
    """Lay a generation below ``out`` as ``lists build`` (and ``keys seal-lists``, with a key) would."""
    data = written(wanted)
    table = GalleryTable(data)
    info = GalleryInfo(EXTRACTOR, len(table), table.persons, table.positions)
    if key is not None:
        data = seal_file(data, key, generation=number, kind="GALL")
    digest = FileDigest(bytes=len(data), sha256=hashlib.sha256(data).hexdigest())
    manifest = Manifest(
        list_id=list_id, title="Invented fingers", generation=number, source_date=as_of, built_at=as_of,
        records=Records(0, table.persons, 0), lost=Lost(0, len(table)), files={GALLERY: digest}, silent=False,
        action="Confirm with the NCB.", gallery=info,
    )  # fmt: skip
    place = out / list_id / folder_name(number)
    place.mkdir(parents=True)
    (place / GALLERY).write_bytes(data)
    (place / FILE_NAME).write_bytes(encode(manifest))
    return place
