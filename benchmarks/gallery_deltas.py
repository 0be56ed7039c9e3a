"""A gallery of fingers on its way: bytes a template, what a delta weighs, how long a box composes and opens it.

    python -m benchmarks.gallery_deltas --templates 10000 --changed 100

The prints are drawn (benchmarks.finger_gallery), each two fingers of one record. Built, sealed, changed and packed as
headquarters does; checked, composed, sealed and put in place as a box does (``edge.updates.gallery_place``), then
opened as the process that searches does: digest, decryption into memory of its own, every bound. Fails if the box has
not the very file of headquarters.
"""

from __future__ import annotations

import argparse
import hashlib
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from benchmarks import machine
from benchmarks.finger_gallery import EXTRACTOR, fingers
from edge.core.distribution import Step
from edge.core.fingerprints.cylinders import Described, describe_many
from edge.core.fingerprints.gallery import GalleryEntry, GalleryTable
from edge.core.fingerprints.gallery_delta import DeltaHead, make
from edge.core.fingerprints.gallery_write import build
from edge.core.fingerprints.model import Position, Template
from edge.core.vault import RingEntry, header_of, open_into, seal_file
from edge.core.watch import manifest as manifests
from edge.core.watch.manifest import FileDigest, GalleryInfo, Lost, Manifest, Records
from edge.secret_memory import allocate
from edge.updates.gallery_place import DELTA, GalleryPlace
from hq.gallery_tail import LEAST_PAIRS, fitted

LIST: Final = "drawn"
KEY: Final = RingEntry(LIST, 1, bytes(range(32)))
AS_OF: Final = datetime(2026, 3, 1, tzinfo=UTC)
FINGERS: Final = (Position.RIGHT_INDEX, Position.LEFT_INDEX)

Row = tuple[GalleryEntry, Template, Described]


@dataclass(frozen=True, slots=True)
class Took:
    """Seconds of wall and of processor."""

    wall: float
    cpu: float

    def told(self) -> dict[str, float]:
        """For the report."""
        return {"wall_s": round(self.wall, 4), "cpu_s": round(self.cpu, 4)}


def timed(work: Callable[[], Any]) -> tuple[Any, Took]:
    """The result, and what it took."""
    wall, cpu = time.perf_counter(), time.process_time()
    found = work()
    return found, Took(time.perf_counter() - wall, time.process_time() - cpu)


def rows_of(count: int, seed: int, first: int = 0) -> list[Row]:
    """References with their templates and cylinders; record and reference follow from ``first``."""
    found = []
    for i, template in enumerate(fingers(count, seed), first):
        position = FINGERS[i % 2]
        entry = GalleryEntry(f"D-{i // 2:07d}", "1", position, 60, action="Confirm with the NCB.", name=f"Drawn {i}")
        found.append((entry, replace(template, position=position)))
    described = describe_many(template for _, template in found)
    return [(entry, template, cylinders) for (entry, template), cylinders in zip(found, described, strict=True)]


def laid(place: Path, rows: Sequence[Row], number: int) -> tuple[bytes, bytes]:
    """Write a sealed generation; its plain gallery and its manifest."""
    data = build(EXTRACTOR, *zip(*rows, strict=True)) if rows else build(EXTRACTOR, [], [], [])
    table = GalleryTable(data)
    sealed = seal_file(data, KEY, generation=number, kind="GALL")
    told = manifests.encode(Manifest(
        list_id=LIST, title="Drawn fingers", generation=number, source_date=AS_OF, built_at=AS_OF,
        records=Records(0, table.persons, 0), lost=Lost(0, len(rows)), silent=False, action="Confirm with the NCB.",
        files={manifests.GALLERY: FileDigest(bytes=len(sealed), sha256=hashlib.sha256(sealed).hexdigest())},
        gallery=GalleryInfo(EXTRACTOR, len(table), table.persons, table.positions),
    ))  # fmt: skip
    place.mkdir(parents=True)
    (place / manifests.GALLERY).write_bytes(sealed)
    (place / manifests.FILE_NAME).write_bytes(told)
    return data, told


