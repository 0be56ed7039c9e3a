"""The document store at the scale of SLTD: build, size, look-ups, memory, deltas under load, kill -9; SQLite beside it.

    python -m benchmarks.document_store                         # 140 million records: 12 GB of disk for a while
    python -m benchmarks.document_store --records 5000000       # a trial
    python -m benchmarks.document_store --skip-sqlite --folder /big/disk

"Cold" is after POSIX_FADV_DONTNEED on the disk of this machine; a box's eMMC is slower.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import platform
import resource
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks.document_corpus import LIST, LIST_ID, entries
from benchmarks.document_deltas import apply_while_asked, killed
from edge.keyed_install import install_base
from hq.keyed_build import Edition, assemble, opened, spread


def _spread(folder: Path, first: int, last: int) -> None:
    spread(folder, entries(first, last), LIST, 1)


def build(work: Path, records: int, workers: int) -> Path:
    """A base of that many records."""
    began = time.perf_counter()
    cuts = [records * n // workers for n in range(workers + 1)]
    folders = [work / f"spread-{n}" for n in range(workers)]
    children = [
        multiprocessing.get_context("spawn").Process(target=_spread, args=(folders[n], cuts[n], cuts[n + 1]))
        for n in range(workers)
    ]
    for child in children:
        child.start()
    for child in children:
        child.join()
    if any(child.exitcode for child in children):
        raise SystemExit("the keys could not be made")
    keyed = time.perf_counter()
    disk = sum(path.stat().st_size for folder in folders for path in folder.iterdir())
    built = assemble(work, folders, Edition(LIST_ID, 1, 1, 1_767_225_600, 1_767_225_600), LIST)
    done = time.perf_counter()
    peak = max(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    size = built.path.stat().st_size
    print(f"build                    {done - began:.0f} s: {keyed - began:.0f} s keys and masks ({workers} processes), "
          f"{done - keyed:.0f} s sorting, writing, checking")
    print(f"  size                   {size / 1e6:,.0f} MB, {size / max(1, built.count):.2f} bytes a record; "
          f"{disk / 1e9:.1f} GB of partitions meanwhile; at most {peak >> 10} MiB of memory")
    assert built.count == records
    built.plain.unlink()
    return built.path


def to_sqlite(base: Path, path: Path) -> None:
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
    print(f"SQLite build             {time.perf_counter() - began:.0f} s, sorted, no journal; "
          f"{path.stat().st_size / 1e6:,.0f} MB")


def show(name: str, place: Path, records: int, asks: int) -> None:
    """Ask in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.document_asks", name, str(place), str(records), str(asks)]
    told = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    for which in ("warm", "cold"):
        t = told[which]
        print(f"{name:6} {which:4}              p50 {t['p50']:7.1f}  p99 {t['p99']:8.1f}  p99.9 {t['p999']:8.1f}  "
              f"max {t['max']:9.1f} us")
    print(f"  wrong answers          {told['warm']['wrong']} of {told['warm']['asks']:,} (half hits, half misses)")
    print(f"  memory                 {told['memory_kib'] / 1024:.1f} MiB above bare Python")
    if "open_s" in told:
        print(f"  opened in              {told['open_s'] * 1000:.0f} ms; all verified in {told['verify_s']:.1f} s")
        assert not told["numpy"]
    if told["warm"]["wrong"]:
        raise SystemExit("wrong answers")


def main() -> None:
    """Print the table."""
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--records", type=int, default=140_000_000)
    words.add_argument("--asks", type=int, default=1_000_000, help="hits, and as many misses")
    words.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    words.add_argument("--deltas", type=int, default=20)
    words.add_argument("--kills", type=int, default=200)
    words.add_argument("--folder", type=Path, help="where there is room (a temporary folder)")
    words.add_argument("--skip-sqlite", action="store_true")
    asked = words.parse_args()
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    print(f"{platform.machine()}, {os.cpu_count()} cores, {memory:.0f} GiB, Python {platform.python_version()}; "
          f"load {os.getloadavg()[0]:.1f}; {asked.records:,} records")
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    work = Path(tempfile.mkdtemp(prefix="bp-documents-", dir=asked.folder))
    try:
        base = build(work, asked.records, asked.workers)
        if not asked.skip_sqlite:
            to_sqlite(base, work / "documents.sqlite")
            show("sqlite", work / "documents.sqlite", asked.records, asked.asks)
            (work / "documents.sqlite").unlink()
        folder = work / LIST_ID
        with base.open("rb") as file:
            install_base(folder, LIST_ID, iter(lambda: file.read(1 << 20), b""))
        base.unlink()
        show("keyed", folder, asked.records, asked.asks)
        apply_while_asked(folder, asked.records, asked.deltas)
        killed(folder, asked.records, asked.kills)
    finally:
        shutil.rmtree(work, ignore_errors=True)


if __name__ == "__main__":
    main()
