"""Galleries on a box's disk, made of fingers that nobody has: drawn minutiae, laid down again turned and shaken."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from pathlib import Path

import msgspec
import numpy as np

from edge.core import vault
from edge.core.fingerprints.cylinders import describe_many
from edge.core.fingerprints.gallery import GalleryEntry, GalleryTable
from edge.core.fingerprints.gallery_write import build
from edge.core.fingerprints.model import Position, Template
from edge.core.screening import Screener
from edge.core.trusted import ClockState, Trusted
from edge.core.vault import KeyRing, RingEntry
from edge.core.watch import FileDigest, Lost, Manifest, Policy, Records
from edge.core.watch import manifest as manifests
from edge.core.watch.manifest import GalleryInfo, Tail
from edge.fingers.searcher import Searcher, SearchPolicy
from edge.watchlists import Watchlists

EXTRACTOR = "invented-1"
DATE = datetime(2026, 2, 1, tzinfo=UTC)
NOW = datetime(2026, 2, 3, tzinfo=UTC)
TRUSTED = Trusted(ClockState.SIGNED, NOW, NOW)
UNTRUSTED = Trusted(ClockState.UNTRUSTED, None, None)
KEY = RingEntry("wanted", 1, bytes(range(32)))
RING = KeyRing.of([KEY])
TAIL = Tail(score=4.0, rate=2.5, pairs=1000, seed=1, fitted_at=DATE)
INDEX, OTHER = Position.RIGHT_INDEX, Position.LEFT_INDEX


def finger(seed: int, position: Position = INDEX, *, minutiae: int = 45, extractor: str = EXTRACTOR) -> Template:
    """Minutiae of an invented finger, at least some pixels apart."""
    drawn = np.random.default_rng([seed, int(position)])
    x, y = drawn.integers(20, 300, minutiae), drawn.integers(20, 380, minutiae)
    return Template(
        extractor, position, 320, 400, x.astype(np.int16), y.astype(np.int16),
        drawn.integers(0, 256, minutiae).astype(np.uint8), drawn.integers(1, 3, minutiae).astype(np.uint8),
        drawn.integers(40, 101, minutiae).astype(np.uint8), 80,
    )  # fmt: skip


def again(template: Template, seed: int = 1, *, lost: float = 0.15, turn: int = 9) -> Template:
    """Another impression: turned by ``turn`` 256ths, shifted, shaken by a pixel or so, some minutiae missing."""
    drawn = np.random.default_rng([seed, 99])
    kept = drawn.random(len(template)) >= lost
    way = turn * np.pi / 128
    x, y = template.x - 160.0, template.y - 200.0
    u = np.cos(way) * x + np.sin(way) * y + 165 + drawn.normal(0, 1, len(x))
    v = -np.sin(way) * x + np.cos(way) * y + 195 + drawn.normal(0, 1, len(x))
    angle = template.angle.astype(np.int16) + turn + drawn.integers(-2, 3, len(x))
    return replace(
        template, x=u.astype(np.int16)[kept], y=v.astype(np.int16)[kept], angle=(angle & 255).astype(np.uint8)[kept],
        kind=template.kind[kept], quality=template.quality[kept],
    )  # fmt: skip


@dataclass(frozen=True)
class Wanted:
    """One reference: who, which finger (by seed)."""

    record: str
    seed: int
    position: Position = INDEX
    silent: bool = False
    review: date | None = None
    stated: Position | None = None  # what the list says of the position; None: the truth
    reference: str = ""

    def entry(self) -> GalleryEntry:
        stated = self.position if self.stated is None else self.stated
        return GalleryEntry(
            record=self.record, reference=self.reference or f"F-{self.seed}", position=stated, quality=80,
            review_date=self.review, silent=self.silent, category="red", name=f"Invented {self.record}",
        )  # fmt: skip

    def template(self, extractor: str = EXTRACTOR) -> Template:
        stated = self.position if self.stated is None else self.stated
        return replace(finger(self.seed, self.position, extractor=extractor), position=stated)


def people(count: int, *, first: int = 0, position: Position = INDEX) -> list[Wanted]:
    return [Wanted(f"R-{first + i:05d}", 10_000 + first + i, position) for i in range(count)]


def gallery_bytes(wanted: Sequence[Wanted], extractor: str = EXTRACTOR) -> bytes:
    templates = [one.template(extractor) for one in wanted]
    return build(extractor, [one.entry() for one in wanted], templates, list(describe_many(templates)))


def crowd(count: int, *, record: str = "C") -> bytes:
    """A gallery of many references of one finger, described once: for what needs size, not people."""
    template = finger(4711)
    (described,) = describe_many([template])
    entries = [GalleryEntry(f"{record}-{i:07d}", "F", INDEX, name="Invented") for i in range(count)]
    return build(EXTRACTOR, entries, [template] * count, [described] * count)


def put(
    root: Path, generation: int, wanted: Sequence[Wanted], *, list_id: str = "wanted", key: RingEntry | None = KEY,
    extractor: str = EXTRACTOR, silent: bool = False, image: bool = False, tail: Tail | None = TAIL,
    source: datetime = DATE, policy: Policy | None = None, plain: bytes | None = None, stated: bytes | None = None,
) -> Path:  # fmt: skip
    """A generation on the disk, sealed by ``key``; ``plain``: these bytes instead of what ``wanted`` gives; ``stated``:
    the gallery whose counts the manifest tells."""
    data = gallery_bytes(wanted, extractor) if plain is None else plain
    table = GalleryTable(data if plain is None or stated is None else stated)
    if key is not None:
        data = vault.seal_file(data, replace(key, list_id=list_id), generation=generation, kind="GALL")
    place = root / list_id / f"{generation:010d}"
    place.mkdir(parents=True)
    (place / "gallery.bin").write_bytes(data)
    manifest = Manifest(
        list_id=list_id, title="Invented", generation=generation, source_date=source, built_at=source,
        records=Records(0, table.persons, 0), lost=Lost(0, len(wanted)),
        files={"gallery.bin": FileDigest(len(data), hashlib.sha256(data).hexdigest())}, silent=silent,
        action="Refer to second line. Confirm with the NCB.", policy=policy or msgspec.UNSET,
        gallery=GalleryInfo(extractor, len(table), table.persons, table.positions, image, tail),
    )  # fmt: skip
    (place / "manifest.json").write_bytes(manifests.encode(manifest))
    return place


@dataclass
class Box:
    """A lists folder with a searcher over it."""

    root: Path
    now: Trusted = TRUSTED
    policy: SearchPolicy = field(default_factory=lambda: SearchPolicy(work_s=20.0, memory_mib=2048))
    screener: Screener = field(default_factory=lambda: Screener(max_age_seconds=10 * 86_400.0))

    def __post_init__(self) -> None:
        self.lists = Watchlists.open(self.root, keys=lambda: RING)
        self.searcher = Searcher(lambda: self.lists.lists, self.screener, lambda: self.now, self.policy)

    def refresh(self) -> None:
        self.lists = self.lists.refresh()

    def settle(self) -> None:
        """Look until nothing is being read."""
        until = time.monotonic() + 20
        while self.searcher.tend() and time.monotonic() < until:
            time.sleep(0.005)

    def __enter__(self) -> Box:
        return self

    def __exit__(self, *_: object) -> None:
        self.searcher.close()
