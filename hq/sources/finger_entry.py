"""What an index says about one finger of a wanted person, before its file is read."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from edge.core.fingerprints.cylinders import Described
from edge.core.fingerprints.gallery import GalleryEntry
from edge.core.fingerprints.model import Position, Template


@dataclass(frozen=True, slots=True)
class FingerEntry:
    """One row. ``ppi`` overrides what the file states of its resolution; ``line`` is where the index says so."""

    told: GalleryEntry
    path: Path = field(repr=False)
    line: int = 0
    ppi: float | None = None

    @property
    def review_date(self) -> date | None:
        """After it the reference matches no more."""
        return self.told.review_date

    @property
    def position(self) -> Position:
        """Which finger."""
        return self.told.position


@dataclass(frozen=True, slots=True)
class FingerRead:
    """The same with the template of its file, and its cylinders once they are described."""

    told: GalleryEntry
    template: Template
    line: int = 0
    described: Described | None = None

    @property
    def review_date(self) -> date | None:
        """After it the reference matches no more."""
        return self.told.review_date
