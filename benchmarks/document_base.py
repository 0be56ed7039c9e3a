"""The base that the document benchmarks ask: built from invented entries by several processes, and installed."""

from __future__ import annotations

import multiprocessing
import resource
import time
from pathlib import Path
from typing import Any

from benchmarks.document_corpus import LIST, LIST_ID, entries
from edge.keyed_install import install_base
from hq.keyed_build import Edition, assemble, spread

CREATED = 1_767_225_600  # 2026-01-01


def _spread(folder: Path, first: int, last: int) -> None:
    spread(folder, entries(first, last), LIST, 1)


def build(work: Path, records: int, workers: int) -> tuple[Path, dict[str, Any]]:
    """A base of that many records in ``work``, and what it cost."""
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
    built = assemble(work, folders, Edition(LIST_ID, 1, 1, CREATED, CREATED), LIST)
    done = time.perf_counter()
    if built.count != records:
        raise SystemExit(f"{built.count} records of {records} were built")
    peaks = [resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    built.plain.unlink()
    size = built.path.stat().st_size
    return built.path, {
        "seconds": round(done - began, 1), "keys_and_masks_s": round(keyed - began, 1),
        "sort_write_check_s": round(done - keyed, 1), "processes": workers, "bytes": size,
        "bytes_a_record": round(size / max(1, records), 3), "partitions_bytes": disk, "memory_mib": max(peaks) >> 10,
    }


def told(cost: dict[str, Any]) -> list[str]:
    """Its lines for people."""
    return [
        f"build                    {cost['seconds']:.0f} s: {cost['keys_and_masks_s']:.0f} s keys and masks "
        f"({cost['processes']} processes), {cost['sort_write_check_s']:.0f} s sorting, writing, checking",
        f"  size                   {cost['bytes'] / 1e6:,.0f} MB, {cost['bytes_a_record']:.2f} bytes a record; "
        f"{cost['partitions_bytes'] / 1e9:.1f} GB of partitions meanwhile; at most {cost['memory_mib']} MiB of memory",
    ]


def install(base: Path, folder: Path) -> None:
    """Put a base into the folder of a box's list."""
    with base.open("rb") as file:
        install_base(folder, LIST_ID, iter(lambda: file.read(1 << 20), b""))
