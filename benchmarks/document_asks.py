"""Children of ``benchmarks.document_store``: ask one store in a process of its own, and say what it cost.

    python -m benchmarks.document_asks keyed|sqlite PLACE RECORDS ASKS

Standard output: one JSON object. Times are of the whole way from key text to record, the two HMACs included; ``core``
are those on a core alone, which other work on the machine does not lengthen. What took 5 ms or more counts as 5 ms.
"""

from __future__ import annotations

import json
import random
import sys
import time
from array import array
from collections.abc import Callable
from pathlib import Path

COLD = 5000         # look-ups with nothing of the file in memory
BIN_NS = 100        # width of a bin
BINS = 50_000       # up to 5 ms; what takes longer counts in the last


def resident() -> int:
    """KiB of this process in memory."""
    with Path("/proc/self/status").open(encoding="ascii") as lines:
        return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS"))


BARE = resident()


class Times:
    """A histogram of nanoseconds, small enough not to show in the memory that is measured."""

    def __init__(self) -> None:
        self.bins = array("I", bytes(4 * BINS))
        self.most = 0

    def add(self, ns: int) -> None:
        self.bins[min(ns // BIN_NS, BINS - 1)] += 1
        self.most = max(self.most, ns)

    def at(self, share: float) -> float:
        """Microseconds that this share of the look-ups needed at most."""
        left = sum(self.bins) * share
        for i, n in enumerate(self.bins):
            left -= n
            if left <= 0:
                return (i + 1) * BIN_NS / 1000
        return BINS * BIN_NS / 1000

    def told(self) -> dict[str, float]:
        return {"p50": self.at(0.5), "p99": self.at(0.99), "p999": self.at(0.999), "max": self.most / 1000}


def ask(find: Callable[[str], object], right: Callable[[int], object], records: int, asks: int) -> dict[str, object]:
    """Hits and misses in turn: their times, and how many answers were wrong."""
    from benchmarks.document_corpus import text

    dice, times, core, wrong = random.Random(7), Times(), Times(), 0
    for i in range(2 * asks):
        number = dice.randrange(records) + (records if i % 2 else 0)
        what = text(number)
        began = time.thread_time_ns()
        begin = time.perf_counter_ns()
        found = find(what)
        times.add(time.perf_counter_ns() - begin)
        core.add(time.thread_time_ns() - began)
        wrong += found != right(number)
    return {**times.told(), "core": core.told(), "wrong": wrong, "asks": 2 * asks}


def cold(find: Callable[[str], object], forget: Callable[[], None], records: int) -> dict[str, object]:
    """Look-ups after the kernel was told to forget the file."""
    from benchmarks.document_corpus import text

    dice, times = random.Random(8), Times()
    forget()
    for i in range(COLD):
        what = text(dice.randrange(2 * records))
        if i % 100 == 99:
            forget()
        begin = time.perf_counter_ns()
        find(what)
        times.add(time.perf_counter_ns() - begin)
    return dict(times.told())


def forgetter(path: Path) -> Callable[[], None]:
    import os

    handle = os.open(path, os.O_RDONLY)
    return lambda: os.posix_fadvise(handle, 0, 0, os.POSIX_FADV_DONTNEED)


def keyed(folder: Path, records: int, asks: int) -> dict[str, object]:
    """The store of this project, as a box opens it."""
    from benchmarks.document_corpus import LIST_ID, RING, record
    from edge.keyed_files import KeyedList

    begin = time.perf_counter()
    here = KeyedList.open(folder, LIST_ID, RING.get)
    opened = time.perf_counter() - begin
    begin = time.perf_counter()
    for _ in here.verify():
        pass
    verified = time.perf_counter() - begin

    def find(what: str) -> object:
        return [found.record for found in here.find(what)]

    warm = ask(find, lambda i: [record(i)] if i < records else [], records, asks)
    memory = resident() - BARE
    base = next(folder.glob("base-*.sdl"))
    return {
        "warm": warm, "memory_kib": memory, "bare_kib": BARE, "open_s": opened, "verify_s": verified,
        "cold": cold(find, forgetter(base), records), "numpy": "numpy" in sys.modules,
    }


def sqlite(path: Path, records: int, asks: int) -> dict[str, object]:
    """SQLite, INTEGER PRIMARY KEY, the same keys and masked payloads."""
    import sqlite3

    from benchmarks.document_corpus import LIST, record
    from edge.core.keyed.record import masked, unpack

    base = sqlite3.connect(f"file:{path}?mode=ro", uri=True)

    def find(what: str) -> object:
        key = int.from_bytes(LIST.mac(what)[:8], "big", signed=True)
        rows = base.execute("SELECT value FROM documents WHERE key = ?", (key,)).fetchall()
        return [unpack(masked(value, LIST.mask(1, what))) for (value,) in rows]

    warm = ask(find, lambda i: [record(i)] if i < records else [], records, asks)
    memory = resident() - BARE
    return {"warm": warm, "memory_kib": memory, "cold": cold(find, forgetter(path), records)}


if __name__ == "__main__":
    store, place, count, number = sys.argv[1:5]
    print(json.dumps({"keyed": keyed, "sqlite": sqlite}[store](Path(place), int(count), int(number))))
