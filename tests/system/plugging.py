"""Plugs, unplugs and disturbs several virtual readers at once for hours, and counts what did not arrive.

    python tests/system/plugging.py --seconds 7200 --seed 7 --report report.json

Laws under test:
1. No lost good read: a document that a device sent whole, over a line that was quiet before, while its reader was
   open from the first byte to the last, is delivered, once, row by row as it was sent.
2. No leak: as many descriptors and threads after the last reader is closed as before the first was opened, and
   memory that does not grow.
Each device is a process of its own behind a pty; each reader is a ``ReaderKeeper`` in a thread of a ``Crew``, as in
the daemon. One hand a reader moves at random, all from one seed. Documents carry a number in every row.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import structlog

if __name__ == "__main__":  # as a command; under pytest tests/conftest.py does it
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from system.plugging_hand import FOUR, KINDS, Hand
from system.plugging_tally import Findings

from edge.crew import Crew

RESIDENT = os.sysconf("SC_PAGE_SIZE")


class Samples:
    """Descriptors, threads, memory of this process over time: the first and last tenth are compared."""

    def __init__(self) -> None:
        self.taken: list[tuple[int, int, int]] = []
        self.before = self.now()

    @staticmethod
    def now() -> tuple[int, int, int]:
        """(descriptors, threads, resident KiB)."""
        resident = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * RESIDENT // 1024
        return len(list(Path("/proc/self/fd").iterdir())), threading.active_count(), resident

    def take(self) -> None:
        """One more."""
        self.taken.append(self.now())

    def figures(self, column: int, after: int) -> dict[str, int]:
        """Before, first and last tenth (mean), greatest, and after all was closed."""
        values = [row[column] for row in self.taken] or [after]
        tenth = max(1, len(values) // 10)
        first, last = values[:tenth], values[-tenth:]
        return {
            "before": self.before[column], "first": round(sum(first) / len(first)), "most": max(values),
            "last": round(sum(last) / len(last)), "after": after,
        }


class Bench:
    """Several readers, their hands, and the watch over the process."""

    def __init__(self, folder: Path, seed: int, kinds: Sequence[str]) -> None:
        self.seed = seed
        self.log: Counter[str] = Counter()
        structlog.configure(processors=[self._count])
        self.samples = Samples()
        self.hands = [Hand(name, folder, seed) for name in kinds]

    def _count(self, _logger: Any, _method: str, event: Any) -> Any:
        self.log[str(event["event"])] += 1
        if event["event"] == "thread_died":
            sys.stderr.write(f"{dict(event)}\n")
        raise structlog.DropEvent

    def run(self, seconds: float, every_s: float, say: Callable[[str], None]) -> Findings:
        """Start all, sample until the time is over, stop all, count."""
        started = time.monotonic()
        keeping, moving = Crew(), Crew()
        for hand in self.hands:
            hand.device.start()
            keeping.hire(f"reader-{hand.name}", hand.keeper.run)
        for hand in self.hands:
            hand.wait_open()
            moving.hire(f"hand-{hand.name}", hand.play)
        told = started
        while (left := started + seconds - time.monotonic()) > 0 and not (keeping.dead or moving.dead):
            time.sleep(min(every_s, left))
            self.samples.take()
            if time.monotonic() - told >= 60:
                told = time.monotonic()
                say(f"{told - started:.0f} s: {self._line()}")
        moving.stop()
        for _ in range(12):  # an action may wait for a reader that has to come back
            if not moving.join():
                break
        dead = [*keeping.dead, *moving.dead]
        keeping.stop()
        keeping.join()
        for hand in self.hands:
            hand.device.close()
        after = Samples.now()
        keepers = {
            h.name: {
                "opens": h.keeper.opens, "losses": h.keeper.losses, "power_cycles": h.keeper.power_cycles,
                "overflow": h.keeper.overflow,
            } for h in self.hands
        }
        used = resource.getrusage(resource.RUSAGE_SELF)
        return Findings(
            seconds=round(time.monotonic() - started, 1), seed=self.seed,
            readers={h.name: h.tally for h in self.hands}, keepers=keepers, log_lines=dict(self.log),
            descriptors=self.samples.figures(0, after[0]), threads=self.samples.figures(1, after[1]),
            resident_kb=self.samples.figures(2, after[2]), samples=len(self.samples.taken), crew_dead=dead,
            cpu_seconds=round(used.ru_utime + used.ru_stime, 1),
        )

    def _line(self) -> str:
        tallies = [h.tally for h in self.hands]
        fds, threads, resident = self.samples.taken[-1]
        return (
            f"{sum(t.documents for t in tallies)} documents, {sum(t.lost for t in tallies)} lost, "
            f"{sum(t.doubled for t in tallies)} doubled, {sum(t.plugs for t in tallies)} plugs, "
            f"{sum(t.noise_bytes for t in tallies)} B noise; {fds} descriptors, {threads} threads, {resident} KiB"
        )


def soak(
    seconds: float, seed: int, kinds: Sequence[str], say: Callable[[str], None], *, every_s: float = 10.0,
) -> Findings:
    """One run in a folder of its own."""
    with tempfile.TemporaryDirectory(prefix="bp-plug-") as folder:
        return Bench(Path(folder), seed, kinds).run(seconds, every_s, say)


def text(found: Findings) -> str:
    """The figures for a person."""
    rows = [f"{found.seconds:.0f} s, seed {found.seed}, {found.cpu_seconds} s of processor time"]
    for name, tally in found.readers.items():
        rows.append(f"{name}: " + ", ".join(f"{k} {v}" for k, v in asdict(tally).items() if v))
        rows.append(f"  keeper: {found.keepers[name]}")
    rows += [f"descriptors {found.descriptors}", f"threads {found.threads}", f"resident KiB {found.resident_kb}"]
    rows.append(f"log lines {found.log_lines}")
    rows.append("broken: " + ("; ".join(found.broken) or "nothing"))
    return "\n".join(rows)


def main() -> int:
    """Run, write the report, exit 1 if a law was broken."""
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--seconds", type=float, default=7200)
    words.add_argument("--seed", type=int, default=1)
    words.add_argument("--readers", nargs="*", default=list(FOUR), choices=list(KINDS))
    words.add_argument("--report", type=Path)
    asked = words.parse_args()
    found = soak(asked.seconds, asked.seed, asked.readers, lambda line: print(line, file=sys.stderr, flush=True))  # noqa: T201
    if asked.report:
        asked.report.write_text(json.dumps({**asdict(found), "broken": found.broken}, indent=2), encoding="utf-8")
    print(text(found))  # noqa: T201
    return 1 if found.broken else 0


if __name__ == "__main__":
    raise SystemExit(main())
