"""Galleries of templates that are no finger's: numbers drawn by a seed, in the shapes that real ones have."""

from __future__ import annotations

from datetime import date
from typing import Any

import numpy as np

from edge.core.fingerprints.cylinders import describe_many
from edge.core.fingerprints.gallery import GalleryEntry
from edge.core.fingerprints.gallery_write import build
from edge.core.fingerprints.model import Position, Template

EXTRACTOR = "invented-1"


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
            category=("", "murder", "fraud")[i % 3], action=("", "Call the shift leader. Confirm with the NCB.")[i % 2],
            name=f"Invented {i}" if i % 4 else "",
        )  # fmt: skip
        found[one.record, one.reference, position] = (one, seed * 100_000 + i)
    return found
