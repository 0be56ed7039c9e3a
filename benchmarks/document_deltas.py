"""Deltas, compaction and kill -9 for ``benchmarks.document_store``: what a change costs those who ask meanwhile."""

from __future__ import annotations

import os
import random
import signal
import statistics
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from benchmarks.document_corpus import LIST, LIST_ID, PAYLOADS, RING, record, text
from edge import compact
from edge.core.keyed import delta as deltas
from edge.core.keyed import rows as tables
from edge.core.keyed import setdigest
from edge.core.keyed.header import Header
from edge.core.keyed.rows import Rows
from edge.keyed_files import KeyedList

RATE = 200  # questions a second


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


@dataclass
class Reader:
    """Asks at a steady rate and keeps the microseconds of every question with its moment."""

    here: KeyedList
    records: int
    times: list[tuple[float, float]] = field(default_factory=list)
    wrong: int = 0
    _stop: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> Reader:
        self._thread = threading.Thread(target=self._ask)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _ask(self) -> None:
        dice, due = random.Random(9), time.perf_counter()
        while not self._stop.is_set():
            due += 1 / RATE
            time.sleep(max(0.0, due - time.perf_counter()))
            i = dice.randrange(self.records // 2, 2 * self.records)  # the first half loses records
            begin = time.perf_counter()
            found = [f.record for f in self.here.find(text(i))]
            self.times.append((begin, (time.perf_counter() - begin) * 1e6))
            if i < self.records and found != [record(i)]:
                self.wrong += 1

    def between(self, spans: list[tuple[float, float]]) -> list[float]:
        return [us for at, us in self.times if any(a <= at <= b for a, b in spans)]


def centiles(times: list[float]) -> str:
    """p50, p99 and the largest."""
    if len(times) < 2:
        return "too few"
    cuts = statistics.quantiles(times, n=100, method="inclusive")
    return f"p50 {cuts[49]:7.1f}  p99 {cuts[98]:8.1f}  max {max(times):8.1f} us  ({len(times)} questions)"


def apply_while_asked(folder: Path, records: int, times: int) -> None:
    """Deltas of 100,000 additions and 1,000 removals, one after the other, then the compaction."""
    here = KeyedList.open(folder, LIST_ID, RING.get)
    for _ in here.verify():
        pass
    spans, wrote = [], []
    with Reader(here, records) as reader:
        time.sleep(5)
        still = (0.0, time.perf_counter())
        for n in range(times):
            first = 2 * records + 100_000 * n
            tombs = rows(range(1000 * n, 1000 * (n + 1)), 1)
            change = delta(here.header, rows(range(first, first + 100_000), here.header.last_layer + 1), tombs)
            begin = time.perf_counter()
            applied = here.apply(change)
            spans.append((begin, time.perf_counter()))
            wrote.append(applied.written)
            assert not here.find(text(1000 * n))
            assert here.find(text(first))
        print(f"delta of 100,000 + 1,000, {len(change) / 1e6:.2f} MB, {times} one after the other")
        each = [b - a for a, b in spans]
        print(f"  applied in             {min(each):.3f} to {max(each):.3f} s; written {wrote[0] / 1e6:.2f} MB the "
              f"first, {wrote[-1] / 1e6:.2f} MB the last")
        print(f"  reader before          {centiles(reader.between([still]))}")
        print(f"  reader during          {centiles(reader.between(spans))}")
        begin = time.perf_counter()
        child = compact.start(folder, LIST_ID)
        child.wait()
        span = (begin, time.perf_counter())
        here.refresh()
        assert child.returncode == 0
        assert here.overlay_rows == 0
        base = next(folder.glob("base-*.sdl"))
        print(f"compaction, own process  {span[1] - span[0]:.1f} s, {base.stat().st_size / 1e6:,.0f} MB written")
        print(f"  reader during          {centiles(reader.between([span]))}")
        time.sleep(1)
    print(f"wrong answers meanwhile  {reader.wrong} of {len(reader.times)}")


def killed(folder: Path, records: int, points: int) -> None:
    """kill -9 at moments spread over an apply of 100,000 additions or as many removals, in turn."""
    dice, reached = random.Random(10), {"old": 0, "new": 0}
    first = 10 * records
    numbers = range(first, first + 100_000)
    probe, took, change, added = [text(i) for i in numbers[::9973]], 0.1, b"", rows(range(0), 1)
    generation = -1
    for point in range(points):
        here = KeyedList.open(folder, LIST_ID, RING.get)
        if here.generation != generation:
            generation = here.generation
            there = bool(here.find(probe[0]))
            if not there:
                added = rows(numbers, here.header.last_layer + 1)
            change = delta(here.header, tables.empty() if there else added, added if there else tables.empty())
            after = deltas.decode(change)
        child = os.fork()
        if child == 0:
            try:
                KeyedList.open(folder, LIST_ID, RING.get).apply(change)
            finally:
                os._exit(0)
        begin = time.perf_counter()
        while time.perf_counter() - begin < took * dice.random() * 1.3:
            if os.waitpid(child, os.WNOHANG)[0]:
                child = 0
                took *= 0.8
                break
            time.sleep(0.001)
        if child:
            took *= 1.1  # the moments stay spread over the whole of a change, however long that takes
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
        now = KeyedList.open(folder, LIST_ID, RING.get)
        wanted = {
            generation: (here.header.count, here.header.digest), after.to: (after.count_after, after.digest_after),
        }
        assert now.problem is None, now.problem
        assert (now.header.count, now.header.digest) == wanted[now.generation], f"neither, at point {point}"
        here_now = [len(now.find(what)) for what in probe]
        assert here_now == [1 if (now.generation == after.to) is bool(len(after.adds)) else 0] * len(probe)
        reached["new" if now.generation == after.to else "old"] += 1
    print(f"kill -9 at {points} points     {reached['old']} old, {reached['new']} new, 0 neither, 0 back")
