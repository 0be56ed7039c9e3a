"""From pixels to candidates at a counter: gate, crop, extraction and a search over 100,000 templates.

Everything as the box does it: the gate in this process, extraction and search each in its child process under
MemoryDenyWriteExecute, a sealed gallery that is opened in the search child alone. Images are synthetic prints of the
size of a U.are.U 4500, each laid down anew; each is searched among drawn templates and the person's own reference.
A finger on a synthetic pad has about as many minutiae as a real one; accuracy is measured elsewhere.

``--goal`` is the most a finger may take, in seconds from the last byte of its image to its candidates: exit code 1
if the median took longer.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import numpy as np

from benchmarks import finger_gallery, machine
from common.fingers.child import Child
from common.fingers.extraction import NAME, ExtractOptions, extract_in
from common.fingers.extractors import NAMES
from drivers.virtual.prints import synthetic_print
from edge.core import vault
from edge.core.fingerprints.cylinders import describe_many
from edge.core.fingerprints.frame_quality import judge
from edge.core.fingerprints.gallery import GalleryEntry, GalleryTable
from edge.core.fingerprints.gallery_write import build
from edge.core.fingerprints.model import FingerImage, Position, Template
from edge.core.screening import Screener
from edge.core.trusted import ClockState, Trusted
from edge.core.vault import KeyRing, RingEntry
from edge.core.watch import FileDigest, Lost, Manifest, Records
from edge.core.watch import manifest as manifests
from edge.core.watch.manifest import GalleryInfo
from edge.fingers.searcher import Searcher, SearchPolicy
from edge.watchlists import Watchlists

WIDTH, HEIGHT, PPI = 384, 290, 512.0  # of a U.are.U 4500
KEY: Final = RingEntry("wanted", 1, hashlib.sha256(b"a key of a benchmark").digest())
PLACE: Final = Position.RIGHT_INDEX
DISTINCT: Final = 10_000  # templates that are described; a larger gallery holds them several times
STAGES: Final = ("gate", "extract", "search")


@dataclass
class Timed:
    """Wall and CPU seconds of each stage, one entry a finger."""

    wall: dict[str, list[float]] = field(default_factory=lambda: {one: [] for one in STAGES})
    cpu: dict[str, list[float]] = field(default_factory=lambda: {one: [] for one in STAGES})

    @contextmanager
    def stage(self, name: str, pid: int | None) -> Iterator[None]:
        """Measure: the wall, the CPU of this process and of the child that works for it."""
        began, used = time.perf_counter(), _cpu(pid)
        yield
        self.wall[name].append(time.perf_counter() - began)
        self.cpu[name].append(_cpu(pid) - used)

    def totals(self, of: dict[str, list[float]]) -> list[float]:
        """Of every finger, over all stages."""
        return [sum(one) for one in zip(*of.values(), strict=True)]


def _cpu(pid: int | None) -> float:
    mine = time.process_time()
    if pid is None:
        return mine
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return mine + (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def print_of(person: int, impression: int) -> FingerImage:
    """A finger as the scanner gives it."""
    pixels = synthetic_print(seed=person, width=WIDTH, height=HEIGHT, impression=impression)
    return FingerImage(np.frombuffer(pixels, np.uint8).reshape(HEIGHT, WIDTH), PPI)


def gallery(references: list[Template], count: int, extractor_id: str) -> bytes:
    """The references of the persons, among drawn templates, ``count`` in all."""
    distinct = min(DISTINCT, count - len(references))
    drawn = [replace(one, extractor_id=extractor_id, position=PLACE) for one in finger_gallery.fingers(distinct, 1)]
    templates = [*references, *drawn]
    described = list(describe_many(templates))
    places = [*range(len(references)), *(
        len(references) + i % distinct for i in range(count - len(references)))]
    entries = [
        GalleryEntry(f"P-{i:07d}" if i < len(references) else f"S-{i:07d}", "R", PLACE) for i in range(count)
    ]
    return build(extractor_id, entries, [templates[i] for i in places], [described[i] for i in places])


def publish(root: Path, plain: bytes) -> None:
    """The gallery as a sealed generation of a box's lists folder."""
    table = GalleryTable(plain)
    data = vault.seal_file(plain, KEY, generation=1, kind="GALL")
    place = root / KEY.list_id / "0000000001"
    place.mkdir(parents=True)
    (place / "gallery.bin").write_bytes(data)
    now = datetime.now(UTC)
    manifest = Manifest(
        list_id=KEY.list_id, title="Benchmark", generation=1, source_date=now, built_at=now,
        records=Records(0, table.persons, 0), lost=Lost(0, len(table)),
        files={"gallery.bin": FileDigest(len(data), hashlib.sha256(data).hexdigest())}, silent=False,
        action="Confirm with the NCB.",
        gallery=GalleryInfo(table.extractor_id, len(table), table.persons, table.positions),
    )  # fmt: skip
    (place / "manifest.json").write_bytes(manifests.encode(manifest))


