"""Deltas of 100,000 additions and 1,000 removals under 200 questions a second, a compaction, kill -9 at 200 moments.

    python -m benchmarks.document_deltas                          # over a base of 20 million records, made first
    python -m benchmarks.document_deltas --base /big/base.sdl     # over one that document_store --keep left
    python -m benchmarks.document_deltas --records 300000 --deltas 2 --kills 20     # a trial

The exit code is 1 if an answer was wrong, or if kill -9 ever led to anything but the old or the new generation.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import document_base, machine
from benchmarks.document_corpus import LIST, LIST_ID, PAYLOADS, RING, text
from benchmarks.document_kills import killed
from benchmarks.document_reader import Reader, centiles, told
from edge import compact
from edge.core.keyed import delta as deltas
from edge.core.keyed import rows as tables
from edge.core.keyed import setdigest
from edge.core.keyed.header import Header
from edge.core.keyed.rows import Rows
from edge.keyed_files import KeyedList
from hq.keyed_build import opened

ADDS, REMOVALS = 100_000, 1_000


def rows(numbers: range, layer: int) -> Rows:
    """Documents as rows of one layer."""
    keys = np.array([int.from_bytes(LIST.mac(text(i))[:8], "big") for i in numbers], dtype=np.uint64)
    tails = [PAYLOADS[i % 3989] ^ int.from_bytes(LIST.mask(layer, text(i)), "big") for i in numbers]
    return tables.from_unsorted(keys, np.array(tails, dtype=np.uint64), (layer,))


def delta(header: Header, adds: Rows, tombs: Rows) -> bytes:
    """The delta from what a header tells to the next generation."""
    layer = max(adds.layers, default=header.last_layer)
    digest = setdigest.minus(setdigest.plus(header.digest, setdigest.of(adds)), setdigest.of(tombs))
    return deltas.encode(deltas.Delta(
        header.list_id, header.key_id, header.generation, header.generation + 1, header.created + 3600,
        header.as_of + 3600, header.count, header.count + len(adds) - len(tombs), header.digest, digest, layer,
        adds, tombs,
    ))


def apply_while_asked(folder: Path, records: int, times: int, rest: float, report: machine.Report) -> bool:
    """Deltas one after the other, then the compaction; True if every answer was right."""
    here = KeyedList.open(folder, LIST_ID, RING.get)
    for _ in here.verify():
        pass
    spans, wrote = [], []
    figures: dict[str, Any] = report.figures
    with Reader(here, records) as reader:
        time.sleep(rest)
        still = (0.0, time.perf_counter())
        change = b""
        for n in range(times):
            first = 2 * records + ADDS * n
            tombs = rows(range(REMOVALS * n, REMOVALS * (n + 1)), 1)
            change = delta(here.header, rows(range(first, first + ADDS), here.header.last_layer + 1), tombs)
            begin = time.perf_counter()
            applied = here.apply(change)
            spans.append((begin, time.perf_counter()))
            wrote.append(applied.written)
            if here.find(text(REMOVALS * n)) or not here.find(text(first)):
                raise SystemExit(f"delta {n} is not what answers")
        each = [b - a for a, b in spans]
        figures["delta"] = {
            "adds": ADDS, "removals": REMOVALS, "bytes": len(change), "times": times,
            "seconds": [round(s, 3) for s in each], "written": wrote,
            "reader_before": centiles(reader.between([still])), "reader_during": centiles(reader.between(spans)),
            "reader_during_the_first": centiles(reader.between(spans[:1])),
        }
        report.say(f"delta of {ADDS:,} + {REMOVALS:,}, {len(change) / 1e6:.2f} MB, {times} one after the other")
        report.say(f"  applied in             {min(each):.3f} to {max(each):.3f} s; written {wrote[0] / 1e6:.2f} MB "
                   f"the first, {wrote[-1] / 1e6:.2f} MB the last")
        report.say(f"  reader before          {told(figures['delta']['reader_before'])}")
        report.say(f"  reader during          {told(figures['delta']['reader_during'])}")
        begin = time.perf_counter()
        child = compact.start(folder, LIST_ID)
        child.wait()
        span = (begin, time.perf_counter())
        here.refresh()
        if child.returncode or here.overlay_rows:
            raise SystemExit("the compaction failed")
        time.sleep(rest)
        after = (span[1], time.perf_counter())
        base = next(folder.glob("base-*.sdl"))
    figures["compaction"] = {
        "seconds": round(span[1] - span[0], 1), "written": base.stat().st_size,
        "reader_during": centiles(reader.between([span])), "reader_after": centiles(reader.between([after])),
    }
    report.say(f"compaction, own process  {span[1] - span[0]:.1f} s, {base.stat().st_size / 1e6:,.0f} MB written")
    report.say(f"  reader during          {told(figures['compaction']['reader_during'])}")
    report.say(f"  reader after           {told(figures['compaction']['reader_after'])}")
    figures["wrong"], figures["questions"] = reader.wrong, len(reader)
    report.say(f"wrong answers meanwhile  {reader.wrong} of {len(reader)}")
    return not reader.wrong


@dataclass
class Turns:
    """Adds the same documents and takes them away again, in turn."""

    numbers: range
    added: Rows = field(default_factory=tables.empty)

    def __call__(self, header: Header, there: bool) -> tuple[bytes, bool]:
        if there:
            return delta(header, tables.empty(), self.added), False
        self.added = rows(self.numbers, header.last_layer + 1)
        return delta(header, self.added, tables.empty()), True


def kills(folder: Path, records: int, points: int, report: machine.Report) -> bool:
    """kill -9 at moments of an apply; True if all went well."""
    change = Turns(range(10 * records, 10 * records + ADDS))
    probe = [text(i) for i in change.numbers[::9973]]
    found = killed(folder, LIST_ID, RING.get, probe, change, points)
    report.figures["kill"] = found
    report.say(f"kill -9 at {points} points     {found['old']} old, {found['new']} new, {found['neither']} neither, "
               f"{found['back']} back")
    report.say("  on the disk            " + ", ".join(f"{n} {what}" for what, n in found["on_disk"].items()))
    return bool(points == found["old"] + found["new"])


def main() -> int:
    """Print the table; 0 if all was as it should be."""
    words = machine.parser(__doc__)
    words.add_argument("--records", type=int, default=20_000_000, help="of the base that is made")
    words.add_argument("--base", type=Path, metavar="FILE", help="take this base instead; it is copied")
    words.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    words.add_argument("--deltas", type=int, default=20)
    words.add_argument("--rest", type=float, default=5.0, help="seconds of questions before the first and after all")
    words.add_argument("--kills", type=int, default=200)
    words.add_argument("--folder", type=Path, help="where there is room (a temporary folder)")
    given = words.parse_args()
    report = machine.Report("document_deltas", given)
    work = Path(tempfile.mkdtemp(prefix="bp-deltas-", dir=given.folder))
    try:
        base, records = given.base, given.records
        if base is None:
            base, report.figures["build"] = document_base.build(work, records, given.workers)
            for line in document_base.told(report.figures["build"]):
                report.say(line)
        with opened(base) as file:
            report.figures["records"] = records = file.header.count
        report.say(f"over a base of {records:,} records")
        document_base.install(base, work / LIST_ID)
        if given.base is None:
            base.unlink()
        good = apply_while_asked(work / LIST_ID, records, given.deltas, given.rest, report)
        good = kills(work / LIST_ID, records, given.kills, report) and good
    finally:
        shutil.rmtree(work, ignore_errors=True)
    report.figures["good"] = good
    report.end()
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
