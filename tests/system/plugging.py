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
import contextlib
import json
import os
import random
import resource
import sys
import tempfile
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import structlog

from drivers.api import DocumentRead, OtherRead
from drivers.catalog import open_reader
from drivers.virtual.control import VirtualReader
from edge.core.mrz import compose
from edge.crew import Crew, Pulse
from edge.lifecycle import OPEN
from edge.readers import ReaderKeeper, ReaderState

QUIET_S = 0.6      # after which a line counts as quiet: twice the longest gap inside a frame
ARRIVE_S = 3.0     # a document that has not arrived by then is lost
OPEN_LIMIT_S = 75.0  # a reader that is plugged in is open again by then, power cycle and back-off included
KEPT = 64          # documents a reader that are still looked out for
RESIDENT = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True, slots=True)
class Kind:
    """One family on the bench: words for the virtual device, settings for the driver."""

    driver: str
    options: tuple[str, ...] = ()
    settings: Mapping[str, object] = field(default_factory=dict)


KINDS: dict[str, Kind] = {
    "elyctis": Kind("elyctis", ("--fragment", "7", "--delay-ms", "1")),
    "text": Kind("text", ("--fragment", "5", "--delay-ms", "1")),
    "honeywell": Kind("honeywell", ("--fragment", "3", "--delay-ms", "1")),
    "rte": Kind("rte", ("--fragment", "11", "--delay-ms", "2")),
    "est": Kind("est", ("--fragment", "16", "--delay-ms", "1")),
    "elyctis-slow": Kind("elyctis", ("--fragment", "1", "--delay-ms", "1")),
    "text-outer": Kind(
        "text", ("--fragment", "16", "--delay-ms", "4", "--start", "24", "--end", "0d0a", "--line-end", "crlf"),
        {"device_start": "24", "device_end": "0d0a", "row_end": "crlf"},
    ),
}
FOUR = ("elyctis", "text", "honeywell", "rte")


@dataclass(slots=True)
class Tally:
    """What one reader's hand did and what came of it."""

    documents: int = 0          # sent whole over a quiet line to an open reader: these must arrive
    delivered: int = 0          # of them
    lost: int = 0
    doubled: int = 0            # sent once, delivered twice (any document)
    foreign: int = 0            # rows delivered that no document has, over a quiet line
    foreign_in_noise: int = 0   # the same while something disturbed the line: no family but RTE has a check of its own
    unheard: int = 0            # sent while the reader was not open all the time: not promised
    unheard_delivered: int = 0
    cut: int = 0                # broken off on the way
    cut_delivered: int = 0      # all the same: the device sent it again, or all rows were out
    in_noise: int = 0           # right after noise, without silence between: not promised
    in_noise_delivered: int = 0
    others: int = 0             # whole blocks that are no zone
    plugs: int = 0
    unplugs: int = 0
    unplugs_in_a_frame: int = 0
    noise_bytes: int = 0
    storms: int = 0             # a dozen broken frames in a row
    not_open: int = 0           # plugged in and not open within the limit
    slowest_open_s: float = 0.0
    slowest_read_ms: float = 0.0
    losses: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Findings:
    """The whole run."""

    seconds: float
    seed: int
    readers: dict[str, Tally]
    keepers: dict[str, dict[str, int]]
    log_lines: dict[str, int]
    descriptors: dict[str, int]
    threads: dict[str, int]
    resident_kb: dict[str, int]
    samples: int
    crew_dead: list[str]
    cpu_seconds: float

    @property
    def broken(self) -> list[str]:
        """Which laws were broken, in words; empty is good."""
        said = [f"{name}: {what}" for name, t in self.readers.items() for what, n in (
            (f"{t.lost} lost", t.lost), (f"{t.doubled} doubled", t.doubled), (f"{t.foreign} foreign", t.foreign),
            (f"{t.not_open} not opened", t.not_open), ("nothing was sent", not t.documents),
        ) if n]
        for what, figures in (("descriptors", self.descriptors), ("threads", self.threads)):
            if figures["after"] > figures["before"]:
                said.append(f"{what}: {figures['before']} before, {figures['after']} after")
        return said + [f"thread died: {name}" for name in self.crew_dead]


@dataclass(slots=True)
class Sent:
    """One document that was laid down; ``seen`` counts the deliveries of each of its rows."""

    rows: tuple[str, ...]
    seen: list[int]
    whole: threading.Event = field(default_factory=threading.Event)
    at: float = 0.0