def searcher_over(root: Path, memory_mib: int) -> Searcher:
    """As the box makes it."""
    lists = Watchlists.open(root, keys=lambda: KeyRing.of([KEY])).lists
    now = datetime.now(UTC)
    return Searcher(
        lambda: lists, Screener(), lambda: Trusted(ClockState.SYSTEM, now, now),
        SearchPolicy(work_s=60.0, memory_mib=memory_mib),
    )


def measure(child: Child, searcher: Searcher, persons: int, impressions: int) -> tuple[Timed, int]:
    """Every person laid down so often; and how many were found."""
    timed, found = Timed(), 0
    for person in range(persons):
        for impression in range(1, impressions + 1):
            image = print_of(person, impression)
            with timed.stage("gate", None):
                judge(image)
            with timed.stage("extract", child.pid):
                template = extract_in(child, image, PLACE, quality=True, timeout_s=60.0)
            with timed.stage("search", searcher.pid):
                answer = searcher.search(template, PLACE)
            assert not answer.problem, answer.problem
            found += any(c.record == f"P-{person:07d}" for c in answer.candidates)
    return timed, found


def tell(report: machine.Report, timed: Timed) -> float:
    """The table; the median of a whole finger."""
    report.say(f"{'':10}{'wall median':>13}{'worst':>9}{'CPU median':>13}{'worst':>9}   s")
    rows = {name: (timed.wall[name], timed.cpu[name]) for name in STAGES}
    rows["all"] = timed.totals(timed.wall), timed.totals(timed.cpu)
    for name, (wall, cpu) in rows.items():
        middle, used = statistics.median(wall), statistics.median(cpu)
        report.say(f"{name:10}{middle:13.3f}{max(wall):9.3f}{used:13.3f}{max(cpu):9.3f}")
        report.figures[name] = {"wall": {"median": round(middle, 4), "worst": round(max(wall), 4)},
                                "cpu": {"median": round(used, 4), "worst": round(max(cpu), 4)}}
    return statistics.median(rows["all"][0])


def main() -> int:
    """Build, load, measure."""
    words = machine.parser(__doc__)
    words.add_argument("--templates", type=int, default=100_000, help="in the gallery")
    words.add_argument("--persons", type=int, default=10, help="whose fingers are taken")
    words.add_argument("--impressions", type=int, default=2, help="of each")
    words.add_argument("--extractor", choices=NAMES, default="leader")
    words.add_argument("--goal", type=float, default=1.5, help="seconds a finger may take (median)")
    given = words.parse_args()
    report = machine.Report("finger_counter", given)
    return run(report, given)


def run(report: machine.Report, given: argparse.Namespace) -> int:
    """The benchmark with its children."""
    options = ExtractOptions(given.extractor, 2)
    with tempfile.TemporaryDirectory() as folder, Child({NAME: options}, no_new_code=True) as child:
        references = [extract_in(child, print_of(p, 0), PLACE, timeout_s=60.0) for p in range(given.persons)]
        plain = gallery(references, given.templates, references[0].extractor_id)
        publish(Path(folder), plain)
        searcher = searcher_over(Path(folder), 4096)
        try:
            began = time.perf_counter()
            while searcher.tend():
                time.sleep(0.01)
            loaded, held = time.perf_counter() - began, _resident(searcher.pid)
            report.say(f"gallery of {given.templates} templates: {len(plain) / 1e6:.0f} MB, opened in {loaded:.2f} s "
                       f"by a fresh child of {held:.0f} MB; {_resident(child.pid):.0f} MB extract")
            timed, found = measure(child, searcher, given.persons, given.impressions)
        finally:
            searcher.close()
    middle = tell(report, timed)
    taken = given.persons * given.impressions
    report.say(f"{found} of {taken} found; goal {given.goal} s")
    report.figures |= {
        "found": found, "taken": taken, "load_s": round(loaded, 3), "child_mb": round(held),
        "bytes_a_template": round(len(plain) / given.templates), "good": middle <= given.goal,
    }
    report.end()
    return 0 if middle <= given.goal else 1


def _resident(pid: int | None) -> float:
    """Resident memory in MB."""
    lines = Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS")) * 1024 / 1e6


if __name__ == "__main__":
    sys.exit(main())
