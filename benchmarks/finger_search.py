"""1:N search of a finger among 10,000 and 100,000 templates: time, memory, and whether the person is found.

Everything of a search that is not talk between processes: describe the probe, scan every template, compare the best
(as many as the search child does, shown and silent ones). Fingers are drawn (benchmarks.finger_gallery), so recall
here says that nothing gets lost on the way at this size; how well real fingers are told apart is for
``borderpost fingers evaluate``. ``--sizes 1000000`` takes 1.7 GB and some minutes. Beside it stand the oracle in NumPy,
faiss's exact binary index (if it can be imported: ``pip install --target .bench/faiss faiss-cpu`` and PYTHONPATH) and
bozorth3 of nbis-py, pair by pair.

``--goal`` is the most a search may take in seconds at the largest size, wall clock, median: exit code 1 if it does not.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import Any, Final, TypeAlias

import numpy as np

from benchmarks import finger_peers, machine
from benchmarks.finger_gallery import EXTRACTOR, fingers, impression
from edge.core.fingerprints.cylinders import describe, describe_many
from edge.core.fingerprints.model import Template
from edge.core.fingerprints.scan import Scores, best_of
from edge.core.fingerprints.shard import Indices, Shard, shard_of
from edge.fingers.ranking import RERANKED, Backend, Plain
from edge.fingers.scan_backend import Native, open_backend

PART: Final = 2500      # templates that a process draws at a time
COMPARED: Final = 2 * RERANKED  # of a search: shown and silent apart (edge.fingers.ranking)
ORACLE_MOST: Final = 20_000     # templates that the slow ones are asked about

Search: TypeAlias = Callable[[Template, Shard], tuple[Indices, Scores]]
"""A probe and a shard: the places that were compared, in the order of the scan, and their comparison scores."""


@dataclass(frozen=True, slots=True)
class Row:
    """One engine at one size: seconds of every search, and the rank of the mate (0 best; -1 not among the best)."""

    engine: str
    templates: int
    wall: Sequence[float]
    cpu: Sequence[float]
    scanned: Sequence[int]
    ranked: Sequence[int]

    def figures(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "engine": self.engine, "templates": self.templates, "searches": len(self.wall),
            "wall_ms": {"median": _ms(np.median(self.wall)), "worst": _ms(max(self.wall))},
            "cpu_ms": {"median": _ms(np.median(self.cpu)), "worst": _ms(max(self.cpu))},
            "in_best": _share(self.scanned, RERANKED), "rank_1": _share(self.ranked, 1),
        }  # fmt: skip

    def line(self) -> str:
        """For people."""
        of = self.figures()
        wall, cpu = of["wall_ms"], of["cpu_ms"]
        times = " ".join(f"{ms:>8.1f}" for ms in (wall["median"], wall["worst"], cpu["median"], cpu["worst"]))
        shares = f"{of['in_best']:>9.1%} {of['rank_1']:>8.1%}"
        return f"{self.engine:22} {self.templates:>9,} {times} {shares} {len(self.wall):>9}"


HEAD: Final = (f"{'engine':22} {'templates':>9} {'wall ms':>8} {'worst':>8} {'CPU ms':>8} {'worst':>8} "
               f"{f'best {RERANKED}':>9} {'rank 1':>8} {'searches':>9}")  # fmt: skip


def _ms(seconds: float) -> float:
    return round(float(seconds) * 1000, 1)


def _share(ranks: Sequence[int], within: int) -> float:
    return sum(0 <= rank < within for rank in ranks) / len(ranks)


def drawn_shard(count: int, workers: int) -> tuple[Shard, float]:
    """A shard of ``count`` drawn fingers, and the CPU seconds to describe one."""
    firsts = range(0, count, PART)
    with ProcessPoolExecutor(workers) as pool:
        parts = list(pool.map(_part, firsts, [min(PART, count - first) for first in firsts]))
    shards = [shard for shard, _ in parts]
    starts = np.cumsum([0, *(len(shard.angle) for shard in shards)])
    offsets = [shard.offsets[1:] + start for shard, start in zip(shards, starts[:-1], strict=True)]
    whole = Shard(
        EXTRACTOR, np.concatenate([s.bits for s in shards]), np.concatenate([s.x for s in shards]),
        np.concatenate([s.y for s in shards]), np.concatenate([s.angle for s in shards]),
        np.concatenate([np.zeros(1, np.int64), *offsets]),
    )  # fmt: skip
    return whole, sum(seconds for _, seconds in parts) / count


def _part(first: int, count: int) -> tuple[Shard, float]:
    drawn = list(fingers(count, first))
    began = time.process_time()
    described = list(describe_many(drawn))
    spent = time.process_time() - began
    return shard_of(EXTRACTOR, described), spent


def mates(templates: int, count: int) -> list[tuple[int, Template]]:
    """Places in a drawn shard, spread evenly, and another impression of the finger there."""
    places = np.linspace(0, templates - 1, count).astype(int).tolist()
    found = []
    for seed, place in enumerate(places):
        first = place - place % PART
        of = next(islice(fingers(PART, first), place - first, None))
        found.append((place, impression(of, seed)))
    return found


def searched(backend: Backend, probe: Template, shard: Shard) -> tuple[Indices, Scores]:
    """As the search child does it."""
    mine = describe(probe)
    best = best_of(backend.scan(mine, shard), COMPARED)
    return best, backend.rigid(mine, shard.take(best))


def timed(engine: str, search: Search, shard: Shard, probes: Sequence[tuple[int, Template]]) -> Row:
    """Every probe once, after one that warms up."""
    search(probes[-1][1], shard)
    wall, cpu, scanned, ranked = [], [], [], []
    for place, probe in probes:
        began, spent = time.perf_counter(), time.process_time()
        best, scores = search(probe, shard)
        wall.append(time.perf_counter() - began)
        cpu.append(time.process_time() - spent)
        at = np.nonzero(best == place)[0]
        scanned.append(int(at[0]) if len(at) else -1)
        ranked.append(int((scores > scores[at[0]]).sum()) if len(at) else -1)
    return Row(engine, len(shard), wall, cpu, scanned, ranked)


def started(threads: int) -> float:
    """Seconds until native code is loaded."""
    began = time.perf_counter()
    open_backend(threads)
    return time.perf_counter() - began


def main() -> int:
    """Measure and print the table."""
    words = machine.parser(__doc__)
    words.add_argument("--sizes", type=int, nargs="+", default=[10_000, 100_000], help="templates of the galleries")
    words.add_argument("--searches", type=int, default=40)
    words.add_argument("--threads", type=int, default=2)
    words.add_argument("--slow", type=int, default=10, help="searches of the oracle")
    words.add_argument("--pairs", type=int, default=300, help="pairs of bozorth3")
    words.add_argument("--goal", type=float, help="seconds")
    given = words.parse_args()
    report = machine.Report("finger_search", given)
    shard, describing = drawn_shard(max(given.sizes), os.cpu_count() or 1)
    a_template = shard.nbytes / len(shard)
    report.figures |= {"describe_us": round(describing * 1e6), "bytes_a_template": round(a_template),
                       "start_ms": _ms(started(given.threads)), "rows": []}
    report.say(f"{describing * 1e6:.0f} us of CPU to describe a template, {a_template:.0f} bytes of memory each, "
               f"{report.figures['start_ms']} ms to load native code; {COMPARED} compared after each scan\n\n{HEAD}")
    median = 0.0
    for size in sorted(given.sizes):
        rows = _rows(shard.part(0, size), mates(size, given.searches), given.threads, given.slow)
        median = float(np.median(rows[0].wall))
        report.figures["rows"] += [row.figures() for row in rows]
        report.say("\n".join(row.line() for row in rows))
    report.figures["pairs"] = _pairs(shard, mates(min(given.sizes), 20), given.pairs)
    for name, us in report.figures["pairs"].items():
        report.say(f"{name:22} {us:>9,.1f} us of CPU a pair")
    report.figures["good"] = given.goal is None or median <= given.goal
    report.end()
    return 0 if report.figures["good"] else 1


def _rows(part: Shard, probes: Sequence[tuple[int, Template]], threads: int, slow: int) -> list[Row]:
    backend = open_backend(threads)
    if not isinstance(backend, Native):
        return [timed("NumPy", partial(searched, Plain()), part, probes[:slow])]
    rows = [timed(f"native, {threads} threads", partial(searched, backend), part, probes)]
    if threads > 1:
        rows.append(timed("native, 1 thread", partial(searched, open_backend(1)), part, probes))
    if (index := finger_peers.faiss_index(part, threads)) is not None:
        rows.append(timed(f"faiss, {threads} threads", partial(index.search, count=COMPARED), part, probes))
    if len(part) <= ORACLE_MOST:
        rows.append(timed("NumPy, the oracle", partial(searched, Plain()), part, probes[:slow]))
    return rows


def _pairs(shard: Shard, probes: Sequence[tuple[int, Template]], count: int) -> dict[str, float]:
    """CPU microseconds of one comparison score, each engine over the same kind of pairs."""
    some, mine = shard.part(0, min(len(shard), COMPARED)), [describe(probe) for _, probe in probes]
    found = {}
    for name, backend in (("native", open_backend(1)), ("NumPy", Plain())):
        began = time.process_time()
        for probe in mine:
            backend.rigid(probe, some)
        found[name] = round((time.process_time() - began) / len(some) / len(mine) * 1e6, 1)
    bozorth = finger_peers.bozorth3_us([probe for _, probe in probes], list(fingers(20, 0)), count)
    return found if bozorth is None else {**found, "bozorth3 of nbis-py": bozorth}


if __name__ == "__main__":
    sys.exit(main())