class Inbox:
    """Where a keeper delivers: matches rows with what was laid down. Remembers the last ``KEPT`` documents."""

    def __init__(self, tally: Tally) -> None:
        self._tally = tally
        self._lock = threading.Lock()
        self.foul_until = 0.0  # the line is disturbed, or was a moment ago
        self._sent: deque[Sent] = deque(maxlen=KEPT)

    def expect(self, rows: tuple[str, ...]) -> Sent:
        """This document is about to be sent."""
        sent = Sent(rows, [0] * len(rows))
        with self._lock:
            self._sent.append(sent)
        return sent

    def deliver(self, read: DocumentRead | OtherRead) -> None:
        """Called by the keeper's thread."""
        with self._lock:
            if isinstance(read, OtherRead):
                self._tally.others += 1
                return
            for line in read.lines:
                self._row(line.rstrip("<_ "), read.at)

    def _row(self, row: str, at: float) -> None:
        for sent in reversed(self._sent):
            for number, expected in enumerate(sent.rows):
                if expected.rstrip("<") == row:
                    sent.seen[number] += 1
                    self._tally.doubled += sent.seen[number] > 1
                    sent.at = at
                    if all(sent.seen):
                        sent.whole.set()
                    return
        if at < self.foul_until:
            self._tally.foreign_in_noise += 1
        else:
            self._tally.foreign += 1


def document(number: int, dice: random.Random) -> tuple[str, ...]:
    """An invented passport whose two rows both carry ``number`` (up to 26**5)."""
    letters = ""
    left = number
    for _ in range(5):
        left, digit = divmod(left, 26)
        letters += chr(65 + digit)
    return compose.td3(
        issuing_state="UTO", surname=f"QUILLIGAN{letters}", given_names=dice.choice(("ISOLDE", "BARNABAS", "CALLIOPE")),
        number=f"X{number:08d}", nationality="UTO", birth_date=f"{dice.randint(50, 99)}0{dice.randint(1, 9)}11",
        sex=dice.choice("MF"), expiry_date="310101",
    )