def opened(path: Path) -> GalleryTable:
    """As the process that searches starts: read, digest, decrypt into memory without a file, check every bound."""
    data = path.read_bytes()
    hashlib.sha256(data).hexdigest()
    memory = allocate(header_of(data).length)
    open_into(data, KEY.key, memory)
    return GalleryTable(memory)


def measured(templates: int, changed: int, work: Path, say: Callable[[str], None]) -> dict[str, Any]:
    """All figures of one size."""
    rows, took_rows = timed(lambda: rows_of(templates, 1))
    (old, told), took_build = timed(lambda: laid(work / "lists" / LIST / manifests.folder_name(1), rows, 1))
    half = changed // 2
    later = rows[changed - half :] + rows_of(changed - half, 2, first=2 * templates)
    for i, (entry, template, cylinders) in enumerate(later[:half]):  # half are other words of the same prints
        later[i] = (replace(entry, category="other"), template, cylinders)
    new, told_after = laid(work / "hq" / manifests.folder_name(2), later, 2)
    head = DeltaHead(LIST, 1, 2, hashlib.sha256(told).hexdigest())
    delta, took_delta = timed(lambda: make(head, GalleryTable(old), GalleryTable(new)))
    sealed = seal_file(delta, KEY, generation=2, kind="GDLT")
    (work / DELTA).write_bytes(sealed)
    place = GalleryPlace(work / "lists", LIST, lambda ident: KEY.key if ident == KEY.key_id else None)
    step = Step(LIST, 1, 2, AS_OF, len(later), hashlib.sha256(told_after).hexdigest(), ())
    files = {manifests.FILE_NAME: work / "hq" / manifests.folder_name(2) / manifests.FILE_NAME, DELTA: work / DELTA}
    _, took_put = timed(lambda: place.put(step, files))
    put = work / "lists" / LIST / manifests.folder_name(2) / manifests.GALLERY
    same = put.read_bytes() == (work / "hq" / manifests.folder_name(2) / manifests.GALLERY).read_bytes()
    table, took_open = timed(lambda: opened(put))
    figures = {
        "bytes": put.stat().st_size, "bytes_a_template": round(put.stat().st_size / max(1, len(table)), 1),
        "minutiae_a_template": round(len(table.minutiae["min_a"]) / max(1, len(table)), 1),
        "describe": took_rows.told(), "build": took_build.told(), "delta_bytes": len(sealed),
        "make_delta": took_delta.told(), "put": took_put.told(), "open": took_open.told(), "same": same,
        "peak_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000),
    }  # fmt: skip
    say(f"{templates:,} templates: {figures['bytes'] / 1e6:.1f} MB sealed, {figures['bytes_a_template']} bytes a "
        f"template of {figures['minutiae_a_template']} minutiae")  # fmt: skip
    say(f"delta of {changed}: {len(sealed):,} bytes, made in {took_delta.cpu:.2f} s CPU; checked, composed, sealed and "
        f"in place in {took_put.wall:.2f} s ({took_put.cpu:.2f} s CPU); {'the very file' if same else 'ANOTHER FILE'}")
    say(f"opened and decrypted in {took_open.wall:.3f} s ({took_open.cpu:.3f} s CPU)")
    tail, took_tail = timed(lambda: fitted(table, AS_OF))
    if tail is not None:
        figures["tail"] = {"pairs": tail.pairs, "score": tail.score, "rate": tail.rate, **took_tail.told()}
        say(f"impostor tail of {tail.pairs:,} pairs in {took_tail.cpu:.1f} s CPU: FMR 0.1 % at {tail.score:.2f}")
    else:
        say(f"fewer than {LEAST_PAIRS:,} pairs of strangers: no tail")
    return figures


def main(words: Sequence[str] | None = None) -> int:
    """Measure and print; 1 if a box composed another file than headquarters."""
    parser = machine.parser(__doc__)
    parser.add_argument("--templates", type=int, default=10_000)
    parser.add_argument("--changed", type=int, default=100, help="half gone and come, half changed in their words")
    given: argparse.Namespace = parser.parse_args(words)
    report = machine.Report("gallery_deltas", given)
    with tempfile.TemporaryDirectory(prefix="gallery-") as folder:
        report.figures = measured(given.templates, given.changed, Path(folder), report.say)
    report.end()
    return 0 if report.figures["same"] else 1


if __name__ == "__main__":
    sys.exit(main())
