"""Documents at the scale of SLTD: build, size, look-ups warm and cold, memory, wrong answers; SQLite beside it.

    python -m benchmarks.document_store                         # 140 million records: 12 GB of disk for a while
    python -m benchmarks.document_store --records 5000000       # a trial
    python -m benchmarks.document_store --skip-sqlite --folder /big/disk
    python -m benchmarks.document_store --keep /big/disk/base.sdl   # for document_deltas --base, or once more:
    python -m benchmarks.document_store --base /big/disk/base.sdl

"Cold" is after POSIX_FADV_DONTNEED on the disk of this machine; a box's eMMC is slower. The exit code is 1 if an answer
was wrong, or if the store took 20 MB or more above bare Python.
"""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks import document_base, machine
from benchmarks.document_corpus import LIST_ID
from hq.keyed_build import opened

MOST_MEMORY = 20_000  # kB above bare Python


def to_sqlite(base: Path, path: Path) -> dict[str, Any]:
    """The same rows in SQLite, in the order of its key."""
    began = time.perf_counter()
    here = sqlite3.connect(path)
    here.executescript("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; "
                       "CREATE TABLE documents (key INTEGER PRIMARY KEY, value INTEGER NOT NULL)")
    with opened(base) as file:

        def rows(first: int, last: int) -> Iterator[tuple[int, int]]:
            for at in range(first, last, 65_536):
                data = file.rows_bytes(at, min(last, at + 65_536))
                for i in range(0, len(data), 16):
                    yield (int.from_bytes(data[i : i + 8], "big", signed=True),
                           int.from_bytes(data[i + 9 : i + 16], "big"))

        # signed integers: the upper half of the keys comes first
        middle, count = file.span(1, 1)[0], file.header.rows
        for part in ((middle, count), (0, middle)):
            here.executemany("INSERT OR IGNORE INTO documents VALUES (?, ?)", rows(*part))
    here.commit()
    here.close()
    return {"seconds": round(time.perf_counter() - began, 1), "bytes": path.stat().st_size}


def asked(name: str, place: Path, records: int, asks: int) -> dict[str, Any]:
    """Ask in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.document_asks", name, str(place), str(records), str(asks)]
    found: dict[str, Any] = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    return found


def lines(name: str, told: dict[str, Any]) -> Iterator[str]:
    """What was found, for people."""
    for which in ("warm", "cold"):
        t = told[which]
        yield (f"{name:6} {which:4}              p50 {t['p50']:7.1f}  p99 {t['p99']:8.1f}  p99.9 {t['p999']:8.1f}  "
               f"max {t['max']:9.1f} us")
    core = told["warm"]["core"]
    yield f"  warm, on a core alone  p50 {core['p50']:7.1f}  p99 {core['p99']:8.1f}  p99.9 {core['p999']:8.1f} us"
    yield f"  wrong answers          {told['warm']['wrong']} of {told['warm']['asks']:,} (half hits, half misses)"
    yield f"  memory                 {told['memory_kib'] * 1.024 / 1000:.1f} MB above bare Python"
    if "open_s" in told:
        yield f"  opened in              {told['open_s'] * 1000:.0f} ms; all verified in {told['verify_s']:.1f} s"


def main() -> int:
    """Print the table; 0 if every answer was right and memory stayed below the bar."""
    words = machine.parser(__doc__)
    words.add_argument("--records", type=int, default=140_000_000)
    words.add_argument("--asks", type=int, default=1_000_000, help="hits, and as many misses")
    words.add_argument("--base", type=Path, metavar="FILE", help="ask this one; none is built")
    words.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    words.add_argument("--folder", type=Path, help="where there is room (a temporary folder)")
    words.add_argument("--skip-sqlite", action="store_true")
    words.add_argument("--keep", type=Path, metavar="FILE", help="move the base here at the end, on the same disk")
    given = words.parse_args()
    report = machine.Report("document_store", given)
    figures = report.figures
    work = Path(tempfile.mkdtemp(prefix="bp-documents-", dir=given.folder))
    try:
        base = given.base
        if base is None:
            base, figures["build"] = document_base.build(work, given.records, given.workers)
            for line in document_base.told(figures["build"]):
                report.say(line)
        with opened(base) as file:
            figures["records"] = records = file.header.count
        report.say(f"{records:,} records")
        folder = work / LIST_ID
        document_base.install(base, folder)
        figures["keyed"] = asked("keyed", folder, records, given.asks)
        for line in lines("keyed", figures["keyed"]):
            report.say(line)
        shutil.rmtree(folder)
        if not given.skip_sqlite:
            figures["sqlite_build"] = to_sqlite(base, work / "documents.sqlite")
            report.say(f"SQLite build             {figures['sqlite_build']['seconds']:.0f} s, sorted, no journal; "
                       f"{figures['sqlite_build']['bytes'] / 1e6:,.0f} MB")
            figures["sqlite"] = asked("sqlite", work / "documents.sqlite", records, given.asks)
            for line in lines("sqlite", figures["sqlite"]):
                report.say(line)
        if given.keep is not None and given.base is None:
            base.replace(given.keep)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    keyed = figures["keyed"]
    good = not keyed["warm"]["wrong"] and keyed["memory_kib"] * 1.024 < MOST_MEMORY and not keyed["numpy"]
    figures["good"] = good
    report.end()
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