class Hand:
    """Moves in front of one reader, one random action after another, and judges each."""

    def __init__(self, name: str, folder: Path, seed: int) -> None:
        kind = KINDS[name]
        self.name, self.kind = name, kind
        self.dice = random.Random(f"{seed}-{name}")
        self.tally = Tally()
        self.inbox = Inbox(self.tally)
        self.device = VirtualReader(folder / f"{name}.tty", folder / f"{name}.ctl", kind.driver, list(kind.options))
        reader = open_reader(
            kind.driver, name, {"port": str(folder / f"{name}.tty"), **kind.settings}, time.monotonic
        )
        self.keeper = ReaderKeeper(
            reader, deliver=self.inbox.deliver, announce=self._hear, jitter=random.Random(f"{seed}+{name}").random
        )
        self.plugged = True
        self.number = 0
        self._quiet_at = 0.0
        self._stopping: Callable[[], bool] = lambda: False
        self._ready = threading.Event()

    def _hear(self, _name: str, state: ReaderState) -> None:
        if state is ReaderState.READY:
            self._ready.set()

    def play(self, pulse: Pulse) -> None:
        """Act until told to stop; leaves the reader plugged in."""
        actions: Sequence[tuple[int, Callable[[], None]]] = (
            (60, self.lay_down), (8, self.pull_and_plug), (6, self.pull_within_a_frame), (6, self.break_off),
            (5, self.burst), (3, self.lay_down_in_noise), (2, self.flood), (1, self.storm), (4, self.wobble),
        )
        weights = [weight for weight, _ in actions]
        self._stopping = pulse.is_set
        while not pulse.is_set():
            (action,) = self.dice.choices([action for _, action in actions], weights)
            action()
            pulse.wait(self.dice.uniform(0.0, 0.3))
        pulse.wait(3600)  # a thread that returns has died

    # -- actions -----------------------------------------------------------------------------------

    def lay_down(self) -> None:
        """A document over a quiet line: the one that must arrive."""
        self.wait_open()
        time.sleep(max(0.0, self._quiet_at - time.monotonic()))
        before = self._standing()
        sent, at = self._present()
        if at is None or before is None:
            self.tally.unheard += 1
            self.tally.unheard_delivered += sent.whole.wait(QUIET_S)
            return
        arrived = sent.whole.wait(ARRIVE_S)
        if self._standing() != before and not arrived:
            self.tally.unheard += 1
            return
        self.tally.documents += 1
        if arrived:
            self.tally.delivered += 1
            self.tally.slowest_read_ms = max(self.tally.slowest_read_ms, round((sent.at - at) * 1000, 1))
        else:
            self.tally.lost += 1
            if len(self.tally.losses) < 20:
                self.tally.losses.append(self._circumstances())

    def pull_and_plug(self) -> None:
        """Out, a while, and in again."""
        self.device.remove()
        self.pull()
        time.sleep(self.dice.choice((0.02, 0.3, 1.0, 2.5)))
        self.plug()

    def pull_within_a_frame(self) -> None:
        """The cable goes while a document is on its way."""
        self.break_off(pause_s=0.0)
        self.pull()
        self.tally.unplugs_in_a_frame += 1
        time.sleep(self.dice.uniform(0.0, 1.5))
        self.device.remove()
        self.plug()

    def break_off(self, pause_s: float = 0.05) -> None:
        """A frame that ends half-way."""
        self.tally.cut += 1
        with self.disturbing():
            sent, _ = self._present(cut=self.dice.randrange(1, 90))
        if pause_s:
            self.tally.cut_delivered += sent.whole.wait(pause_s)
            self.device.remove()

    def burst(self) -> None:
        """A line that picks up something."""
        self._noise(self.dice.choice((1, 20, 300, 5000)))

    def flood(self) -> None:
        """As much as the line takes, for seconds."""
        self._noise(self.dice.choice((100_000, 400_000)))

    def lay_down_in_noise(self) -> None:
        """Noise that ends where the document begins."""
        self.wait_open()
        self._noise(self.dice.choice((3, 50, 700)))
        sent, at = self._present()
        if at is not None:
            self.tally.in_noise += 1
            self.tally.in_noise_delivered += sent.whole.wait(1.0)

    def storm(self) -> None:
        """A dirty window: a dozen broken frames and no good one; the error budget has its say."""
        self.wait_open()
        self.tally.storms += 1
        for _ in range(12):
            if not self._stopping():
                self.break_off(0.35)
        time.sleep(self.dice.choice((0.0, 4.0)))

    def wobble(self) -> None:
        """A plug that is moved in its socket."""
        self.device.remove()
        for _ in range(self.dice.randint(2, 4)):
            self.pull()
            time.sleep(self.dice.uniform(0.0, 0.1))
            self.plug(wait=False)
            time.sleep(self.dice.uniform(0.0, 0.1))

    # -- means -------------------------------------------------------------------------------------

    def pull(self) -> None:
        """Unplug."""
        self.device.unplug()
        self.tally.unplugs += 1

    def plug(self, wait: bool = True) -> None:
        """Plug in; the next action may come before the reader is open."""
        self.device.plug()
        self.keeper.wake() if self.dice.random() < 0.5 else None  # sometimes without hotplug: polling must do
        self.tally.plugs += 1
        if wait and self.dice.random() < 0.7:
            self.wait_open()

    def wait_open(self) -> None:
        """Until the reader is open on the port that is there now; how long that took is noted."""
        started = time.monotonic()
        while not self._is_open():
            if time.monotonic() - started > OPEN_LIMIT_S:
                self.tally.not_open += 1
                return
            time.sleep(0.01)
        self.tally.slowest_open_s = max(self.tally.slowest_open_s, round(time.monotonic() - started, 2))

    def _is_open(self) -> bool:
        # What the keeper believes is tested by a lost document, not here: but a hang-up takes an instant to arrive.
        opens = self.keeper.opens
        if self.keeper.state not in OPEN:
            return False
        time.sleep(0.05)
        return self.keeper.state in OPEN and self.keeper.opens == opens

    def _standing(self) -> tuple[int, int, int] | None:
        """Equal before and after: the reader was open all the time."""
        keeper = self.keeper
        return (keeper.opens, keeper.losses, keeper.power_cycles) if keeper.state in OPEN else None

    def _circumstances(self) -> str:
        told = self.keeper.health()
        kept = ("state", "opens", "power_cycles", "reads", "garbled", "others", "noise_bytes")
        return f"document {self.number}, " + ", ".join(f"{key} {told[key]}" for key in kept)

    def _present(self, cut: int | None = None) -> tuple[Sent, float | None]:
        self.number += 1
        rows = document(self.number, self.dice)
        sent = self.inbox.expect(rows)
        at = self.device.present(rows, wait_s=4.0 if cut is None else 1.0, cut=cut)
        return sent, at

    @contextlib.contextmanager
    def disturbing(self) -> Iterator[None]:
        """What goes over the line meanwhile is no clean frame; it counts as quiet again ``QUIET_S`` later."""
        self.inbox.foul_until = float("inf")
        yield
        self._quiet_at = self.inbox.foul_until = time.monotonic() + QUIET_S

    def _noise(self, count: int) -> None:
        with self.disturbing():
            self.tally.noise_bytes += self.device.noise(count, seed=self.dice.randrange(1 << 30))


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
