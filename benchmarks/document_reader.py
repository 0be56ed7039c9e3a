"""Asks a keyed list at a steady rate while it is being changed, and says of every slow answer what it waited for.

The kernel tells a thread's time on a core, its time in the queue for one (schedstat), and the bytes that it read from
the disk. What is left of an answer's time was spent blocked: on the disk if it read from there, or else on
the interpreter's lock, which the thread that applies a delta holds in turn. Bytes from the disk are pages of the list
and, where the kernel had thrown them out, of the program.
"""

from __future__ import annotations

import os
import random
import statistics
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.document_corpus import record, text
from edge.keyed_files import KeyedList

RATE = 200  # questions a second


@dataclass(frozen=True, slots=True)
class Answer:
    """One question: when (s), how long in all, on a core, queued for one (us), and bytes it fetched from the disk."""

    at: float
    us: float
    core: float
    queued: float
    fetched: int

    @property
    def why(self) -> str:
        """What most of its time went to."""
        blocked = self.us - self.core - self.queued
        parts = {"on the core": self.core, "queued for a core": self.queued,
                 "blocked by the disk" if self.fetched else "blocked by a lock": blocked}
        return max(parts, key=parts.__getitem__)


class _Account:
    """What the kernel counts of this thread."""

    def __init__(self) -> None:
        here = Path(f"/proc/self/task/{threading.get_native_id()}")
        self._handles = [os.open(here / name, os.O_RDONLY) for name in ("schedstat", "io")]

    def read(self) -> tuple[int, int, int]:
        """Nanoseconds on a core (schedstat's own are as old as the last tick), queued, bytes from the disk."""
        core, queued = time.thread_time_ns(), os.pread(self._handles[0], 100, 0).split()[1]
        fetched = next(line for line in os.pread(self._handles[1], 1000, 0).splitlines()
                       if line.startswith(b"read_bytes"))
        return core, int(queued), int(fetched.split()[1])

    def close(self) -> None:
        for handle in self._handles:
            os.close(handle)


@dataclass
class Reader:
    """``with`` starts it. ``wrong`` counts wrong answers about documents that nobody adds or removes."""

    here: KeyedList
    records: int
    wrong: int = 0
    # tuples of numbers, which the garbage collector does not walk through: its milliseconds would be ours
    _raw: list[tuple[float, float, float, float, int]] = field(default_factory=list)
    _stop: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> Reader:
        self._thread = threading.Thread(target=self._ask)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _ask(self) -> None:
        dice, account, due = random.Random(9), _Account(), time.perf_counter()
        while not self._stop.is_set():
            due += 1 / RATE
            time.sleep(max(0.0, due - time.perf_counter()))
            i = dice.randrange(self.records // 2, 2 * self.records)  # the first half loses records
            before = account.read()
            begin = time.perf_counter()
            found = [f.record for f in self.here.find(text(i))]
            took = (time.perf_counter() - begin) * 1e6
            core, queued, fetched = (b - a for a, b in zip(before, account.read(), strict=True))
            self._raw.append((begin, took, core / 1000, queued / 1000, fetched))
            if found != ([record(i)] if i < self.records else []):
                self.wrong += 1
        account.close()

    def between(self, spans: Sequence[tuple[float, float]]) -> list[Answer]:
        """Answers to questions that were put in one of these spans of time."""
        return [Answer(*raw) for raw in self._raw if any(a <= raw[0] <= b for a, b in spans)]

    def __len__(self) -> int:
        """Questions so far."""
        return len(self._raw)


def centiles(answers: Sequence[Answer]) -> dict[str, Any]:
    """p50, p99, the slowest in microseconds, and what the five slowest waited for."""
    if len(answers) < 2:
        return {"questions": len(answers)}
    cuts = statistics.quantiles([a.us for a in answers], n=100, method="inclusive")
    slowest = sorted(answers, key=lambda a: -a.us)[:5]
    return {
        "questions": len(answers), "p50_us": round(cuts[49], 1), "p99_us": round(cuts[98], 1),
        "max_us": round(slowest[0].us, 1),
        "slowest": [{"us": round(a.us), "core_us": round(a.core), "queued_us": round(a.queued), "fetched": a.fetched,
                     "why": a.why} for a in slowest],
    }


def told(found: dict[str, Any]) -> str:
    """The same in one line."""
    if "p50_us" not in found:
        return "too few questions"
    worst = found["slowest"][0]
    return (f"p50 {found['p50_us']:7.1f}  p99 {found['p99_us']:8.1f}  max {found['max_us']:8.1f} us "
            f"(mostly {worst['why']}; {found['questions']} questions)")
